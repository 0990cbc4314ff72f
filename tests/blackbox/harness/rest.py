"""Calls that are told apart by method and path, by a form, or by a presigned URL; each is read independently of the relay."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, unquote

from .http import Request

IN_XML = ("autoscaling", "cloudformation-response", "ec2")
IDENTITIES = {
    "SendDurableExecutionCallbackFailure": ("CallbackId",),
    "PutCustomResourceResponse": ("RequestId",),
    "PutWaitConditionSignal": ("Url",),
    "SendPipelineExecutionStepFailure": ("CallbackToken",),
    "CompleteLifecycleAction": ("LifecycleActionToken", "InstanceId"),
    "PutLifecycleEventHookExecutionStatus": ("lifecycleEventHookExecutionId",),
    "PutApprovalResult": ("token",),
    "SendWorkflowStepAction": ("stepExecutionId",),
    "NotifyProvisionProductEngineWorkflowResult": ("RecordId",),
    "NotifyUpdateProvisionedProductEngineWorkflowResult": ("RecordId",),
    "NotifyTerminateProvisionedProductEngineWorkflowResult": ("RecordId",),
    "ContinueServiceDeployment": ("hookId",),
}
"""Where a call has what identifies its work: the first member that is there."""
_CALLBACK = re.compile(r"/2025-12-01/durable-execution-callbacks/([A-Za-z0-9%]+)/fail")
_HOST = re.compile(
    r"cloudformation-(?:custom-resource-response-(?P<squeezed>[a-z0-9]+)|waitcondition-(?P<whole>[a-z0-9-]+))"
    r"\.s3(?:[.-](?P<region>[a-z]+(?:-[a-z]+)+-[0-9]))?\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu)"
)
_RESPONSE = {"Status", "Reason", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"}
_SIGNAL = {"Status", "Reason", "UniqueId", "Data"}


def _json(request: Request, violations: list[str]) -> dict:
    try:
        return json.loads(request.body)
    except ValueError as broken:
        violations.append(f"{request.method} {request.path}: the body is no JSON: {broken}")
        return {}


def parse(request: Request, violations: list[str]) -> tuple[str, str, dict] | None:
    """Service, operation and members of a signed REST-JSON or Query call; None for any other."""
    if request.method == "PUT" and request.path == "/SendWorkflowStepAction":
        _content_type(request, "application/json", violations)
        return "imagebuilder", "SendWorkflowStepAction", _json(request, violations)
    if request.method == "POST" and (found := _CALLBACK.fullmatch(request.path)):
        _content_type(request, "application/json", violations)
        params: dict = {"CallbackId": unquote(found[1])}
        # The body is the one member `Error`.
        params["Error"] = _json(request, violations)
        return "lambda", "SendDurableExecutionCallbackFailure", params
    if (request.method, request.path) == ("POST", "/v1/describejobs"):
        _content_type(request, "application/json", violations)
        return "batch", "DescribeJobs", _json(request, violations)
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if form.get("Action") == "CompleteLifecycleAction":
        _content_type(request, "application/x-www-form-urlencoded", violations)
        if (request.method, request.path, form.pop("Version", None)) != ("POST", "/", "2011-01-01"):
            violations.append(f"CompleteLifecycleAction: {request.method} {request.path}, or another version")
        del form["Action"]
        return "autoscaling", "CompleteLifecycleAction", form
    if form.get("Action") == "DescribeInstances":
        _content_type(request, "application/x-www-form-urlencoded", violations)
        if (request.method, request.path, form.pop("Version", None)) != ("POST", "/", "2016-11-15"):
            violations.append(f"DescribeInstances: {request.method} {request.path}, or another version")
        del form["Action"]
        return "ec2", "DescribeInstances", _describe_instances(form)
    return None


def _describe_instances(form: dict[str, str]) -> dict:
    """The members of the call: `InstanceId.1`, `Filter.1.Name` and `Filter.1.Value.1` are lists in a form."""
    params: dict = {}
    filters: dict[str, dict] = {}
    for name, value in form.items():
        match name.split("."):
            case ["InstanceId", _]:
                params.setdefault("InstanceIds", []).append(value)
            case ["Filter", index, "Name"]:
                filters.setdefault(index, {})["Name"] = value
            case ["Filter", index, "Value", _]:
                filters.setdefault(index, {}).setdefault("Values", []).append(value)
            case _:
                params[name] = int(value) if name == "MaxResults" else value
    return {**params, "Filters": list(filters.values())} if filters else params


def _content_type(request: Request, expected: str, violations: list[str]) -> None:
    if request.headers.get("content-type", "").split(";")[0] != expected:
        violations.append(f"{request.path}: content type {request.headers.get('content-type')}")


def presigned(request: Request, violations: list[str]) -> tuple[str, str, dict, str] | None:
    """Service, operation, members and region of a `PUT` to one of CloudFormation's buckets; None for any other request."""
    host = request.headers.get("host", "")
    if not host.startswith("cloudformation-"):
        return None
    found = _HOST.fullmatch(host)
    if found is None:
        violations.append(f"a host that is not CloudFormation's: {host}")
        return "cloudformation-response", "unknown", {}, ""
    region = found["region"] or "us-east-1"
    if (found["whole"] or found["squeezed"]) != (region if found["whole"] else region.replace("-", "")):
        violations.append(f"a bucket of another region: {host}")
    if request.method != "PUT":
        violations.append(f"{request.method} to a presigned URL")
    for name in ("authorization", "x-amz-security-token", "x-amz-date", "transfer-encoding", "cookie", "proxy-authorization"):
        if name in request.headers:
            violations.append(f"a presigned PUT with the header {name}")
    if request.headers.get("content-length") != str(len(request.body)):
        violations.append(f"content-length {request.headers.get('content-length')} of {len(request.body)} bytes")
    if request.headers.get("content-type") != "":
        violations.append(f"a content type that is not empty: {request.headers.get('content-type')!r}")
    if len(request.body) > 4096:
        violations.append(f"a response of {len(request.body)} bytes")
    params = _json(request, violations)
    is_signal = found["whole"] is not None
    if set(params) != (_SIGNAL if is_signal else _RESPONSE):
        violations.append(f"members of a response: {sorted(params)}")
    if any(not isinstance(value, str) for value in params.values()):
        violations.append("a member of a response is no string")
    if any(not params.get(name) for name in params if name != "Data"):
        violations.append("a member of a response is empty")
    operation = "PutWaitConditionSignal" if is_signal else "PutCustomResourceResponse"
    params["Url"] = f"https://{host}{request.path.split('?')[0]}"
    return "cloudformation-response", operation, params, region
