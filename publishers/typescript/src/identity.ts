import { layers } from "./envelope.js";
import { fromExactShape } from "./exact-shape.js";
import { atPointer, isObject, type JsonObject, parseObject, stringMember } from "./json.js";
import { isKind, type Target } from "./target.js";

/** The environment variables of a process, as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * An identity that was found, and where. One without a `target` is wrong in a way that cannot even be published; no other
 * is tried in its place, because a wrong identity is a mistake to be seen.
 */
interface Identity {
  /** The target, as it was found. */
  target?: Target;
  /** The variable or member that held it. */
  name: string;
}

/** A whole `target` object. */
const TARGET = "FAILURE_RELAY_TARGET";

/** The usual names of a Step Functions task token, looked for after those of `RELAY_TASK_TOKEN_NAMES`. */
export const TASK_TOKEN_NAMES: readonly string[] = [
  "TASK_TOKEN",
  "TASK_TOKEN_ENV_VARIABLE",
  "SFN_TASK_TOKEN",
  "AWS_STEPFUNCTIONS_TASK_TOKEN",
  "TaskToken",
  "taskToken",
];

/** The further names of task tokens that `RELAY_TASK_TOKEN_NAMES` lists; one that starts with `/` is a JSON pointer. */
export function furtherTaskTokenNames(environment: Environment): string[] {
  const names = (environment.RELAY_TASK_TOKEN_NAMES ?? "").split(",").map((name) => name.trim());
  return names.filter((name) => name !== "");
}

/** The identity in a JSON payload, which is unwrapped first: rules 0 to 4 of the contract's section 8. */
export function inPayload(payload: unknown, names: readonly string[]): Identity | undefined {
  if (!isObject(payload)) return undefined;
  const found = layers(payload);
  for (const layer of found) {
    const target = fromExactShape(layer);
    if (target !== undefined) return { target, name: target.kind };
  }
  return inObject(found[found.length - 1] ?? payload, names);
}

/** The identity in environment variables: rules 1 to 5. */
export function inEnvironment(environment: Environment, names: readonly string[]): Identity | undefined {
  const variables = Object.entries(environment).filter(([, value]) => value !== undefined && value !== "");
  const own = Object.fromEntries(variables);
  const flat = names.filter((name) => !name.startsWith("/"));
  return (
    wholeTarget(own) ??
    jobId(own) ??
    taskToken(own, flat) ??
    otherToken(own) ??
    inJsonVariables(variables, names)
  );
}

function inJsonVariables(
  variables: readonly [string, string | undefined][],
  names: readonly string[],
): Identity | undefined {
  for (const [, value] of variables) {
    if (value === undefined || !/^[\s\uFEFF]*\{/.test(value)) continue;
    const found = inPayload(parseObject(value), names);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inObject(object: JsonObject, names: readonly string[]): Identity | undefined {
  return (
    wholeTarget(object) ??
    targetMember(object) ??
    codePipelineJob(object) ??
    jobId(object) ??
    taskToken(object, names) ??
    otherToken(object)
  );
}

function wholeTarget(object: JsonObject): Identity | undefined {
  const value = object[TARGET];
  if (value === undefined || value === null || value === "") return undefined;
  const target = typeof value === "string" ? parseObject(value) : value;
  return isObject(target) ? { target: target as Target, name: TARGET } : { name: TARGET };
}

function targetMember(object: JsonObject): Identity | undefined {
  const target = object.target;
  return isObject(target) && isKind(target.kind) ? { target: target as Target, name: "target" } : undefined;
}

/** The job with which CodePipeline invokes a Lambda function. */
function codePipelineJob(object: JsonObject): Identity | undefined {
  const job = object["CodePipeline.job"];
  if (!isObject(job) || job.id === undefined || job.id === null || job.id === "") return undefined;
  return { target: { kind: "codepipeline-job", jobId: job.id }, name: "CodePipeline.job" };
}

function jobId(object: JsonObject): Identity | undefined {
  const id = stringMember(object, "CODEPIPELINE_JOB_ID");
  if (id === undefined) return undefined;
  const clientToken = stringMember(object, "CODEPIPELINE_CLIENT_TOKEN");
  const target: Target =
    clientToken === undefined
      ? { kind: "codepipeline-job", jobId: id }
      : { kind: "codepipeline-third-party-job", jobId: id, clientToken };
  return { target, name: "CODEPIPELINE_JOB_ID" };
}

function taskToken(object: JsonObject, names: readonly string[]): Identity | undefined {
  for (const name of [...names, ...TASK_TOKEN_NAMES]) {
    const value = name.startsWith("/") ? atPointer(object, name) : object[name];
    if (typeof value === "string" && value !== "") {
      return { target: { kind: "step-functions-task", taskToken: value }, name };
    }
  }
  return undefined;
}

function otherToken(object: JsonObject): Identity | undefined {
  const activity = stringMember(object, "SWF_TASK_TOKEN");
  if (activity !== undefined)
    return { target: { kind: "swf-activity-task", taskToken: activity }, name: "SWF_TASK_TOKEN" };
  const callbackId = stringMember(object, "DURABLE_CALLBACK_ID");
  if (callbackId === undefined) return undefined;
  return { target: { kind: "lambda-durable-callback", callbackId }, name: "DURABLE_CALLBACK_ID" };
}
