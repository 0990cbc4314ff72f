/**
 * Workers as they are in public, rebuilt small: how their report goes wrong, and the same worker with this package in its place.
 * In public the orchestrator is told nothing, or nothing of use; with the package the failure arrives with its text.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CodePipelineClient, PutJobFailureResultCommand } from "@aws-sdk/client-codepipeline";
import { SendTaskFailureCommand, SendTaskSuccessCommand, SFNClient } from "@aws-sdk/client-sfn";
import type { Callback, Context } from "aws-lambda";
import { handler, task } from "../src/index.js";
import type { Answer, Call } from "./fake-aws.js";
import { stage, TARGET, TOKEN } from "./stage.js";

const on = stage();

const JOB = { "CodePipeline.job": { id: "11111111-2222-4333-8444-555555555555", data: {} } };

const refused: Answer = { status: 400, body: { __type: "ValidationException", message: "refused" } };

/** The limits of the services: what is over them is refused, and the task hangs. */
function withLimits({ operation, input }: Call): Answer {
  if (operation === "SendTaskFailure" && (input.error.length > 256 || input.cause.length > 32_768))
    return refused;
  if (operation === "PutJobFailureResult" && !input.failureDetails?.message) return refused;
  return undefined;
}

const accepted = (operation: string) =>
  on.aws.calls.filter((call) => call.operation === operation && withLimits(call) === undefined);

const failures = () => on.aws.events.map(({ target, failure }) => ({ target, ...failure }));

function play(variables: Record<string, string> = {}): void {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, ...variables });
  on.aws.answer = withLimits;
}

const client = () => new SFNClient({ maxAttempts: 1 });

describe("case 5: an ECS activity worker that reports its message uncut, and a success that fails as a failure", () => {
  const message = `exit code 1: ${"line of the log\n".repeat(4_000)}`;

  async function publicWorker(work: () => unknown): Promise<void> {
    let output: unknown;
    try {
      output = await work();
    } catch (error) {
      await client().send(
        new SendTaskFailureCommand({ taskToken: TOKEN, error: "Error", cause: (error as Error).message }),
      );
      return;
    }
    try {
      await client().send(new SendTaskSuccessCommand({ taskToken: TOKEN, output: JSON.stringify(output) }));
    } catch (error) {
      await client().send(
        new SendTaskFailureCommand({ taskToken: TOKEN, error: "Error", cause: String(error) }),
      );
    }
  }

  const fail = (): never => {
    throw new Error(message);
  };

  test("in public the report is refused, and the task hangs", async () => {
    play();
    await assert.rejects(publicWorker(fail), /refused/);
    assert.deepEqual(accepted("SendTaskFailure"), []);
  });

  test("with the package the failure arrives with its text", async () => {
    play({ TASK_TOKEN: TOKEN });
    await assert.rejects(task(fail, { success: true }), { message });
    assert.deepEqual(failures(), [
      { target: TARGET, type: "Error", message, details: on.aws.events[0].failure.details },
    ]);
  });

  test("in public a success that cannot be told ends in an error that nobody catches", async () => {
    play();
    on.aws.answer = () => ({ status: 503 });
    await assert.rejects(publicWorker(() => 7));
  });

  test("with the package a success that cannot be told is a report, and the worker goes on", async () => {
    play({ TASK_TOKEN: TOKEN });
    on.aws.answer = ({ operation }) => (operation === "SendTaskSuccess" ? { status: 503 } : undefined);
    assert.equal(await task(() => 7, { success: true, timeout: 1 }), 7);
    assert.equal(failures()[0]?.type, "Worker.SuccessNotTold");
  });
});

describe("case 9: a pipeline's Lambda action whose message is the JSON of an Error", () => {
  const deploy = async (): Promise<never> => {
    throw new Error("the stack is in ROLLBACK_COMPLETE");
  };

  test("in public the pipeline is told {}", async () => {
    play();
    const publicWorker = async (event: typeof JOB): Promise<void> => {
      await deploy().catch((error) => {
        const failureDetails = { type: "JobFailed" as const, message: JSON.stringify(error) };
        const command = new PutJobFailureResultCommand({
          jobId: event["CodePipeline.job"].id,
          failureDetails,
        });
        return new CodePipelineClient({ maxAttempts: 1 }).send(command);
      });
    };
    await publicWorker(JOB);
    assert.deepEqual(
      accepted("PutJobFailureResult").map(({ input }) => input.failureDetails.message),
      ["{}"],
    );
  });

  test("with the package the failure arrives with its text", async () => {
    play();
    await assert.rejects(handler(deploy as (event: unknown) => Promise<never>)(JOB), /ROLLBACK_COMPLETE/);
    const [{ target, message } = {} as never] = failures();
    assert.deepEqual(target, { kind: "codepipeline-job", jobId: JOB["CodePipeline.job"].id });
    assert.equal(message, "the stack is in ROLLBACK_COMPLETE");
  });
});

describe("case 10: a Lambda action whose report ignores its own error, and then fails the function", () => {
  const context = { awsRequestId: "8f5c2a4e-0000-4000-8000-000000000001" } as Context;
  const error = new Error("3 of 20 tests failed");

  /** Lambda calls an asynchronous function that fails twice more, with the same request id. */
  async function invokedByPipeline(
    main: (event: unknown, context: Context, callback: Callback) => unknown,
  ): Promise<void> {
    for (let attempt = 1; attempt <= 3; attempt++) {
      await new Promise<void>((resolve) => void main(JOB, context, () => resolve()));
    }
  }

  test("in public a report without its details is refused, unheard, and the job hangs", async () => {
    play();
    const publicWorker = (event: unknown, _context: Context, callback: Callback): void => {
      const command = new PutJobFailureResultCommand({
        jobId: (event as typeof JOB)["CodePipeline.job"].id,
      } as never);
      new CodePipelineClient({ maxAttempts: 1 }).send(command, () => callback(error));
    };
    await invokedByPipeline(publicWorker);
    assert.deepEqual(accepted("PutJobFailureResult"), []);
  });

  test("with the package each attempt reports the same job under the same id, and the function fails as before", async () => {
    play();
    const main = handler((_event: unknown, _context: Context, callback: Callback) => callback(error));
    await invokedByPipeline(main);
    const ids = on.aws.events.map(({ id, target, failure }) => [id, target.jobId, failure.message]);
    const expected = [context.awsRequestId, JOB["CodePipeline.job"].id, "3 of 20 tests failed"];
    assert.deepEqual(ids, [expected, expected, expected]);
  });
});

describe("cases 2 and 8: what fails before and after the try", () => {
  test("in public a result that is not JSON is thrown outside the try, and nothing is reported", async () => {
    play();
    const publicWorker = async (work: () => unknown): Promise<void> => {
      let output: unknown;
      try {
        output = work();
      } catch (error) {
        await client().send(
          new SendTaskFailureCommand({ taskToken: TOKEN, error: String(error), cause: "" }),
        );
        return;
      }
      await client().send(new SendTaskSuccessCommand({ taskToken: TOKEN, output: JSON.stringify(output) }));
    };
    await assert.rejects(
      publicWorker(() => ({ bytes: 2n ** 40n })),
      TypeError,
    );
    assert.deepEqual(on.aws.calls, []);
  });

  test("with the package it is reported as a result that was not accepted", async () => {
    play({ TASK_TOKEN: TOKEN });
    await task(() => ({ bytes: 2n ** 40n }), { success: true });
    const [{ type, message } = {} as never] = failures();
    assert.equal(type, "Worker.ResultNotAccepted");
    assert.match(message, /BigInt/);
  });
});

describe("case 3: the token in the log, and the text over the limit", () => {
  const message = `Pipeline failure of task ${TOKEN}: ${"frame lost ".repeat(50)}`;

  test("in public the token is logged in clear, and the report is refused", async () => {
    play();
    const lines: string[] = [];
    const publicWorker = async (): Promise<void> => {
      lines.push(`reporting failure for token ${TOKEN}`);
      await client().send(
        new SendTaskFailureCommand({ taskToken: TOKEN, error: message, cause: "see the log" }),
      );
    };
    await assert.rejects(publicWorker(), /refused/);
    assert.ok(lines.join().includes(TOKEN));
  });

  test("with the package the failure arrives, and the token is neither in its text nor in a log line", async () => {
    play({ TASK_TOKEN: TOKEN });
    await assert.rejects(
      task(() => Promise.reject(new Error(message))),
      /frame lost/,
    );
    assert.equal(failures()[0]?.message, message.replace(TOKEN, "[redacted]"));
    on.aws.answer = () => ({
      status: 403,
      body: { __type: "AccessDenied", message: `no access with ${TOKEN}` },
    });
    await assert.rejects(
      task(() => Promise.reject(new Error(message))),
      /frame lost/,
    );
    assert.equal(on.errors.length, 1);
    assert.ok(!on.errors.join().includes(TOKEN));
  });
});
