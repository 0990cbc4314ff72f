import { App, CfnOutput, Stack } from "aws-cdk-lib";
import { Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { Topic } from "aws-cdk-lib/aws-sns";
import { FailureRelay } from "failure-relay-cdk";

const stack = new Stack(new App(), "Workers");

const relay = new FailureRelay(stack, "Relay", {
  template: process.env.FAILURE_RELAY_TEMPLATE ?? ".aws-sam/build/template.yaml",
  alarmTopicArn: new Topic(stack, "OnCall").topicArn,
  leases: true,
  allowedRegions: ["us-east-1", "eu-central-1"],
});

const worker = new LambdaFunction(stack, "Worker", {
  runtime: Runtime.NODEJS_22_X,
  handler: "index.handler",
  code: Code.fromInline('exports.handler = async () => { throw new Error("disk full"); };'),
  environment: { RELAY_QUEUE_URL: relay.outputs.queueUrl },
});
relay.grantPublish(worker);

new CfnOutput(stack, "RelayStackName", { value: relay.nestedStack.stackName });
