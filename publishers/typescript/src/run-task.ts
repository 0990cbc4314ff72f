import type { TaskOptions } from "./options.js";
import { Work } from "./work.js";

/** Runs `work`, reports what it throws, and throws it on. */
export async function runTask<T>(
  work: (signal: AbortSignal) => T | PromiseLike<T>,
  options: TaskOptions,
): Promise<T> {
  const entry = new Work(options);
  await entry.begin();
  let result: T;
  try {
    result = await entry.run(() => work(entry.signal));
  } catch (error) {
    await entry.failed(error);
    throw error;
  }
  await entry.returned(result);
  return result;
}
