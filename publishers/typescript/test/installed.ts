// Installs the packed tarball into a clean folder, as a user does, and runs the README's first example there as an ES module and
// with `require`; then compiles what a TypeScript user writes, in both module systems.
//
//   node --import tsx test/installed.ts failure-relay-0.1.0.tgz
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { FakeAws } from "./fake-aws.js";

const PACKAGE = join(__dirname, "..");
const tarball = resolve(process.argv[2] ?? "");
const folder = mkdtempSync(join(tmpdir(), "failure-relay-installed-"));
const { devDependencies } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));

function install(): void {
  writeFileSync(join(folder, "package.json"), '{ "name": "worker", "private": true }');
  const packages = [tarball, `@aws-sdk/client-sqs@${devDependencies["@aws-sdk/client-sqs"]}`];
  const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  execFileSync("npm", ["install", ...flags, ...packages], { cwd: folder, stdio: "inherit" });
}

/** The first example of the README that contains `text`. */
function example(text: string): string {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const code = [...readme.matchAll(/```js\n([\s\S]*?)```/g)]
    .map(([, block]) => block ?? "")
    .find((block) => block.includes(text));
  assert.ok(code, `the README has no example with ${text}`);
  return code;
}

async function runExample(file: string, code: string): Promise<void> {
  const aws = await FakeAws.start();
  writeFileSync(join(folder, file), code);
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "AKIDLOCAL",
    AWS_SECRET_ACCESS_KEY: "local",
    RELAY_QUEUE_URL: aws.queueUrl,
    TASK_TOKEN: "token-12345",
  };
  const worker = spawn(process.execPath, [file], { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  let output = "";
  worker.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const [code_] = await once(worker, "close");
  await aws.stop();
  assert.equal(code_, 1, output);
  assert.match(output, /Error: disk full/);
  assert.equal(aws.events.length, 1, output);
  const { target, source, failure } = aws.events[0];
  assert.deepEqual(target, { kind: "step-functions-task", taskToken: "token-12345" });
  assert.deepEqual([source, failure.type, failure.message], [file, "Error", "disk full"]);
  assert.match(failure.details.trace[0], new RegExp(file.replace(".", "\\.")));
  console.log(`${file}: the failure arrived`);
}

/** The worker publishes to a bus, but the client for it is not installed. */
function missingPackage(): void {
  const env = { ...process.env, RELAY_EVENT_BUS: "bus", TASK_TOKEN: "token-12345", NODE_NO_WARNINGS: "1" };
  const { stderr } = spawnSync(process.execPath, ["worker.mjs"], { cwd: folder, env, encoding: "utf8" });
  const name = "@aws-sdk/client-eventbridge";
  assert.ok(stderr.includes(`${name} is not installed (npm install ${name})`), stderr);
  console.log("a client that is not installed is named");
}

/** What a bundler makes of the example, without the clients that are not installed. */
async function bundled(format: "esm" | "cjs", entry: string): Promise<string> {
  const options = { bundle: true, platform: "node", logLevel: "error", write: false } as const;
  const { outputFiles } = await build({
    ...options,
    format,
    entryPoints: [join(folder, entry)],
    external: ["@aws-sdk/client-sqs"],
  });
  return outputFiles[0]?.text ?? "";
}

const USER = `
import { type HandlerOptions, handler, middleware, report, task, withFailureReport } from "failure-relay";

const options: HandlerOptions = { queueUrl: "https://example.com/q", timeout: 2, deadline: 0 };
export const main: (event: { frames: number }) => Promise<number> = handler(async (event) => event.frames, options);
export const other = withFailureReport(async (event: string, context: { awsRequestId: string }) => context.awsRequestId + event);
export const before: (request: { event: unknown; context: unknown }) => Promise<void> = middleware().before;
const result: Promise<number> = task(async (signal: AbortSignal) => (signal.aborted ? 0 : 7), { lease: 60, claim: ["i-1"] });
const confirmed: Promise<boolean> = report(new Error("x"), { target: { kind: "step-functions-task", taskToken: "t" } });
// @ts-expect-error a lease is a number of seconds
void task(() => 7, { lease: "600" });
void [result, confirmed];
`;

function compile(): void {
  for (const file of ["user.mts", "user.cts"]) writeFileSync(join(folder, file), USER);
  const compilerOptions = {
    module: "nodenext",
    target: "es2023",
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(PACKAGE, "node_modules/@types")],
  };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["user.mts", "user.cts"] }),
  );
  execFileSync(join(PACKAGE, "node_modules/.bin/tsc"), ["--project", folder], { stdio: "inherit" });
  console.log("the declarations serve both module systems");
}

async function main(): Promise<void> {
  try {
    install();
    await runExample("worker.mjs", example("import "));
    await runExample("worker.cjs", example("require("));
    missingPackage();
    await runExample("bundle.mjs", await bundled("esm", "worker.mjs"));
    await runExample("bundle.cjs", await bundled("cjs", "worker.cjs"));
    compile();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
