"""The script of the GitHub Action, with the AWS CLI, against moto."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from conftest import REGION, Queue

ACTION = Path(__file__).resolve().parents[2] / "github-action"
TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAfp/8Q+Zs1mW=="
RUN = {
    "GITHUB_REPOSITORY": "film/render",
    "GITHUB_RUN_ID": "4711",
    "GITHUB_WORKFLOW": 'Render "all" $(frames)',
    "GITHUB_JOB": "render",
    "GITHUB_SHA": "0123abc",
}

pytestmark = pytest.mark.skipif(
    not (shutil.which("jq") and shutil.which("aws") and shutil.which("bash")),
    reason="needs bash, jq and the AWS CLI",
)


def report(directory: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the script; an `aws` before the real one keeps what is on its command line.

    The first version of the CLI asks AWS itself for a queue, whatever the environment says, so the address is given."""
    tool = directory / "aws"
    real = shutil.which("aws")
    tool.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >>"{directory}/commands"\nexec {real} "$@" --endpoint-url "$AWS_ENDPOINT_URL"\n'
    )
    tool.chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    environment = {
        **os.environ,
        **RUN,
        "PATH": path,
        **{f"FAILURE_{name}": text for name, text in inputs.items()},
    }
    return subprocess.run(
        ["bash", str(ACTION / "report")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_queue_gets_the_failure_with_the_link_of_the_run(queue: Queue, tmp_path: Path) -> None:
    run = report(tmp_path, TASK_TOKEN=TOKEN, QUEUE_URL=queue.url)
    assert (run.returncode, run.stderr) == (0, "")
    event = queue.event()
    assert event["target"] == {"kind": "step-functions-task", "taskToken": TOKEN}
    link = "https://github.com/film/render/actions/runs/4711"
    assert event["failure"]["message"] == f'Job render of workflow Render "all" $(frames) failed: {link}'
    assert event["failure"]["details"]["run"] == link
    assert (event["source"], event["failure"]["externalExecutionId"]) == ("github/film/render", "4711")


def test_the_token_is_masked_and_on_no_command_line(queue: Queue, tmp_path: Path) -> None:
    target = json.dumps({"kind": "swf-activity-task", "taskToken": TOKEN})
    run = report(tmp_path, TARGET=target, QUEUE_URL=queue.url)
    assert run.returncode == 0
    assert queue.event()["target"] == json.loads(target)
    assert run.stdout.splitlines()[0] == f"::add-mask::{TOKEN}"
    assert TOKEN not in run.stdout.replace(f"::add-mask::{TOKEN}", "")
    assert TOKEN not in (tmp_path / "commands").read_text()


def test_texts_of_the_inputs_are_texts_and_nothing_more(queue: Queue, tmp_path: Path) -> None:
    text = "$(touch pwned) `id` \"quoted\" 'and' \\ é\nline 2"
    run = report(tmp_path, JOB_ID="j", MESSAGE=text, TYPE="Render.Failed", SOURCE="a b", QUEUE_URL=queue.url)
    assert run.returncode == 0
    event = queue.event()
    assert event["target"] == {"kind": "codepipeline-job", "jobId": "j"}
    assert (event["failure"]["message"], event["failure"]["type"], event["source"]) == (
        text,
        "Render.Failed",
        "a b",
    )


def test_a_bus_gets_the_failure(moto_url: str, queue: Queue, tmp_path: Path) -> None:
    events = boto3.client("events", endpoint_url=moto_url, region_name=REGION)
    bus = f"bus-{time.time_ns()}"
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.put_rule(Name="r", EventBusName=bus, EventPattern='{"detail-type": ["Failure Event"]}')
    attributes: Any = queue._client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])
    events.put_targets(
        Rule="r", EventBusName=bus, Targets=[{"Id": "q", "Arn": attributes["Attributes"]["QueueArn"]}]
    )
    assert report(tmp_path, TASK_TOKEN=TOKEN, EVENT_BUS=arn).returncode == 0
    assert queue.event()["detail"]["target"]["taskToken"] == TOKEN


def test_a_refusal_of_the_bus_fails_the_step(service: Any, tmp_path: Path) -> None:
    from answering import Answer

    service.otherwise = Answer(
        body={"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSource"}]}
    )
    run = report(tmp_path, TASK_TOKEN=TOKEN, EVENT_BUS="bus")
    assert run.returncode == 1
    assert "NotAuthorizedForSource" in run.stderr


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"QUEUE_URL": "https://q"}, "task-token"),
        ({"TASK_TOKEN": TOKEN}, "queue-url"),
        ({"TARGET": "[1]", "QUEUE_URL": "https://q"}, "JSON object"),
        ({"TARGET": "{", "QUEUE_URL": "https://q"}, "JSON object"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, inputs: dict[str, str], says: str) -> None:
    run = report(tmp_path, **inputs)
    assert run.returncode == 1
    assert says in run.stderr
