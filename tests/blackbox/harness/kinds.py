"""The ten further kinds of section 10: how a target of each is built, and the call by which its service is told."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote

from .events import KINDS as FOUR
from .function import ACCOUNT, REGION, relayctl
from .secrets import Secrets

PROVISION, UPDATE, TERMINATE = "PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "TERMINATE_PROVISIONED_PRODUCT"
LONG_AGO = "20251120T101530Z"


@dataclass(frozen=True)
class Kind:
    name: str
    build: Callable[..., dict]
    """A target with a new identity; members replace its own, None leaves one out."""
    identity: str
    """The member of the target that is fingerprinted, and by which a case scripts the answer."""
    service: str
    """By its name in botocore; `cloudformation-response` has no model."""
    signing_name: str | None
    operation: str
    endpoint_variable: str
    settled: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    carries_text: bool = True
    secret: str | None = None

    @property
    def presigned(self) -> bool:
        return self.signing_name is None


def _target(kind: str, own: dict, changes: dict) -> dict:
    return {name: value for name, value in {"kind": kind, **own, **changes}.items() if value is not None}


def execution_arn(region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:lambda:{region}:{account}:function:render:7/durable-execution/run/{uuid.uuid4()}"


def callback_id(region: str = REGION, account: str = ACCOUNT, padded: bool = False) -> str:
    """Base64 of the CBOR map that AWS writes: `{"a": {"e": <ARN>, "i": <UUID>}}`."""
    arn, unique = execution_arn(region, account).encode(), str(uuid.uuid4()).encode()
    cbor = b"\xa1\x61a\xa2\x61ex" + bytes([len(arn)]) + arn + b"\x61ix" + bytes([len(unique)]) + unique
    text = base64.b64encode(cbor).decode()
    return Secrets.register(text if padded else text.rstrip("="))


def callback(**changes: object) -> dict:
    return _target("lambda-durable-callback", {"callbackId": callback_id()}, changes)


def stack_id(region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:cloudformation:{region}:{account}:stack/app/{uuid.uuid4()}"


def signed(date: str = LONG_AGO, expires: object = 2_000_000_000) -> str:
    """The query of a URL that is presigned by Signature Version 4."""
    signature = Secrets.issue(64)
    return (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-SignedHeaders=host&X-Amz-Expires={expires}"
        f"&X-Amz-Credential=AKIAEXAMPLE%2F{date[:8]}%2F{REGION}%2Fs3%2Faws4_request&X-Amz-Signature={signature}"
    )


def signed_v2(expires: object = 4_102_444_799) -> str:
    return f"AWSAccessKeyId=AKIAEXAMPLE&Expires={expires}&Signature={Secrets.issue(27)}%3D"


def response_host(region: str = REGION, form: str = ".s3.{region}.amazonaws.com") -> str:
    return f"cloudformation-custom-resource-response-{region.replace('-', '')}{form.format(region=region)}"


def signal_host(region: str = REGION, form: str = ".s3.{region}.amazonaws.com") -> str:
    return f"cloudformation-waitcondition-{region}{form.format(region=region)}"


def custom_resource(
    *, host: str | None = None, query: str | None = None, key: str | None = None,
    region: str = REGION, account: str = ACCOUNT, **changes: object,
) -> dict:  # fmt: skip
    """`region`, `account`, `host`, `query` and `key` shape the URL and the stack; they are no members."""
    stack, request, logical = stack_id(region, account), str(uuid.uuid4()), "Image"
    if key is None:
        key = quote(f"{stack}|{logical}|{request}", safe="/")
    url = f"https://{host or response_host(region)}/{key}?{query or signed()}"
    own = {"responseUrl": url, "stackId": stack, "requestId": request, "logicalResourceId": logical}
    return _target("cloudformation-custom-resource", own, changes)


def wait_condition(
    *, host: str | None = None, query: str | None = None, region: str = REGION, **changes: object
) -> dict:
    key = quote(f"{stack_id(region)}/{uuid.uuid4()}/Handle", safe="/")
    url = f"https://{host or signal_host(region)}/{key}?{query or signed_v2()}"
    return _target("cloudformation-wait-condition", {"signalUrl": url}, changes)


def callback_token() -> str:
    return Secrets.register(Secrets.issue(16)[:10])


def pipeline_arn(region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:sagemaker:{region}:{account}:pipeline/render/execution/{uuid.uuid4().hex[:12]}"


def pipeline_step(**changes: object) -> dict:
    return _target("sagemaker-pipeline-step", {"callbackToken": callback_token()}, changes)


def lifecycle_action(**changes: object) -> dict:
    own = {"autoScalingGroupName": "my-asg", "lifecycleHookName": "my-hook", "lifecycleActionToken": str(uuid.uuid4())}
    return _target("auto-scaling-lifecycle-action", own, changes)


def codedeploy_hook(**changes: object) -> dict:
    own = {"deploymentId": "d-IHWDEND8F", "lifecycleEventHookExecutionId": Secrets.issue(270)}
    return _target("codedeploy-lifecycle-hook", own, changes)


def approval(**changes: object) -> dict:
    own = {"pipelineName": "P", "stageName": "S", "actionName": "A", "token": Secrets.register(str(uuid.uuid4()))}
    return _target("codepipeline-approval", own, changes)


def image_arn(region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:imagebuilder:{region}:{account}:image/app/1.0.0/1"


def image_step(**changes: object) -> dict:
    own = {"stepExecutionId": f"step-{uuid.uuid4()}", "imageBuildVersionArn": image_arn()}
    return _target("image-builder-workflow-step", own, changes)


def engine_workflow(**changes: object) -> dict:
    own = {"operation": PROVISION, "workflowToken": Secrets.issue(200), "recordId": f"rec-{uuid.uuid4().hex}"}
    return _target("service-catalog-engine-workflow", own, changes)


def deployment_arn(region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:ecs:{region}:{account}:service-deployment/cluster/service/{uuid.uuid4().hex}"


def deployment_hook(**changes: object) -> dict:
    own = {"hookId": f"ecs-pause-{uuid.uuid4().hex}", "serviceDeploymentArn": deployment_arn()}
    return _target("ecs-deployment-hook", own, changes)


TEN = (
    Kind(
        "lambda-durable-callback", callback, "callbackId", "lambda", "lambda",
        "SendDurableExecutionCallbackFailure", "LAMBDA",
        settled=("CallbackTimeoutException", "InvalidParameterValueException"),
        rejected=("ResourceNotFoundException",), secret="callbackId",
    ),
    Kind(
        "cloudformation-custom-resource", custom_resource, "requestId", "cloudformation-response", None,
        "PutCustomResourceResponse", "CLOUDFORMATION_RESPONSE", secret="responseUrl",
    ),
    Kind(
        "cloudformation-wait-condition", wait_condition, "signalUrl", "cloudformation-response", None,
        "PutWaitConditionSignal", "CLOUDFORMATION_RESPONSE", secret="signalUrl",
    ),
    Kind(
        "sagemaker-pipeline-step", pipeline_step, "callbackToken", "sagemaker", "sagemaker",
        "SendPipelineExecutionStepFailure", "SAGEMAKER",
        rejected=("ResourceNotFound", "ValidationException"), secret="callbackToken",
    ),
    Kind(
        "auto-scaling-lifecycle-action", lifecycle_action, "lifecycleActionToken",
        "autoscaling", "autoscaling", "CompleteLifecycleAction", "AUTO_SCALING",
        rejected=("ValidationError",), carries_text=False,
    ),
    Kind(
        "codedeploy-lifecycle-hook", codedeploy_hook, "lifecycleEventHookExecutionId",
        "codedeploy", "codedeploy", "PutLifecycleEventHookExecutionStatus", "CODEDEPLOY",
        settled=("LifecycleEventAlreadyCompletedException",),
        rejected=(
            "InvalidLifecycleEventHookExecutionIdException", "InvalidLifecycleEventHookExecutionStatusException",
            "DeploymentDoesNotExistException", "DeploymentIdRequiredException", "InvalidDeploymentIdException",
            "UnsupportedActionForDeploymentTypeException",
        ),
        carries_text=False, secret="lifecycleEventHookExecutionId",
    ),
    Kind(
        "codepipeline-approval", approval, "token", "codepipeline", "codepipeline", "PutApprovalResult", "CODEPIPELINE",
        settled=("ApprovalAlreadyCompletedException", "InvalidApprovalTokenException"),
        rejected=("PipelineNotFoundException", "StageNotFoundException", "ActionNotFoundException"), secret="token",
    ),
    Kind(
        "image-builder-workflow-step", image_step, "stepExecutionId", "imagebuilder", "imagebuilder",
        "SendWorkflowStepAction", "IMAGEBUILDER",
        settled=("IdempotentParameterMismatchException",),
        rejected=("ResourceNotFoundException", "InvalidRequestException", "ClientException"),
    ),
    Kind(
        "service-catalog-engine-workflow", engine_workflow, "recordId", "servicecatalog", "servicecatalog",
        "NotifyProvisionProductEngineWorkflowResult", "SERVICE_CATALOG",
        rejected=("InvalidParametersException", "ResourceNotFoundException"), secret="workflowToken",
    ),
    Kind(
        "ecs-deployment-hook", deployment_hook, "hookId", "ecs", "ecs", "ContinueServiceDeployment", "ECS",
        rejected=(
            "ServiceDeploymentNotFoundException", "UnsupportedFeatureException", "InvalidParameterException", "ClientException",
        ),
        carries_text=False,
    ),
)  # fmt: skip


class _ByName(dict[str, Kind]):
    def __missing__(self, name: str) -> Kind:
        raise LookupError(f"kinds that one side alone knows: TEN has no {name}")


BY_NAME = _ByName((kind.name, kind) for kind in TEN)
ALL_NAMES = (*FOUR, *BY_NAME)


def identity(of: dict) -> str:
    """What is fingerprinted of a target, and what the endpoint sees of it."""
    kind = BY_NAME[of["kind"]]
    value = of.get(kind.identity) or of["instanceId"]
    return value.split("?")[0] if kind.name == "cloudformation-wait-condition" else value


def derived(of: dict) -> str:
    """The token by which a redelivered report is known."""
    return sha256(f"{of['kind']}\n{identity(of)}".encode()).hexdigest()


@dataclass
class RelayKinds:
    """Which kinds the relay has, as `relayctl kinds` names them: nothing else is taken from it."""

    names: list[str] = field(default_factory=list)

    @classmethod
    def read(cls) -> RelayKinds:
        printed = subprocess.run([relayctl(), "kinds", "--json"], capture_output=True, text=True, check=True)
        return cls([json.loads(line)["kind"] for line in printed.stdout.splitlines()])
