"""The rows of docs/first-deployment.md, and why some of them are nothing that tests/aws/run tries."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/first-deployment.md"

WORK = "it needs real work of that kind that waits"
NOT_TRIED = {
    "`aws:ResourceAccount` holds on `sts:AssumeRole`": "it needs a second account",
    "A second report of a CodePipeline job": "it needs a pipeline with a custom action",
    "A durable execution that is gone": WORK,
    "A durable execution that is encrypted": WORK,
    "SageMaker matches the permission": WORK,
    "What SageMaker answers": WORK,
    "Auto Scaling says": "it needs an instance in a group with a lifecycle hook",
    "What CodeDeploy answers": WORK,
    "CodeDeploy invokes its hooks": WORK,
    "An approval that a person has answered": "a person has to answer it",
    "What Image Builder answers": WORK,
    "Image Builder matches": WORK,
    "What Service Catalog answers": WORK,
    "What ECS answers": WORK,
    "ECS matches": WORK,
    "The age of the oldest message in the parking queue": "it takes two hours",
    "With `LogTail=5`": "it needs an ECS cluster with a task",
    "The notices of Glue": "it needs jobs of these services that fail",
    "The history of a waiting task names": "it needs workers of these services",
    "CanarySilentAlarm counts": "it takes four hours",
    "Lambda makes the interfaces": "it needs a VPC",
    "The endpoints suffice": "it needs a VPC",
}


@dataclass(frozen=True)
class Row:
    section: str
    assumed: str
    """Its first cell."""


def rows_of_the_page(text=None):
    section, is_row = "", False
    for line in (text or PAGE.read_text()).splitlines():
        if heading := re.match(r"#+ (.*)", line):
            section = heading[1]
        if not line.startswith("| "):
            is_row = False
            continue
        first = re.split(r"(?<!\\)\|", line)[1].strip()
        if first in ("What is assumed", "What is not known"):
            is_row = True
        elif is_row and first != "---":
            yield Row(section, first)
