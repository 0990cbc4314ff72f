import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A case of the shared vectors, as `publishers/vectors/README.md` describes it. */
// biome-ignore lint/suspicious/noExplicitAny: each file has members of its own, checked by `cases`.
export type Case = Record<string, any> & { name: string };

const FOLDER = join(__dirname, "../../vectors");

/**
 * The cases of one file that are for TypeScript. An unknown member fails, so that no new rule is skipped in silence.
 *
 * @param members - the members that the test of this file looks at
 */
export function cases(file: string, ...members: string[]): Case[] {
  const read = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as { cases: Case[] };
  for (const vector of read.cases) {
    const unknown = Object.keys(vector).filter((member) => !["name", "only", ...members].includes(member));
    if (unknown.length > 0)
      throw new Error(`${file}: "${vector.name}" has unknown members: ${unknown.join(", ")}`);
  }
  const ours = read.cases.filter(({ only }) => only === undefined || only.includes("typescript"));
  return ours.map((vector) => expanded(vector) as Case);
}

/** `{"repeat": "…", "times": n}` written out. */
function expanded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expanded);
  if (typeof value !== "object" || value === null) return value;
  const { repeat, times } = value as { repeat?: string; times?: number };
  if (typeof repeat === "string" && typeof times === "number") return repeat.repeat(times);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expanded(member)]));
}

/** The environment of a case, in its order. */
export function environmentOf({ environment = [] }: Case): Record<string, string> {
  return Object.fromEntries(
    environment.map(({ name, value }: { name: string; value: string }) => [name, value]),
  );
}

interface ErrorDescription {
  class: string;
  text: string;
  cause?: ErrorDescription;
  causeIsTheError?: boolean;
  errors?: ErrorDescription[];
}

/** The error that a case describes, thrown and caught. */
export function errorOf(description: ErrorDescription, outermost?: Error): Error {
  const unknown = Object.keys(description).filter(
    (member) => !["class", "text", "cause", "causeIsTheError", "errors"].includes(member),
  );
  if (unknown.length > 0) throw new Error(`unknown members of an error: ${unknown.join(", ")}`);
  const error = make(description, outermost);
  if (description.causeIsTheError) error.cause = outermost;
  if (description.cause !== undefined) error.cause = errorOf(description.cause, outermost ?? error);
  try {
    throw error;
  } catch (thrown) {
    return thrown as Error;
  }
}

function make({ class: name, text, errors }: ErrorDescription, outermost?: Error): Error {
  if (name === "group")
    return new AggregateError(
      (errors ?? []).map((one) => errorOf(one, outermost)),
      text,
    );
  const named = { [name]: class extends Error {} }[name] as new (text: string) => Error;
  return new named(text);
}
