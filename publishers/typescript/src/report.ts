import { telling } from "./lazy.js";
import type { ReportOptions } from "./options.js";
import { Work } from "./work.js";

/**
 * Publishes one failure event, and never throws. Inside a work it is that work's one report.
 *
 * @param error - what was thrown: an `Error`, or anything else
 * @param options - where to publish, and what to tell otherwise than the error and the work do
 * @returns true when it was confirmed; else one line on `console.error` tells why not
 *
 * @example
 * ```ts
 * await report(error, { target: { kind: "step-functions-task", taskToken } });
 * ```
 */
export async function report(error: unknown, options: ReportOptions = {}): Promise<boolean> {
  const { target, type, message, details, externalExecutionId, ...publishing } = options;
  const work = Work.current() ?? new Work(publishing, { isQuiet: true });
  if (!work.isReportable(options)) {
    work.log.error("the failure was not reported: no task or job is named");
    return false;
  }
  const failure = telling().describe(error);
  if (type) failure.type = type;
  if (message) failure.message = message;
  if (details !== undefined && details !== null) failure.details = details;
  if (externalExecutionId) failure.externalExecutionId = externalExecutionId;
  return work.report(failure, options);
}
