import { Interception, type Response } from "./interception.js";

/** A work that is watched. */
export interface Watched {
  /** Whether its time has passed, so that it cannot be running any more. */
  readonly isOver: boolean;
  /** Whether what leaks from it cannot be told by its asynchronous context. */
  readonly isDetached: boolean;
  /** Reports that a signal ends the process. */
  interrupted(signal: string, isFatal: boolean): Promise<unknown>;
  /** Reports an error that leaked from it, or that ends the process. */
  leaked(error: unknown): Promise<unknown>;
}

/** Watches over the works that run in this process: what ends them from outside is reported too. */
export class Watch<Work extends Watched> {
  readonly #works = new Set<Work>();
  readonly #current: () => Work | undefined;
  readonly #interceptions: readonly Interception[];

  /** @param current - the work from whose asynchronous context this is called */
  constructor(current: () => Work | undefined) {
    this.#current = current;
    const onSignal: Response = {
      report: (signal, isFatal) =>
        this.#each(this.#running, (work) => work.interrupted(String(signal), isFatal)),
      byDefault: (signal) => process.kill(process.pid, signal as NodeJS.Signals),
    };
    const onError = (byDefault: (error: unknown) => void): Response => ({
      report: (error, isFatal) => this.#each(this.#concerned(isFatal), (work) => work.leaked(error)),
      byDefault,
    });
    this.#interceptions = [
      new Interception("SIGTERM", onSignal),
      new Interception("SIGINT", onSignal),
      new Interception(
        "unhandledRejection",
        onError((reason) => void Promise.reject(reason)),
      ),
      new Interception("uncaughtException", onError(throwAgain)),
    ];
  }

  /** Begins to watch over `work`. */
  begin(work: Work): void {
    for (const stale of [...this.#works].filter((other) => other.isOver)) this.#works.delete(stale);
    if (this.#works.size === 0) for (const interception of this.#interceptions) interception.begin();
    this.#works.add(work);
  }

  /** Ends it. */
  end(work: Work): void {
    if (this.#works.delete(work) && this.#works.size === 0) {
      for (const interception of this.#interceptions) interception.end();
    }
  }

  /** The one work that is running and cannot be told by its asynchronous context. */
  get onlyDetached(): Work | undefined {
    const detached = this.#running.filter((work) => work.isDetached);
    return detached.length === 1 ? detached[0] : undefined;
  }

  get #running(): Work[] {
    return [...this.#works].filter((work) => !work.isOver);
  }

  /** The works that an error fails: all, when the process dies of it; else the one from which it leaked. */
  #concerned(isFatal: boolean): Work[] {
    const current = this.#current();
    if (isFatal) return this.#running;
    return this.#running.filter((work) => work === current || (current === undefined && work.isDetached));
  }

  #each(works: readonly Work[], report: (work: Work) => Promise<unknown>): Promise<unknown> | undefined {
    return works.length === 0 ? undefined : Promise.all(works.map(report));
  }
}

/** An exception that a listener throws ends the process with another status; one from a callback of its own does not. */
function throwAgain(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
