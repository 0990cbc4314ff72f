import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type HandlerOptions, handler, type LambdaContext, report, task } from "../src/index.js";
import { stage } from "./stage.js";
import { type Case, cases, environmentOf, errorOf } from "./vectors.js";

const on = stage();

const lambda = (work: () => unknown, options: HandlerOptions) =>
  handler(async (_event: unknown, _context: LambdaContext) => work(), options);

const REFUSED = { status: 403, body: { __type: "AccessDenied" } };

const CONTEXT = { getRemainingTimeInMillis: () => 60_000 };

/** Runs work that fails as the case says: a Lambda function where there is a payload, else a task. */
async function fail(vector: Case, error: Error): Promise<void> {
  const work = (): never => {
    throw error;
  };
  const context = { ...CONTEXT, ...("requestId" in vector && { awsRequestId: vector.requestId }) };
  const { type, message, details, ...options } = vector.options ?? {};
  const told = [type, message, details].some((value) => value !== undefined);
  if (told) assert.equal(await report(error, vector.options), true);
  else if ("payload" in vector) await assert.rejects(lambda(work, options)(vector.payload, context), error);
  else await assert.rejects(task(work, options), error);
}

/** Compares a failure with the one that a case lists. */
function assertFailure(actual: Record<string, unknown>, { cause, ...listed }: Record<string, unknown>): void {
  for (const [member, value] of Object.entries(listed)) assert.deepEqual(actual[member], value, member);
  if ("details" in listed) return;
  const details = (actual.details ?? {}) as { cause?: string[]; trace?: string[] };
  assert.deepEqual(details.cause, cause);
}

test("every file of vectors is run", () => {
  const files = readdirSync(join(__dirname, "../../vectors")).filter((name) => name.endsWith(".json"));
  const run = ["deadline", "event", "failure", "identity", "lease", "limits", "secrets", "success"];
  assert.deepEqual(
    files.sort(),
    run.map((name) => `${name}.json`),
  );
});

describe("identity", () => {
  for (const vector of cases("identity.json", "environment", "payload", "target", "wrong")) {
    test(vector.name, async () => {
      on.environment({ ...environmentOf(vector), RELAY_QUEUE_URL: on.aws.queueUrl });
      await fail(vector, new Error("disk full"));
      const isPublished = vector.target !== null && !vector.wrong;
      assert.deepEqual(
        on.aws.events.map(({ target }) => target),
        isPublished ? [vector.target] : [],
      );
      assert.equal(on.warnings.length, isPublished ? 0 : 1);
      assert.deepEqual(on.errors, []);
    });
  }
});

describe("failure", () => {
  for (const vector of cases("failure.json", "error", "options", "failure")) {
    test(vector.name, async () => {
      on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, TASK_TOKEN: "token-12345" });
      const error = errorOf(vector.error);
      await fail(vector, error);
      assertFailure(on.aws.events[0].failure, vector.failure);
      if (vector.options?.details === undefined)
        assert.match(on.aws.events[0].failure.details.trace[0], /^at /);
    });
  }
});

describe("event", () => {
  const members = ["environment", "payload", "requestId", "options", "error", "sent", "event"];
  for (const vector of cases("event.json", ...members)) {
    test(vector.name, async () => {
      on.environment(environmentOf(vector));
      await fail(vector, errorOf(vector.error));
      if (vector.sent === null) {
        assert.deepEqual(on.aws.calls, []);
        return;
      }
      await fail(vector, errorOf(vector.error));
      const [call, again] = on.aws.calls;
      assert.ok(call !== undefined && again !== undefined && on.aws.calls.length === 2);
      assertSent(vector.sent, call, again);
      const event = on.aws.events[0];
      const { failure, ...listed } = vector.event;
      for (const [member, value] of Object.entries(listed)) assert.deepEqual(event[member], value, member);
      if (failure !== undefined) assertFailure(event.failure, failure);
      assert.equal(event.version, "1");
      assert.ok(event.id);
      assert.ok(Math.abs(Date.parse(event.time) - Date.now()) < 10_000);
    });
  }

  type Sent = Record<string, unknown> & { hasDeduplicationId?: boolean };
  type Call = (typeof on.aws.calls)[number];

  function assertSent(sent: Sent, call: Call, again: Call): void {
    const { to, region = call.region, hasDeduplicationId = false, ...listed } = sent;
    assert.equal(call.region, region);
    if (to === "bus") {
      const { EventBusName, Source, DetailType } = call.input.Entries[0];
      assert.equal(call.operation, "PutEvents");
      assert.deepEqual({ eventBusName: EventBusName, source: Source, detailType: DetailType }, listed);
      return;
    }
    const { QueueUrl, MessageGroupId, MessageDeduplicationId } = call.input;
    assert.equal(call.operation, "SendMessage");
    assert.deepEqual({ queueUrl: QueueUrl, messageGroupId: MessageGroupId }, listed);
    assert.equal(MessageDeduplicationId !== undefined, hasDeduplicationId);
    if (hasDeduplicationId) assert.notEqual(MessageDeduplicationId, again.input.MessageDeduplicationId);
  }
});

describe("secrets", () => {
  for (const vector of cases("secrets.json", "target", "environment", "error", "options", "failure")) {
    test(vector.name, async () => {
      on.environment({ ...environmentOf(vector), RELAY_QUEUE_URL: on.aws.queueUrl });
      const error = errorOf(vector.error);
      const options = { ...vector.options, target: vector.target };
      assert.equal(await report(error, options), true);
      assertFailure(on.aws.events[0].failure, vector.failure);
      assert.deepEqual(on.aws.events[0].target, vector.target);
      on.aws.answer = () => ({ status: 400, body: { __type: "AccessDenied", message: error.message } });
      assert.equal(await report(error, options), false);
      const { taskToken, clientToken, callbackId, responseUrl } = vector.target;
      const secret = taskToken ?? clientToken ?? callbackId ?? responseUrl;
      assert.equal(on.errors.length, 1);
      for (const hidden of [secret, "other-secret-0123"]) {
        if (hidden.length > 1) assert.ok(!on.errors.join().includes(hidden), on.errors.join());
      }
    });
  }
});

describe("limits", () => {
  const NEARLY_NOTHING = 20;

  for (const vector of cases("limits.json", "error", "options", "cut", "kept", "short", "gone")) {
    test(vector.name, async () => {
      on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, RELAY_SOURCE: "render" });
      const error = errorOf(vector.error);
      const target = { kind: "step-functions-task", taskToken: "token-12345" };
      assert.equal(await report(error, { ...vector.options, target }), true);
      const body: string = on.aws.calls[0]?.input.MessageBody;
      const event = on.aws.events[0];
      assert.deepEqual(event.target, target);
      assert.ok(Buffer.byteLength(body) <= 200_000);
      if (vector.cut.length > 0)
        assert.ok(Buffer.byteLength(body) >= 190_000, `${Buffer.byteLength(body)} bytes`);
      const given: Record<string, unknown> = {
        type: error.constructor.name,
        message: error.message,
        source: "render",
        ...vector.options,
      };
      const has = (member: string) => (member === "source" ? event.source : event.failure[member]);
      for (const member of vector.kept ?? []) assert.deepEqual(has(member), given[member], member);
      for (const member of vector.cut) {
        const text: string = has(member);
        assert.ok(text.endsWith("… [truncated]") && text.isWellFormed(), member);
        assert.ok(text.length < JSON.stringify(given[member]).length, member);
      }
      for (const member of [...(vector.short ?? []), ...(vector.gone ?? [])]) {
        assert.ok((has(member) ?? "").length <= NEARLY_NOTHING, member);
      }
    });
  }
});

describe("success", () => {
  const members = ["target", "result", "resultIsNotJson", "call", "failure", "errorBeforeTheWork"];
  for (const vector of cases("success.json", ...members)) {
    test(vector.name, async () => {
      on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
      const result = vector.resultIsNotJson ? () => {} : vector.result;
      let hasBegun = false;
      const work = () => {
        hasBegun = true;
        return result;
      };
      const running = task(work, { target: vector.target, success: true });
      if (vector.errorBeforeTheWork) {
        await assert.rejects(running, TypeError);
        assert.equal(hasBegun, false);
        return;
      }
      assert.equal(await running, result);
      if (vector.failure !== undefined) {
        assert.equal(on.aws.calls.length, 1);
        assertFailure(on.aws.events[0].failure, vector.failure);
        return;
      }
      assert.equal(on.aws.calls.length, 1);
      const { operation, input, region } = on.aws.calls[0] as (typeof on.aws.calls)[number];
      assert.equal(operation, vector.call.operation);
      if (vector.call.region !== undefined) assert.equal(region, vector.call.region);
      const parsed = Object.entries(input).map(([member, value]) =>
        ["output", "result", "Result"].includes(member)
          ? [member, JSON.parse(value as string)]
          : [member, value],
      );
      assert.deepEqual(Object.fromEntries(parsed), vector.call.input);
    });
  }
});

describe("leases and claims", () => {
  const members = ["options", "target", "before", "renewal", "renewalSeconds", "failure", "after"];
  const told = () =>
    on.aws.events
      .filter(({ failure }) => failure === undefined)
      .map(({ lease, claim }) => JSON.parse(JSON.stringify({ lease, claim })));

  for (const vector of cases("lease.json", ...members, "errorBeforeTheWork")) {
    test(vector.name, async (t) => {
      on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, RELAY_SOURCE: "render" });
      t.mock.timers.enable({ apis: ["setTimeout"] });
      let before: unknown[] | undefined;
      const work = async (): Promise<void> => {
        before = told();
        if (vector.failure !== undefined) throw new Error("x");
        if (vector.renewal === undefined) return;
        for (const count of [1, 2]) {
          t.mock.timers.tick(vector.renewalSeconds * 1_000 - 1);
          await settled(before.length + count - 1);
          t.mock.timers.tick(1);
          await settled(before.length + count);
          assert.deepEqual(told().at(-1), vector.renewal);
        }
      };
      if (vector.failure === "refused") {
        const failureAt = vector.before.length + 1;
        on.aws.answer = (_, count) => (count === failureAt ? REFUSED : undefined);
      }
      const running = task(work, { ...vector.options, target: vector.target });
      if (vector.errorBeforeTheWork) {
        await assert.rejects(running, RangeError);
        assert.equal(before, undefined);
        assert.deepEqual(on.aws.calls, []);
        return;
      }
      if (vector.failure === undefined) await running;
      else await assert.rejects(running, /x/);
      assert.deepEqual(before, vector.before);
      const renewals = vector.renewal === undefined ? 0 : 2;
      assert.deepEqual(told().slice(vector.before.length + renewals), vector.after);
      const [{ id }] = on.aws.events;
      assert.ok(id);
      for (const event of on.aws.events)
        assert.deepEqual(event, { ...event, version: "1", id, source: "render", target: vector.target });
      assert.equal(on.aws.events.length - told().length, vector.failure === undefined ? 0 : 1);
    });
  }

  /** Waits until there are `count` events, and a little for one too many. */
  async function settled(count: number): Promise<void> {
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    for (const end = Date.now() + 10_000; on.aws.events.length < count && Date.now() < end; ) await turn();
    for (const end = Date.now() + 10; Date.now() < end; ) await turn();
    assert.equal(on.aws.events.length, count);
  }
});

describe("deadline", () => {
  for (const vector of cases(
    "deadline.json",
    "remainingMilliseconds",
    "options",
    "reportedAfterMilliseconds",
    "failure",
  )) {
    test(vector.name, async (t) => {
      on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, TASK_TOKEN: "token-12345" });
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const start = { getRemainingTimeInMillis: () => vector.remainingMilliseconds };
      let finish = (): void => {};
      const end = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const running = lambda(() => end, vector.options)({}, start);
      const after = vector.reportedAfterMilliseconds;
      t.mock.timers.tick((after ?? vector.remainingMilliseconds) - 1);
      await turns();
      assert.deepEqual(on.aws.calls, []);
      t.mock.timers.tick(1);
      await turns();
      finish();
      await running;
      assert.equal(on.aws.events.length, after === null ? 0 : 1);
      if (after !== null) assertFailure(on.aws.events[0].failure, vector.failure);
    });
  }

  /** The timers stand still, but not the network. */
  async function turns(): Promise<void> {
    const end = performance.now() + 250;
    while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
  }
});
