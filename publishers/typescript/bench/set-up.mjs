// What the package costs a worker before its work begins: loading it, wrapping a handler, and one invocation that ends well,
// beside what loading the SQS client and making one costs. Each is measured in processes of its own.
//
//   node bench/set-up.mjs [limit in milliseconds]
import { execFileSync } from "node:child_process";

const PROCESSES = 21;
const LIMIT_MS = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);
const at = import.meta.dirname;

/** What `code` takes in a fresh process, in milliseconds: the fastest and the median of several. */
function measured(code) {
  const script = `
    const { performance } = require("node:perf_hooks");
    const start = performance.now();
    ${code}
    process.stdout.write(String(performance.now() - start));`;
  const times = Array.from({ length: PROCESSES }, () =>
    Number(
      execFileSync(process.execPath, ["--no-warnings", "--eval", script], { cwd: at, encoding: "utf8" }),
    ),
  ).sort((a, b) => a - b);
  return { fastest: times[0], median: times[times.length >> 1] };
}

const relay = 'const { handler } = require("failure-relay"); const main = handler(async () => 7);';
const rows = {
  "failure-relay: load and wrap": measured(relay),
  "failure-relay: load, wrap and call": measured(`${relay} main({ taskToken: "t" }, {});`),
  "@aws-sdk/client-sqs: load and make": measured(
    'const { SQSClient } = require("@aws-sdk/client-sqs"); new SQSClient({ region: "eu-west-1" });',
  ),
};
for (const [name, { fastest, median }] of Object.entries(rows)) {
  console.log(
    `${name.padEnd(36)} fastest ${fastest.toFixed(2).padStart(7)} ms, median ${median.toFixed(2).padStart(7)} ms`,
  );
}
const [own, , sdk] = Object.values(rows);
console.log(`ratio ${(own.fastest / sdk.fastest).toFixed(4)}`);
if (own.fastest > LIMIT_MS) {
  console.error(`Loading and wrapping took ${own.fastest.toFixed(2)} ms; the limit is ${LIMIT_MS} ms.`);
  process.exitCode = 1;
}
