"""Builders of the notices that AWS itself sends, in the shapes that AWS documents."""

from __future__ import annotations

import uuid

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
