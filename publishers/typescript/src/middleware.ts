import { reportBeforeTimeIsUp } from "./deadline.js";
import type { LambdaContext } from "./lambda-context.js";
import type { HandlerOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Work } from "./work.js";

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
  const publisher = new Publisher(options, process.env);
  const works = new WeakMap<object, { work: Work; stopWaiting: () => void }>();

  function end(request: MiddyRequest): Work | undefined {
    const entry = works.get(request);
    entry?.stopWaiting();
    return entry?.work;
  }

  return {
    async before(request) {
      const context = request.context as LambdaContext | undefined;
      const work = new Work(options, { payload: request.event, context, publisher, isDetached: true });
      const prepared = work.begin();
      works.set(request, { work, stopWaiting: reportBeforeTimeIsUp(work, context, options.deadline) });
      if (options.lease !== undefined && context) Reflect.set(context, "signal", work.signal);
      await prepared;
    },
    async after(request) {
      await end(request)?.returned(request.response);
    },
    async onError(request) {
      await end(request)?.failed(request.error);
    },
  };
}
