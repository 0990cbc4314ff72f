"""The exact shapes in which workers of the newer kinds get their identity: rule 0 of the search."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Any, Callable

Object = dict[str, Any]

_TEN_CHARACTERS = "[A-Za-z0-9]{10}"
_OPERATIONS = ("PROVISION_PRODUCT", "UPDATE_PROVISIONED_PRODUCT", "TERMINATE_PROVISIONED_PRODUCT")


def target_of_shape(layer: Object) -> Object | None:
    """The target in one layer of a payload, if the layer has one of the shapes; they are tried in the
    contract's order.
    """
    for shape in _SHAPES:
        target = shape(layer)
        if target is not None:
            return target
    return None


def _texts(layer: Object, *names: str) -> bool:
    """Whether all of these members are texts that are not empty."""
    return all(isinstance(layer.get(name), str) and layer[name] for name in names)


def _object(layer: Object, name: str) -> Object:
    member = layer.get(name)
    return member if isinstance(member, dict) else {}


def _target(
    kind: str, layer: Object, required: dict[str, str], optional: dict[str, str] | None = None
) -> Object:
    """A target whose members are copied from a layer; an optional member that is empty counts as not there."""
    target: Object = {"kind": kind}
    target.update((member, layer[name]) for member, name in required.items())
    target.update((member, layer[name]) for member, name in (optional or {}).items() if _texts(layer, name))
    return target


def _custom_resource(layer: Object) -> Object | None:
    if not _texts(layer, "ResponseURL", "StackId", "RequestId", "LogicalResourceId", "RequestType"):
        return None
    required = {
        "responseUrl": "ResponseURL",
        "stackId": "StackId",
        "requestId": "RequestId",
        "logicalResourceId": "LogicalResourceId",
    }
    return _target(
        "cloudformation-custom-resource", layer, required, {"physicalResourceId": "PhysicalResourceId"}
    )


def _codedeploy_hook(layer: Object) -> Object | None:
    if not _texts(layer, "DeploymentId", "LifecycleEventHookExecutionId"):
        return None
    required = {
        "deploymentId": "DeploymentId",
        "lifecycleEventHookExecutionId": "LifecycleEventHookExecutionId",
    }
    return _target("codedeploy-lifecycle-hook", layer, required)


def _lifecycle_action(layer: Object) -> Object | None:
    event = layer.get("source") == "aws.autoscaling"
    action = _object(layer, "detail") if event and "detail" in layer else layer
    if not _texts(action, "LifecycleActionToken", "AutoScalingGroupName", "LifecycleHookName"):
        return None
    required = {
        "autoScalingGroupName": "AutoScalingGroupName",
        "lifecycleHookName": "LifecycleHookName",
        "lifecycleActionToken": "LifecycleActionToken",
    }
    optional = {"instanceId": "EC2InstanceId", "account": "AccountId"}
    target = _target("auto-scaling-lifecycle-action", action, required, optional)
    if event:
        target.update((name, layer[name]) for name in ("region", "account") if _texts(layer, name))
    return target


def _sagemaker_step(layer: Object) -> Object | None:
    if not _texts(layer, "token", "pipelineExecutionArn") or not re.fullmatch(
        _TEN_CHARACTERS, layer["token"]
    ):
        return None
    required = {"callbackToken": "token", "pipelineExecutionArn": "pipelineExecutionArn"}
    return _target("sagemaker-pipeline-step", layer, required)


def _service_catalog(layer: Object) -> Object | None:
    if not _texts(layer, "token", "recordId", "operation") or layer["operation"] not in _OPERATIONS:
        return None
    required = {"operation": "operation", "workflowToken": "token", "recordId": "recordId"}
    target = _target("service-catalog-engine-workflow", layer, required)
    tag = _object(layer, "tracerTag")
    if _texts(tag, "key", "value"):
        target.update(tracerTagKey=tag["key"], tracerTagValue=tag["value"])
    return target


def _approval(layer: Object) -> Object | None:
    approval = _object(layer, "approval")
    names = ("pipelineName", "stageName", "actionName", "token")
    if not _texts(approval, *names):
        return None
    target = _target("codepipeline-approval", approval, {name: name for name in names})
    if _texts(layer, "region"):
        target["region"] = layer["region"]
    return target


def _ecs_hook(layer: Object) -> Object | None:
    detail = _object(layer, "detail")
    names = ("hookId", "serviceDeploymentArn")
    awaits = detail.get("eventName") == "HOOK_AWAITING_ACTION" and _texts(detail, *names)
    if layer.get("source") != "aws.ecs" or layer.get("detail-type") != "ECS Hook State Change" or not awaits:
        return None
    return _target("ecs-deployment-hook", detail, {name: name for name in names})


def _image_builder_step(layer: Object) -> Object | None:
    waiting = layer.get("detail-type") == "EC2 Image Builder Workflow Step Waiting"
    if layer.get("source") != "aws.imagebuilder" or not waiting:
        return None
    detail, resources = _object(layer, "detail"), layer.get("resources")
    image = resources[0] if isinstance(resources, list) and resources else None
    if not _texts(detail, "workflow-step-execution-id") or not isinstance(image, str) or not image:
        return None
    step = detail["workflow-step-execution-id"]
    return {"kind": "image-builder-workflow-step", "stepExecutionId": step, "imageBuildVersionArn": image}


def _durable_callback(layer: Object) -> Object | None:
    job = _object(layer, "job")
    ids = [layer.get(name) for name in ("callbackId", "callback_id", "CallbackId")] + [job.get("callbackId")]
    found = next((id for id in ids if isinstance(id, str) and _names_an_execution(id)), None)
    return None if found is None else {"kind": "lambda-durable-callback", "callbackId": found}


def decoded_callback(callback_id: str) -> bytes:
    """What a callback id holds: base64, padded or not; nothing when it is neither."""
    bare = callback_id.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _names_an_execution(callback_id: str) -> bool:
    held = decoded_callback(callback_id)
    return b":lambda:" in held and b"/durable-execution/" in held


_SHAPES: Sequence[Callable[[Object], Object | None]] = (
    _custom_resource,
    _codedeploy_hook,
    _lifecycle_action,
    _sagemaker_step,
    _service_catalog,
    _approval,
    _ecs_hook,
    _image_builder_step,
    _durable_callback,
)
