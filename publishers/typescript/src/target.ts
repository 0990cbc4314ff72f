import type { JsonObject } from "./json.js";

/** What failed: a `kind` and the members that identify one task or job of it. Published as it is; the relay checks it. */
export interface Target {
  /** One of the fourteen kinds, such as `step-functions-task`. */
  kind: string;
  /** The region of the task or job; default: the relay's own. */
  region?: string;
  /** The account of the task or job; default: the relay's own. */
  account?: string;
  [member: string]: unknown;
}

/** Each kind, with those of its members that are bearer secrets. */
export const SECRET_MEMBERS_BY_KIND = {
  "codepipeline-job": [],
  "codepipeline-third-party-job": ["clientToken"],
  "step-functions-task": ["taskToken"],
  "swf-activity-task": ["taskToken"],
  "lambda-durable-callback": ["callbackId"],
  "cloudformation-custom-resource": ["responseUrl"],
  "cloudformation-wait-condition": ["signalUrl"],
  "sagemaker-pipeline-step": ["callbackToken"],
  "auto-scaling-lifecycle-action": [],
  "codedeploy-lifecycle-hook": ["lifecycleEventHookExecutionId"],
  "codepipeline-approval": ["token"],
  "image-builder-workflow-step": [],
  "service-catalog-engine-workflow": ["workflowToken"],
  "ecs-deployment-hook": [],
} as const satisfies Record<string, readonly string[]>;

/** The name of a kind that the relay knows. */
export type Kind = keyof typeof SECRET_MEMBERS_BY_KIND;

/** Whether `value` is the name of a kind. */
export function isKind(value: unknown): value is Kind {
  return typeof value === "string" && Object.hasOwn(SECRET_MEMBERS_BY_KIND, value);
}

/** The same text for the same task or job, in whatever order its members stand. */
export function targetKey(target: JsonObject): string {
  return JSON.stringify(Object.entries(target).sort(([a], [b]) => (a < b ? -1 : 1)));
}
