// Written by deploy/generate from template.yaml.

/** The parameters of the template. What is left out has the template's default. */
export interface FailureRelayParameters {
  /** Processor of the function. Give the same value to sam build. */
  readonly architecture?: "arm64" | "x86_64";
  /** Lowest level that is logged. Metrics are written at every level. */
  readonly logLevel?: "DEBUG" | "INFO" | "WARN" | "ERROR";
  /** Days that log lines are kept. */
  readonly logRetentionDays?:
    | 1
    | 3
    | 5
    | 7
    | 14
    | 30
    | 60
    | 90
    | 120
    | 150
    | 180
    | 365
    | 400
    | 545
    | 731
    | 1096
    | 1827
    | 2192
    | 2557
    | 2922
    | 3288
    | 3653;
  /**
   * Active: X-Ray records invocations, which is most of what failures cost that come one by one.
   * PassThrough: it records none; a publisher's trace is in the log lines all the same.
   */
  readonly tracing?: "Active" | "PassThrough";
  /**
   * Most invocations that the queue starts at once, each with up to ten messages. At least 2, at most
   * 1000.
   */
  readonly maximumConcurrency?: number;
  /** Permissions boundary of the function's role. It must allow what RelayPolicy allows. Empty: none. */
  readonly permissionsBoundaryArn?: string;
  /**
   * IAM path of the function's role and of the two managed policies. Choose it at the first deployment: a
   * change replaces all three, and roles of other accounts trust the role by its ARN.
   */
  readonly rolePath?: string;
  /**
   * Your own key for the log group. Its policy must let logs.<region>.amazonaws.com use it. Empty:
   * CloudWatch's own.
   */
  readonly logKmsKeyArn?: string;
  /**
   * Subnets to run the function in, together with `vpcSecurityGroupIds`. docs/first-deployment.md lists
   * the endpoints that the VPC then needs. Empty: no VPC.
   */
  readonly vpcSubnetIds?: readonly string[];
  /** Security groups of the function, which must let HTTPS out. Empty: no VPC. */
  readonly vpcSecurityGroupIds?: readonly string[];
  /** Kind codepipeline-job, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableCodePipelineJobs?: boolean;
  /** Kind codepipeline-third-party-job, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableCodePipelineThirdPartyJobs?: boolean;
  /** Kind step-functions-task, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableStepFunctionsTasks?: boolean;
  /** Kind swf-activity-task, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableSwfActivityTasks?: boolean;
  /** Kind lambda-durable-callback, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableLambdaDurableCallbacks?: boolean;
  /**
   * Kind cloudformation-custom-resource, a setting of RELAY_TARGETS. It needs no permission, for its URL
   * is signed; in a VPC it needs S3.
   */
  readonly enableCloudFormationCustomResources?: boolean;
  /**
   * Kind cloudformation-wait-condition, a setting of RELAY_TARGETS. It needs no permission, for its URL
   * is signed; in a VPC it needs S3.
   */
  readonly enableCloudFormationWaitConditions?: boolean;
  /** Kind sagemaker-pipeline-step, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableSageMakerPipelineSteps?: boolean;
  /**
   * Kind auto-scaling-lifecycle-action, a setting of RELAY_TARGETS and the permission for it, with which
   * the relay abandons instances.
   */
  readonly enableAutoScalingLifecycleActions?: boolean;
  /** Kind codedeploy-lifecycle-hook, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableCodeDeployLifecycleHooks?: boolean;
  /**
   * Kind codepipeline-approval, a setting of RELAY_TARGETS and the permission for it, with which the
   * relay rejects what a person may have been meant to decide.
   */
  readonly enableCodePipelineApprovals?: boolean;
  /** Kind image-builder-workflow-step, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableImageBuilderWorkflowSteps?: boolean;
  /** Kind service-catalog-engine-workflow, a setting of RELAY_TARGETS and the permission for it. */
  readonly enableServiceCatalogEngineWorkflows?: boolean;
  /**
   * Kind ecs-deployment-hook, a setting of RELAY_TARGETS and the permission for it, with which the relay
   * rolls deployments back.
   */
  readonly enableEcsDeploymentHooks?: boolean;
  /**
   * ARNs of the state machines and activities whose tasks the relay may fail (wildcards allowed). Empty:
   * all of this account.
   */
  readonly stepFunctionsArns?: readonly string[];
  /** The SWF domain whose activity tasks the relay may fail. */
  readonly swfDomain?: string;
  /** RELAY_ALLOWED_REGIONS, the regions that an event may name beside this one. */
  readonly allowedRegions?: readonly string[];
  /**
   * RELAY_ALLOWED_ACCOUNTS, the accounts that an event may name beside this one. Deploy
   * deploy/cross-account-role.yaml in each of them.
   */
  readonly allowedAccounts?: readonly string[];
  /**
   * RELAY_ROLE_NAME, the role that the relay assumes in an allowed account; its path comes before its
   * name.
   */
  readonly roleName?: string;
  /**
   * RELAY_RETRY_BASE_SECONDS. 0 turns the back-off off, and with it the days of retries of what cannot be
   * parked. At least 0, at most 43200.
   */
  readonly retryBaseSeconds?: number;
  /**
   * RELAY_RETRY_CAP_SECONDS, the longest back-off, and up to 900 the longest stay in the parking queue. A
   * lower one shortens the days of retries of what cannot be parked. At least 1, at most 43200.
   */
  readonly retryCapSeconds?: number;
  /**
   * RELAY_MAX_RECEIVES. With 0 the queue's redrive policy alone ends the retries. Another number ends
   * them earlier, and the dead letter then carries the last error. At least 0.
   */
  readonly maxReceives?: number;
  /** RELAY_CONCURRENCY, the events of one batch in flight at once. At least 1. */
  readonly eventConcurrency?: number;
  /**
   * RELAY_PARK_AFTER. A failure that its target refused this often waits in the parking queue, where it
   * delays nobody else. While a target does not answer at all, failures are parked at once. At least 1.
   */
  readonly parkAfter?: number;
  /**
   * RELAY_PARKED_SECONDS_MAX. A failure that was parked this long is tried once more, then dead-lettered.
   * At least 60.
   */
  readonly parkedSecondsMax?: number;
  /**
   * Most invocations that the parking queue starts at once, each with up to ten messages. Keep it below
   * `maximumConcurrency`, so that what comes back never starves what is fresh. At least 2, at most 1000.
   */
  readonly parkingConcurrency?: number;
  /**
   * Other accounts that may publish to the queue and the bus. Empty: none. (In this account a publisher
   * needs the managed policy of the outputs.)
   */
  readonly publisherAccounts?: readonly string[];
  /** Organization whose accounts may publish to the queue and the bus. Empty: none. */
  readonly publisherOrganizationId?: string;
  /** SNS topic (standard) that is subscribed to the queue. Empty: none. */
  readonly publisherTopicArn?: string;
  /** Take Lambda's failure records that OnFailure destinations put on the default event bus. */
  readonly lambdaNotices?: boolean;
  /**
   * `lambdaNotices` of functions of this account whose names begin with one of these; of others nothing
   * reaches the queue. Empty: all that the account has.
   */
  readonly lambdaFunctionPrefixes?: readonly string[];
  /**
   * Take notices of ECS tasks that stopped and whose overrides name a task or job; with `leases` of all
   * that stopped.
   */
  readonly ecsTaskNotices?: boolean;
  /**
   * `ecsTaskNotices` of clusters of this account whose names begin with one of these; of others nothing
   * reaches the queue. Empty: all that the account has.
   */
  readonly ecsClusterPrefixes?: readonly string[];
  /** Take notices of AWS Batch jobs that failed. */
  readonly batchJobNotices?: boolean;
  /**
   * `batchJobNotices` of job queues of this account whose names begin with one of these; of others
   * nothing reaches the queue. Empty: all that the account has.
   */
  readonly batchQueuePrefixes?: readonly string[];
  /**
   * Take notices of CodeBuild builds that did not succeed and whose environment names a task or job; with
   * `leases` of all that did not succeed.
   */
  readonly codeBuildNotices?: boolean;
  /**
   * `codeBuildNotices` of projects of this account whose names begin with one of these; of others nothing
   * reaches the queue. Empty: all that the account has.
   */
  readonly codeBuildProjectPrefixes?: readonly string[];
  /** Take notices of Step Functions executions that failed, timed out or were aborted. */
  readonly stepFunctionsNotices?: boolean;
  /**
   * `stepFunctionsNotices` of state machines of this account whose names begin with one of these; of
   * others nothing reaches the queue. Empty: all that the account has.
   */
  readonly stateMachinePrefixes?: readonly string[];
  /**
   * Take notices of Glue job runs that failed, timed out, were stopped or ended in an error. They concern
   * whoever claimed what ended, so they are of use with `leases` only.
   */
  readonly glueJobNotices?: boolean;
  /**
   * Take notices of SageMaker training, processing and transform jobs that failed or were stopped. They
   * concern whoever claimed what ended, so they are of use with `leases` only.
   */
  readonly sageMakerJobNotices?: boolean;
  /**
   * Take notices of EMR steps that failed or were cancelled. They concern whoever claimed what ended, so
   * they are of use with `leases` only.
   */
  readonly emrStepNotices?: boolean;
  /**
   * Take notices of EMR Serverless job runs that failed or were cancelled. They concern whoever claimed
   * what ended, so they are of use with `leases` only.
   */
  readonly emrServerlessJobNotices?: boolean;
  /**
   * Take notices of EC2 instances that were stopped or terminated. They concern whoever claimed what
   * ended, so they are of use with `leases` only.
   */
  readonly ec2InstanceNotices?: boolean;
  /**
   * Take notices of Run Command commands that failed, timed out, were cancelled or could not be
   * delivered. They concern whoever claimed what ended, so they are of use with `leases` only.
   */
  readonly ssmCommandNotices?: boolean;
  /**
   * Take notices of Bedrock batch inference jobs that failed, were stopped or expired. They concern
   * whoever claimed what ended, so they are of use with `leases` only.
   */
  readonly bedrockJobNotices?: boolean;
  /** RELAY_TASK_TOKEN_NAMES, more names under which notices hold a Step Functions task token. */
  readonly taskTokenNames?: readonly string[];
  /**
   * RELAY_ABANDONED_WORK_QUEUES, the ARNs of up to five dead-letter queues of workers in this account and
   * region. Each message in them is work that was given up. Visibility time-out of each: 30 seconds or
   * more.
   */
  readonly abandonedWorkQueueArns?: readonly string[];
  /**
   * RELAY_LOG_TAIL, how many of the last lines of its log are told with the death of an ECS task, a Batch
   * job or a build, and where the rest is. 0 is off. What a worker logs is then read by whoever reads the
   * orchestrator's reason. At least 0, at most 100.
   */
  readonly logTail?: number;
  /**
   * Up to three names of log groups, in which * stands for anything, that the relay may read for
   * `logTail`.
   */
  readonly logTailGroups?: readonly string[];
  /**
   * RELAY_EVENT_ID_IN_TEXT, whether the text that an orchestrator is sent ends with the id of the failure
   * event, under which the relay's log line and `relayctl trace` show it.
   */
  readonly eventIdInText?: boolean;
  /**
   * Take leases and claims, and notices that name no task or job for those who claimed what they are
   * about. Makes the table that holds them, and a function that reports each minute the leases of which
   * nothing was heard.
   */
  readonly leases?: boolean;
  /**
   * RELAY_SWEEP. Look for Step Functions tasks that wait for a worker that is gone, and count them
   * (report) or fail them too (fail).
   */
  readonly sweep?: "off" | "report" | "fail";
  /**
   * RELAY_SWEEP_STATE_MACHINES, the ARNs of the state machines that are swept (wildcards allowed). Empty:
   * all of this account and region.
   */
  readonly sweepStateMachineArns?: readonly string[];
  /** RELAY_SWEEP_GRACE_SECONDS. A worker that ended less long ago may just be calling back. At least 0. */
  readonly sweepGraceSeconds?: number;
  /**
   * RELAY_SWEEP_SILENT_SECONDS. A worker that ended well this long ago and never called back is gone too.
   * 0: never. At least 0.
   */
  readonly sweepSilentSeconds?: number;
  /**
   * RELAY_SWEEP_FAILS_MAX. When a sweep finds more stranded tasks than that, it fails none of them. At
   * least 0.
   */
  readonly sweepFailsMax?: number;
  /** How often a sweep is done. */
  readonly sweepSchedule?: string;
  /**
   * How the three queues are encrypted. SSE-SQS uses a key that SQS owns. KMS uses the key of
   * `kmsKeyArn`, or one that this stack makes, with the key policy that EventBridge, SNS and the
   * publishers need. The table of `leases` is encrypted with the same key, else with one that DynamoDB
   * owns.
   */
  readonly queueEncryption?: "SSE-SQS" | "KMS";
  /**
   * Your own key for `queueEncryption` KMS. Its policy must let events.amazonaws.com, sns.amazonaws.com
   * (with `publisherTopicArn`) and the publishers use kms:GenerateDataKey and kms:Decrypt.
   */
  readonly kmsKeyArn?: string;
  /**
   * Keys that encrypted the queues before. Name the old key in the deployment that changes
   * `queueEncryption` or `kmsKeyArn`, and for the 14 days after it: messages that wait cannot be read
   * without it.
   */
  readonly previousKmsKeyArns?: readonly string[];
  /**
   * Customer keys of abandoned-work queues and of state machines, which the relay must be able to use.
   * Without the latter a failure is relayed without its text.
   */
  readonly additionalKmsKeyArns?: readonly string[];
  /** SNS topic of yours that alarms are sent to. Without this and `alarmEmail` the alarms notify nobody. */
  readonly alarmTopicArn?: string;
  /**
   * Address that alarms are mailed to, through a topic that this stack makes; SNS asks it for
   * confirmation first. Without this and `alarmTopicArn` the alarms notify nobody.
   */
  readonly alarmEmail?: string;
  /**
   * Alarm when the oldest message of the queue, or of an abandoned-work queue, has waited this long. At
   * least 60.
   */
  readonly oldestMessageAlarmSeconds?: number;
  /**
   * Alarm when the oldest dead letter has waited this long. It is kept for 1,209,600 s, which is 14 days.
   * At least 60, at most 1209600.
   */
  readonly oldestDeadLetterAlarmSeconds?: number;
  /** Alarm when one failure in a hundred was reported later than this after it happened. At least 1000. */
  readonly reportAgeAlarmMilliseconds?: number;
  /** Alarm when there were this many retries in each of three periods of five minutes. At least 1. */
  readonly retriesAlarmCount?: number;
  /**
   * Try the relay from end to end by schedule: a state machine that fails through it, and with `leases`
   * by a lease that runs out too. Alarms when it was not failed as it should be, and when it did not run.
   */
  readonly canary?: boolean;
  /**
   * Minutes from one run of the canary to the next. One alarm fires when there was none for twice as
   * long. At least 5, at most 720.
   */
  readonly canaryMinutes?: number;
}

/** The name of each in the template. */
export const PARAMETERS: Readonly<Record<keyof FailureRelayParameters, string>> = {
  architecture: "Architecture",
  logLevel: "LogLevel",
  logRetentionDays: "LogRetentionDays",
  tracing: "Tracing",
  maximumConcurrency: "MaximumConcurrency",
  permissionsBoundaryArn: "PermissionsBoundaryArn",
  rolePath: "RolePath",
  logKmsKeyArn: "LogKmsKeyArn",
  vpcSubnetIds: "VpcSubnetIds",
  vpcSecurityGroupIds: "VpcSecurityGroupIds",
  enableCodePipelineJobs: "EnableCodePipelineJobs",
  enableCodePipelineThirdPartyJobs: "EnableCodePipelineThirdPartyJobs",
  enableStepFunctionsTasks: "EnableStepFunctionsTasks",
  enableSwfActivityTasks: "EnableSwfActivityTasks",
  enableLambdaDurableCallbacks: "EnableLambdaDurableCallbacks",
  enableCloudFormationCustomResources: "EnableCloudFormationCustomResources",
  enableCloudFormationWaitConditions: "EnableCloudFormationWaitConditions",
  enableSageMakerPipelineSteps: "EnableSageMakerPipelineSteps",
  enableAutoScalingLifecycleActions: "EnableAutoScalingLifecycleActions",
  enableCodeDeployLifecycleHooks: "EnableCodeDeployLifecycleHooks",
  enableCodePipelineApprovals: "EnableCodePipelineApprovals",
  enableImageBuilderWorkflowSteps: "EnableImageBuilderWorkflowSteps",
  enableServiceCatalogEngineWorkflows: "EnableServiceCatalogEngineWorkflows",
  enableEcsDeploymentHooks: "EnableEcsDeploymentHooks",
  stepFunctionsArns: "StepFunctionsArns",
  swfDomain: "SwfDomain",
  allowedRegions: "AllowedRegions",
  allowedAccounts: "AllowedAccounts",
  roleName: "RoleName",
  retryBaseSeconds: "RetryBaseSeconds",
  retryCapSeconds: "RetryCapSeconds",
  maxReceives: "MaxReceives",
  eventConcurrency: "EventConcurrency",
  parkAfter: "ParkAfter",
  parkedSecondsMax: "ParkedSecondsMax",
  parkingConcurrency: "ParkingConcurrency",
  publisherAccounts: "PublisherAccounts",
  publisherOrganizationId: "PublisherOrganizationId",
  publisherTopicArn: "PublisherTopicArn",
  lambdaNotices: "LambdaNotices",
  lambdaFunctionPrefixes: "LambdaFunctionPrefixes",
  ecsTaskNotices: "EcsTaskNotices",
  ecsClusterPrefixes: "EcsClusterPrefixes",
  batchJobNotices: "BatchJobNotices",
  batchQueuePrefixes: "BatchQueuePrefixes",
  codeBuildNotices: "CodeBuildNotices",
  codeBuildProjectPrefixes: "CodeBuildProjectPrefixes",
  stepFunctionsNotices: "StepFunctionsNotices",
  stateMachinePrefixes: "StateMachinePrefixes",
  glueJobNotices: "GlueJobNotices",
  sageMakerJobNotices: "SageMakerJobNotices",
  emrStepNotices: "EmrStepNotices",
  emrServerlessJobNotices: "EmrServerlessJobNotices",
  ec2InstanceNotices: "Ec2InstanceNotices",
  ssmCommandNotices: "SsmCommandNotices",
  bedrockJobNotices: "BedrockJobNotices",
  taskTokenNames: "TaskTokenNames",
  abandonedWorkQueueArns: "AbandonedWorkQueueArns",
  logTail: "LogTail",
  logTailGroups: "LogTailGroups",
  eventIdInText: "EventIdInText",
  leases: "Leases",
  sweep: "Sweep",
  sweepStateMachineArns: "SweepStateMachineArns",
  sweepGraceSeconds: "SweepGraceSeconds",
  sweepSilentSeconds: "SweepSilentSeconds",
  sweepFailsMax: "SweepFailsMax",
  sweepSchedule: "SweepSchedule",
  queueEncryption: "QueueEncryption",
  kmsKeyArn: "KmsKeyArn",
  previousKmsKeyArns: "PreviousKmsKeyArns",
  additionalKmsKeyArns: "AdditionalKmsKeyArns",
  alarmTopicArn: "AlarmTopicArn",
  alarmEmail: "AlarmEmail",
  oldestMessageAlarmSeconds: "OldestMessageAlarmSeconds",
  oldestDeadLetterAlarmSeconds: "OldestDeadLetterAlarmSeconds",
  reportAgeAlarmMilliseconds: "ReportAgeAlarmMilliseconds",
  retriesAlarmCount: "RetriesAlarmCount",
  canary: "Canary",
  canaryMinutes: "CanaryMinutes",
};
