import { clientConfiguration, packages } from "./aws.js";
import type { AwsClient } from "./options.js";
import { isKind, type Kind, type Target } from "./target.js";
import { byteLength } from "./text.js";

/** A result that the service cannot be told: it is not JSON, or over the service's limit. */
export class ResultNotAcceptedError extends Error {
  override readonly name = "Worker.ResultNotAccepted";
}

/** How the service of one kind is told that the work succeeded. */
interface Teller {
  /** The bytes of a result's JSON that the service takes; `undefined`: it takes no result. */
  resultBytesMax: number | undefined;
  /** Makes the call once. */
  tell(target: Target, json: string, abortSignal: AbortSignal): Promise<unknown>;
}

const TELLERS: Partial<Record<Kind, Teller>> = {
  "step-functions-task": {
    resultBytesMax: 262_144,
    async tell(target, output, abortSignal) {
      const { SFNClient, SendTaskSuccessCommand } = await packages.stepFunctions();
      const command = new SendTaskSuccessCommand({ taskToken: text(target.taskToken), output });
      return send(new SFNClient(clientConfiguration(target.region)), command, abortSignal);
    },
  },
  "codepipeline-job": {
    resultBytesMax: undefined,
    async tell(target, _, abortSignal) {
      const { CodePipelineClient, PutJobSuccessResultCommand } = await packages.codePipeline();
      const command = new PutJobSuccessResultCommand({ jobId: text(target.jobId) });
      return send(new CodePipelineClient(clientConfiguration(target.region)), command, abortSignal);
    },
  },
  "codepipeline-third-party-job": {
    resultBytesMax: undefined,
    async tell(target, _, abortSignal) {
      const { CodePipelineClient, PutThirdPartyJobSuccessResultCommand } = await packages.codePipeline();
      const job = { jobId: text(target.jobId), clientToken: text(target.clientToken) };
      const command = new PutThirdPartyJobSuccessResultCommand(job);
      return send(new CodePipelineClient(clientConfiguration(target.region)), command, abortSignal);
    },
  },
  "swf-activity-task": {
    resultBytesMax: 32_768,
    async tell(target, result, abortSignal) {
      const { SWFClient, RespondActivityTaskCompletedCommand } = await packages.swf();
      const command = new RespondActivityTaskCompletedCommand({ taskToken: text(target.taskToken), result });
      return send(new SWFClient(clientConfiguration(target.region)), command, abortSignal);
    },
  },
  "lambda-durable-callback": {
    resultBytesMax: 262_144,
    async tell(target, result, abortSignal) {
      const { LambdaClient, SendDurableExecutionCallbackSuccessCommand } = await packages.lambda();
      const callback = { CallbackId: text(target.callbackId), Result: Buffer.from(result) };
      const command = new SendDurableExecutionCallbackSuccessCommand(callback);
      const region = target.region ?? regionOfCallback(callback.CallbackId);
      return send(new LambdaClient(clientConfiguration(region)), command, abortSignal);
    },
  },
};

/** @throws TypeError when the service of this kind takes no success */
export function checkSuccess(target: Target): void {
  if (tellerOf(target) === undefined)
    throw new TypeError(`success: a ${target.kind} cannot be told of success`);
}

/**
 * Tells the service itself, once, that the work returned `result`.
 *
 * @param json - the result as {@link resultJson} made it
 * @throws the service's error
 */
export async function tellSuccess(target: Target, json: string, abortSignal: AbortSignal): Promise<void> {
  await tellerOf(target)?.tell(target, json, abortSignal);
}

/**
 * The JSON text of a work's result, as the service of `target` takes it; no result is `null`.
 *
 * @throws ResultNotAcceptedError when it is not JSON, or too long
 */
export function resultJson(target: Target, result: unknown): string {
  const bytesMax = tellerOf(target)?.resultBytesMax;
  if (bytesMax === undefined) return "";
  const json = toJson(result === undefined ? null : result);
  const bytes = byteLength(json);
  if (bytes <= bytesMax) return json;
  throw new ResultNotAcceptedError(`The result has ${bytes} bytes as JSON; the service takes ${bytesMax}.`);
}

function tellerOf(target: Target): Teller | undefined {
  return isKind(target.kind) ? TELLERS[target.kind] : undefined;
}

function toJson(result: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(result);
  } catch (error) {
    throw new ResultNotAcceptedError(
      `The result is not JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (json === undefined) throw new ResultNotAcceptedError(`The result is not JSON: a ${typeof result}`);
  return json;
}

async function send(
  client: AwsClient & { destroy(): void },
  command: unknown,
  abortSignal: AbortSignal,
): Promise<void> {
  try {
    await client.send(command, { abortSignal });
  } finally {
    client.destroy();
  }
}

/** A callback id holds the ARN of its durable execution, whose region is where the call must go. */
function regionOfCallback(callbackId: string): string | undefined {
  const decoded = Buffer.from(callbackId, "base64").toString("latin1");
  return /arn:[\w-]+:lambda:([a-z0-9-]+):\d{12}:/.exec(decoded)?.[1];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
