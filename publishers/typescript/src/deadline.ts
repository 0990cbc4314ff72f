import type { LambdaContext } from "./lambda-context.js";
import type { Work } from "./work.js";

/** So many seconds before its end it is reported that a function did not end in time, where nothing else is said. */
const DEADLINE_SECONDS = 2;

/** A longer delay overflows a timer of Node. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Reports, shortly before the time of a Lambda function is up, that its work did not end in time: a function whose time is up
 * is killed without a word.
 *
 * @param deadline - seconds before the end; at most half of the time that there is now; 0: never
 * @returns what ends the wait
 */
export function reportBeforeTimeIsUp(
  work: Work,
  context: LambdaContext | undefined,
  deadline?: number,
): () => void {
  const leftMs = context?.getRemainingTimeInMillis?.();
  const seconds = deadline ?? DEADLINE_SECONDS;
  if (leftMs === undefined || !(leftMs > 0) || !(seconds > 0)) return () => {};
  const reserveMs = Math.min(seconds * 1_000, leftMs / 2);
  const message = `The function did not end in time: this was reported ${reserveMs / 1_000} s before its time was up.`;
  const report = (): void => {
    // A function that was frozen and thawed is past its time: nobody waits for this invocation.
    if (!work.isOver) void work.report({ type: "Worker.DeadlineExceeded", message });
  };
  const timer = setTimeout(report, Math.min(leftMs - reserveMs, TIMER_MS_MAX)).unref();
  return () => clearTimeout(timer);
}
