import type { Log } from "./log.js";

/** A lease lasts from a minute to a day. */
const TTL_SECONDS_MIN = 60;
const TTL_SECONDS_MAX = 86_400;

/** What is done with a lease: the `lease` member of its events. */
export type LeaseAction = { action: "take" | "renew"; ttlSeconds: number } | { action: "release" };

/** What a lease needs of the work that it is for. */
interface LeaseHolder {
  log: Log;
  /** Publishes one action. Throws when it was not confirmed. */
  publish(action: LeaseAction): Promise<void>;
  /** The lease is lost: the work's task is about to be failed. */
  lost(): void;
}

/** @throws RangeError when `seconds` is not the time of a lease */
export function checkLease(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= TTL_SECONDS_MIN && seconds <= TTL_SECONDS_MAX) return;
  throw new RangeError(`lease: ${seconds} is not a whole number of seconds from 60 to 86400`);
}

/**
 * "Unless I say otherwise by then, I am dead": taken before the work, renewed each third of its time, released at the end.
 *
 * When no renewal was confirmed for the whole time, counted from the *sending* of the last one that was, the lease is
 * lost: a worker that is cut off must stop, because its task is about to be failed and may be given to another.
 */
export class Lease {
  readonly #ttlSeconds: number;
  readonly #holder: LeaseHolder;
  #renewal: NodeJS.Timeout | undefined;
  #loss: NodeJS.Timeout | undefined;
  #inFlight: Promise<unknown> = Promise.resolve();
  #isHeld = false;
  #isOver = false;

  constructor(ttlSeconds: number, holder: LeaseHolder) {
    this.#ttlSeconds = ttlSeconds;
    this.#holder = holder;
  }

  /** Takes the lease, and renews it from now on: where taking it failed, a renewal takes it. */
  async take(): Promise<void> {
    this.#renewLater();
    await this.#send("take").catch((error) => this.#holder.log.error("the lease could not be taken", error));
  }

  #renewLater(): void {
    const renew = (): void => {
      this.#renewLater();
      this.#inFlight = this.#send("renew").catch((error) =>
        this.#holder.log.warn("the lease was not renewed", error),
      );
    };
    this.#renewal = setTimeout(renew, (this.#ttlSeconds * 1_000) / 3).unref();
  }

  /** Renews no more. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#renewal);
    clearTimeout(this.#loss);
  }

  /** Gives the lease back, after a renewal that is on its way: one that arrived later would take the lease again. */
  async release(): Promise<void> {
    this.stop();
    await this.#inFlight;
    try {
      await this.#holder.publish({ action: "release" });
    } catch (error) {
      if (this.#isHeld) this.#holder.log.error("the lease could not be released", error);
      else this.#holder.log.warn("a lease that was perhaps not taken could not be released", error);
    }
  }

  /** The loss that counts from this sending is set when it is sent, and stands when it is confirmed. */
  async #send(action: "take" | "renew"): Promise<void> {
    const loss = setTimeout(() => this.#lose(), this.#ttlSeconds * 1_000).unref();
    try {
      await this.#holder.publish({ action, ttlSeconds: this.#ttlSeconds });
    } catch (error) {
      clearTimeout(loss);
      throw error;
    }
    this.#isHeld = true;
    clearTimeout(this.#isOver ? loss : this.#loss);
    if (!this.#isOver) this.#loss = loss;
  }

  #lose(): void {
    if (this.#isOver) return;
    this.stop();
    this.#holder.lost();
  }
}
