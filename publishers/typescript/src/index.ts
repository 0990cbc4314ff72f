/**
 * Reports to a failure relay that a worker failed, so that no orchestrator waits for it.
 *
 * - {@link task} runs a piece of work, {@link handler} wraps a Lambda function, {@link middleware} does so for middy,
 *   {@link report} publishes one failure.
 * - `identity`, `envelope` and `exact-shape` find who failed; `failure`, `secrets` and `event` say what; `destination`,
 *   `publisher`, `attempts` and `aws` bring it there.
 * - `running` is loaded with the first work, `telling` when there is something to tell; `invocation`, `stages`, `run-task` and
 *   `report-error` are what the four do then.
 * - `work` is one piece of work, `ledger` what was told of it, `watch` and `interception` what ends it from outside,
 *   `safeguards` and `lease` what reports it when it cannot, `success` what its service is told when it is done.
 *
 * @packageDocumentation
 */
export { handler, handler as withFailureReport } from "./handler.js";
export type { LambdaContext } from "./lambda-context.js";
export { type FailureReportMiddleware, type MiddyRequest, middleware } from "./middleware.js";
export type {
  AwsClient,
  HandlerOptions,
  PublishOptions,
  ReportOptions,
  Resource,
  TaskOptions,
} from "./options.js";
export { report } from "./report.js";
export type { Target } from "./target.js";
export { task } from "./task.js";
