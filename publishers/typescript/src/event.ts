import { inspect } from "node:util";
import type { Failure } from "./failure.js";
import { toQueueJson } from "./json.js";
import type { Secrets } from "./secrets.js";
import type { Target } from "./target.js";
import { byteLength, cut, cutToJsonBytes, TRUNCATED } from "./text.js";

/** A failure event, version 1; with `lease` or `claim` beside `target` it is one of these. */
export interface FailureEvent {
  version: "1";
  id: string;
  source: string;
  time: string;
  target: Target;
  failure?: Failure;
  lease?: { action: "take" | "renew"; ttlSeconds: number } | { action: "release" };
  claim?: { resource: string; ttlSeconds?: number; action?: "release" };
}

/** An event is at most so long, in bytes of its JSON in UTF-8. */
const BYTES_MAX = 200_000;

/** A text that is so much longer than the event may be is cut before it is searched for secrets. */
const TEXT_MAX = 2 * BYTES_MAX;

/** `failure` without secrets, and without members that are empty. */
export function redacted(failure: Failure, secrets: Secrets): Failure {
  const result: Failure = {};
  for (const member of ["type", "message", "externalExecutionId"] as const) {
    const text = failure[member];
    if (text) result[member] = secrets.redact(cut(text, TEXT_MAX).toWellFormed());
  }
  const details = asJson(failure.details);
  if (details !== undefined && details !== null) result.details = secrets.redactJson(details);
  return result;
}

/** `value` as JSON reads it back; what JSON cannot hold becomes the text that Node would print. */
function asJson(value: unknown): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(
      JSON.stringify(value, (_, member) => (typeof member === "bigint" ? String(member) : member)),
    );
  } catch {
    return printed(value);
  }
}

function printed(value: unknown): string {
  try {
    return inspect(value, { depth: 4 });
  } catch {
    return "[unreadable]";
  }
}

/**
 * The JSON text of `event`, at most 200,000 bytes: `details` is cut first, then `message`, then `type` and `source`. What
 * identifies the task or job is never cut.
 */
export function serialise(event: FailureEvent): string {
  let fitting = event;
  for (const shorten of [shortenDetails, shortenMessage, shortenType, shortenSource]) {
    if (bytesOf(fitting) <= BYTES_MAX) break;
    fitting = shorten(fitting);
  }
  return toQueueJson(fitting);
}

function bytesOf(event: FailureEvent): number {
  return byteLength(toQueueJson(event));
}

/** `text` as long as it may be where `rest` is the event with an empty text in its place; a short text stays as it is. */
function shortened(text: string, rest: FailureEvent): string {
  return text.length <= TRUNCATED.length ? text : cutToJsonBytes(text, BYTES_MAX - bytesOf(rest));
}

/** Details that are cut become a string: half an object would not be JSON. Where not even that fits, they go. */
function shortenDetails(event: FailureEvent): FailureEvent {
  const { details, ...failure } = event.failure ?? {};
  if (details === undefined) return event;
  const withDetails = (text: string): FailureEvent => ({ ...event, failure: { ...failure, details: text } });
  const shorter = withDetails(shortened(toQueueJson(details), withDetails("")));
  return bytesOf(shorter) <= BYTES_MAX ? shorter : { ...event, failure };
}

function shortenMessage(event: FailureEvent): FailureEvent {
  const { message = "" } = event.failure ?? {};
  const withMessage = (text: string): FailureEvent => ({
    ...event,
    failure: { ...event.failure, message: text },
  });
  return message === "" ? event : withMessage(shortened(message, withMessage("")));
}

function shortenType(event: FailureEvent): FailureEvent {
  const { type = "" } = event.failure ?? {};
  const withType = (text: string): FailureEvent => ({ ...event, failure: { ...event.failure, type: text } });
  return type === "" ? event : withType(shortened(type, withType("")));
}

function shortenSource(event: FailureEvent): FailureEvent {
  return { ...event, source: shortened(event.source, { ...event, source: "" }) };
}
