#!/usr/bin/env python3
"""The nested stack that was synthesized is the template, but for where the functions' code is.

same_template.py <cdk.out> <the template that was given>
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests/template"))

from cloudformation import Template  # noqa: E402


def normal(it):
    """Attributes are written in two ways, and so is one dependency."""
    if isinstance(it, list):
        return [normal(value) for value in it]
    if not isinstance(it, dict):
        return it
    it = {key: normal(value) for key, value in it.items()}
    if isinstance(it.get("Fn::GetAtt"), str):
        it["Fn::GetAtt"] = it["Fn::GetAtt"].split(".", 1)
    if isinstance(it.get("DependsOn"), str):
        it["DependsOn"] = [it["DependsOn"]]
    return it


def differences(wanted, found, path=""):
    if not (isinstance(wanted, dict) and isinstance(found, dict)):
        return [] if wanted == found else [f"{path}: {wanted!r} became {found!r}"]
    missing = [f"{path}/{key} is gone" for key in wanted.keys() - found.keys()]
    new = [f"{path}/{key} is new" for key in found.keys() - wanted.keys()]
    return missing + new + [line for key in wanted.keys() & found.keys()
                            for line in differences(wanted[key], found[key], f"{path}/{key}")]  # fmt: skip


def without_code(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            del resource["Properties"]["CodeUri"]
    return template


(nested,) = Path(sys.argv[1]).glob("*.nested.template.json")
found = without_code(normal(json.loads(nested.read_text())))
wanted = without_code(normal(Template(Path(sys.argv[2]).resolve()).raw))
problems = differences(wanted, found)
print("\n".join(sorted(problems)) or f"{len(found['Resources'])} resources, {len(found['Parameters'])} parameters, all as in the template")
sys.exit(bool(problems))
