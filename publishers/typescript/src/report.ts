import { running } from "./lazy.js";
import type { ReportOptions } from "./options.js";

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
  return running().reportError(error, options);
}
