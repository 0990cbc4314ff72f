import { checkLease, Lease, type LeaseAction } from "./lease.js";
import type { Log } from "./log.js";
import type { Resource, TaskOptions } from "./options.js";

/** What is done with a claim: the `claim` member of its events. */
type Claim = { resource: string; ttlSeconds?: number; action?: "release" };

/** What the safeguards of a work need of it. */
export interface Guarded {
  log: Log;
  /** The time that one event has, in milliseconds. */
  readonly timeMs: number;
  /** Publishes an event with this member beside the target. Throws when it was not confirmed. */
  publish(member: { lease: LeaseAction } | { claim: Claim }, timeMs: number): Promise<void>;
  /** The lease is lost. */
  lost(): void;
}

/** What reports a work that cannot report itself any more: its lease, and the resources that it claims. */
export class Safeguards {
  readonly #guarded: Guarded;
  readonly #lease: Lease | undefined;
  readonly #resources: readonly Resource[];

  /** @throws RangeError when `lease` is not the time of a lease */
  constructor(options: TaskOptions, guarded: Guarded) {
    this.#guarded = guarded;
    this.#resources = resourcesOf(options.claim);
    if (options.lease === undefined) return;
    checkLease(options.lease);
    this.#lease = new Lease(options.lease, {
      log: guarded.log,
      publish: (lease) => guarded.publish({ lease }, guarded.timeMs),
      lost: () => guarded.lost(),
    });
  }

  /** Whether there is nothing to take. */
  get areNone(): boolean {
    return this.#lease === undefined && this.#resources.length === 0;
  }

  /** Takes the lease, then claims the resources. */
  async take(): Promise<void> {
    await this.#lease?.take();
    await this.#publishClaims("could not be claimed", ({ resource, ttlSeconds }) => ({
      resource,
      ...(ttlSeconds !== undefined && { ttlSeconds }),
    }));
  }

  /**
   * Releases the claims, and the lease.
   *
   * @param keepLease - the lease is what reports the work when its failure could not be reported: then it is only not renewed
   */
  async giveBack(keepLease: boolean): Promise<void> {
    if (keepLease) this.#lease?.stop();
    else await this.#lease?.release();
    await this.#publishClaims("could not be released", ({ resource }) => ({ resource, action: "release" }));
  }

  /** One event each, in the time of one: many claims must not hold up the work when nobody answers. */
  async #publishClaims(trouble: string, claimOf: (resource: Resource) => Claim): Promise<void> {
    const end = performance.now() + this.#guarded.timeMs;
    for (const resource of this.#resources) {
      const claim = this.#guarded.publish({ claim: claimOf(resource) }, Math.max(0, end - performance.now()));
      await claim.catch((error) => this.#guarded.log.error(`${resource.resource} ${trouble}`, error));
    }
  }
}

function resourcesOf(claim: TaskOptions["claim"]): Resource[] {
  if (claim === undefined || claim === null) return [];
  const resources: readonly (string | Resource)[] = Array.isArray(claim)
    ? claim
    : [claim as string | Resource];
  return resources.map((resource) => (typeof resource === "string" ? { resource } : resource));
}
