import { reportBeforeTimeIsUp } from "./deadline.js";
import type { LambdaContext } from "./lambda-context.js";
import type { HandlerOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Work } from "./work.js";

/** The callback of a Lambda handler that returns no promise. */
type Callback = (error?: unknown, result?: unknown) => void;

/** A context of a Lambda function, with what only handlers of the callback style call. */
interface CallbackContext extends LambdaContext {
  done?: Callback;
  fail?: (error?: unknown) => void;
  succeed?: (result?: unknown) => void;
}

/** A handler of any kind, called as Lambda calls it. */
type Called = (self: unknown, values: unknown[]) => unknown;

/**
 * What calls `fn` as a work of its own, each time that it is called.
 *
 * @param fn - the handler that was wrapped
 */
export function invoking(fn: (...values: never[]) => unknown, options: HandlerOptions): Called {
  const publisher = new Publisher(options, process.env);
  return (self, values) => {
    const context = values.slice(1).find(isContext);
    const work = new Work(options, { payload: values[0], context, publisher });
    const call = (given: unknown[]): unknown => Reflect.apply(fn, self, given);
    return new Invocation(work, context, options).call(values, call, fn.length);
  };
}

/** One call of a handler, which ends once: by a promise, a callback, or an exception. */
class Invocation {
  readonly #work: Work;
  readonly #context: CallbackContext | undefined;
  readonly #options: HandlerOptions;
  #stopWaiting: () => void = () => {};
  #told: Promise<void> | undefined;

  constructor(work: Work, context: CallbackContext | undefined, options: HandlerOptions) {
    this.#work = work;
    this.#context = context;
    this.#options = options;
  }

  /**
   * Calls the handler: at once where nothing must be prepared, because Lambda must see whether it returns a promise.
   *
   * @param values - what Lambda calls it with: the event, the context and the callback, or the event, a stream and the context
   * @param parameters - how many of them the handler declares: one with a callback declares three
   */
  call(values: unknown[], fn: (values: unknown[]) => unknown, parameters: number): unknown {
    const lambda = typeof values[2] === "function" ? (values[2] as Callback) : undefined;
    let prepared: Promise<void> | undefined;
    try {
      prepared = this.#work.begin();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#stopWaiting = reportBeforeTimeIsUp(this.#work, this.#context, this.#options.deadline);
    if (prepared === undefined) return this.#run(values, fn, parameters, lambda);
    return new Promise((resolve, reject) => {
      const answer: Callback = (error, result) => (isNothing(error) ? resolve(result) : reject(error));
      const run = (): void => void this.#run(values, fn, parameters, lambda && answer)?.then(resolve, reject);
      prepared.then(run, reject);
    });
  }

  /** Runs the handler; `undefined` when it will call its callback, which then calls `answer`. */
  #run(
    values: unknown[],
    fn: (values: unknown[]) => unknown,
    parameters: number,
    answer: Callback | undefined,
  ): Promise<unknown> | undefined {
    const given = answer === undefined ? values : values.with(2, this.#callback(answer));
    if (this.#context !== undefined) this.#equip(this.#context);
    let result: unknown;
    try {
      result = this.#work.run(() => fn(given));
    } catch (error) {
      return this.#settle(Promise.reject(error));
    }
    const waits =
      answer !== undefined &&
      (parameters >= 3 || (result === undefined && this.#context?.done !== undefined));
    return isThenable(result) || !waits ? this.#settle(result) : undefined;
  }

  async #settle(outcome: unknown): Promise<unknown> {
    let result: unknown;
    try {
      result = await outcome;
    } catch (error) {
      await this.#tell(error);
      throw error;
    }
    await this.#tell(undefined, result);
    return result;
  }

  /** Tells how the work ended, the first time that it does. */
  #tell(error: unknown, result?: unknown): Promise<void> {
    this.#stopWaiting();
    this.#told ??= isNothing(error) ? this.#work.returned(result) : this.#work.failed(error);
    return this.#told;
  }

  #callback(answer: Callback): Callback {
    return (error, result) => void this.#tell(error, result).then(() => answer(error, result));
  }

  /** Gives the context what the work needs, and takes the place of its older ways to end an invocation. */
  #equip(context: CallbackContext): void {
    const { done, fail, succeed } = context;
    if (this.#options.lease !== undefined) set(context, "signal", this.#work.signal);
    if (done)
      set(
        context,
        "done",
        this.#callback((error, result) => done.call(context, error, result)),
      );
    if (succeed)
      set(context, "succeed", (result: unknown) =>
        this.#callback(() => succeed.call(context, result))(null, result),
      );
    if (fail) {
      set(context, "fail", (error: unknown) =>
        this.#callback(() => fail.call(context, error))(error ?? new Error("failed")),
      );
    }
  }
}

function set(context: object, member: string, value: unknown): void {
  Reflect.defineProperty(context, member, { value, configurable: true, enumerable: true, writable: true });
}

function isContext(value: unknown): value is CallbackContext {
  if (typeof value !== "object" || value === null) return false;
  return "awsRequestId" in value || "getRemainingTimeInMillis" in value;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}

function isNothing(error: unknown): error is undefined | null {
  return error === undefined || error === null;
}
