import assert from "node:assert/strict";
import { test } from "node:test";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { report, task } from "../src/index.js";
import { stage, TARGET, TOKEN } from "./stage.js";

const on = stage();

const throttled = { status: 400, body: { __type: "ThrottlingException", message: "slow down" } };

const queue = (): void => on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });

test("a report that was confirmed is true, and says nothing", async () => {
  queue();
  assert.equal(await report(new Error("disk full"), { target: TARGET }), true);
  assert.deepEqual([on.warnings, on.errors], [[], []]);
  assert.match(on.aws.events[0].id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
});

test("a report that throttling delays is made again", async () => {
  queue();
  on.aws.answer = (_, count) => (count < 3 ? throttled : undefined);
  assert.equal(await report(new Error("disk full"), { target: TARGET }), true);
  assert.equal(on.aws.calls.length, 3);
  assert.deepEqual(on.errors, []);
});

test("every attempt is of the same event", async () => {
  on.environment({ RELAY_QUEUE_URL: `${on.aws.queueUrl}.fifo` });
  on.aws.answer = (_, count) => (count < 3 ? { status: 500 } : undefined);
  await report(new Error("disk full"), { target: TARGET });
  assert.equal(new Set(on.aws.calls.map(({ input }) => JSON.stringify(input))).size, 1);
});

test("a report that is refused for good is not made again, and one line tells why", async () => {
  queue();
  on.aws.answer = () => ({
    status: 400,
    body: { __type: "AccessDenied", message: `no access\nfor ${TOKEN}` },
  });
  assert.equal(await report(new Error("disk full"), { target: TARGET }), false);
  assert.equal(on.aws.calls.length, 1);
  assert.deepEqual(on.errors, [
    "failure-relay: the failure of a step-functions-task was not reported: AccessDenied: no access for [redacted]",
  ]);
});

test("a service that never answers is given up in time, after more than one attempt", async () => {
  queue();
  on.aws.answer = () => "silence";
  const start = performance.now();
  assert.equal(await report(new Error("disk full"), { target: TARGET, timeout: 0.6 }), false);
  assert.ok(performance.now() - start < 3_000);
  assert.ok(on.aws.calls.length >= 2, `${on.aws.calls.length} attempts`);
  assert.equal(on.errors.length, 1);
});

test("an attempt without an answer leaves time for another", async () => {
  queue();
  on.aws.answer = (_, count) => (count === 1 ? "silence" : undefined);
  assert.equal(await report(new Error("disk full"), { target: TARGET, timeout: 1 }), true);
});

test("a queue that cannot be reached is one line", async () => {
  on.environment({ RELAY_QUEUE_URL: "http://127.0.0.1:9/1/q" });
  process.env.AWS_ENDPOINT_URL = "http://127.0.0.1:9";
  assert.equal(await report(new Error("disk full"), { target: TARGET, timeout: 0.5 }), false);
  assert.equal(on.errors.length, 1);
});

test("with nowhere to publish a report is false, and one line says what to set", async () => {
  assert.equal(await report(new Error("disk full"), { target: TARGET }), false);
  assert.equal(on.errors.length, 1);
  assert.match(on.errors[0] ?? "", /RELAY_QUEUE_URL.*RELAY_EVENT_BUS/);
});

test("without a target a report is false, and one line says so", async () => {
  queue();
  assert.equal(await report(new Error("disk full")), false);
  assert.deepEqual(on.errors, ["failure-relay: the failure was not reported: no task or job is named"]);
  assert.deepEqual(on.warnings, []);
});

test("an entry that the bus refuses was not confirmed", async () => {
  on.environment({ RELAY_EVENT_BUS: "bus" });
  const refused = {
    FailedEntryCount: 1,
    Entries: [{ ErrorCode: "InternalFailure", ErrorMessage: "try again" }],
  };
  on.aws.answer = (_, count) => (count === 1 ? { status: 200, body: refused } : undefined);
  assert.equal(await report(new Error("disk full"), { target: TARGET }), true);
  on.aws.answer = () => ({ status: 200, body: refused });
  assert.equal(await report(new Error("disk full"), { target: TARGET }), false);
  assert.match(on.errors[0] ?? "", /InternalFailure: try again/);
});

test("a client is used as it is given", async () => {
  const commands: { input: unknown }[] = [];
  const client = { send: async (command: { input: unknown }) => void commands.push(command) };
  await report(new Error("disk full"), { target: TARGET, client, queueUrl: "https://example.com/q" });
  await report(new Error("disk full"), { target: TARGET, client, eventBus: "bus" });
  assert.ok(commands[0] instanceof SendMessageCommand && commands[1] instanceof PutEventsCommand);
  const own = new SQSClient({ endpoint: on.aws.url, region: "eu-north-1" });
  assert.equal(
    await report(new Error("disk full"), { target: TARGET, client: own, queueUrl: on.aws.queueUrl }),
    true,
  );
  assert.equal(on.aws.calls[0]?.region, "eu-north-1");
});

test("a client that heeds nothing is given up too", async () => {
  const client = { send: () => new Promise<never>(() => {}) };
  assert.equal(await report(1, { target: TARGET, client, queueUrl: on.aws.queueUrl, timeout: 0.2 }), false);
});

test("what was thrown need not be an error", async () => {
  queue();
  const unreadable = {
    get message() {
      throw new Error("unreadable");
    },
  };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  for (const thrown of [
    undefined,
    null,
    0,
    "",
    "boom",
    { code: 1 },
    { message: "m", name: "N" },
    unreadable,
    revoked.proxy,
  ]) {
    assert.equal(await report(thrown, { target: TARGET }), true);
  }
  const failures = on.aws.events.map(({ failure }) => [failure.type, failure.message]);
  assert.deepEqual(failures, [
    ["undefined", "undefined"],
    ["null", "null"],
    ["Number", "0"],
    ["String", "String"],
    ["String", "boom"],
    ["Object", '{"code":1}'],
    ["N", "m"],
    ["Object", "Object"],
    ["Error", "What was thrown cannot be read."],
  ]);
});

test("an error is named by its own name, else by its class", async () => {
  queue();
  class RenderError extends Error {}
  class Named extends Error {
    override readonly name = "Render.OutOfMemory";
  }
  const renamed = Object.assign(new RenderError("x"), { name: "Error" });
  for (const error of [new RenderError("x"), new Named("x"), new TypeError("x"), new Error("x"), renamed]) {
    await report(error, { target: TARGET });
  }
  const types = on.aws.events.map(({ failure }) => failure.type);
  assert.deepEqual(types, ["RenderError", "Render.OutOfMemory", "TypeError", "Error", "Error"]);
});

test("the trace is the twenty frames nearest the throw, each at most 500 characters", async () => {
  queue();
  const error = new Error("two\n    at lines (of:1)");
  error.stack = `Error: ${error.message}\n${Array.from({ length: 30 }, (_, n) => `    at f${n} ${"x".repeat(600)}`).join("\n")}`;
  await report(error, { target: TARGET });
  const { trace } = on.aws.events[0].failure.details;
  assert.equal(trace.length, 20);
  assert.match(trace[0], /^at f0 x+… \[truncated\]$/);
  assert.ok(trace.every((line: string) => line.length === 500));
});

test("details may be anything, also what JSON cannot hold", async () => {
  queue();
  const ring: Record<string, unknown> = { frame: 7 };
  ring.self = ring;
  for (const details of [{ big: 2n ** 64n, lone: "\uD800", odd: "\uFFFE" }, ring, new Map([[1, 2]]), false]) {
    assert.equal(await report(new Error("x"), { target: TARGET, details }), true);
  }
  const told = on.aws.events.map(({ failure }) => failure.details);
  assert.deepEqual(told[0], { big: "18446744073709551616", lone: "\uFFFD", odd: "\uFFFE" });
  assert.match(told[1], /frame: 7/);
  assert.deepEqual(told.slice(2), [{}, false]);
  assert.ok(
    !/[\uFFFE\uFFFF]/.test(on.aws.calls[0]?.input.MessageBody),
    "SQS refuses these characters unless they are escaped",
  );
});

test("inside a work, report is the one report of that work", async () => {
  queue();
  const error = new Error("disk full");
  const running = task(
    async () => {
      assert.equal(await report(new Error("first")), true);
      assert.equal(await report(new Error("second")), true);
      throw error;
    },
    { target: TARGET },
  );
  await assert.rejects(running, error);
  assert.deepEqual(
    on.aws.events.map(({ failure }) => failure.message),
    ["first"],
  );
});

test("a report that nobody awaits is waited for before the work's own", async () => {
  queue();
  const running = task(
    () => {
      void report(new Error("first"));
      throw new Error("second");
    },
    { target: TARGET },
  );
  await assert.rejects(running, /second/);
  assert.deepEqual(
    on.aws.events.map(({ failure }) => failure.message),
    ["first"],
  );
});

test("a report that was not confirmed does not count, and a later one has the same id", async () => {
  queue();
  on.aws.answer = (_, count) => (count === 1 ? { status: 403, body: { __type: "AccessDenied" } } : undefined);
  const running = task(
    async () => {
      assert.equal(await report(new Error("first")), false);
      throw new Error("second");
    },
    { target: TARGET },
  );
  await assert.rejects(running, /second/);
  const [first, second] = on.aws.events;
  assert.equal(second.failure.message, "second");
  assert.equal(first.id, second.id);
});
