"""Notices as AWS writes them, with the members that matter here, and the package of a function."""

import io
import json
import uuid
import zipfile

from cloud import REGION, RELAY_ACCOUNT

ARN = f"{REGION}:{RELAY_ACCOUNT}"


def ecs(environment, exit_code=None, containers=None, source="aws.ecs", type="ECS Task State Change", **detail):
    """A task with a worker that has the environment, and a sidecar that ended well."""
    task = f"arn:aws:ecs:{ARN}:task/cluster/{uuid.uuid4().hex}"
    worker = {"name": "worker", "lastStatus": "STOPPED", "containerArn": f"{task}/worker"}
    if exit_code is not None:
        worker["exitCode"] = exit_code
    sidecar = {"name": "sidecar", "lastStatus": "STOPPED", "containerArn": f"{task}/sidecar", "exitCode": 0}
    overrides = [{"name": "sidecar"}, {"name": "worker", "environment": pairs(environment)}]
    return {
        "source": source,
        "detail-type": type,
        "detail": {
            "clusterArn": f"arn:aws:ecs:{ARN}:cluster/cluster",
            "containers": [sidecar, worker] if containers is None else containers,
            "desiredStatus": "STOPPED",
            "lastStatus": "STOPPED",
            "overrides": {"containerOverrides": overrides if environment else []},
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "taskArn": task,
            **detail,
        },
    }


def batch(environment, status="FAILED", type="Batch Job State Change", **detail):
    return {
        "source": "aws.batch",
        "detail-type": type,
        "detail": {
            "jobName": "render",
            "jobId": str(uuid.uuid4()),
            "jobQueue": f"arn:aws:batch:{ARN}:job-queue/queue",
            "status": status,
            "statusReason": "Task failed to start",
            "attempts": [{"container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed"}}],
            "container": {"image": "render", "environment": pairs(environment)},
            **detail,
        },
    }


def codebuild(environment, status, type="CodeBuild Build State Change"):
    variables = [{**pair, "type": "PLAINTEXT"} for pair in pairs(environment)]
    return {
        "source": "aws.codebuild",
        "detail-type": type,
        "detail": {
            "build-status": status,
            "project-name": "render",
            "build-id": f"arn:aws:codebuild:{ARN}:build/render:{uuid.uuid4()}",
            "additional-information": {"environment": {"image": "render", "environment-variables": variables}},
        },
    }


def states(input, status):
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": f"arn:aws:states:{ARN}:execution:render:{uuid.uuid4()}",
            "stateMachineArn": f"arn:aws:states:{ARN}:stateMachine:render",
            "name": "one",
            "status": status,
            "input": json.dumps(input),
            "inputDetails": {"included": True},
            "output": None,
        },
    }


def lambda_record(payload, outcome="Failure", source="lambda"):
    return {
        "source": source,
        "detail-type": f"Lambda Function Invocation Result - {outcome}",
        "detail": {
            "version": "1.0",
            "timestamp": "2026-01-02T03:04:05.678Z",
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"arn:aws:lambda:{ARN}:function:render:$LATEST",
                "condition": "RetriesExhausted" if outcome == "Failure" else "Success",
                "approximateInvokeCount": 1,
            },
            "requestPayload": payload,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"},
        },
    }


def pairs(environment):
    return [{"name": name, "value": value} for name, value in environment.items()]


def function_package(bootstrap):
    """A zip archive with this text as `bootstrap`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        file.writestr(info, bootstrap)
    return archive.getvalue()
