import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { App, CfnResource, Fn, Stack, Token } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import { Key } from "aws-cdk-lib/aws-kms";
import { Topic } from "aws-cdk-lib/aws-sns";
import { FailureRelay, type FailureRelayParameters } from "../src/index.js";
import { OUTPUTS } from "../src/outputs.js";
import { standInBuild } from "./stand-in-build.js";

const folder = mkdtempSync(join(tmpdir(), "failure-relay-cdk-"));
after(() => rmSync(folder, { recursive: true }));
const template = standInBuild(folder);
const OWN_KEY = "arn:aws:kms:eu-west-1:111111111111:key/own";
const OLD_KEY = "arn:aws:kms:eu-west-1:111111111111:key/old";

function deploy(parameters: FailureRelayParameters = {}, file = template) {
  const stack = new Stack(new App(), "Root");
  const relay = new FailureRelay(stack, "Relay", { template: file, ...parameters });
  return { stack, relay };
}

/** The parameters that CloudFormation is given for the nested stack. */
function given(stack: Stack): Record<string, unknown> {
  const [nested] = Object.values(Template.fromStack(stack).findResources("AWS::CloudFormation::Stack"));
  return nested?.Properties.Parameters ?? {};
}

/** A copy of the built template with another text. */
function edited(name: string, edit: (text: string) => string): string {
  const file = join(folder, name);
  writeFileSync(file, edit(readFileSync(template, "utf8")));
  return file;
}

test("what is not given is left to the template's defaults", () => {
  assert.deepEqual(given(deploy().stack), {});
});

test("each value reaches its parameter as CloudFormation writes it", () => {
  const { stack } = deploy({
    architecture: "x86_64",
    logRetentionDays: 30,
    leases: true,
    enableSwfActivityTasks: false,
    vpcSubnetIds: ["subnet-01", "subnet-02"],
    vpcSecurityGroupIds: [],
    alarmEmail: "you@example.com",
  });
  assert.deepEqual(given(stack), {
    Architecture: "x86_64",
    LogRetentionDays: "30",
    Leases: "true",
    EnableSwfActivityTasks: "false",
    VpcSubnetIds: "subnet-01,subnet-02",
    VpcSecurityGroupIds: "",
    AlarmEmail: "you@example.com",
  });
});

test("a value may be known at the deployment alone", () => {
  const stack = new Stack(new App(), "Root");
  const topic = new Topic(stack, "Topic");
  const queue = new CfnResource(stack, "Worker", { type: "AWS::SQS::Queue" });
  new FailureRelay(stack, "Relay", {
    template,
    alarmTopicArn: topic.topicArn,
    retriesAlarmCount: Token.asNumber(Fn.importValue("retries")),
    abandonedWorkQueueArns: [queue.getAtt("Arn").toString()],
    allowedRegions: Fn.split("|", Fn.importValue("regions")),
  });
  assert.deepEqual(given(stack), {
    AlarmTopicArn: { Ref: "TopicBFC7AF6E" },
    RetriesAlarmCount: { "Fn::ImportValue": "retries" },
    AbandonedWorkQueueArns: { "Fn::GetAtt": ["Worker", "Arn"] },
    AllowedRegions: { "Fn::Join": [",", { "Fn::Split": ["|", { "Fn::ImportValue": "regions" }] }] },
  });
});

const REFUSED: [FailureRelayParameters, RegExp][] = [
  [{ maximumConcurrency: 1 }, /^Error: MaximumConcurrency is "1": it must be at least 2$/],
  [{ maximumConcurrency: 1001 }, /^Error: MaximumConcurrency is "1001": it must be at most 1000$/],
  [{ retriesAlarmCount: Number.NaN }, /RetriesAlarmCount is "NaN": it must be a number/],
  [{ allowedAccounts: ["1111"] }, /AllowedAccounts is "1111": it must be at most 100 account numbers/],
  [{ alarmTopicArn: "topic" }, /AlarmTopicArn is "topic": it must be like \^\(arn:aws/],
  // @ts-expect-error: the type knows which values there are
  [{ architecture: "arm" }, /Architecture is "arm": it must be one of arm64, x86_64/],
  // @ts-expect-error: the type knows that this is a list
  [{ allowedRegions: "Frankfurt" }, /AllowedRegions is "Frankfurt": it must be regions/],
];

for (const [parameters, message] of REFUSED) {
  test(`${JSON.stringify(parameters)} is refused at synthesis`, () => {
    assert.throws(() => deploy(parameters), message);
  });
}

test("both functions' code is an asset, each its own", () => {
  const { relay } = deploy();
  const nested = Template.fromStack(relay.nestedStack);
  const functions = Object.values(nested.findResources("AWS::Serverless::Function"));
  const keys = functions.map((it) => it.Properties.CodeUri.Key);
  assert.equal(new Set(keys).size, 2);
  for (const key of keys) assert.match(key, /^[0-9a-f]{64}\.zip$/);
});

test("code that is packaged stays in its bucket", () => {
  let number = 0;
  const packaged = edited("packaged.yaml", (text) =>
    text.replace(/CodeUri: \w+/g, () => `CodeUri: s3://artifacts/${number++}`),
  );
  const { relay } = deploy({}, packaged);
  const functions = Object.values(
    Template.fromStack(relay.nestedStack).findResources("AWS::Serverless::Function"),
  );
  assert.deepEqual(
    functions.map((it) => it.Properties.CodeUri),
    ["s3://artifacts/0", "s3://artifacts/1"],
  );
});

test("a template that was not built is refused", () => {
  assert.throws(() => deploy({}, join(folder, "none.yaml")), /none\.yaml is not there: run sam build first/);
  assert.throws(
    () => deploy({}, join(__dirname, "../../../template.yaml")),
    /holds no built function: run sam build/,
  );
});

test("a template that lacks a parameter or an output of this package is refused", () => {
  const older = edited("older.yaml", (text) => text.replace(/^ {2}DashboardName:\n.*\n/m, ""));
  assert.throws(() => deploy({}, older), /Output with logical ID 'DashboardName' was not found/);
  const without = edited("without.yaml", (text) => text.replace(/^ {2}RetriesAlarmCount:/m, "  Renamed:"));
  assert.throws(() => deploy({ retriesAlarmCount: 5 }, without), /'RetriesAlarmCount' not found/);
});

test("outputs are those of the nested stack", () => {
  const { stack, relay } = deploy({ leases: true, canary: true, queueEncryption: "KMS" });
  for (const [prop, name] of Object.entries(OUTPUTS)) {
    const value = stack.resolve(relay.outputs[prop as keyof typeof OUTPUTS]);
    assert.deepEqual(value["Fn::GetAtt"]?.[1], `Outputs.${name}`);
  }
});

const CONDITIONAL: [FailureRelayParameters, boolean, boolean, boolean][] = [
  [{}, false, false, false],
  [{ leases: true }, false, true, true],
  [{ sweep: "report" }, false, false, true],
  [{ queueEncryption: "KMS" }, true, false, false],
  [{ queueEncryption: "KMS", kmsKeyArn: OWN_KEY }, false, false, false],
  [{ kmsKeyArn: OWN_KEY }, false, false, false],
];

for (const [parameters, key, table, watch] of CONDITIONAL) {
  test(`${JSON.stringify(parameters)} has the conditional outputs that it should`, () => {
    const { keyArn, tableName, watchFunctionName } = deploy(parameters).relay.outputs;
    const there = [keyArn, tableName, watchFunctionName].map((it) => it !== undefined);
    assert.deepEqual(there, [key, table, watch]);
  });
}

test("a key that is known at the deployment alone is a key that is given", () => {
  const stack = new Stack(new App(), "Root");
  const { keyArn } = new Key(stack, "Key");
  const relay = new FailureRelay(stack, "Relay", { template, queueEncryption: "KMS", kmsKeyArn: keyArn });
  assert.equal(relay.outputs.keyArn, undefined);
  assert.deepEqual(statements(stack, relay)[1]?.Resource, { "Fn::GetAtt": ["Key961B73FD", "Arn"] });
});

/** What a role may do that was granted to publish. */
function statements(
  stack: Stack,
  relay: FailureRelay,
): { Action: unknown; Resource: unknown; Condition?: unknown }[] {
  const role = new Role(stack, "Publisher", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
  relay.grantPublish(role);
  const [policy] = Object.values(Template.fromStack(stack).findResources("AWS::IAM::Policy"));
  return policy?.Properties.PolicyDocument.Statement;
}

const output = (name: string) => ({
  "Fn::GetAtt": [Match.stringLikeRegexp("^Relay[0-9a-f]{8}$"), `Outputs.${name}`],
});

test("a publisher may send to the queue, and nothing else", () => {
  const { stack, relay } = deploy();
  const [send, ...more] = statements(stack, relay);
  assert.equal(send?.Action, "sqs:SendMessage");
  assert.deepEqual(more, []);
  Template.fromStack(stack).hasResourceProperties("AWS::IAM::Policy", {
    PolicyDocument: { Statement: [Match.objectLike({ Resource: output("QueueArn") })] },
  });
});

test("a publisher may use the key that the stack made, for SQS alone", () => {
  const { stack, relay } = deploy({ queueEncryption: "KMS" });
  const [, key] = statements(stack, relay);
  assert.deepEqual(key?.Action, ["kms:GenerateDataKey", "kms:Decrypt"]);
  assert.match(JSON.stringify(key?.Resource), /Outputs\.KeyArn/);
  assert.match(JSON.stringify(key?.Condition), /kms:ViaService/);
});

test("a publisher may use the key that was given, and the one before", () => {
  const { stack, relay } = deploy({
    queueEncryption: "KMS",
    kmsKeyArn: OWN_KEY,
    previousKmsKeyArns: [OLD_KEY],
  });
  assert.deepEqual(statements(stack, relay)[1]?.Resource, [OWN_KEY, OLD_KEY]);
});

test("a key that is used no more is for publishers until the queue has changed, and not the queue's", () => {
  const { stack, relay } = deploy({ previousKmsKeyArns: [OLD_KEY] });
  assert.deepEqual(statements(stack, relay)[1]?.Resource, OLD_KEY);
  assert.equal(relay.queue.encryptionMasterKey, undefined);
});

test("a publisher gets no key that the queue does not use", () => {
  const { stack, relay } = deploy({ kmsKeyArn: OWN_KEY });
  assert.equal(statements(stack, relay).length, 1);
});

test("the queue, the bus and the policy may be used as CDK's own", () => {
  const { stack, relay } = deploy({ queueEncryption: "KMS" });
  const role = new Role(stack, "Operator", { assumedBy: new ServicePrincipal("lambda.amazonaws.com") });
  relay.deadLetterQueue.grantConsumeMessages(role);
  relay.eventBus.grantPutEventsTo(role);
  role.addManagedPolicy(relay.publisherPolicy);
  const text = JSON.stringify(Template.fromStack(stack).toJSON());
  for (const name of ["DeadLetterQueueArn", "EventBusArn", "PublisherPolicyArn", "KeyArn"]) {
    assert.ok(text.includes(`Outputs.${name}`), name);
  }
});

test("two relays fit into one stack", () => {
  const stack = new Stack(new App(), "Root");
  new FailureRelay(stack, "One", { template });
  new FailureRelay(stack, "Two", { template });
  Template.fromStack(stack).resourceCountIs("AWS::CloudFormation::Stack", 2);
});

test("the README shows the example that is synthesized", () => {
  const readme = readFileSync(join(__dirname, "../README.md"), "utf8");
  assert.ok(readme.includes(readFileSync(join(__dirname, "../example/app.ts"), "utf8")));
});
