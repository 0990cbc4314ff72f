import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { handler, task } from "../src/index.js";
import { stage, TARGET } from "./stage.js";

const on = stage();

const refused = { status: 403, body: { __type: "AccessDenied" } };

const actions = () =>
  on.aws.events.map(
    ({ lease, claim, failure }) => lease?.action ?? claim?.action ?? (claim ? "claim" : failure.type),
  );

/** A queue that answers at once, and refuses while it is told to. */
function fakeQueue() {
  const queue = {
    isRefusing: false,
    actions: [] as string[],
    queueUrl: "https://example.com/queue",
    client: {
      async send({ input }: { input: { MessageBody: string } }) {
        const { lease, failure } = JSON.parse(input.MessageBody);
        queue.actions.push(lease?.action ?? failure.type);
        if (queue.isRefusing) throw Object.assign(new Error("no"), { $metadata: { httpStatusCode: 403 } });
      },
    },
  };
  return queue;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Lets the mocked time pass second by second, and what follows from it happen. */
async function pass(t: TestContext, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    t.mock.timers.tick(Math.min(left, 1) * 1_000);
    for (let count = 0; count < 5; count++) await turn();
  }
}

test("a lease that cannot be taken is one ERROR line, and the work runs", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  on.aws.answer = () => refused;
  assert.equal(await task(() => 7, { target: TARGET, lease: 60 }), 7);
  assert.equal(on.errors.length, 1);
  assert.match(on.errors[0] ?? "", /the lease could not be taken: AccessDenied/);
});

test("a lease is not released when the failure could not be reported: then it reports it", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  on.aws.answer = (_, count) => (count === 1 ? undefined : refused);
  const running = task(() => Promise.reject(new Error("x")), { target: TARGET, lease: 60 });
  await assert.rejects(running, /x/);
  assert.deepEqual(actions(), ["take", "Error"]);
});

test("a lease is released after a failure that was reported", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  const running = task(() => Promise.reject(new Error("x")), { target: TARGET, lease: 60, claim: "i-1" });
  await assert.rejects(running, /x/);
  assert.deepEqual(actions(), ["take", "claim", "Error", "release", "release"]);
});

test("a lease is lost when no renewal was confirmed for its time, counted from the last that was", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const queue = fakeQueue();
  let losses = 0;
  const work = async (signal: AbortSignal): Promise<void> => {
    await pass(t, 20);
    assert.deepEqual(queue.actions, ["take", "renew"]);
    queue.isRefusing = true;
    await pass(t, 59.5);
    assert.deepEqual([signal.aborted, losses], [false, 0]);
    await pass(t, 0.5);
    assert.deepEqual([signal.aborted, losses], [true, 1]);
    const told = queue.actions.length;
    queue.isRefusing = false;
    await pass(t, 100);
    assert.deepEqual([losses, queue.actions.length], [1, told], "a lost lease is not renewed");
  };
  await task(work, { ...queue, target: TARGET, lease: 60, onLeaseLost: () => void losses++ });
  assert.equal(on.errors.filter((line) => line.includes("the lease is lost")).length, 1);
  assert.deepEqual(queue.actions.slice(-1), ["release"]);
});

test("a renewal that is confirmed late counts from its sending", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const queue = fakeQueue();
  const { send } = queue.client;
  const work = async (signal: AbortSignal): Promise<void> => {
    let confirm = (): void => {};
    queue.client.send = (command) =>
      new Promise((resolve) => {
        confirm = () => resolve(send(command));
      });
    await pass(t, 21);
    confirm();
    await pass(t, 0.5);
    queue.client.send = send;
    queue.isRefusing = true;
    await pass(t, 58);
    assert.equal(signal.aborted, false);
    await pass(t, 0.5);
    assert.equal(signal.aborted, true);
  };
  await task(work, { ...queue, target: TARGET, lease: 60 });
});

test("a lease that was never taken is not lost, and a renewal takes it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const queue = fakeQueue();
  queue.isRefusing = true;
  const work = async (signal: AbortSignal): Promise<void> => {
    await pass(t, 70);
    assert.equal(signal.aborted, false);
    queue.isRefusing = false;
    await pass(t, 10);
  };
  await task(work, { ...queue, target: TARGET, lease: 60 });
  assert.deepEqual(queue.actions, ["take", "renew", "renew", "renew", "renew", "release"]);
  assert.equal(on.errors.length, 1);
});

test("a callback that throws is one line", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const queue = fakeQueue();
  const onLeaseLost = () => {
    throw new Error("mine");
  };
  const work = async (): Promise<void> => {
    queue.isRefusing = true;
    await pass(t, 60);
  };
  await task(work, { ...queue, target: TARGET, lease: 60, onLeaseLost });
  assert.ok(
    on.errors.some((line) => /onLeaseLost threw: Error: mine/.test(line)),
    on.errors.join("\n"),
  );
});

test("without a target no lease is taken, but a wrong one is an error all the same", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  assert.equal(await task(() => 7, { lease: 60 }), 7);
  await assert.rejects(
    task(() => 7, { lease: 60.5 }),
    RangeError,
  );
  assert.deepEqual(on.aws.calls, []);
});

test("a Lambda handler finds the signal in its context", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  const context: { awsRequestId: string; signal?: AbortSignal } = { awsRequestId: "r" };
  const main = handler(async (_event: unknown, { signal }: typeof context) => signal?.aborted, {
    target: TARGET,
    lease: 60,
  });
  assert.equal(await main({}, context), false);
});

test("a resource that cannot be claimed is one ERROR line each, and the work runs", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });
  on.aws.answer = (_, count) => (count <= 2 ? refused : undefined);
  assert.equal(
    await task(() => 7, { target: TARGET, claim: ["i-1", { resource: "i-2", ttlSeconds: 60 }] }),
    7,
  );
  assert.equal(on.errors.length, 2);
  assert.deepEqual(on.aws.events[1].claim, { resource: "i-2", ttlSeconds: 60 });
});
