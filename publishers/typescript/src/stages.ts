import { reportBeforeTimeIsUp } from "./deadline.js";
import type { LambdaContext } from "./lambda-context.js";
import type { FailureReportMiddleware, MiddyRequest } from "./middleware.js";
import type { HandlerOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { Work } from "./work.js";

/** What is done before, after and on an error of each request of middy. */
export function stages(options: HandlerOptions): FailureReportMiddleware {
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
