import { destination, source } from "./destination.js";
import type { FailureEvent } from "./event.js";
import type { Environment } from "./identity.js";
import { telling } from "./lazy.js";
import type { PublishOptions } from "./options.js";
import type { Transport } from "./transport.js";

/** Publishing one event takes at most so long, in seconds, where nothing else is said. */
const TIMEOUT_SECONDS = 5;

/** Publishes events where its options, or the environment, say. */
export class Publisher {
  readonly #options: PublishOptions;
  readonly #environment: Environment;
  #transport: { key: string; transport: Transport } | undefined;

  constructor(options: PublishOptions, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
  }

  /** A publisher that does otherwise where `options` say so; this one when they say nothing. */
  with({ queueUrl, eventBus, source, client, timeout }: PublishOptions): Publisher {
    const all = Object.entries({ queueUrl, eventBus, source, client, timeout });
    const said = all.filter(([, value]) => value !== undefined);
    if (said.length === 0) return this;
    const isElsewhere = queueUrl !== undefined || eventBus !== undefined;
    const kept = isElsewhere
      ? { source: this.#options.source, timeout: this.#options.timeout }
      : this.#options;
    return new Publisher({ ...kept, ...Object.fromEntries(said) }, this.#environment);
  }

  /** Who publishes. */
  get source(): string {
    return source(this.#options, this.#environment);
  }

  /** Whether it is known where to publish. */
  get hasDestination(): boolean {
    return destination(this.#options, this.#environment) !== undefined;
  }

  /** The time that one event has, in milliseconds. */
  get timeoutMs(): number {
    const { timeout } = this.#options;
    return (typeof timeout === "number" && timeout > 0 ? Math.min(timeout, 3_600) : TIMEOUT_SECONDS) * 1_000;
  }

  /**
   * Publishes one event, and returns when it was confirmed.
   *
   * @param timeMs - the time that this has, retries included
   * @throws why it was not confirmed
   */
  async publish(event: FailureEvent, timeMs: number): Promise<void> {
    const to = destination(this.#options, this.#environment);
    if (to === undefined) {
      throw new Error(
        "neither a queue (queueUrl, RELAY_QUEUE_URL) nor a bus (eventBus, RELAY_EVENT_BUS) is set",
      );
    }
    const key = JSON.stringify(to);
    if (this.#transport?.key !== key) {
      this.#transport = { key, transport: new (telling().Transport)(to, this.#options.client) };
    }
    await this.#transport.transport.send(event, timeMs);
  }
}
