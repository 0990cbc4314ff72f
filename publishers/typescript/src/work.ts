import { AsyncLocalStorage } from "node:async_hooks";
import type { FailureEvent } from "./event.js";
import type { Failure } from "./failure.js";
import { type Environment, furtherTaskTokenNames, inEnvironment, inPayload } from "./identity.js";
import { isObject } from "./json.js";
import type { LambdaContext } from "./lambda-context.js";
import { telling } from "./lazy.js";
import { Ledger } from "./ledger.js";
import { Log } from "./log.js";
import type { ReportOptions, TaskOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import type { Guarded, Safeguards } from "./safeguards.js";
import type { Secrets } from "./secrets.js";
import { type Target, targetKey } from "./target.js";
import { Watch, type Watched } from "./watch.js";

/** How a work was started. */
interface Start {
  /** The event that a Lambda function was called with. */
  payload?: unknown;
  /** The context that it was called with. */
  context?: LambdaContext | undefined;
  /** Publishes for one work after the other, so that one client serves them all. */
  publisher?: Publisher;
  /** The body does not run in the work's asynchronous context: a middleware stands only before and after it. */
  isDetached?: boolean;
  /** That no task or job is named is nothing to warn of. */
  isQuiet?: boolean;
}

/** A report by a Lambda function leaves so much of its time, in milliseconds, for the answer itself. */
const TIME_LEFT_MS = 100;

/** Which work the running code belongs to. */
const current = new AsyncLocalStorage<Work>();

const watch = new Watch<Work>(() => current.getStore());

/** One piece of work that an orchestrator waits for: what fails when it fails, and what has been told of it. */
export class Work implements Watched {
  readonly isDetached: boolean;
  readonly log: Log;
  readonly #options: TaskOptions;
  readonly #start: Start;
  readonly #environment: Environment = process.env;
  readonly #parent: Work | undefined;
  readonly #context: LambdaContext | undefined;
  readonly #publisher: Publisher;
  readonly #target: Target | undefined;
  readonly #ledgers = new Map<string, Ledger>();
  readonly #leaseLost = new AbortController();
  #safeguards: Safeguards | undefined;
  #secrets: Secrets | undefined;
  #hasEnded = false;

  /** The publisher of the work around, or one that goes by the environment. */
  static #inheritedPublisher(parent: Work | undefined): Publisher {
    return parent === undefined ? new Publisher({}, process.env) : parent.#publisher;
  }

  /** The work around the running code, if there is one. */
  static current(): Work | undefined {
    return current.getStore() ?? watch.onlyDetached;
  }

  constructor(options: TaskOptions, start: Start = {}) {
    this.#options = options;
    this.#start = start;
    this.#parent = Work.current();
    this.#context = start.context ?? (this.#parent === undefined ? undefined : this.#parent.#context);
    this.isDetached = start.isDetached ?? false;
    this.#publisher = start.publisher ?? Work.#inheritedPublisher(this.#parent).with(options);
    this.log = new Log(() => this.#knownSecrets());
    this.#target = this.#findTarget();
    if (this.#target !== undefined) this.#ledgerOf(this.#target);
  }

  /** Aborted when the lease is lost. */
  get signal(): AbortSignal {
    return this.#leaseLost.signal;
  }

  get isOver(): boolean {
    return this.#hasEnded || (this.#millisecondsLeft ?? 1) <= 0;
  }

  /**
   * Begins to watch over the work.
   *
   * @returns what must be waited for before the work begins, if there is anything
   * @throws when `strict` work could not be reported, `lease` is not a lease's time, or nobody can be told of `success`
   */
  begin(): Promise<void> | undefined {
    this.#check();
    const { lease, claim } = this.#options;
    const isSafeguarded = lease !== undefined || claim !== undefined;
    const safeguards = isSafeguarded ? new (telling().Safeguards)(this.#options, this.#guarded()) : undefined;
    watch.begin(this);
    if (this.#target === undefined) return undefined;
    this.#safeguards = safeguards;
    return safeguards?.take();
  }

  /** Runs `body` as this work: whatever it starts belongs to it. */
  run<T>(body: () => T): T {
    return current.run(this, body);
  }

  /** The work threw: reports it, and ends. */
  async failed(error: unknown): Promise<void> {
    await this.report(telling().describe(error));
    await this.end();
  }

  /** The work returned: tells its service, where that was asked for and no failure was reported, and ends. */
  async returned(result: unknown): Promise<void> {
    await turnOfTheEventLoop();
    await this.#tellSuccess(result);
    await this.end();
  }

  /** Gives back what was taken for the work, and watches over it no longer. */
  async end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#safeguards?.giveBack(this.#target !== undefined && this.#ledgerOf(this.#target).isUnreported);
    watch.end(this);
  }

  leaked(error: unknown): Promise<unknown> {
    return this.report(telling().describe(error));
  }

  async interrupted(signal: string, isFatal: boolean): Promise<void> {
    await this.report({ type: "Worker.Interrupted", message: `The worker was interrupted by ${signal}.` });
    if (isFatal) await this.end();
  }

  /** Whether it is known what to report as failed. */
  isReportable(options: ReportOptions = {}): boolean {
    return isObject(options.target ?? this.#target);
  }

  /**
   * Publishes a failure of this work, once. Never throws.
   *
   * @param options - what a call of `report` says otherwise than the work
   * @returns whether it was confirmed, now or before
   */
  async report(failure: Failure, options: ReportOptions = {}): Promise<boolean> {
    try {
      const target = options.target ?? this.#target;
      if (!isObject(target)) return false;
      const ledger = this.#ledgerOf(target);
      return await ledger.report(() => this.#publishFailure(target, ledger, failure, options));
    } catch (error) {
      this.log.error("the failure was not reported", error);
      return false;
    }
  }

  async #publishFailure(
    target: Target,
    ledger: Ledger,
    failure: Failure,
    options: ReportOptions,
  ): Promise<boolean> {
    let secrets = this.#knownSecrets();
    try {
      if (options.target !== undefined)
        secrets = new (telling().Secrets)(target, this.#environment, this.#payload);
      const publisher = this.#publisher.with(options);
      const event: FailureEvent = {
        ...this.#eventOf(target, ledger, publisher),
        failure: telling().redacted({ externalExecutionId: this.#requestId, ...failure }, secrets),
      };
      await publisher.publish(event, this.#within(publisher.timeoutMs));
      return true;
    } catch (error) {
      new Log(() => secrets).error(`the failure of a ${target.kind} was not reported`, error);
      return false;
    }
  }

  #eventOf(target: Target, ledger: Ledger, publisher: Publisher): FailureEvent {
    return { version: "1", id: ledger.id, source: publisher.source, time: new Date().toISOString(), target };
  }

  #guarded(): Guarded {
    const target = this.#target;
    return {
      log: this.log,
      timeMs: this.#publisher.timeoutMs,
      publish: async (member: Pick<FailureEvent, "lease" | "claim">, timeMs: number) => {
        if (target === undefined) return;
        const event = { ...this.#eventOf(target, this.#ledgerOf(target), this.#publisher), ...member };
        await this.#publisher.publish(event, this.#within(timeMs));
      },
      lost: () => this.#loseLease(),
    };
  }

  #loseLease(): void {
    this.log.error(
      "the lease is lost: no renewal was confirmed in its time, so the task is about to be failed",
    );
    this.#leaseLost.abort(new Error("failure-relay: the lease is lost"));
    try {
      this.#options.onLeaseLost?.();
    } catch (error) {
      this.log.error("onLeaseLost threw", error);
    }
  }

  async #tellSuccess(result: unknown): Promise<void> {
    const target = this.#target;
    if (target === undefined) return;
    const ledger = this.#ledgerOf(target);
    await ledger.settled();
    if (!this.#options.success || ledger.isReported) return;
    try {
      const { resultJson, tellSuccess, withinTime } = telling();
      const json = resultJson(target, result);
      await withinTime(this.#within(this.#publisher.timeoutMs), (signal) =>
        tellSuccess(target, json, signal),
      );
    } catch (error) {
      await this.report(notTold(error));
    }
  }

  #check(): void {
    const { strict, success } = this.#options;
    if (strict && this.#target === undefined)
      throw new Error("failure-relay: strict: no task or job is named");
    if (strict && !this.#publisher.hasDestination)
      throw new Error("failure-relay: strict: no queue or bus is set");
    if (success && this.#target !== undefined) telling().checkSuccess(this.#target);
  }

  /** An argument, else the event, else the work around this one, else the environment. */
  #findTarget(): Target | undefined {
    const { target } = this.#options;
    if (target !== undefined && target !== null) return isObject(target) ? target : this.#wrong("the target");
    const names = furtherTaskTokenNames(this.#environment);
    const inEvent = inPayload(this.#start.payload, names);
    if (inEvent === undefined && this.#parent !== undefined) return this.#parent.#target;
    const found = inEvent ?? inEnvironment(this.#environment, names);
    if (found !== undefined) return found.target ?? this.#wrong(found.name);
    if (!this.#start.isQuiet)
      this.log.warn("no task or job is named, so a failure of this work will not be reported");
    return undefined;
  }

  #wrong(name: string): undefined {
    this.log.warn(`${name} is not a JSON object, so a failure of this work will not be reported`);
  }

  /** What was told of `target`, by this work or by one around it. */
  #ledgerOf(target: Target): Ledger {
    const key = targetKey(target);
    for (let work: Work | undefined = this; work !== undefined; work = work.#parent) {
      const ledger = work.#ledgers.get(key);
      if (ledger !== undefined) return ledger;
    }
    const ledger = new Ledger(this.#requestId);
    this.#ledgers.set(key, ledger);
    return ledger;
  }

  #knownSecrets(): Secrets {
    this.#secrets ??= new (telling().Secrets)(this.#target, this.#environment, this.#payload);
    return this.#secrets;
  }

  /** `timeMs`, but no more than the function has left. */
  #within(timeMs: number): number {
    const left = this.#millisecondsLeft;
    return left === undefined ? timeMs : Math.min(timeMs, Math.max(TIME_LEFT_MS, left - TIME_LEFT_MS));
  }

  get #millisecondsLeft(): number | undefined {
    return this.#context?.getRemainingTimeInMillis?.();
  }

  get #requestId(): string | undefined {
    return this.#context?.awsRequestId || undefined;
  }

  get #payload(): unknown {
    return this.#start.payload ?? (this.#parent === undefined ? undefined : this.#parent.#payload);
  }
}

/** Why a service was not told that the work succeeded. */
function notTold(error: unknown): Failure {
  const { describe, ResultNotAcceptedError } = telling();
  const { type, message } = describe(error);
  if (error instanceof ResultNotAcceptedError) return { type: error.name, message: error.message };
  const text = `The work succeeded, but its service could not be told: ${type}: ${message}`;
  return { type: "Worker.SuccessNotTold", message: text };
}

/** A rejection that nobody handles is known only when the microtasks are done. */
function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
