import { running } from "./lazy.js";
import type { HandlerOptions } from "./options.js";

// biome-ignore lint/suspicious/noExplicitAny: a handler has the types of its own event, context and result.
type AnyHandler = (...values: any[]) => any;

/**
 * Wraps a Lambda handler. What it throws, rejects with or hands to its callback is reported, and goes on to Lambda unchanged;
 * and shortly before its time is up it is reported that it did not end.
 *
 * What fails is what the event names (a task token, a CodePipeline job, a custom resource …), else what the environment names.
 *
 * @param fn - the handler: async, or with a callback as its third parameter
 * @returns a handler of the same kind
 *
 * @example
 * ```ts
 * export const main = handler(async (event) => deploy(event));
 * ```
 */
export function handler<Handler extends AnyHandler>(fn: Handler, options: HandlerOptions = {}): Handler {
  let invoke: ReturnType<ReturnType<typeof running>["invoking"]> | undefined;
  function wrapped(this: unknown, ...values: unknown[]): unknown {
    invoke ??= running().invoking(fn, options);
    return invoke(this, values);
  }
  // What Lambda reads of a handler: the number of its parameters, and the mark of one that streams.
  Object.defineProperties(wrapped, { length: { value: fn.length }, name: { value: fn.name } });
  return Object.assign(wrapped, fn) as unknown as Handler;
}
