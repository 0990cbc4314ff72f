import { telling } from "./lazy.js";
import type { ReportOptions } from "./options.js";
import { Work } from "./work.js";

/** Publishes one failure of the work around the call, else of a work of its own. */
export async function reportError(error: unknown, options: ReportOptions): Promise<boolean> {
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
