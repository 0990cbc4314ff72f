# Written by deploy/generate from template.yaml.

variable "architecture" {
  type        = string
  default     = null
  description = "Processor of the function. Give the same value to sam build."

  validation {
    condition     = var.architecture == null ? true : contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be one of arm64, x86_64."
  }
}

variable "log_level" {
  type        = string
  default     = null
  description = "Lowest level that is logged. Metrics are written at every level."

  validation {
    condition     = var.log_level == null ? true : contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be one of DEBUG, INFO, WARN, ERROR."
  }
}

variable "log_retention_days" {
  type        = number
  default     = null
  description = "Days that log lines are kept."

  validation {
    condition     = var.log_retention_days == null ? true : contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

variable "tracing" {
  type        = string
  default     = null
  description = "Active: X-Ray records invocations, which is most of what failures cost that come one by one. PassThrough: it records none; a publisher's trace is in the log lines all the same."

  validation {
    condition     = var.tracing == null ? true : contains(["Active", "PassThrough"], var.tracing)
    error_message = "tracing must be one of Active, PassThrough."
  }
}

variable "maximum_concurrency" {
  type        = number
  default     = null
  description = "Most invocations that the queue starts at once, each with up to ten messages."

  validation {
    condition     = var.maximum_concurrency == null ? true : var.maximum_concurrency >= 2
    error_message = "maximum_concurrency must be at least 2."
  }

  validation {
    condition     = var.maximum_concurrency == null ? true : var.maximum_concurrency <= 1000
    error_message = "maximum_concurrency must be at most 1000."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = null
  description = "Permissions boundary of the function's role. It must allow what RelayPolicy allows. Empty: none."

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[^, ]+)?$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must match ^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[^, ]+)?$."
  }
}

variable "role_path" {
  type        = string
  default     = null
  description = "IAM path of the function's role and of the two managed policies. Choose it at the first deployment: a change replaces all three, and roles of other accounts trust the role by its ARN."

  validation {
    condition     = var.role_path == null ? true : can(regex("^/([A-Za-z0-9_+=,.@-]+/)*$", var.role_path))
    error_message = "role_path must match ^/([A-Za-z0-9_+=,.@-]+/)*$."
  }
}

variable "log_kms_key_arn" {
  type        = string
  default     = null
  description = "Your own key for the log group. Its policy must let logs.<region>.amazonaws.com use it. Empty: CloudWatch's own."

  validation {
    condition     = var.log_kms_key_arn == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.log_kms_key_arn))
    error_message = "log_kms_key_arn must match ^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$."
  }
}

variable "vpc_subnet_ids" {
  type        = list(string)
  default     = null
  description = "Subnets to run the function in, together with vpc_security_group_ids. docs/first-deployment.md lists the endpoints that the VPC then needs. Empty: no VPC."

  validation {
    condition     = var.vpc_subnet_ids == null ? true : can(regex("^(subnet-[0-9a-f]+(,subnet-[0-9a-f]+)*)?$", join(",", var.vpc_subnet_ids)))
    error_message = "vpc_subnet_ids joined with commas must match ^(subnet-[0-9a-f]+(,subnet-[0-9a-f]+)*)?$."
  }
}

variable "vpc_security_group_ids" {
  type        = list(string)
  default     = null
  description = "Security groups of the function, which must let HTTPS out. Empty: no VPC."

  validation {
    condition     = var.vpc_security_group_ids == null ? true : can(regex("^(sg-[0-9a-f]+(,sg-[0-9a-f]+)*)?$", join(",", var.vpc_security_group_ids)))
    error_message = "vpc_security_group_ids joined with commas must match ^(sg-[0-9a-f]+(,sg-[0-9a-f]+)*)?$."
  }
}

variable "enable_code_pipeline_jobs" {
  type        = bool
  default     = null
  description = "Kind codepipeline-job, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_code_pipeline_third_party_jobs" {
  type        = bool
  default     = null
  description = "Kind codepipeline-third-party-job, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_step_functions_tasks" {
  type        = bool
  default     = null
  description = "Kind step-functions-task, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_swf_activity_tasks" {
  type        = bool
  default     = null
  description = "Kind swf-activity-task, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_lambda_durable_callbacks" {
  type        = bool
  default     = null
  description = "Kind lambda-durable-callback, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_cloud_formation_custom_resources" {
  type        = bool
  default     = null
  description = "Kind cloudformation-custom-resource, a setting of RELAY_TARGETS. It needs no permission, for its URL is signed; in a VPC it needs S3."
}

variable "enable_cloud_formation_wait_conditions" {
  type        = bool
  default     = null
  description = "Kind cloudformation-wait-condition, a setting of RELAY_TARGETS. It needs no permission, for its URL is signed; in a VPC it needs S3."
}

variable "enable_sage_maker_pipeline_steps" {
  type        = bool
  default     = null
  description = "Kind sagemaker-pipeline-step, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_auto_scaling_lifecycle_actions" {
  type        = bool
  default     = null
  description = "Kind auto-scaling-lifecycle-action, a setting of RELAY_TARGETS and the permission for it, with which the relay abandons instances."
}

variable "enable_code_deploy_lifecycle_hooks" {
  type        = bool
  default     = null
  description = "Kind codedeploy-lifecycle-hook, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_code_pipeline_approvals" {
  type        = bool
  default     = null
  description = "Kind codepipeline-approval, a setting of RELAY_TARGETS and the permission for it, with which the relay rejects what a person may have been meant to decide."
}

variable "enable_image_builder_workflow_steps" {
  type        = bool
  default     = null
  description = "Kind image-builder-workflow-step, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_service_catalog_engine_workflows" {
  type        = bool
  default     = null
  description = "Kind service-catalog-engine-workflow, a setting of RELAY_TARGETS and the permission for it."
}

variable "enable_ecs_deployment_hooks" {
  type        = bool
  default     = null
  description = "Kind ecs-deployment-hook, a setting of RELAY_TARGETS and the permission for it, with which the relay rolls deployments back."
}

variable "step_functions_arns" {
  type        = list(string)
  default     = null
  description = "ARNs of the state machines and activities whose tasks the relay may fail (wildcards allowed). Empty: all of this account."

  validation {
    condition     = var.step_functions_arns == null ? true : can(regex("^(arn:aws[a-z-]*:states:[^, ]+(,arn:aws[a-z-]*:states:[^, ]+)*)?$", join(",", var.step_functions_arns)))
    error_message = "step_functions_arns joined with commas must match ^(arn:aws[a-z-]*:states:[^, ]+(,arn:aws[a-z-]*:states:[^, ]+)*)?$."
  }
}

variable "swf_domain" {
  type        = string
  default     = null
  description = "The SWF domain whose activity tasks the relay may fail."

  validation {
    condition     = var.swf_domain == null ? true : can(regex("^[^:/|]{1,256}$", var.swf_domain))
    error_message = "swf_domain must match ^[^:/|]{1,256}$."
  }
}

variable "allowed_regions" {
  type        = list(string)
  default     = null
  description = "RELAY_ALLOWED_REGIONS, the regions that an event may name beside this one."

  validation {
    condition     = var.allowed_regions == null ? true : can(regex("^([a-z]{2}(-[a-z]+)+-[0-9]+(,[a-z]{2}(-[a-z]+)+-[0-9]+)*)?$", join(",", var.allowed_regions)))
    error_message = "allowed_regions joined with commas must match ^([a-z]{2}(-[a-z]+)+-[0-9]+(,[a-z]{2}(-[a-z]+)+-[0-9]+)*)?$."
  }
}

variable "allowed_accounts" {
  type        = list(string)
  default     = null
  description = "RELAY_ALLOWED_ACCOUNTS, the accounts that an event may name beside this one. Deploy deploy/cross-account-role.yaml in each of them."

  validation {
    condition     = var.allowed_accounts == null ? true : can(regex("^([0-9]{12}(,[0-9]{12}){0,99})?$", join(",", var.allowed_accounts)))
    error_message = "allowed_accounts joined with commas must match ^([0-9]{12}(,[0-9]{12}){0,99})?$."
  }
}

variable "role_name" {
  type        = string
  default     = null
  description = "RELAY_ROLE_NAME, the role that the relay assumes in an allowed account; its path comes before its name."

  validation {
    condition     = var.role_name == null ? true : can(regex("^([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$", var.role_name))
    error_message = "role_name must match ^([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$."
  }
}

variable "retry_base_seconds" {
  type        = number
  default     = null
  description = "RELAY_RETRY_BASE_SECONDS. 0 turns the back-off off, and with it the days of retries of what cannot be parked."

  validation {
    condition     = var.retry_base_seconds == null ? true : var.retry_base_seconds >= 0
    error_message = "retry_base_seconds must be at least 0."
  }

  validation {
    condition     = var.retry_base_seconds == null ? true : var.retry_base_seconds <= 43200
    error_message = "retry_base_seconds must be at most 43200."
  }
}

variable "retry_cap_seconds" {
  type        = number
  default     = null
  description = "RELAY_RETRY_CAP_SECONDS, the longest back-off, and up to 900 the longest stay in the parking queue. A lower one shortens the days of retries of what cannot be parked."

  validation {
    condition     = var.retry_cap_seconds == null ? true : var.retry_cap_seconds >= 1
    error_message = "retry_cap_seconds must be at least 1."
  }

  validation {
    condition     = var.retry_cap_seconds == null ? true : var.retry_cap_seconds <= 43200
    error_message = "retry_cap_seconds must be at most 43200."
  }
}

variable "max_receives" {
  type        = number
  default     = null
  description = "RELAY_MAX_RECEIVES. With 0 the queue's redrive policy alone ends the retries. Another number ends them earlier, and the dead letter then carries the last error."

  validation {
    condition     = var.max_receives == null ? true : var.max_receives >= 0
    error_message = "max_receives must be at least 0."
  }
}

variable "event_concurrency" {
  type        = number
  default     = null
  description = "RELAY_CONCURRENCY, the events of one batch in flight at once."

  validation {
    condition     = var.event_concurrency == null ? true : var.event_concurrency >= 1
    error_message = "event_concurrency must be at least 1."
  }
}

variable "park_after" {
  type        = number
  default     = null
  description = "RELAY_PARK_AFTER. A failure that its target refused this often waits in the parking queue, where it delays nobody else. While a target does not answer at all, failures are parked at once."

  validation {
    condition     = var.park_after == null ? true : var.park_after >= 1
    error_message = "park_after must be at least 1."
  }
}

variable "parked_seconds_max" {
  type        = number
  default     = null
  description = "RELAY_PARKED_SECONDS_MAX. A failure that was parked this long is tried once more, then dead-lettered."

  validation {
    condition     = var.parked_seconds_max == null ? true : var.parked_seconds_max >= 60
    error_message = "parked_seconds_max must be at least 60."
  }
}

variable "parking_concurrency" {
  type        = number
  default     = null
  description = "Most invocations that the parking queue starts at once, each with up to ten messages. Keep it below maximum_concurrency, so that what comes back never starves what is fresh."

  validation {
    condition     = var.parking_concurrency == null ? true : var.parking_concurrency >= 2
    error_message = "parking_concurrency must be at least 2."
  }

  validation {
    condition     = var.parking_concurrency == null ? true : var.parking_concurrency <= 1000
    error_message = "parking_concurrency must be at most 1000."
  }
}

variable "publisher_accounts" {
  type        = list(string)
  default     = null
  description = "Other accounts that may publish to the queue and the bus. Empty: none. (In this account a publisher needs the managed policy of the outputs.)"

  validation {
    condition     = var.publisher_accounts == null ? true : can(regex("^([0-9]{12}(,[0-9]{12})*)?$", join(",", var.publisher_accounts)))
    error_message = "publisher_accounts joined with commas must match ^([0-9]{12}(,[0-9]{12})*)?$."
  }
}

variable "publisher_organization_id" {
  type        = string
  default     = null
  description = "Organization whose accounts may publish to the queue and the bus. Empty: none."

  validation {
    condition     = var.publisher_organization_id == null ? true : can(regex("^(o-[a-z0-9]{10,32})?$", var.publisher_organization_id))
    error_message = "publisher_organization_id must match ^(o-[a-z0-9]{10,32})?$."
  }
}

variable "publisher_topic_arn" {
  type        = string
  default     = null
  description = "SNS topic (standard) that is subscribed to the queue. Empty: none."

  validation {
    condition     = var.publisher_topic_arn == null ? true : can(regex("^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$", var.publisher_topic_arn))
    error_message = "publisher_topic_arn must match ^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$."
  }
}

variable "lambda_notices" {
  type        = bool
  default     = null
  description = "Take Lambda's failure records that OnFailure destinations put on the default event bus."
}

variable "lambda_function_prefixes" {
  type        = list(string)
  default     = null
  description = "lambda_notices of functions of this account whose names begin with one of these; of others nothing reaches the queue. Empty: all that the account has."

  validation {
    condition     = var.lambda_function_prefixes == null ? true : can(regex("^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$", join(",", var.lambda_function_prefixes)))
    error_message = "lambda_function_prefixes joined with commas must match ^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$."
  }
}

variable "ecs_task_notices" {
  type        = bool
  default     = null
  description = "Take notices of ECS tasks that stopped and whose overrides name a task or job; with leases of all that stopped."
}

variable "ecs_cluster_prefixes" {
  type        = list(string)
  default     = null
  description = "ecs_task_notices of clusters of this account whose names begin with one of these; of others nothing reaches the queue. Empty: all that the account has."

  validation {
    condition     = var.ecs_cluster_prefixes == null ? true : can(regex("^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$", join(",", var.ecs_cluster_prefixes)))
    error_message = "ecs_cluster_prefixes joined with commas must match ^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$."
  }
}

variable "batch_job_notices" {
  type        = bool
  default     = null
  description = "Take notices of AWS Batch jobs that failed."
}

variable "batch_queue_prefixes" {
  type        = list(string)
  default     = null
  description = "batch_job_notices of job queues of this account whose names begin with one of these; of others nothing reaches the queue. Empty: all that the account has."

  validation {
    condition     = var.batch_queue_prefixes == null ? true : can(regex("^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$", join(",", var.batch_queue_prefixes)))
    error_message = "batch_queue_prefixes joined with commas must match ^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$."
  }
}

variable "code_build_notices" {
  type        = bool
  default     = null
  description = "Take notices of CodeBuild builds that did not succeed and whose environment names a task or job; with leases of all that did not succeed."
}

variable "code_build_project_prefixes" {
  type        = list(string)
  default     = null
  description = "code_build_notices of projects of this account whose names begin with one of these; of others nothing reaches the queue. Empty: all that the account has."

  validation {
    condition     = var.code_build_project_prefixes == null ? true : can(regex("^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$", join(",", var.code_build_project_prefixes)))
    error_message = "code_build_project_prefixes joined with commas must match ^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$."
  }
}

variable "step_functions_notices" {
  type        = bool
  default     = null
  description = "Take notices of Step Functions executions that failed, timed out or were aborted."
}

variable "state_machine_prefixes" {
  type        = list(string)
  default     = null
  description = "step_functions_notices of state machines of this account whose names begin with one of these; of others nothing reaches the queue. Empty: all that the account has."

  validation {
    condition     = var.state_machine_prefixes == null ? true : can(regex("^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$", join(",", var.state_machine_prefixes)))
    error_message = "state_machine_prefixes joined with commas must match ^([A-Za-z0-9._-]{1,80}(,[A-Za-z0-9._-]{1,80}){0,2})?$."
  }
}

variable "glue_job_notices" {
  type        = bool
  default     = null
  description = "Take notices of Glue job runs that failed, timed out, were stopped or ended in an error. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "sage_maker_job_notices" {
  type        = bool
  default     = null
  description = "Take notices of SageMaker training, processing and transform jobs that failed or were stopped. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "emr_step_notices" {
  type        = bool
  default     = null
  description = "Take notices of EMR steps that failed or were cancelled. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "emr_serverless_job_notices" {
  type        = bool
  default     = null
  description = "Take notices of EMR Serverless job runs that failed or were cancelled. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "ec2_instance_notices" {
  type        = bool
  default     = null
  description = "Take notices of EC2 instances that were stopped or terminated. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "ssm_command_notices" {
  type        = bool
  default     = null
  description = "Take notices of Run Command commands that failed, timed out, were cancelled or could not be delivered. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "bedrock_job_notices" {
  type        = bool
  default     = null
  description = "Take notices of Bedrock batch inference jobs that failed, were stopped or expired. They concern whoever claimed what ended, so they are of use with leases only."
}

variable "task_token_names" {
  type        = list(string)
  default     = null
  description = "RELAY_TASK_TOKEN_NAMES, more names under which notices hold a Step Functions task token."

  validation {
    condition     = var.task_token_names == null ? true : can(regex("^([^, ]+(,[^, ]+)*)?$", join(",", var.task_token_names)))
    error_message = "task_token_names joined with commas must match ^([^, ]+(,[^, ]+)*)?$."
  }
}

variable "abandoned_work_queue_arns" {
  type        = list(string)
  default     = null
  description = "RELAY_ABANDONED_WORK_QUEUES, the ARNs of up to five dead-letter queues of workers in this account and region. Each message in them is work that was given up. Visibility time-out of each: 30 seconds or more."

  validation {
    condition     = var.abandoned_work_queue_arns == null ? true : can(regex("^(arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+(,arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+){0,4})?$", join(",", var.abandoned_work_queue_arns)))
    error_message = "abandoned_work_queue_arns joined with commas must match ^(arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+(,arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+){0,4})?$."
  }
}

variable "log_tail" {
  type        = number
  default     = null
  description = "RELAY_LOG_TAIL, how many of the last lines of its log are told with the death of an ECS task, a Batch job or a build, and where the rest is. 0 is off. What a worker logs is then read by whoever reads the orchestrator's reason."

  validation {
    condition     = var.log_tail == null ? true : var.log_tail >= 0
    error_message = "log_tail must be at least 0."
  }

  validation {
    condition     = var.log_tail == null ? true : var.log_tail <= 100
    error_message = "log_tail must be at most 100."
  }
}

variable "log_tail_groups" {
  type        = list(string)
  default     = null
  description = "Up to three names of log groups, in which * stands for anything, that the relay may read for log_tail."

  validation {
    condition     = var.log_tail_groups == null ? true : can(regex("^[a-zA-Z0-9_/.#*-]+(,[a-zA-Z0-9_/.#*-]+){0,2}$", join(",", var.log_tail_groups)))
    error_message = "log_tail_groups joined with commas must match ^[a-zA-Z0-9_/.#*-]+(,[a-zA-Z0-9_/.#*-]+){0,2}$."
  }
}

variable "event_id_in_text" {
  type        = bool
  default     = null
  description = "RELAY_EVENT_ID_IN_TEXT, whether the text that an orchestrator is sent ends with the id of the failure event, under which the relay's log line and `relayctl trace` show it."
}

variable "leases" {
  type        = bool
  default     = null
  description = "Take leases and claims, and notices that name no task or job for those who claimed what they are about. Makes the table that holds them, and a function that reports each minute the leases of which nothing was heard."
}

variable "sweep" {
  type        = string
  default     = null
  description = "RELAY_SWEEP. Look for Step Functions tasks that wait for a worker that is gone, and count them (report) or fail them too (fail)."

  validation {
    condition     = var.sweep == null ? true : contains(["off", "report", "fail"], var.sweep)
    error_message = "sweep must be one of off, report, fail."
  }
}

variable "sweep_state_machine_arns" {
  type        = list(string)
  default     = null
  description = "RELAY_SWEEP_STATE_MACHINES, the ARNs of the state machines that are swept (wildcards allowed). Empty: all of this account and region."

  validation {
    condition     = var.sweep_state_machine_arns == null ? true : can(regex("^(arn:aws[a-z-]*:states:[^, ]+(,arn:aws[a-z-]*:states:[^, ]+)*)?$", join(",", var.sweep_state_machine_arns)))
    error_message = "sweep_state_machine_arns joined with commas must match ^(arn:aws[a-z-]*:states:[^, ]+(,arn:aws[a-z-]*:states:[^, ]+)*)?$."
  }
}

variable "sweep_grace_seconds" {
  type        = number
  default     = null
  description = "RELAY_SWEEP_GRACE_SECONDS. A worker that ended less long ago may just be calling back."

  validation {
    condition     = var.sweep_grace_seconds == null ? true : var.sweep_grace_seconds >= 0
    error_message = "sweep_grace_seconds must be at least 0."
  }
}

variable "sweep_silent_seconds" {
  type        = number
  default     = null
  description = "RELAY_SWEEP_SILENT_SECONDS. A worker that ended well this long ago and never called back is gone too. 0: never."

  validation {
    condition     = var.sweep_silent_seconds == null ? true : var.sweep_silent_seconds >= 0
    error_message = "sweep_silent_seconds must be at least 0."
  }
}

variable "sweep_fails_max" {
  type        = number
  default     = null
  description = "RELAY_SWEEP_FAILS_MAX. When a sweep finds more stranded tasks than that, it fails none of them."

  validation {
    condition     = var.sweep_fails_max == null ? true : var.sweep_fails_max >= 0
    error_message = "sweep_fails_max must be at least 0."
  }
}

variable "sweep_schedule" {
  type        = string
  default     = null
  description = "How often a sweep is done."

  validation {
    condition     = var.sweep_schedule == null ? true : can(regex("^rate\\((1 (minute|hour|day)|[1-9][0-9]* (minutes|hours|days))\\)$", var.sweep_schedule))
    error_message = "sweep_schedule must match ^rate\\((1 (minute|hour|day)|[1-9][0-9]* (minutes|hours|days))\\)$."
  }
}

variable "queue_encryption" {
  type        = string
  default     = null
  description = "How the three queues are encrypted. SSE-SQS uses a key that SQS owns. KMS uses the key of kms_key_arn, or one that this stack makes, with the key policy that EventBridge, SNS and the publishers need. The table of leases is encrypted with the same key, else with one that DynamoDB owns."

  validation {
    condition     = var.queue_encryption == null ? true : contains(["SSE-SQS", "KMS"], var.queue_encryption)
    error_message = "queue_encryption must be one of SSE-SQS, KMS."
  }
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Your own key for queue_encryption KMS. Its policy must let events.amazonaws.com, sns.amazonaws.com (with publisher_topic_arn) and the publishers use kms:GenerateDataKey and kms:Decrypt."

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$", var.kms_key_arn))
    error_message = "kms_key_arn must match ^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$."
  }
}

variable "previous_kms_key_arns" {
  type        = list(string)
  default     = null
  description = "Keys that encrypted the queues before. Name the old key in the deployment that changes queue_encryption or kms_key_arn, and for the 14 days after it: messages that wait cannot be read without it."

  validation {
    condition     = var.previous_kms_key_arns == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[^, ]+(,arn:aws[a-z-]*:kms:[^, ]+)*)?$", join(",", var.previous_kms_key_arns)))
    error_message = "previous_kms_key_arns joined with commas must match ^(arn:aws[a-z-]*:kms:[^, ]+(,arn:aws[a-z-]*:kms:[^, ]+)*)?$."
  }
}

variable "additional_kms_key_arns" {
  type        = list(string)
  default     = null
  description = "Customer keys of abandoned-work queues and of state machines, which the relay must be able to use. Without the latter a failure is relayed without its text."

  validation {
    condition     = var.additional_kms_key_arns == null ? true : can(regex("^(arn:aws[a-z-]*:kms:[^, ]+(,arn:aws[a-z-]*:kms:[^, ]+)*)?$", join(",", var.additional_kms_key_arns)))
    error_message = "additional_kms_key_arns joined with commas must match ^(arn:aws[a-z-]*:kms:[^, ]+(,arn:aws[a-z-]*:kms:[^, ]+)*)?$."
  }
}

variable "alarm_topic_arn" {
  type        = string
  default     = null
  description = "SNS topic of yours that alarms are sent to. Without this and alarm_email the alarms notify nobody."

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must match ^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$."
  }
}

variable "alarm_email" {
  type        = string
  default     = null
  description = "Address that alarms are mailed to, through a topic that this stack makes; SNS asks it for confirmation first. Without this and alarm_topic_arn the alarms notify nobody."

  validation {
    condition     = var.alarm_email == null ? true : can(regex("^([^@ ]+@[^@ ]+)?$", var.alarm_email))
    error_message = "alarm_email must match ^([^@ ]+@[^@ ]+)?$."
  }
}

variable "oldest_message_alarm_seconds" {
  type        = number
  default     = null
  description = "Alarm when the oldest message of the queue, or of an abandoned-work queue, has waited this long."

  validation {
    condition     = var.oldest_message_alarm_seconds == null ? true : var.oldest_message_alarm_seconds >= 60
    error_message = "oldest_message_alarm_seconds must be at least 60."
  }
}

variable "oldest_dead_letter_alarm_seconds" {
  type        = number
  default     = null
  description = "Alarm when the oldest dead letter has waited this long. It is kept for 1,209,600 s, which is 14 days."

  validation {
    condition     = var.oldest_dead_letter_alarm_seconds == null ? true : var.oldest_dead_letter_alarm_seconds >= 60
    error_message = "oldest_dead_letter_alarm_seconds must be at least 60."
  }

  validation {
    condition     = var.oldest_dead_letter_alarm_seconds == null ? true : var.oldest_dead_letter_alarm_seconds <= 1209600
    error_message = "oldest_dead_letter_alarm_seconds must be at most 1209600."
  }
}

variable "report_age_alarm_milliseconds" {
  type        = number
  default     = null
  description = "Alarm when one failure in a hundred was reported later than this after it happened."

  validation {
    condition     = var.report_age_alarm_milliseconds == null ? true : var.report_age_alarm_milliseconds >= 1000
    error_message = "report_age_alarm_milliseconds must be at least 1000."
  }
}

variable "retries_alarm_count" {
  type        = number
  default     = null
  description = "Alarm when there were this many retries in each of three periods of five minutes."

  validation {
    condition     = var.retries_alarm_count == null ? true : var.retries_alarm_count >= 1
    error_message = "retries_alarm_count must be at least 1."
  }
}

variable "canary" {
  type        = bool
  default     = null
  description = "Try the relay from end to end by schedule: a state machine that fails through it, and with leases by a lease that runs out too. Alarms when it was not failed as it should be, and when it did not run."
}

variable "canary_minutes" {
  type        = number
  default     = null
  description = "Minutes from one run of the canary to the next. One alarm fires when there was none for twice as long."

  validation {
    condition     = var.canary_minutes == null ? true : var.canary_minutes >= 5
    error_message = "canary_minutes must be at least 5."
  }

  validation {
    condition     = var.canary_minutes == null ? true : var.canary_minutes <= 720
    error_message = "canary_minutes must be at most 720."
  }
}

locals {
  given = {
    Architecture                        = var.architecture
    LogLevel                            = var.log_level
    LogRetentionDays                    = tostring(var.log_retention_days)
    Tracing                             = var.tracing
    MaximumConcurrency                  = tostring(var.maximum_concurrency)
    PermissionsBoundaryArn              = var.permissions_boundary_arn
    RolePath                            = var.role_path
    LogKmsKeyArn                        = var.log_kms_key_arn
    VpcSubnetIds                        = var.vpc_subnet_ids == null ? null : join(",", var.vpc_subnet_ids)
    VpcSecurityGroupIds                 = var.vpc_security_group_ids == null ? null : join(",", var.vpc_security_group_ids)
    EnableCodePipelineJobs              = tostring(var.enable_code_pipeline_jobs)
    EnableCodePipelineThirdPartyJobs    = tostring(var.enable_code_pipeline_third_party_jobs)
    EnableStepFunctionsTasks            = tostring(var.enable_step_functions_tasks)
    EnableSwfActivityTasks              = tostring(var.enable_swf_activity_tasks)
    EnableLambdaDurableCallbacks        = tostring(var.enable_lambda_durable_callbacks)
    EnableCloudFormationCustomResources = tostring(var.enable_cloud_formation_custom_resources)
    EnableCloudFormationWaitConditions  = tostring(var.enable_cloud_formation_wait_conditions)
    EnableSageMakerPipelineSteps        = tostring(var.enable_sage_maker_pipeline_steps)
    EnableAutoScalingLifecycleActions   = tostring(var.enable_auto_scaling_lifecycle_actions)
    EnableCodeDeployLifecycleHooks      = tostring(var.enable_code_deploy_lifecycle_hooks)
    EnableCodePipelineApprovals         = tostring(var.enable_code_pipeline_approvals)
    EnableImageBuilderWorkflowSteps     = tostring(var.enable_image_builder_workflow_steps)
    EnableServiceCatalogEngineWorkflows = tostring(var.enable_service_catalog_engine_workflows)
    EnableEcsDeploymentHooks            = tostring(var.enable_ecs_deployment_hooks)
    StepFunctionsArns                   = var.step_functions_arns == null ? null : join(",", var.step_functions_arns)
    SwfDomain                           = var.swf_domain
    AllowedRegions                      = var.allowed_regions == null ? null : join(",", var.allowed_regions)
    AllowedAccounts                     = var.allowed_accounts == null ? null : join(",", var.allowed_accounts)
    RoleName                            = var.role_name
    RetryBaseSeconds                    = tostring(var.retry_base_seconds)
    RetryCapSeconds                     = tostring(var.retry_cap_seconds)
    MaxReceives                         = tostring(var.max_receives)
    EventConcurrency                    = tostring(var.event_concurrency)
    ParkAfter                           = tostring(var.park_after)
    ParkedSecondsMax                    = tostring(var.parked_seconds_max)
    ParkingConcurrency                  = tostring(var.parking_concurrency)
    PublisherAccounts                   = var.publisher_accounts == null ? null : join(",", var.publisher_accounts)
    PublisherOrganizationId             = var.publisher_organization_id
    PublisherTopicArn                   = var.publisher_topic_arn
    LambdaNotices                       = tostring(var.lambda_notices)
    LambdaFunctionPrefixes              = var.lambda_function_prefixes == null ? null : join(",", var.lambda_function_prefixes)
    EcsTaskNotices                      = tostring(var.ecs_task_notices)
    EcsClusterPrefixes                  = var.ecs_cluster_prefixes == null ? null : join(",", var.ecs_cluster_prefixes)
    BatchJobNotices                     = tostring(var.batch_job_notices)
    BatchQueuePrefixes                  = var.batch_queue_prefixes == null ? null : join(",", var.batch_queue_prefixes)
    CodeBuildNotices                    = tostring(var.code_build_notices)
    CodeBuildProjectPrefixes            = var.code_build_project_prefixes == null ? null : join(",", var.code_build_project_prefixes)
    StepFunctionsNotices                = tostring(var.step_functions_notices)
    StateMachinePrefixes                = var.state_machine_prefixes == null ? null : join(",", var.state_machine_prefixes)
    GlueJobNotices                      = tostring(var.glue_job_notices)
    SageMakerJobNotices                 = tostring(var.sage_maker_job_notices)
    EmrStepNotices                      = tostring(var.emr_step_notices)
    EmrServerlessJobNotices             = tostring(var.emr_serverless_job_notices)
    Ec2InstanceNotices                  = tostring(var.ec2_instance_notices)
    SsmCommandNotices                   = tostring(var.ssm_command_notices)
    BedrockJobNotices                   = tostring(var.bedrock_job_notices)
    TaskTokenNames                      = var.task_token_names == null ? null : join(",", var.task_token_names)
    AbandonedWorkQueueArns              = var.abandoned_work_queue_arns == null ? null : join(",", var.abandoned_work_queue_arns)
    LogTail                             = tostring(var.log_tail)
    LogTailGroups                       = var.log_tail_groups == null ? null : join(",", var.log_tail_groups)
    EventIdInText                       = tostring(var.event_id_in_text)
    Leases                              = tostring(var.leases)
    Sweep                               = var.sweep
    SweepStateMachineArns               = var.sweep_state_machine_arns == null ? null : join(",", var.sweep_state_machine_arns)
    SweepGraceSeconds                   = tostring(var.sweep_grace_seconds)
    SweepSilentSeconds                  = tostring(var.sweep_silent_seconds)
    SweepFailsMax                       = tostring(var.sweep_fails_max)
    SweepSchedule                       = var.sweep_schedule
    QueueEncryption                     = var.queue_encryption
    KmsKeyArn                           = var.kms_key_arn
    PreviousKmsKeyArns                  = var.previous_kms_key_arns == null ? null : join(",", var.previous_kms_key_arns)
    AdditionalKmsKeyArns                = var.additional_kms_key_arns == null ? null : join(",", var.additional_kms_key_arns)
    AlarmTopicArn                       = var.alarm_topic_arn
    AlarmEmail                          = var.alarm_email
    OldestMessageAlarmSeconds           = tostring(var.oldest_message_alarm_seconds)
    OldestDeadLetterAlarmSeconds        = tostring(var.oldest_dead_letter_alarm_seconds)
    ReportAgeAlarmMilliseconds          = tostring(var.report_age_alarm_milliseconds)
    RetriesAlarmCount                   = tostring(var.retries_alarm_count)
    Canary                              = tostring(var.canary)
    CanaryMinutes                       = tostring(var.canary_minutes)
  }
  # What is null is left out, and has the template's default.
  parameters = { for name, value in local.given : name => value if value != null }
}
