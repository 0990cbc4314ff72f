// What the package costs a worker before its work begins: loading it and wrapping a handler, and the first invocation, beside
// what loading the SQS client and making one costs. Each is measured in processes of its own; the fastest is the one that the
// rest of the machine disturbed least.
//
//   node bench/set-up.mjs [limit in milliseconds]
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const PROCESSES = 21;
const LIMIT_MS = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);
const LOAD = join(import.meta.dirname, "load.cjs");

function measured(thing) {
  const run = () =>
    Number(execFileSync(process.execPath, ["--no-warnings", LOAD, thing], { encoding: "utf8" }));
  const times = Array.from({ length: PROCESSES }, run).sort((a, b) => a - b);
  return { fastest: times[0], median: times[times.length >> 1] };
}

const [wrap, call, sdk] = ["wrap", "call", "sdk"].map(measured);
for (const [name, { fastest, median }] of [
  ["load and wrap", wrap],
  ["load, wrap and call for the first time", call],
  ["load @aws-sdk/client-sqs and make one", sdk],
]) {
  console.log(
    `${name.padEnd(40)} fastest ${fastest.toFixed(2).padStart(7)} ms, median ${median.toFixed(2).padStart(7)} ms`,
  );
}
console.log(`load and wrap, as a share of the SDK's client: ${(wrap.fastest / sdk.fastest).toFixed(4)}`);
if (wrap.fastest > LIMIT_MS) {
  console.error(`Loading and wrapping took ${wrap.fastest.toFixed(2)} ms; the limit is ${LIMIT_MS} ms.`);
  process.exitCode = 1;
}
