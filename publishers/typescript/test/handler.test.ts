import assert from "node:assert/strict";
import { test } from "node:test";
import middy from "@middy/core";
import type { Callback, CodePipelineHandler, Context, Handler } from "aws-lambda";
import { handler, middleware, report, task, withFailureReport } from "../src/index.js";
import { stage, TARGET, TOKEN } from "./stage.js";

const on = stage();

const REQUEST_ID = "8f5c2a4e-0000-4000-8000-000000000001";

const EVENT = { taskToken: TOKEN };

const context = (leftMs = 60_000): Context =>
  ({ awsRequestId: REQUEST_ID, getRemainingTimeInMillis: () => leftMs }) as Context;

const queue = (): void => on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something was published. */
async function reported(): Promise<void> {
  while (on.aws.events.length === 0) await pause(5);
}

/** Calls a handler of the callback style as Lambda does. */
const called = (fn: (event: unknown, context: Context, callback: Callback) => unknown, using = context()) =>
  new Promise<unknown[]>((resolve) => {
    const result = fn(EVENT, using, (...answer) => resolve(answer));
    assert.equal(result, undefined, "Lambda would wait for a promise, and not for the callback");
  });

test("an async handler is reported, and its error reaches Lambda unchanged", async () => {
  queue();
  const error = new RangeError("no frames");
  const main = handler(async (_event: unknown, _context: Context): Promise<never> => {
    throw error;
  });
  await assert.rejects(main(EVENT, context()), (thrown) => thrown === error);
  const { id, target, failure } = on.aws.events[0];
  assert.deepEqual([id, target, failure.externalExecutionId], [REQUEST_ID, TARGET, REQUEST_ID]);
  assert.deepEqual([failure.type, failure.message], ["RangeError", "no frames"]);
});

test("a handler that throws before its first await is reported", async () => {
  queue();
  const main = handler((_event: unknown, _context: Context) => {
    throw new Error("x");
  });
  await assert.rejects(async () => main(EVENT, context()), /x/);
  assert.equal(on.aws.events.length, 1);
});

test("a handler keeps its types, its length, its this and its result", async () => {
  const main: CodePipelineHandler = handler(async (event) => void event["CodePipeline.job"].id);
  assert.equal(typeof main, "function");
  const object = {
    frames: 7,
    main: handler(async function (this: { frames: number }, _event: unknown) {
      return this.frames;
    }),
  };
  queue();
  assert.equal(await object.main(EVENT), 7);
  const callback = handler((_event: unknown, _context: Context, _callback: Callback) => {});
  assert.equal(callback.length, 3);
});

test("withFailureReport is another name of handler", () => assert.equal(withFailureReport, handler));

test("a handler that calls back with an error is reported, and then Lambda is called back", async () => {
  queue();
  const error = new Error("no frames");
  const main = handler((_event: unknown, _context: Context, callback: Callback) => {
    setTimeout(() => callback(error), 1);
  });
  assert.deepEqual(await called(main), [error, undefined]);
  assert.equal(on.aws.events[0].failure.message, "no frames");
});

test("a handler that calls back with a text is reported", async () => {
  queue();
  const main = handler((_event: unknown, _context: Context, callback: Callback) => callback("no frames"));
  assert.deepEqual(await called(main), ["no frames", undefined]);
  assert.equal(on.aws.events[0].failure.message, "no frames");
});

test("a handler that calls back with a result is not reported", async () => {
  queue();
  const main = handler((_event: unknown, _context: Context, callback: Callback) => callback(null, 7));
  assert.deepEqual(await called(main), [null, 7]);
  assert.deepEqual(on.aws.calls, []);
});

test("an async handler with a callback counts as what it does first", async () => {
  queue();
  const main = handler(async (_event: unknown, _context: Context, callback: Callback) => {
    callback(new Error("first"));
    throw new Error("second");
  });
  await assert.rejects(
    main(EVENT, context(), () => {}),
    /second/,
  );
  assert.deepEqual(
    on.aws.events.map(({ failure }) => failure.message),
    ["first"],
  );
});

test("a handler of the callback style with a lease is reported too", async () => {
  queue();
  const main = handler(
    (_event: unknown, _context: Context, callback: Callback) => {
      setTimeout(() => callback(new Error("no frames")), 1);
    },
    { lease: 60 },
  );
  await assert.rejects(async () => main(EVENT, context(), () => {}), /no frames/);
  assert.deepEqual(
    on.aws.events.map((event) => event.failure?.message ?? event.lease.action),
    ["take", "no frames", "release"],
  );
});

test("context.fail and context.done are reported", async () => {
  queue();
  for (const end of ["fail", "done"] as const) {
    const answered = new Promise((resolve) => {
      const using = Object.assign(context(), { fail: resolve, done: resolve, succeed: resolve });
      const main = handler(
        (_event: unknown, given: Context) => void setTimeout(() => given[end](new Error(end)), 1),
      );
      assert.equal(
        (main as Handler)(EVENT, using, () => {}),
        undefined,
      );
    });
    assert.match(String(await answered), new RegExp(end));
  }
  assert.deepEqual(
    on.aws.events.map(({ failure }) => failure.message),
    ["fail", "done"],
  );
});

test("a handler that streams is known by its mark, and its context is the third", async () => {
  queue();
  const mark = Symbol.for("aws.lambda.runtime.handler.streaming");
  const streaming = async (_event: unknown, _stream: unknown, _context: Context): Promise<never> => {
    throw new Error("x");
  };
  const main = handler(Object.assign(streaming, { [mark]: "response" }));
  assert.equal(main[mark as never], "response");
  await assert.rejects(main(EVENT, { write() {} }, context()), /x/);
  assert.equal(on.aws.events[0].id, REQUEST_ID);
});

test("a task within a handler fails what the event names, with the same id, once", async () => {
  queue();
  const main = handler(async (_event: unknown, _context: Context) =>
    task(async () => {
      await report(new Error("first"));
      throw new Error("second");
    }),
  );
  await assert.rejects(main(EVENT, context()), /second/);
  assert.deepEqual(
    on.aws.events.map(({ id, target }) => [id, target]),
    [[REQUEST_ID, TARGET]],
  );
});

test("one wrapped handler serves one invocation after the other", async () => {
  queue();
  const main = handler(async (event: { n: number }, _context: Context) => {
    if (event.n > 0) throw new Error(`${event.n}`);
  });
  for (const n of [1, 0, 2]) {
    const invocation = main({ ...EVENT, n } as never, { ...context(), awsRequestId: `request-${n}` });
    await invocation.catch(() => {});
  }
  assert.deepEqual(
    on.aws.events.map(({ id }) => id),
    ["request-1", "request-2"],
  );
});

test("a handler that does not end in time is reported once, and may still return", async () => {
  queue();
  const main = handler(async (_event: unknown, _context: Context) => {
    await reported();
    return 7;
  });
  assert.equal(await main(EVENT, context(1_500)), 7);
  assert.deepEqual(
    on.aws.events.map(({ failure }) => failure.type),
    ["Worker.DeadlineExceeded"],
  );
});

test("a handler that ends in time is not reported afterwards", async () => {
  queue();
  await handler(async (_event: unknown, _context: Context) => 7)(EVENT, context(60));
  await pause(60);
  assert.deepEqual(on.aws.calls, []);
});

test("an invocation whose time has passed while it was frozen is not reported", async () => {
  queue();
  let leftMs = 60;
  const using = { ...context(), getRemainingTimeInMillis: () => leftMs };
  const running = handler(async (_event: unknown, _context: Context) => pause(80))(EVENT, using);
  leftMs = -1;
  await running;
  assert.deepEqual(on.aws.calls, []);
});

test("a report takes no more time than the function has", async () => {
  queue();
  on.aws.answer = () => "silence";
  const main = handler(async (_event: unknown, _context: Context): Promise<never> => {
    throw new Error("x");
  });
  const start = performance.now();
  await assert.rejects(main(EVENT, context(400)), /x/);
  assert.ok(performance.now() - start < 3_000, "less than the 5 s that a report may take elsewhere");
});

test("an error before the work is that of the invocation, and the handler is not called", async () => {
  queue();
  let calls = 0;
  const main = handler(async (_event: unknown, _context: Context) => ++calls, { lease: 59 });
  await assert.rejects(main(EVENT, context()), RangeError);
  assert.deepEqual([calls, on.aws.calls], [0, []]);
});

test("success is told of what the handler returns", async () => {
  queue();
  const main = handler(async (_event: unknown, _context: Context) => ({ frames: 7 }), { success: true });
  await main(EVENT, context());
  assert.deepEqual(
    on.aws.calls.map(({ operation, input }) => [operation, input.output]),
    [["SendTaskSuccess", '{"frames":7}']],
  );
});

test("middy: what the handler or another middleware throws is reported once", async () => {
  queue();
  const base = async (): Promise<never> => {
    await report(new Error("first"));
    throw new Error("second");
  };
  await assert.rejects(middy(base).use(middleware())(EVENT, context()), /second/);
  const refusing = {
    before: (): never => {
      throw new Error("refused");
    },
  };
  await assert.rejects(
    middy(async () => 7)
      .use(middleware())
      .use(refusing)(EVENT, context()),
    /refused/,
  );
  const events = on.aws.events.map(({ id, target, failure }) => [id, target, failure.message]);
  assert.deepEqual(events, [
    [REQUEST_ID, TARGET, "first"],
    [REQUEST_ID, TARGET, "refused"],
  ]);
});

test("middy: success, lease and deadline", async () => {
  queue();
  const slow = async () => {
    await reported();
    return 7;
  };
  assert.equal(await middy(slow, { timeoutEarlyInMillis: 0 }).use(middleware())(EVENT, context(1_500)), 7);
  assert.equal(on.aws.events[0].failure.type, "Worker.DeadlineExceeded");
  on.aws.reset();
  assert.equal(await middy(async () => 7).use(middleware({ success: true, lease: 60 }))(EVENT, context()), 7);
  const told = on.aws.calls.map(({ operation, input }) =>
    input.MessageBody ? JSON.parse(input.MessageBody).lease.action : operation,
  );
  assert.deepEqual(told, ["take", "SendTaskSuccess", "release"]);
});
