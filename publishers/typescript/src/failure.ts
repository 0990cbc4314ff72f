import { cut } from "./text.js";

/** Why something failed: the `failure` member of a failure event. */
export interface Failure {
  /** A short machine-readable name of the error. */
  type?: string;
  /** What a person should read. */
  message?: string;
  /** Structured context: any JSON value. */
  details?: unknown;
  /** The worker's own id of the run. */
  externalExecutionId?: string | undefined;
}

/** So many lines of a stack are told, those nearest the raise. */
const TRACE_LINES_MAX = 20;

/** So long is a line of a stack at most, in UTF-16 units. */
const TRACE_LINE_MAX = 500;

/** So many causes are told, the nearest first. */
const CAUSES_MAX = 5;

/** So long is a cause at most: five of them and the trace fit into what every service takes of `details`. */
const CAUSE_MAX = 2_000;

/**
 * What an error says: its class as `type`, its text as `message`, its stack and the chain of its causes as `details`.
 *
 * Anything can be thrown, so anything is taken; what cannot be read (a getter that throws) is left out.
 */
export function describe(error: unknown): Failure {
  try {
    return read(error);
  } catch {
    return { type: "Error", message: "What was thrown cannot be read." };
  }
}

function read(error: unknown): Failure {
  const type = typeOf(error);
  const message = textOf(error) || type;
  const trace = traceOf(error);
  const cause = causesOf(error);
  if (trace.length === 0 && cause.length === 0) return { type, message };
  return {
    type,
    message,
    details: { ...(trace.length > 0 && { trace }), ...(cause.length > 0 && { cause }) },
  };
}

/**
 * The name of the error's class: its `name`, unless that is the `Error` which a subclass inherits when it sets none; then
 * the constructor's. What was thrown and is not an error goes by its constructor too.
 */
function typeOf(error: unknown): string {
  const constructorName =
    nonEmpty(member(member(error, "constructor"), "name")) ?? (error === null ? "null" : typeof error);
  const name = nonEmpty(member(error, "name"));
  if (!isErrorLike(error) || name === undefined) return constructorName;
  return name === "Error" && !hasOwn(error, "name") ? constructorName : name;
}

function textOf(error: unknown): string {
  if (isErrorLike(error)) {
    const message = member(error, "message");
    return typeof message === "string" ? message : plainText(message);
  }
  return plainText(error);
}

/** The text of a value that is not an error: what an object holds, rather than `[object Object]`. */
function plainText(value: unknown): string {
  try {
    if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? String(value);
    return value === undefined ? "" : String(value);
  } catch {
    return "";
  }
}

/** The frames of the stack: its lines without the head, which repeats type and message. */
function traceOf(error: unknown): string[] {
  const stack = member(error, "stack");
  if (typeof stack !== "string") return [];
  const firstFrame = /^\s+at /m.exec(withoutHead(stack, error));
  if (firstFrame === null) return [];
  const lines = withoutHead(stack, error).slice(firstFrame.index).split("\n");
  const frames = lines.map((line) => line.trim()).filter((line) => line !== "");
  return frames.slice(0, TRACE_LINES_MAX).map((line) => cut(line, TRACE_LINE_MAX));
}

/** A message may have lines that look like frames. */
function withoutHead(stack: string, error: unknown): string {
  const message = textOf(error);
  const end = message === "" ? -1 : stack.indexOf(message);
  return end === -1 ? stack : stack.slice(end + message.length);
}

/** Each cause as `<type>: <message>`; the members of a group count as its causes. Depth first, and no error twice. */
function causesOf(error: unknown): string[] {
  const told = new Set<unknown>([error]);
  const texts: string[] = [];
  const tell = (cause: unknown): void => {
    if (texts.length === CAUSES_MAX || cause === undefined || cause === null || told.has(cause)) return;
    told.add(cause);
    const type = typeOf(cause);
    texts.push(cut(`${type}: ${textOf(cause) || type}`, CAUSE_MAX));
    tellCausesOf(cause);
  };
  const tellCausesOf = (parent: unknown): void => {
    tell(member(parent, "cause"));
    const members = member(parent, "errors");
    if (Array.isArray(members)) for (const member of members.slice(0, CAUSES_MAX)) tell(member);
  };
  if (isErrorLike(error)) tellCausesOf(error);
  return texts;
}

/** An error of this realm or of another, or an object that is made like one. */
function isErrorLike(value: unknown): boolean {
  if (value instanceof Error) return true;
  const isObject = typeof value === "object" && value !== null;
  return (
    isObject &&
    typeof member(value, "message") === "string" &&
    (hasStack(value) || typeof member(value, "name") === "string")
  );
}

function hasStack(value: unknown): boolean {
  return typeof member(value, "stack") === "string";
}

function hasOwn(value: unknown, member: string): boolean {
  try {
    return Object.hasOwn(value as object, member);
  } catch {
    return false;
  }
}

/** A member of whatever was thrown; `undefined` where reading it throws. */
function member(value: unknown, name: string): unknown {
  try {
    return value === undefined || value === null ? undefined : (value as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
