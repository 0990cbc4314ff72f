import { MissingPackageError } from "./attempts.js";

/**
 * The packages of the AWS SDK, each loaded when it is first needed: loading one takes longer than all else here together.
 * They are peers, so that a worker has one copy of each; whoever publishes to a queue needs `@aws-sdk/client-sqs` alone.
 */
export const packages = {
  sqs: once("@aws-sdk/client-sqs", () => import("@aws-sdk/client-sqs")),
  eventBridge: once("@aws-sdk/client-eventbridge", () => import("@aws-sdk/client-eventbridge")),
  stepFunctions: once("@aws-sdk/client-sfn", () => import("@aws-sdk/client-sfn")),
  codePipeline: once("@aws-sdk/client-codepipeline", () => import("@aws-sdk/client-codepipeline")),
  swf: once("@aws-sdk/client-swf", () => import("@aws-sdk/client-swf")),
  lambda: once("@aws-sdk/client-lambda", () => import("@aws-sdk/client-lambda")),
};

/** Loads a package once; one that could not be loaded is tried again. */
function once<Package>(name: string, load: () => Promise<Package>): () => Promise<Package> {
  let loading: Promise<Package> | undefined;
  return () => {
    loading ??= load().catch((error) => {
      loading = undefined;
      return missing(name)(error);
    });
    return loading;
  };
}

/** How a client is made: retries and their time limits are those of `withinTime`. */
export function clientConfiguration(region: string | undefined): { region?: string; maxAttempts: number } {
  return { maxAttempts: 1, ...(region !== undefined && { region }) };
}

function missing(name: string): (error: unknown) => never {
  return (error) => {
    const { code, message = "" } = error as { code?: string; message?: string };
    const isMissing =
      (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND") && message.includes(name);
    throw isMissing ? new MissingPackageError(`${name} is not installed (npm install ${name})`) : error;
  };
}
