import { MissingPackageError } from "./attempts.js";

/**
 * The packages of the AWS SDK, each loaded when it is first needed: loading one takes longer than all else here together.
 * They are peers, so that a worker has one copy of each, and optional: whoever publishes to a queue needs
 * `@aws-sdk/client-sqs` alone. The `catch` stands beside each `import`, where it tells bundlers that one may be missing.
 */
export const packages = {
  sqs: once(() => import("@aws-sdk/client-sqs").catch(missing("@aws-sdk/client-sqs"))),
  eventBridge: once(() =>
    import("@aws-sdk/client-eventbridge").catch(missing("@aws-sdk/client-eventbridge")),
  ),
  stepFunctions: once(() => import("@aws-sdk/client-sfn").catch(missing("@aws-sdk/client-sfn"))),
  codePipeline: once(() =>
    import("@aws-sdk/client-codepipeline").catch(missing("@aws-sdk/client-codepipeline")),
  ),
  swf: once(() => import("@aws-sdk/client-swf").catch(missing("@aws-sdk/client-swf"))),
  lambda: once(() => import("@aws-sdk/client-lambda").catch(missing("@aws-sdk/client-lambda"))),
};

/** Loads a package once; one that could not be loaded is tried again. */
function once<Package>(load: () => Promise<Package>): () => Promise<Package> {
  let loading: Promise<Package> | undefined;
  return () => {
    loading ??= load();
    loading.catch(() => {
      loading = undefined;
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
