import assert from "node:assert/strict";
import { test } from "node:test";
import { handler, report, task } from "../src/index.js";
import { stage, TARGET } from "./stage.js";

const on = stage();

test("smoke", async () => {
  on.environment({ RELAY_QUEUE_URL: on.aws.queueUrl, RELAY_SOURCE: "render" });
  assert.equal(await report(new Error("disk full"), { target: TARGET }), true);
  console.log(JSON.stringify(on.aws.calls, null, 1), on.errors, on.warnings);
  await assert.rejects(task(() => { throw new RangeError("x", { cause: new Error("y") }); }, { target: TARGET, lease: 60, claim: "i-1" }), /x/);
  console.log(JSON.stringify(on.aws.events, null, 1), on.errors, on.warnings);
  for (const [target, result] of [
    [TARGET, { a: 1 }],
    [{ kind: "codepipeline-job", jobId: "j" }, 1],
    [{ kind: "codepipeline-third-party-job", jobId: "j", clientToken: "t" }, 1],
    [{ kind: "swf-activity-task", taskToken: "t", region: "eu-west-3" }, 1],
    [{ kind: "lambda-durable-callback", callbackId: "oWFhomFleDRhcm46YXdzOmxhbWJkYTpldS13ZXN0LTE6MTExMTIyMjIzMzMzOmZ1bmN0aW9uOmY6MS9kdXJhYmxlLWV4ZWN1dGlvbi9lLzFhaSR4" }, 1],
  ] as const) await task(() => result, { target, success: true });
  console.log(JSON.stringify(on.aws.calls.slice(-5), null, 1), on.errors, on.warnings);
});
