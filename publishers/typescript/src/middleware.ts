import { running } from "./lazy.js";
import type { HandlerOptions } from "./options.js";

/** What this package reads of middy's request. */
export interface MiddyRequest {
  event: unknown;
  context: unknown;
  response?: unknown;
  error?: unknown;
}

/** A middleware for middy: `middy(fn).use(middleware())`. */
export interface FailureReportMiddleware {
  before(request: MiddyRequest): Promise<void>;
  after(request: MiddyRequest): Promise<void>;
  onError(request: MiddyRequest): Promise<void>;
}

/**
 * {@link handler} as a middleware for middy. Use it first, so that it sees what the others throw.
 *
 * @example
 * ```ts
 * export const main = middy(deploy).use(middleware());
 * ```
 */
export function middleware(options: HandlerOptions = {}): FailureReportMiddleware {
  let made: FailureReportMiddleware | undefined;
  const stages = (): FailureReportMiddleware => {
    made ??= running().stages(options);
    return made;
  };
  return {
    before: async (request) => stages().before(request),
    after: async (request) => stages().after(request),
    onError: async (request) => stages().onError(request),
  };
}
