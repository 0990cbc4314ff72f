"""The fourteen kinds of target, and the names under which their secrets stand."""

from __future__ import annotations

import re
from typing import Final

KINDS: Final = frozenset(
    {
        "codepipeline-job",
        "codepipeline-third-party-job",
        "step-functions-task",
        "swf-activity-task",
        "lambda-durable-callback",
        "cloudformation-custom-resource",
        "cloudformation-wait-condition",
        "sagemaker-pipeline-step",
        "auto-scaling-lifecycle-action",
        "codedeploy-lifecycle-hook",
        "codepipeline-approval",
        "image-builder-workflow-step",
        "service-catalog-engine-workflow",
        "ecs-deployment-hook",
    }
)

#: The usual names of a Step Functions task token, looked for after those in ``RELAY_TASK_TOKEN_NAMES``.
TASK_TOKEN_NAMES: Final = (
    "TASK_TOKEN",
    "TASK_TOKEN_ENV_VARIABLE",
    "SFN_TASK_TOKEN",
    "AWS_STEPFUNCTIONS_TASK_TOKEN",
    "TaskToken",
    "taskToken",
)

_SECRET_NAMES: Final = (
    *TASK_TOKEN_NAMES,
    "SWF_TASK_TOKEN",
    "clientToken",
    "CODEPIPELINE_CLIENT_TOKEN",
    "DURABLE_CALLBACK_ID",
    "callbackId",
    "responseUrl",
    "signalUrl",
    "callbackToken",
    "lifecycleEventHookExecutionId",
    "token",
    "workflowToken",
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


def spelling(name: str) -> str:
    """A name without what spellings differ in: case, ``-`` and ``_``."""
    return re.sub("[-_]", "", name).lower()


#: The names of secrets, as :func:`spelling` has them.
SECRET_SPELLINGS: Final = frozenset(map(spelling, _SECRET_NAMES))
