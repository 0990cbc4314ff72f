import { running } from "./lazy.js";
import type { TaskOptions } from "./options.js";

/**
 * Runs a piece of work that an orchestrator waits for. What it throws is reported, and thrown on unchanged; so are a signal
 * that ends the process and a rejection that leaks while it runs.
 *
 * @param work - the work; its argument is aborted when the `lease` is lost
 * @returns what the work returns
 * @throws what the work throws, and before it begins an error when an option cannot be met
 *
 * @example
 * ```ts
 * await task(async () => render(frames));
 * ```
 */
export async function task<T>(
  work: (signal: AbortSignal) => T | PromiseLike<T>,
  options: TaskOptions = {},
): Promise<T> {
  return running().runTask(work, options);
}
