import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { stage } from "./stage.js";

const on = stage();

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  output: string;
}

/** Runs a worker with the built package in a process of its own, and sends it a signal when it says `ready`. */
async function run(
  worker: string,
  { signal, flags = [] }: { signal?: NodeJS.Signals; flags?: string[] } = {},
): Promise<Ending> {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, TASK_TOKEN: "token-12345", NODE_NO_WARNINGS: "1" });
  const script = `const { handler, report, task } = require(${JSON.stringify(join(__dirname, "../dist/index.js"))});\n${worker}`;
  const child = spawn(process.execPath, [...flags, "--eval", script], {
    env: process.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
      if (signal !== undefined && String(chunk).includes("ready")) child.kill(signal);
    });
  }
  const [code, by] = await once(child, "close");
  return { code, signal: by, output };
}

const told = () => on.aws.events.map(({ failure, lease }) => failure?.message ?? lease.action);

const FOREVER = 'new Promise(() => { setInterval(() => {}, 1000); console.log("ready"); })';

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} while the work runs is reported, and the process dies by it`, async () => {
    const ending = await run(`task(() => ${FOREVER});`, { signal });
    assert.deepEqual([ending.code, ending.signal], [null, signal]);
    assert.equal(on.aws.events[0].failure.type, "Worker.Interrupted");
    assert.deepEqual(told(), [`The worker was interrupted by ${signal}.`]);
  });
}

test("the listener of a signal that was there before runs after the report", async () => {
  const ending = await run(
    `process.on("SIGTERM", (...args) => { console.log(args); process.exit(3); }); task(() => ${FOREVER});`,
    {
      signal: "SIGTERM",
    },
  );
  assert.equal(ending.code, 3);
  assert.match(ending.output, /\[ 'SIGTERM', 15 \]/);
  assert.equal(told().length, 1);
});

test("a signal that was ignored stays ignored", async () => {
  const worker = `
    const ignored = new Promise((resolve) => process.on("SIGTERM", () => { console.log("ignored"); resolve(); }));
    const alive = setInterval(() => {}, 1000);
    task(async () => { console.log("ready"); await ignored; clearInterval(alive); return 7; })
      .then((result) => console.log("returned", result));`;
  const ending = await run(worker, { signal: "SIGTERM" });
  assert.deepEqual([ending.code, ending.signal], [0, null]);
  assert.match(ending.output, /ignored\nreturned 7/);
});

test("a signal after the work is nobody's business", async () => {
  const ending = await run(`task(() => 7).then(() => ${FOREVER});`, { signal: "SIGTERM" });
  assert.equal(ending.signal, "SIGTERM");
  assert.deepEqual(told(), []);
});

test("a signal that ends the process releases the lease, when the report was confirmed", async () => {
  await run(`task(() => ${FOREVER}, { lease: 60 });`, { signal: "SIGTERM" });
  assert.deepEqual(told(), ["take", "The worker was interrupted by SIGTERM.", "release"]);
});

test("a rejection that the work leaks is reported, and ends the process as it would have", async () => {
  const ending = await run(`task(async () => { Promise.reject(new Error("leaked")); return 7; });`);
  assert.equal(ending.code, 1);
  assert.match(ending.output, /Error: leaked/);
  assert.deepEqual(told(), ["leaked"]);
});

test("a rejection that leaks while the work goes on is reported", async () => {
  const ending = await run(`task(() => { Promise.reject(new Error("leaked")); return ${FOREVER}; });`);
  assert.equal(ending.code, 1);
  assert.deepEqual(told(), ["leaked"]);
});

test("a listener of unhandled rejections runs after the report, and the work goes on", async () => {
  const worker = `
    const heard = new Promise((resolve) => process.on("unhandledRejection", (reason, promise) => {
      console.log("listener", reason.message, promise instanceof Promise);
      resolve();
    }));
    task(async () => {
      Promise.reject(new Error("leaked"));
      await heard;
      return 7;
    }).then((result) => console.log("returned", result, process.listenerCount("unhandledRejection")));`;
  const ending = await run(worker);
  assert.equal(ending.code, 0);
  assert.match(ending.output, /listener leaked true\nreturned 7 1/);
  assert.deepEqual(told(), ["leaked"]);
});

test("a rejection of somebody else's is not the work's, when the process survives it", async () => {
  const worker = `
    process.on("unhandledRejection", () => {});
    setTimeout(() => Promise.reject(new Error("other")), 1);
    task(() => new Promise((resolve) => setTimeout(resolve, 100)));`;
  assert.equal((await run(worker)).code, 0);
  assert.deepEqual(told(), []);
});

test("a rejection of somebody else's that ends the process fails the work too", async () => {
  const worker = `setTimeout(() => Promise.reject(new Error("other")), 20); task(() => ${FOREVER});`;
  assert.equal((await run(worker)).code, 1);
  assert.deepEqual(told(), ["other"]);
});

test("where Node only warns of unhandled rejections, the work goes on", async () => {
  const worker = `
    task(async () => {
      Promise.reject(new Error("leaked"));
      return 7;
    }).then((result) => console.log("returned", result));`;
  const ending = await run(worker, { flags: ["--unhandled-rejections=warn"] });
  assert.deepEqual([ending.code, ending.output.includes("returned 7")], [0, true]);
  assert.deepEqual(told(), ["leaked"]);
});

test("an exception in a callback of the work is reported, and ends the process as it would have", async () => {
  const ending = await run(
    `task(() => { setTimeout(() => { throw new TypeError("leaked"); }, 1); return ${FOREVER}; });`,
  );
  assert.equal(ending.code, 1);
  assert.match(ending.output, /TypeError: leaked/);
  assert.deepEqual(told(), ["leaked"]);
});

test("a process that dies of an error fails all of its works", async () => {
  const worker = `
    const target = (taskToken) => ({ target: { kind: "swf-activity-task", taskToken } });
    task(() => ${FOREVER}, target("swf-token-1"));
    task(() => { setTimeout(() => { throw new Error("x"); }, 20); return ${FOREVER}; }, target("swf-token-2"));`;
  await run(worker);
  assert.deepEqual(on.aws.events.map(({ target }) => target.taskToken).sort(), [
    "swf-token-1",
    "swf-token-2",
  ]);
});

test("listeners are put back when the last work has ended, and those that came meanwhile stay", async () => {
  const worker = `
    const first = () => {}, second = () => {};
    process.once("SIGTERM", first);
    task(() => task(() => process.on("SIGTERM", second))).then(() => {
      const listeners = process.listeners("SIGTERM");
      console.log(listeners.length, listeners[0] === first, listeners[1] === second);
      console.log(process.listenerCount("SIGINT"), process.listenerCount("uncaughtException"));
    });`;
  assert.match((await run(worker)).output, /2 true true\n0 0/);
});

test("a process ends as soon as its work has been reported", async () => {
  const start = performance.now();
  const ending = await run(`task(() => { throw new Error("x"); }).catch(() => console.log("done"));`);
  assert.deepEqual([ending.code, ending.output], [0, "done\n"]);
  assert.ok(performance.now() - start < 15_000, "the kept connection to the queue must not hold it");
});

test("neither a lease nor a deadline holds a process that has nothing else to do", async () => {
  const worker = `
    task(() => new Promise(() => {}), { lease: 60 });
    handler((event, context, callback) => {})({}, { getRemainingTimeInMillis: () => 60_000 }, () => {});`;
  const start = performance.now();
  assert.equal((await run(worker)).code, 0);
  assert.ok(performance.now() - start < 15_000);
});
