import { after, afterEach, before } from "node:test";
import { FakeAws } from "./fake-aws.js";

/** What a test needs around the code under test: AWS on loopback, an environment, and what was logged. */
export interface Stage {
  aws: FakeAws;
  /** The lines that were written to `console.warn` and `console.error`. */
  warnings: string[];
  errors: string[];
  /** Sets the process environment, as a whole and in this order; what the AWS SDK needs is added. */
  environment(variables: Record<string, string>): void;
}

/** The token of the task in most tests. */
export const TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAfp/8Q+Zs1mW==";

/** The target of most tests. */
export const TARGET = { kind: "step-functions-task", taskToken: TOKEN };

/** Sets the stage for the tests of a file. */
export function stage(): Stage {
  const real = { env: process.env, warn: console.warn, error: console.error };
  const stage = { warnings: [] as string[], errors: [] as string[] } as Stage;
  stage.environment = (variables) => {
    process.env = {
      ...variables,
      AWS_ENDPOINT_URL: stage.aws.url,
      AWS_REGION: "us-west-2",
      AWS_ACCESS_KEY_ID: "AKIDLOCAL",
      AWS_SECRET_ACCESS_KEY: "local-secret-access-key",
    };
  };
  before(async () => {
    stage.aws = await FakeAws.start();
    console.warn = keep(stage.warnings);
    console.error = keep(stage.errors);
    stage.environment({});
  });
  afterEach(() => {
    stage.aws.reset();
    stage.warnings.length = 0;
    stage.errors.length = 0;
    stage.environment({});
  });
  after(async () => {
    process.env = real.env;
    console.warn = real.warn;
    console.error = real.error;
    await stage.aws.stop();
  });
  return stage;
}

/** Keeps our own lines; what Node and the AWS SDK warn of is theirs. */
function keep(lines: string[]): (line: string) => void {
  return (line) => {
    if (String(line).startsWith("failure-relay")) lines.push(line);
  };
}
