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


def code_of(template):
    functions = {n: r for n, r in template["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}
    return {name: function["Properties"].pop("CodeUri") for name, function in functions.items()}


(nested,) = Path(sys.argv[1]).glob("*.nested.template.json")
found = normal(json.loads(nested.read_text()))
wanted = normal(Template(Path(sys.argv[2]).resolve()).raw)
code, _ = code_of(found), code_of(wanted)
problems = differences(wanted, found)
problems += [f"{name}: no asset, but {uri!r}" for name, uri in code.items() if set(uri) != {"Bucket", "Key"}]
print("\n".join(sorted(problems)) or f"{len(found['Resources'])} resources, {len(found['Parameters'])} parameters, all as in the template")
sys.exit(bool(problems))
