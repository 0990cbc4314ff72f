// Prints how long, in milliseconds, one thing takes in this process, whose loader is warm as it is in every worker.
require("node:async_hooks");
require("./warm.cjs");

/** By its path: to find a package by its name costs the same for every package. */
const relay = () => require("../dist/index.js").handler(async () => 7);

const things = {
  wrap: relay,
  call: () => relay()({ taskToken: "token-12345" }, { awsRequestId: "1" }),
  sdk: () => new (require("@aws-sdk/client-sqs").SQSClient)({ region: "eu-west-1" }),
};
const thing = things[process.argv[2]];
const start = performance.now();
thing();
const milliseconds = performance.now() - start;
process.stdout.write(String(milliseconds));
