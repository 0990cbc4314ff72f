"""Builders of the notices that AWS itself sends, in the shapes that AWS documents."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from .events import eventbridge, sqs_record, text
from .function import ACCOUNT, REGION

ABANDONED_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs-dlq"
WORK_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
WORKER_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:worker:$LATEST"
RECORD_ID = "9d8c7b6a-request"
TASK_ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/cluster/0123456789abcdef"
BATCH_JOB = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"
BUILD_ID = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:build/render:c340e456"
EXECUTION_ARN = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:child:run-1"
MISSING = object()
"""A member that is to be left out."""


def _without_missing(document: dict) -> dict:
    return {name: value for name, value in document.items() if value is not MISSING}


def pairs(environment: dict[str, str]) -> list[dict]:
    return [{"name": name, "value": value} for name, value in environment.items()]


def lambda_record(
    payload: object = MISSING,
    condition: object = "RetriesExhausted",
    response: object = MISSING,
    function_arn: str = WORKER_ARN,
    **members: object,
) -> dict:
    """The invocation record of an OnFailure destination."""
    if response is MISSING:
        response = {"errorMessage": "it broke", "errorType": "Exception", "requestId": RECORD_ID, "stackTrace": ["  File x"]}
    return _without_missing(
        {
            "version": "1.0",
            "timestamp": "2025-01-01T00:00:00.000Z",
            "requestContext": {
                "requestId": RECORD_ID,
                "functionArn": function_arn,
                "condition": condition,
                "approximateInvokeCount": 3,
            },
            "requestPayload": payload,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": response,
            **members,
        }
    )


def lambda_event(record: dict, result: str = "Failure", **members: object) -> dict:
    """The same record as an EventBridge destination sends it."""
    return eventbridge(record, f"Lambda Function Invocation Result - {result}", "lambda", **members)


def container(name: str, exit_code: object = MISSING, reason: object = MISSING) -> dict:
    return _without_missing({"name": name, "exitCode": exit_code, "reason": reason, "lastStatus": "STOPPED"})


def override(name: str, environment: dict[str, str]) -> dict:
    return {"name": name, "environment": pairs(environment)}


def ecs(
    overrides: list[dict],
    containers: list[dict] | None = None,
    stop_code: object = "EssentialContainerExited",
    stopped_reason: object = "Essential container in task exited",
    last_status: str = "STOPPED",
    **members: object,
) -> dict:
    detail = {
        "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/cluster",
        "containers": [] if containers is None else containers,
        "desiredStatus": "STOPPED",
        "group": "family:worker",
        "lastStatus": last_status,
        "overrides": {"containerOverrides": overrides},
        "startedBy": "AWS Step Functions",
        "stopCode": stop_code,
        "stoppedReason": stopped_reason,
        "taskArn": TASK_ARN,
        "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/worker:1",
        "version": 5,
    }
    return eventbridge(_without_missing(detail), "ECS Task State Change", "aws.ecs", resources=[TASK_ARN], **members)


def ecs_died(environment: dict[str, str], **members: object) -> dict:
    """A task of one container that was killed for memory."""
    killed = container("worker", 137, "OutOfMemoryError: Container killed due to memory usage")
    return ecs([override("worker", environment)], [killed], **members)


def batch(detail: dict, **members: object) -> dict:
    detail = {
        "jobArn": f"arn:aws:batch:{REGION}:{ACCOUNT}:job/{BATCH_JOB}",
        "jobName": "render",
        "jobId": BATCH_JOB,
        "jobQueue": f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/queue",
        "status": "FAILED",
        "attempts": [],
        "statusReason": "Essential container in task exited",
        "parameters": {},
        **detail,
    }
    return eventbridge(_without_missing(detail), "Batch Job State Change", "aws.batch", **members)


def attempt(reason: object = MISSING, exit_code: object = 1, status_reason: str = "Essential container in task exited") -> dict:
    return {"container": _without_missing({"exitCode": exit_code, "reason": reason}), "statusReason": status_reason}


def batch_died(environment: dict[str, str], **members: object) -> dict:
    detail = {"container": {"image": "i", "environment": pairs(environment), "exitCode": 1}, "attempts": [attempt("first"), attempt("OutOfMemoryError")]}
    return batch(detail, **members)


def batch_ecs_died(environment: dict[str, str], **members: object) -> dict:
    containers = [{"name": "worker", "environment": pairs(environment)}]
    return batch({"ecsProperties": {"taskProperties": [{"containers": containers}]}}, **members)


def batch_eks_died(environment: dict[str, str], **members: object) -> dict:
    return batch({"eksProperties": {"podProperties": {"containers": [{"name": "worker", "env": pairs(environment)}]}}}, **members)


def batch_nodes_died(environment: dict[str, str], **members: object) -> dict:
    nodes = [{"targetNodes": "0:1", "container": {"image": "i", "environment": pairs(environment)}}]
    return batch({"nodeProperties": {"mainNode": 0, "numNodes": 2, "nodeRangeProperties": nodes}}, **members)


def codebuild(variables: list[dict], status: str = "FAILED", **members: object) -> dict:
    detail = {
        "build-status": status,
        "project-name": "render",
        "build-id": BUILD_ID,
        "current-phase": "COMPLETED",
        "version": "1",
        "additional-information": {
            "environment": {"image": "aws/codebuild/standard:7.0", "environment-variables": variables},
            "logs": {"group-name": "/aws/codebuild/render", "stream-name": "c340e456"},
        },
    }
    return eventbridge(detail, "CodeBuild Build State Change", "aws.codebuild", **members)


def codebuild_died(environment: dict[str, str], **members: object) -> dict:
    return codebuild([{**pair, "type": "PLAINTEXT"} for pair in pairs(environment)], **members)


def states(payload: object = MISSING, status: str = "FAILED", error: object = MISSING, cause: object = MISSING, **detail: object) -> dict:
    members = {
        "executionArn": EXECUTION_ARN,
        "stateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:child",
        "name": "run-1",
        "status": status,
        "startDate": 1735689600000,
        "stopDate": 1735689660000,
        "input": payload if payload is MISSING or payload is None else text(payload),
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": error,
        "cause": cause,
        **detail,
    }
    return eventbridge(_without_missing(members), "Step Functions Execution Status Change", "aws.states")


GLUE_RUN = "jr_0a1b2c3d4e5f"
TRAINING_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/kmeans-1"
PROCESSING_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/frames-1"
TRANSFORM_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:transform-job/score-1"
EMR_STEP = "s-1A2B3C4D5E6F7"
EMR_SERVERLESS_RUN = "00f1cbn5g4bb0c01"
INSTANCE = "i-0123456789abcdef0"
COMMAND = "e8d3c0e4-71f7-4491-898f-c9b35bee5f3b"
BEDROCK_ARN = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:model-invocation-job/a1b2c3d4e5f6"


class StateChange(NamedTuple):
    """A notice that never holds an identity."""

    source: str
    detail_type: str
    state: str
    """The member with the state."""
    deaths: tuple[str, ...]
    others: tuple[str, ...]
    detail: dict

    def notice(self, state: object, **members: object) -> dict:
        return eventbridge({**self.detail, self.state: state}, self.detail_type, self.source, **members)


def _sagemaker(kind: str, arn: str) -> StateChange:
    detail = {f"{kind}JobName": arn.rsplit("/", 1)[-1], f"{kind}JobArn": arn, "FailureReason": "AlgorithmError: exit code 1", "Tags": {}}
    return StateChange(
        "aws.sagemaker", f"SageMaker {kind} Job State Change", f"{kind}JobStatus", ("Failed", "Stopped"),
        ("Completed", "InProgress", "Stopping"), detail,
    )  # fmt: skip


STATE_CHANGES = {
    "Glue": StateChange(
        "aws.glue", "Glue Job State Change", "state", ("FAILED", "TIMEOUT", "STOPPED", "ERROR"),
        ("SUCCEEDED", "RUNNING", "STARTING", "STOPPING"),
        {"jobName": "render", "severity": "ERROR", "jobRunId": GLUE_RUN, "message": "Command failed with exit code 1"},
    ),
    "SageMaker training": _sagemaker("Training", TRAINING_ARN),
    "SageMaker processing": _sagemaker("Processing", PROCESSING_ARN),
    "SageMaker transform": _sagemaker("Transform", TRANSFORM_ARN),
    "EMR": StateChange(
        "aws.emr", "EMR Step Status Change", "state", ("FAILED", "CANCELLED"), ("PENDING", "RUNNING", "COMPLETED"),
        {"severity": "ERROR", "actionOnFailure": "CONTINUE", "stepId": EMR_STEP, "name": "render", "clusterId": "j-1",
         "message": f"Step {EMR_STEP} (render) failed."},
    ),
    "EMR Serverless": StateChange(
        "aws.emr-serverless", "EMR Serverless Job Run State Change", "state", ("FAILED", "CANCELLED"),
        ("SUCCESS", "RUNNING", "SCHEDULED", "CANCELLING"),
        {"jobRunId": EMR_SERVERLESS_RUN, "applicationId": "00f1982r1uukb925", "releaseLabel": "emr-7.1.0", "previousState": "RUNNING",
         "arn": f"arn:aws:emr-serverless:{REGION}:{ACCOUNT}:/applications/00f1982r1uukb925/jobruns/{EMR_SERVERLESS_RUN}"},
    ),
    "EC2": StateChange(
        "aws.ec2", "EC2 Instance State-change Notification", "state", ("stopped", "terminated"),
        ("pending", "running", "stopping", "shutting-down"), {"instance-id": INSTANCE},
    ),
    "SSM": StateChange(
        "aws.ssm", "EC2 Command Status-change Notification", "status",
        ("Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated", "DeliveryTimedOut", "ExecutionTimedOut"),
        ("Success", "Pending", "InProgress", "Cancelling"),
        {"command-id": COMMAND, "document-name": "AWS-RunShellScript", "parameters": {"commands": ["render"]},
         "requested-date-time": "2025-01-01T00:00:00.000Z"},
    ),
    "Bedrock": StateChange(
        "aws.bedrock", "Batch Inference Job State Change", "status", ("Failed", "Stopped", "Expired"),
        ("Submitted", "InProgress", "Completed", "PartiallyCompleted"),
        {"version": "0.0", "batchJobName": "captions", "batchJobArn": BEDROCK_ARN, "failureMessage": ""},
    ),
}  # fmt: skip
"""The notices of section 13, by their services."""


def abandoned(payload: object, **options: object) -> dict:
    """A message in a worker's dead-letter queue."""
    return sqs_record(payload, queue=ABANDONED_QUEUE, **options)


ENVIRONMENTS = {
    "ECS": ecs_died,
    "Batch": batch_died,
    "Batch with ECS properties": batch_ecs_died,
    "Batch with EKS properties": batch_eks_died,
    "Batch with nodes": batch_nodes_died,
    "CodeBuild": codebuild_died,
}
"""Notices in which the identity is in an environment."""

def ecs_command(command: list, environment: dict[str, str] | None = None, **members: object) -> dict:
    """A task whose override has a command, which was killed."""
    worker = {"name": "worker", "environment": pairs(environment or {}), "command": command}
    return ecs([worker], [container("worker", 137)], **members)


def batch_command(command: list, environment: dict[str, str] | None = None) -> dict:
    return batch({"container": {"image": "i", "environment": pairs(environment or {}), "command": command, "exitCode": 1}})


def batch_ecs_command(command: list, environment: dict[str, str] | None = None) -> dict:
    containers = [{"name": "worker", "environment": pairs(environment or {}), "command": command}]
    return batch({"ecsProperties": {"taskProperties": [{"containers": containers}]}})


def batch_eks_command(command: list, environment: dict[str, str] | None = None, member: str = "command") -> dict:
    worker = {"name": "worker", "env": pairs(environment or {}), member: command}
    return batch({"eksProperties": {"podProperties": {"containers": [worker]}}})


def batch_eks_args(command: list, environment: dict[str, str] | None = None) -> dict:
    return batch_eks_command(command, environment, "args")


def batch_nodes_command(command: list, environment: dict[str, str] | None = None) -> dict:
    worker = {"image": "i", "environment": pairs(environment or {}), "command": command}
    return batch({"nodeProperties": {"mainNode": 0, "numNodes": 2, "nodeRangeProperties": [{"targetNodes": "0:1", "container": worker}]}})


COMMANDS = {
    "ECS": ecs_command,
    "Batch": batch_command,
    "Batch with ECS properties": batch_ecs_command,
    "Batch with EKS properties": batch_eks_command,
    "Batch with arguments of EKS": batch_eks_args,
    "Batch with nodes": batch_nodes_command,
}
"""Notices in which the identity is on a command line, as functions of it and of an environment."""

PAYLOADS = {
    "a Lambda record": lambda payload: lambda_record(payload),
    "a Lambda record as EventBridge event": lambda payload: lambda_event(lambda_record(payload)),
    "a Step Functions execution": states,
    "abandoned work": abandoned,
}
"""Notices in which the identity is in a JSON payload."""


def unlike(prefix: str) -> str:
    """A text that occurs nowhere else."""
    return f"{prefix}-{uuid.uuid4()}"
