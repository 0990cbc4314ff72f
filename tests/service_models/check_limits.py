#!/usr/bin/env python3
"""Compares the embedded endpoint's limits with the models that AWS publishes.

    pip install botocore==1.44.5
    cargo relayctl serve --limits | python3 tests/service_models/check_limits.py

Standard input is the JSON of `aws_emulator::limits_as_json`. Every member of every operation must
be in both, with the same type, limits, pattern, enumeration, marks and place in the request; and
every operation must be called in the same way (protocol, method, path, body, target, version,
signing name) and have the same errors with the same HTTP statuses, where the endpoint keeps them.
Each difference is a line; the exit status is 1 when there is one, and 2 when the input is not usable. The version is pinned
because AWS adds members every week; a newer one shows what has been added since.
"""

import json
import sys

import botocore
from botocore.loaders import Loader

COMPARED = ("type", "required", "min", "max", "pattern", "enum", "sensitive", "location")
# Marks that botocore spells differently but that do not change what a service accepts.
SAME_TYPE = {"long": "integer"}
# The operations whose errors the endpoint answers from its table: all that report on work.
KEEP_ERRORS = {
    ("stepfunctions", "SendTaskFailure"),
    ("stepfunctions", "SendTaskHeartbeat"),
    ("stepfunctions", "SendTaskSuccess"),
    ("codepipeline", "PutJobFailureResult"),
    ("codepipeline", "PutJobSuccessResult"),
    ("codepipeline", "PutThirdPartyJobFailureResult"),
    ("codepipeline", "PutThirdPartyJobSuccessResult"),
    ("codepipeline", "PutApprovalResult"),
    ("swf", "RespondActivityTaskFailed"),
    ("swf", "RespondActivityTaskCompleted"),
    ("swf", "RecordActivityTaskHeartbeat"),
    ("lambda", "SendDurableExecutionCallbackFailure"),
    ("lambda", "SendDurableExecutionCallbackSuccess"),
    ("lambda", "SendDurableExecutionCallbackHeartbeat"),
    ("sagemaker", "SendPipelineExecutionStepFailure"),
    ("autoscaling", "CompleteLifecycleAction"),
    ("autoscaling", "RecordLifecycleActionHeartbeat"),
    ("codedeploy", "PutLifecycleEventHookExecutionStatus"),
    ("imagebuilder", "SendWorkflowStepAction"),
    ("servicecatalog", "NotifyProvisionProductEngineWorkflowResult"),
    ("servicecatalog", "NotifyUpdateProvisionedProductEngineWorkflowResult"),
    ("servicecatalog", "NotifyTerminateProvisionedProductEngineWorkflowResult"),
    ("ecs", "ContinueServiceDeployment"),
}


def model_rows(service, operation):
    """The rows of one operation, in the form of `limits_as_json`, by their member path."""
    model = Loader().load_service_model(service, "service-2")
    shapes = model["shapes"]
    if operation not in model["operations"]:
        return None
    rows = {}

    def walk(path, required, name, inside, location=None):
        shape = shapes[name]
        rows[path] = {
            "type": SAME_TYPE.get(shape["type"], shape["type"]),
            "required": required,
            "min": shape.get("min"),
            "max": shape.get("max"),
            "pattern": shape.get("pattern"),
            "enum": shape.get("enum"),
            "sensitive": shape.get("sensitive", False),
            "location": location,
        }
        if name in inside:
            # A structure inside itself: its members are rows already.
            return
        inside = inside | {name}
        if shape["type"] == "structure":
            for member, target in shape.get("members", {}).items():
                is_required = member in shape.get("required", [])
                walk(
                    f"{path}.{member}".lstrip("."), is_required, target["shape"], inside, target.get("location")
                )
        elif shape["type"] == "list":
            walk(f"{path}[]", False, shape["member"]["shape"], inside)
        elif shape["type"] == "map":
            walk(f"{path}{{key}}", False, shape["key"]["shape"], inside)
            walk(f"{path}{{}}", False, shape["value"]["shape"], inside)

    walk("", False, model["operations"][operation]["input"]["shape"], frozenset())
    return rows


def model_call(service, operation):
    """How the model says that an operation is called, in the form of a row's `call`."""
    model = Loader().load_service_model(service, "service-2")
    shapes, metadata = model["shapes"], model["metadata"]
    found = model["operations"][operation]
    errors = {}
    for error in found.get("errors", []):
        shape = shapes[error["shape"]]
        status = 500 if shape.get("fault") else 400
        modelled = shape.get("error", {})
        errors[modelled.get("code", error["shape"])] = modelled.get("httpStatusCode", status)
    query = metadata["protocols"] == ["query"]
    in_json = "json" in metadata["protocols"]
    return {
        "protocols": metadata["protocols"],
        "signingName": metadata.get("signingName", metadata["endpointPrefix"]),
        "method": found["http"]["method"],
        "uri": found["http"]["requestUri"],
        "payload": shapes[found["input"]["shape"]].get("payload"),
        "targetPrefix": metadata.get("targetPrefix"),
        "version": metadata["apiVersion"] if query else metadata["jsonVersion"] if in_json else None,
        "errors": errors,
    }


def call_differences(service, operation, ours):
    """One sentence for each way in which an operation is called or fails differently."""
    theirs = model_call(service, operation)
    where = f"{service}.{operation}"
    if ours["protocol"] not in theirs["protocols"]:
        yield f"{where}: protocol is {ours['protocol']!r} in the endpoint, {theirs['protocols']!r} in the model"
    for key in ("signingName", "method", "uri", "payload", "targetPrefix", "version"):
        if ours[key] != theirs[key]:
            yield f"{where}: {key} is {ours[key]!r} in the endpoint, {theirs[key]!r} in the model"
    errors = ours["errors"]
    if errors is None:
        if (service, operation) in KEEP_ERRORS:
            yield f"{where}: the endpoint keeps no errors"
        return
    for name in sorted(errors.keys() | theirs["errors"].keys()):
        own, modelled = errors.get(name), theirs["errors"].get(name)
        if own != modelled:
            yield f"{where}: {name} has status {own} in the endpoint, {modelled} in the model"


def differences(ours):
    """One sentence for each place where the endpoint's rows and the models differ."""
    operations = {}
    for row in ours:
        members = operations.setdefault((row["service"], row["operation"]), {})
        if row["member"] in members:
            yield f"{row['service']}.{row['operation']} {row['member']!r}: listed twice"
        members[row["member"]] = row
    for (service, operation), members in operations.items():
        theirs = model_rows(service, operation)
        if theirs is None:
            yield f"{service}.{operation}: no such operation in the model"
            continue
        yield from call_differences(service, operation, members[""]["call"])
        for member in sorted(members.keys() | theirs.keys()):
            where = f"{service}.{operation} {member!r}"
            if member not in members:
                yield f"{where}: in the model, not in the endpoint"
            elif member not in theirs:
                yield f"{where}: in the endpoint, not in the model"
            else:
                for key in COMPARED:
                    if members[member][key] != theirs[member][key]:
                        yield (
                            f"{where}: {key} is {members[member][key]!r} in the endpoint, "
                            f"{theirs[member][key]!r} in the model"
                        )


def main():
    try:
        ours = json.load(sys.stdin)
        operations = {(row["service"], row["operation"]) for row in ours}
    except (ValueError, KeyError, TypeError) as error:
        print(f"standard input is not the endpoint's limits: {error!r}", file=sys.stderr)
        return 2
    # An empty table would agree with everything: all calls that report on work must be there.
    found = [f"{s}.{o}: not in the endpoint" for s, o in sorted(KEEP_ERRORS - operations)]
    found += differences(ours)
    for line in found:
        print(line)
    print(
        f"{len(ours)} members of {len(operations)} operations compared with "
        f"botocore {botocore.__version__}: {len(found)} differences",
        file=sys.stderr,
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
