/** What ends a process, or leaks from a work, without passing through the work's own promise. */
type ProcessEvent = "SIGTERM" | "SIGINT" | "unhandledRejection" | "uncaughtException";

type Listener = (...values: unknown[]) => void;

/** What is done when one of these happens. */
export interface Response {
  /**
   * Reports it; `undefined` when it concerns no work.
   *
   * @param value - the signal, the reason or the error
   * @param isFatal - whether the process dies of it, because nobody else listens
   */
  report(value: unknown, isFatal: boolean): Promise<unknown> | undefined;
  /** What Node does by itself when nobody listens, called while nobody does. */
  byDefault(value: unknown): void;
}

/**
 * Stands before the listeners of one process event while works run: it is reported first, and they run then.
 *
 * Listeners are called one after the other without waiting, and one that ends the process would end it before the report is
 * out. So those that are there are set aside, and put back when the last work has ended.
 */
export class Interception {
  readonly #event: ProcessEvent;
  readonly #response: Response;
  #setAside: Listener[] = [];
  #isWanted = false;
  #isInstalled = false;

  constructor(event: ProcessEvent, response: Response) {
    this.#event = event;
    this.#response = response;
  }

  /** Listens in place of those who listen now. */
  begin(): void {
    this.#isWanted = true;
    this.#install();
  }

  /** Puts the listeners back, before those that have come meanwhile. */
  end(): void {
    this.#isWanted = false;
    this.#remove();
  }

  #install(): void {
    if (this.#isInstalled) return;
    this.#isInstalled = true;
    this.#setAside = process.rawListeners(this.#event) as Listener[];
    if (this.#setAside.length > 0) process.removeAllListeners(this.#event);
    process.on(this.#event, this.#onEvent);
  }

  #remove(): void {
    if (!this.#isInstalled) return;
    this.#isInstalled = false;
    process.off(this.#event, this.#onEvent);
    const setAside = this.#setAside;
    this.#setAside = [];
    if (setAside.length === 0) return;
    const come = process.rawListeners(this.#event) as Listener[];
    process.removeAllListeners(this.#event);
    for (const listener of [...setAside, ...come]) process.on(this.#event, listener);
  }

  readonly #onEvent = (...values: unknown[]): void => {
    const listeners = this.#setAside;
    const isFatal = listeners.length === 0 && process.listenerCount(this.#event) === 1;
    const goOn = (): void => {
      for (const listener of listeners) listener.apply(process, values);
      if (isFatal) this.#byDefault(values[0]);
    };
    const reported = this.#response.report(values[0], isFatal);
    if (reported === undefined) {
      goOn();
      return;
    }
    // What a listener throws is then thrown as it would have been, and not lost in a promise.
    const later = (): void => void setImmediate(goOn);
    reported.then(later, later);
  };

  /** Where Node is set to survive it (`--unhandled-rejections=warn`), the works go on, and are watched again. */
  #byDefault(value: unknown): void {
    this.#remove();
    this.#response.byDefault(value);
    setImmediate(() => {
      if (this.#isWanted) this.#install();
    });
  }
}
