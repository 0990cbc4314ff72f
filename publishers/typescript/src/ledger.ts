/** What the relay was told of one target: its failure is reported once, however many works and errors tell of it. */
export class Ledger {
  #isReported = false;
  #wasTried = false;
  #last: Promise<unknown> = Promise.resolve();
  #id: string | undefined;

  /** @param id - the Lambda request id; default: a random UUID */
  constructor(id?: string) {
    this.#id = id;
  }

  /** The id of every event about this work, so that whoever reads the logs sees that they belong together. */
  get id(): string {
    this.#id ??= globalThis.crypto.randomUUID();
    return this.#id;
  }

  /** Whether a failure was published and confirmed. */
  get isReported(): boolean {
    return this.#isReported;
  }

  /** Whether there was a failure that could not be reported. */
  get isUnreported(): boolean {
    return this.#wasTried && !this.#isReported;
  }

  /** Waits for the reports that are on their way. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /**
   * Publishes a failure, unless one was confirmed; after those that are on their way, which may yet be confirmed.
   *
   * @param publish - publishes it, and never rejects; true when it was confirmed
   */
  async report(publish: () => Promise<boolean>): Promise<boolean> {
    const turn = this.#last.then(async () => {
      this.#isReported ||= await publish();
      this.#wasTried = true;
    });
    this.#last = turn;
    await turn;
    return this.#isReported;
  }
}
