#!/usr/bin/env python3
"""Compares the embedded endpoint's limits with the models that AWS publishes.

    pip install botocore==1.44.5
    cargo relayctl serve --limits | python3 tests/service_models/check_limits.py

Standard input is the JSON of `local::limits_as_json`. Every member of every operation must be in
both, with the same type, limits, pattern, enumeration and marks. Each difference is a line; the
exit status is 1 when there is one, and 2 when the input is not usable. The version is pinned
because AWS adds members every week; a newer one shows what has been added since.
"""

import json
import sys

import botocore
from botocore.loaders import Loader

COMPARED = ("type", "required", "min", "max", "pattern", "enum", "sensitive")
# Marks that botocore spells differently but that do not change what a service accepts.
SAME_TYPE = {"long": "integer"}


def model_rows(service, operation):
    """The rows of one operation, in the form of `limits_as_json`, by their member path."""
    model = Loader().load_service_model(service, "service-2")
    shapes = model["shapes"]
    if operation not in model["operations"]:
        return None
    rows = {}

    def walk(path, required, name, inside):
        shape = shapes[name]
        rows[path] = {
            "type": SAME_TYPE.get(shape["type"], shape["type"]),
            "required": required,
            "min": shape.get("min"),
            "max": shape.get("max"),
            "pattern": shape.get("pattern"),
            "enum": shape.get("enum"),
            "sensitive": shape.get("sensitive", False),
        }
        if name in inside:
            raise SystemExit(f"{service}.{operation}: {path} is recursive, which is not handled")
        inside = inside | {name}
        if shape["type"] == "structure":
            for member, target in shape.get("members", {}).items():
                is_required = member in shape.get("required", [])
                walk(f"{path}.{member}".lstrip("."), is_required, target["shape"], inside)
        elif shape["type"] == "list":
            walk(f"{path}[]", False, shape["member"]["shape"], inside)
        elif shape["type"] == "map":
            walk(f"{path}{{key}}", False, shape["key"]["shape"], inside)
            walk(f"{path}{{}}", False, shape["value"]["shape"], inside)

    walk("", False, model["operations"][operation]["input"]["shape"], frozenset())
    return rows


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
    # An empty table would agree with everything: the four failure APIs must be there.
    needed = {
        ("stepfunctions", "SendTaskFailure"),
        ("codepipeline", "PutJobFailureResult"),
        ("codepipeline", "PutThirdPartyJobFailureResult"),
        ("swf", "RespondActivityTaskFailed"),
    }
    found = [f"{s}.{o}: not in the endpoint" for s, o in sorted(needed - operations)]
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
