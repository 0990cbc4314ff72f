import assert from "node:assert/strict";
import { test } from "node:test";
import { report, task } from "../src/index.js";
import { stage, TARGET } from "./stage.js";

const on = stage();

const OTHER = { kind: "swf-activity-task", taskToken: "swf-token-1" };

const queue = (more: Record<string, string> = {}): void =>
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, ...more });

const fail = (message: string) => (): never => {
  throw new Error(message);
};

const told = () => on.aws.events.map(({ target, failure }) => [target.taskToken, failure?.message]);

test("work that returns is returned, and nothing is published", async () => {
  queue();
  assert.equal(await task(() => 7, { target: TARGET }), 7);
  assert.equal(await task(async () => "text", { target: TARGET }), "text");
  assert.deepEqual([on.aws.calls, on.warnings, on.errors], [[], [], []]);
});

test("what work throws is thrown unchanged, whatever it is", async () => {
  queue();
  for (const thrown of [new Error("x"), "text", undefined, null, 0]) {
    const running = task(
      () => {
        throw thrown;
      },
      { target: TARGET },
    );
    assert.deepEqual(
      await running.then(
        () => ["returned"],
        (error) => [error],
      ),
      [thrown],
    );
  }
  assert.equal(on.aws.events.length, 5);
});

test("a report that fails hides nothing of the work's own error", async () => {
  queue();
  on.aws.answer = () => ({ status: 403, body: { __type: "AccessDenied" } });
  await assert.rejects(task(fail("mine"), { target: TARGET }), /^Error: mine$/);
  assert.equal(on.errors.length, 1);
});

test("without a target there is one warning, the work runs, and nothing is published", async () => {
  queue();
  await assert.rejects(task(fail("mine")), /mine/);
  assert.equal(on.warnings.length, 1);
  assert.deepEqual([on.aws.calls, on.errors], [[], []]);
});

test("without a target the works within do not warn again", async () => {
  queue();
  await task(() => task(() => 7));
  assert.equal(on.warnings.length, 1);
});

test("strict work does not begin when its failure could not be reported", async () => {
  let hasBegun = false;
  const work = () => {
    hasBegun = true;
  };
  queue();
  await assert.rejects(task(work, { strict: true }), /no task or job is named/);
  on.environment({});
  await assert.rejects(task(work, { strict: true, target: TARGET }), /no queue or bus is set/);
  assert.equal(hasBegun, false);
  queue();
  await task(work, { strict: true, target: TARGET });
  assert.equal(hasBegun, true);
});

test("a target that is not an object is warned of, and not replaced by another", async () => {
  queue({ TASK_TOKEN: "token-of-the-environment" });
  await assert.rejects(task(fail("x"), { target: "token" as never }), /x/);
  assert.deepEqual(on.aws.calls, []);
  assert.equal(on.warnings.length, 1);
});

test("works within a work are reported once when they fail the same task", async () => {
  queue({ TASK_TOKEN: "token-of-the-environment" });
  await assert.rejects(
    task(() => task(fail("inner"))),
    /inner/,
  );
  await assert.rejects(
    task(() => task(fail("same"), { target: TARGET }), { target: { ...TARGET } }),
    /same/,
  );
  assert.deepEqual(told(), [
    ["token-of-the-environment", "inner"],
    [TARGET.taskToken, "same"],
  ]);
});

test("a work within a work is part of it, and not of what the environment names", async () => {
  queue({ TASK_TOKEN: "token-of-the-environment" });
  await assert.rejects(
    task(() => task(fail("inner")), { target: TARGET }),
    /inner/,
  );
  assert.deepEqual(told(), [[TARGET.taskToken, "inner"]]);
});

test("works with different targets are each reported", async () => {
  queue();
  await assert.rejects(
    task(() => task(fail("both"), { target: OTHER }), { target: TARGET }),
    /both/,
  );
  assert.deepEqual(told(), [
    [OTHER.taskToken, "both"],
    [TARGET.taskToken, "both"],
  ]);
});

test("a report of another target is not the work's own", async () => {
  queue();
  const work = async (): Promise<never> => {
    await report(new Error("other"), { target: OTHER });
    throw new Error("own");
  };
  await assert.rejects(task(work, { target: TARGET }), /own/);
  assert.deepEqual(told(), [
    [OTHER.taskToken, "other"],
    [TARGET.taskToken, "own"],
  ]);
});

test("works side by side are told apart", async () => {
  queue();
  const one = (n: number) => {
    const work = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5 * (4 - n)));
      await report(new Error(`of ${n}`));
    };
    return task(work, { target: { kind: "swf-activity-task", taskToken: `swf-token-${n}` } });
  };
  await Promise.all([one(1), one(2), one(3)]);
  const reports = told().sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(
    reports,
    [1, 2, 3].map((n) => [`swf-token-${n}`, `of ${n}`]),
  );
});

test("a work within goes where the work around it goes, unless it says otherwise", async () => {
  on.environment({});
  await assert.rejects(
    task(() => task(fail("x"), { target: OTHER }), { queueUrl: on.aws.queueUrl, source: "outer" }),
  );
  await assert.rejects(
    task(() => task(fail("x"), { target: OTHER, eventBus: "bus" }), {
      queueUrl: on.aws.queueUrl,
      source: "outer",
    }),
  );
  assert.deepEqual(
    on.aws.calls.map(({ operation }) => operation),
    ["SendMessage", "PutEvents"],
  );
  assert.deepEqual(
    on.aws.events.map(({ source }) => source),
    ["outer", "outer"],
  );
});

test("success is not told after a failure was reported", async () => {
  queue();
  const work = async () => {
    await report(new Error("partly"));
    return 7;
  };
  assert.equal(await task(work, { target: TARGET, success: true }), 7);
  assert.deepEqual(
    on.aws.calls.map(({ operation }) => operation),
    ["SendMessage"],
  );
});

test("success is not told while a report is on its way", async () => {
  queue();
  const work = () => {
    void report(new Error("partly"));
    return 7;
  };
  await task(work, { target: TARGET, success: true });
  assert.deepEqual(
    on.aws.calls.map(({ operation }) => operation),
    ["SendMessage"],
  );
});

test("a success that could not be told after its retries is reported, and the result is returned", async () => {
  queue();
  on.aws.answer = ({ operation }) => (operation === "SendTaskSuccess" ? { status: 500 } : undefined);
  assert.equal(await task(() => 7, { target: TARGET, success: true, timeout: 1 }), 7);
  assert.ok(on.aws.calls.filter(({ operation }) => operation === "SendTaskSuccess").length > 1);
  assert.equal(on.aws.events[0].failure.type, "Worker.SuccessNotTold");
});

test("a success that the service refuses is reported without the token", async () => {
  queue();
  const refusal = {
    status: 400,
    body: { __type: "InvalidToken", message: `Invalid token: ${TARGET.taskToken}` },
  };
  on.aws.answer = ({ operation }) => (operation === "SendTaskSuccess" ? refusal : undefined);
  await task(() => 7, { target: TARGET, success: true });
  const { type, message } = on.aws.events[0].failure;
  assert.equal(type, "Worker.SuccessNotTold");
  assert.match(message, /InvalidToken: Invalid token: \[redacted\]/);
});

test("without a target there is nobody to tell of success, and the work runs", async () => {
  queue();
  assert.equal(await task(() => 7, { success: true }), 7);
  assert.deepEqual(on.aws.calls, []);
});
