import { isObject, type JsonObject, stringMember } from "./json.js";
import type { Target } from "./target.js";

/** The identity in one of the exact shapes in which AWS services hand work out, tried in the contract's order. */
export function fromExactShape(object: JsonObject): Target | undefined {
  for (const shape of SHAPES) {
    const target = shape(object);
    if (target !== undefined) return target;
  }
  return undefined;
}

type Shape = (object: JsonObject) => Target | undefined;

const SHAPES: readonly Shape[] = [
  customResource,
  codeDeployHook,
  lifecycleAction,
  sageMakerStep,
  serviceCatalogWorkflow,
  approval,
  ecsDeploymentHook,
  imageBuilderStep,
  durableCallback,
];

const SERVICE_CATALOG_OPERATIONS = [
  "PROVISION_PRODUCT",
  "UPDATE_PROVISIONED_PRODUCT",
  "TERMINATE_PROVISIONED_PRODUCT",
];

/** The values of `members`, when each is a string and not empty. */
function all<Member extends string>(
  object: unknown,
  ...members: Member[]
): Record<Member, string> | undefined {
  if (!isObject(object)) return undefined;
  const values = members.map((member) => [member, stringMember(object, member)]);
  return values.every(([, value]) => value !== undefined) ? Object.fromEntries(values) : undefined;
}

/** `target` with those of `optional` that are strings and not empty. */
function withOptional(target: Target, optional: Record<string, unknown>): Target {
  for (const [member, value] of Object.entries(optional)) {
    if (typeof value === "string" && value !== "") target[member] = value;
  }
  return target;
}

function customResource(object: JsonObject): Target | undefined {
  const found = all(object, "ResponseURL", "StackId", "RequestId", "LogicalResourceId", "RequestType");
  if (found === undefined) return undefined;
  const target = {
    kind: "cloudformation-custom-resource",
    responseUrl: found.ResponseURL,
    stackId: found.StackId,
    requestId: found.RequestId,
    logicalResourceId: found.LogicalResourceId,
  };
  return withOptional(target, { physicalResourceId: object.PhysicalResourceId });
}

function codeDeployHook(object: JsonObject): Target | undefined {
  const found = all(object, "DeploymentId", "LifecycleEventHookExecutionId");
  return (
    found && {
      kind: "codedeploy-lifecycle-hook",
      deploymentId: found.DeploymentId,
      lifecycleEventHookExecutionId: found.LifecycleEventHookExecutionId,
    }
  );
}

function lifecycleAction(object: JsonObject): Target | undefined {
  const inDetail = object.source === "aws.autoscaling" && isObject(object.detail);
  const action = inDetail ? (object.detail as JsonObject) : object;
  const found = all(action, "LifecycleActionToken", "AutoScalingGroupName", "LifecycleHookName");
  if (found === undefined) return undefined;
  const target = {
    kind: "auto-scaling-lifecycle-action",
    autoScalingGroupName: found.AutoScalingGroupName,
    lifecycleHookName: found.LifecycleHookName,
    lifecycleActionToken: found.LifecycleActionToken,
  };
  withOptional(target, { instanceId: action.EC2InstanceId, account: action.AccountId });
  return inDetail ? withOptional(target, { region: object.region, account: object.account }) : target;
}

function sageMakerStep(object: JsonObject): Target | undefined {
  const found = all(object, "token", "pipelineExecutionArn");
  if (found === undefined || !/^[A-Za-z0-9]{10}$/.test(found.token)) return undefined;
  return {
    kind: "sagemaker-pipeline-step",
    callbackToken: found.token,
    pipelineExecutionArn: found.pipelineExecutionArn,
  };
}

function serviceCatalogWorkflow(object: JsonObject): Target | undefined {
  const found = all(object, "token", "recordId", "operation");
  if (found === undefined || !SERVICE_CATALOG_OPERATIONS.includes(found.operation)) return undefined;
  const target = {
    kind: "service-catalog-engine-workflow",
    operation: found.operation,
    workflowToken: found.token,
    recordId: found.recordId,
  };
  const tag = all(object.tracerTag, "key", "value");
  return withOptional(target, { tracerTagKey: tag?.key, tracerTagValue: tag?.value });
}

function approval(object: JsonObject): Target | undefined {
  const found = all(object.approval, "pipelineName", "stageName", "actionName", "token");
  return found && withOptional({ kind: "codepipeline-approval", ...found }, { region: object.region });
}

function ecsDeploymentHook(object: JsonObject): Target | undefined {
  if (object.source !== "aws.ecs" || object["detail-type"] !== "ECS Hook State Change") return undefined;
  const found = all(object.detail, "eventName", "hookId", "serviceDeploymentArn");
  if (found?.eventName !== "HOOK_AWAITING_ACTION") return undefined;
  return {
    kind: "ecs-deployment-hook",
    hookId: found.hookId,
    serviceDeploymentArn: found.serviceDeploymentArn,
  };
}

function imageBuilderStep(object: JsonObject): Target | undefined {
  const isStep = object["detail-type"] === "EC2 Image Builder Workflow Step Waiting";
  if (object.source !== "aws.imagebuilder" || !isStep || !Array.isArray(object.resources)) return undefined;
  const found = all(object.detail, "workflow-step-execution-id");
  const image: unknown = object.resources[0];
  if (found === undefined || typeof image !== "string" || image === "") return undefined;
  return {
    kind: "image-builder-workflow-step",
    stepExecutionId: found["workflow-step-execution-id"],
    imageBuildVersionArn: image,
  };
}

function durableCallback(object: JsonObject): Target | undefined {
  const places = [object.callbackId, object.callback_id, object.CallbackId];
  if (isObject(object.job)) places.push(object.job.callbackId);
  const callbackId = places.find(isDurableCallbackId);
  return callbackId === undefined ? undefined : { kind: "lambda-durable-callback", callbackId };
}

/** A callback id is base64 of something that holds the ARN of its durable execution. */
function isDurableCallbackId(value: unknown): value is string {
  if (typeof value !== "string" || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return false;
  const decoded = Buffer.from(value, "base64").toString("latin1");
  return decoded.includes(":lambda:") && decoded.includes("/durable-execution/");
}
