#!/usr/bin/env python3
"""The SAM transform takes the nested stack that was synthesized, and each function's code is the asset that is published.

transformed.py <cdk.out>
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")  # the transform asks for one

from samtranslator.parser.parser import Parser  # noqa: E402
from samtranslator.translator.translator import Translator  # noqa: E402

out = Path(sys.argv[1])
(nested,) = out.glob("*.nested.template.json")
(assets,) = out.glob("*.assets.json")
published = {place["objectKey"] for file in json.loads(assets.read_text())["files"].values()
             for place in file["destinations"].values()}  # fmt: skip
template = Translator({}, Parser()).translate(json.loads(nested.read_text()), {})
code = {name: resource["Properties"]["Code"].get("S3Key") for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"}  # fmt: skip
for name, key in code.items():
    print(f"{name}: {key}")
sys.exit(not code or not set(code.values()) <= published)
