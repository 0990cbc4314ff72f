import { Aws, type CfnStack, NestedStack } from "aws-cdk-lib";
import { EventBus, type IEventBus } from "aws-cdk-lib/aws-events";
import { Grant, type IGrantable, type IManagedPolicy, ManagedPolicy } from "aws-cdk-lib/aws-iam";
import { type IQueue, Queue } from "aws-cdk-lib/aws-sqs";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Construct } from "constructs";
import { addCode, checkBuilt } from "./code.js";
import { holds } from "./condition.js";
import { type FailureRelayOutputs, OUTPUTS } from "./outputs.js";
import type { FailureRelayParameters } from "./parameters.js";
import { checkValues, givenValues } from "./values.js";

/** What is deployed, and the template's parameters. */
export interface FailureRelayProps extends FailureRelayParameters {
  /**
   * The template with its functions: `.aws-sam/build/template.yaml`, which `sam build` leaves, or the file
   * that `sam package` writes.
   */
  readonly template: string;
}

/**
 * A failure relay: template.yaml as it is, in a nested stack.
 *
 * Nested, because a parameter of the template may then be anything that CDK only knows at the deployment,
 * such as the ARN of a topic of yours: the template's conditions depend on its parameters, and in one stack
 * with your resources CloudFormation would refuse conditions that refer to these.
 */
export class FailureRelay extends Construct {
  /** The stack. `relayctl doctor --stack` takes its name. */
  readonly nestedStack: NestedStack;
  /** The template, for what its parameters do not cover: `getResource("Dashboard")` is CDK's escape hatch. */
  readonly template: CfnInclude;
  /** The outputs of the template. */
  readonly outputs: FailureRelayOutputs;
  /** Where failure events are published. Its policy is the template's: see `publisherAccounts` and its like. */
  readonly queue: IQueue;
  /** Where events end that could not be relayed. */
  readonly deadLetterQueue: IQueue;
  /** The other way to publish: any source and detail-type, the failure event as detail. */
  readonly eventBus: IEventBus;
  /** What publishers in this account may do: queue, bus, topic and key. */
  readonly publisherPolicy: IManagedPolicy;

  /** The key of the queues, where they have one that is not SQS's own. */
  private readonly keyArn: string | undefined;
  /** It, and those before it: messages that wait may need them. */
  private readonly keyArns: readonly string[];

  constructor(scope: Construct, id: string, props: FailureRelayProps) {
    super(scope, id);
    checkBuilt(props.template);
    const values = givenValues(props);
    this.nestedStack = new NestedStack(this, "Stack", { parameters: Object.fromEntries(values) });
    nameAfter(this, this.nestedStack);
    this.template = new CfnInclude(this.nestedStack, "Template", { templateFile: props.template });
    checkValues(this.template, values);
    addCode(this.template, props.template);

    this.outputs = outputsOf(this.nestedStack, this.template, values);
    const isKeyUsed = holds(this.template, "UseKms", values);
    this.keyArn = isKeyUsed ? (this.outputs.keyArn ?? props.kmsKeyArn) : undefined;
    this.keyArns = [...(this.keyArn ? [this.keyArn] : []), ...(props.previousKmsKeyArns ?? [])];
    this.queue = this.importQueue("Queue", this.outputs.queueArn, this.outputs.queueUrl);
    const { deadLetterQueueArn, deadLetterQueueUrl } = this.outputs;
    this.deadLetterQueue = this.importQueue("DeadLetterQueue", deadLetterQueueArn, deadLetterQueueUrl);
    this.eventBus = EventBus.fromEventBusArn(this, "EventBus", this.outputs.eventBusArn);
    const { publisherPolicyArn } = this.outputs;
    this.publisherPolicy = ManagedPolicy.fromManagedPolicyArn(this, "PublisherPolicy", publisherPolicyArn);
  }

  /** Lets the grantee send to the queue, and use its key where it has one: no more than `publisherPolicy` has. */
  grantPublish(grantee: IGrantable): Grant {
    const send = Grant.addToPrincipal({
      grantee,
      actions: ["sqs:SendMessage"],
      resourceArns: [this.outputs.queueArn],
    });
    if (this.keyArns.length === 0) return send;
    const useKey = Grant.addToPrincipal({
      grantee,
      actions: ["kms:GenerateDataKey", "kms:Decrypt"],
      resourceArns: [...this.keyArns],
      conditions: { StringEquals: { "kms:ViaService": `sqs.${Aws.REGION}.${Aws.URL_SUFFIX}` } },
    });
    return send.combine(useKey);
  }

  private importQueue(id: string, queueArn: string, queueUrl: string): IQueue {
    const key = this.keyArn ? { keyArn: this.keyArn } : {};
    return Queue.fromQueueAttributes(this, id, { queueArn, queueUrl, ...key });
  }
}

/** The stack's name begins the names of queues, log groups and the dashboard: it should be one to read. */
function nameAfter(construct: Construct, nested: NestedStack): void {
  const name = construct.node.id.replace(/[^A-Za-z0-9]/g, "");
  (nested.nestedStackResource as CfnStack).overrideLogicalId(`${name}${construct.node.addr.slice(-8)}`);
}

function outputsOf(
  nested: NestedStack,
  template: CfnInclude,
  values: ReadonlyMap<string, string>,
): FailureRelayOutputs {
  const read = ([prop, name]: [string, string]) => {
    const { condition } = template.getOutput(name);
    if (condition && !holds(template, condition.node.id, values)) return [prop, undefined];
    return [prop, nested.nestedStackResource?.getAtt(`Outputs.${name}`).toString()];
  };
  return Object.fromEntries(Object.entries(OUTPUTS).map(read)) as unknown as FailureRelayOutputs;
}
