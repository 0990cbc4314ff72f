"""Section 14: `relayctl sweep`, the same sweep from a terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness import answers as a
from harness.aws_endpoint import AwsEndpoint, Record
from harness.function import ACCESS_KEY, REGION, RELAY_QUEUE, relayctl
from harness.secrets import Secrets
from harness.sweep import CALLS_OF_WORKERS, World
from harness.text import fingerprint

LIMIT_S = 60
UNAVAILABLE = a.error("InternalServerError", 500)


class Ran(NamedTuple):
    status: int
    stdout: str
    stderr: str
    aws: Record

    @property
    def rows(self) -> list[dict]:
        """What `--json` has printed."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def published(self) -> list[dict]:
        return [json.loads(message.body) for message in self.aws.dead_letters]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[AwsEndpoint]:
    made = AwsEndpoint()
    yield made
    made.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    assert not made.broken, f"the fake gave an answer that AWS cannot give: {made.broken}"


@pytest.fixture
def sweep(endpoint: AwsEndpoint, world: World, tmp_path: Path):
    """Runs the command against the world; no token may be printed, and AWS may refuse no request."""

    def run(*arguments: str, script: dict | None = None, **variables: str) -> Ran:
        environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_ENDPOINT_URL": endpoint.url, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true", **variables,
        }  # fmt: skip
        record = endpoint.begin({**world.script(), **(script or {})})
        done = subprocess.run(
            [relayctl(), "sweep", *arguments], env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert not record.violations, f"requests that AWS would refuse: {record.violations}"
        for token in Secrets.issued:
            assert token[:16] not in done.stdout + done.stderr and token[-16:] not in done.stdout + done.stderr
        return Ran(done.returncode, done.stdout, done.stderr, record)

    return run


def test_where_nobody_is_stranded_the_exit_status_is_0(sweep, world: World) -> None:
    assert sweep().status == 0
    world.waiting(world.batch_job("RUNNING", ended_s=None))
    world.waiting(world.ecs_task(exits={"worker": 0}))
    world.waiting(world.build(known=False))
    ran = sweep("--fail", RELAY_QUEUE_URL=RELAY_QUEUE)
    assert ran.status == 0 and ran.published == []


def test_the_table_tells_who_waits_where_since_when_for_what_and_what_became_of_it(sweep, world: World) -> None:
    started = world.ecs_task()
    world.waiting(started, name="render")
    ran = sweep()
    assert ran.status != 0 and ran.published == []
    (execution,) = world.executions
    for part in ("render", execution.name, "Wait", started.id.rsplit("/", 1)[1], "137"):
        assert part in ran.stdout, f"{part} is not in {ran.stdout}"


def test_as_json_it_tells_the_same(sweep, world: World) -> None:
    gone, alive = world.ecs_task(), world.batch_job("RUNNING", ended_s=None)
    token = world.waiting(gone, name="render")
    world.waiting(alive, name="encode")
    ran = sweep("--json")
    assert ran.status != 0
    by_machine = {name: json.dumps([row for row in ran.rows if name in json.dumps(row)]) for name in ("render", "encode")}
    for part in (world.executions[0].arn, "Wait", gone.id, "137", "stranded"):
        assert part in by_machine["render"], f"{part} is not in {ran.stdout}"
    for part in (world.executions[1].arn, "Wait", alive.id, "waiting"):
        assert part in by_machine["encode"], f"{part} is not in {ran.stdout}"
    assert token not in ran.stdout


def test_it_publishes_when_it_is_told_to(sweep, world: World) -> None:
    token = world.waiting(world.ecs_task())
    ran = sweep("--fail", RELAY_QUEUE_URL=RELAY_QUEUE)
    (event,) = ran.published
    assert event["target"]["taskToken"] == token and event["id"] == f"sweep-{fingerprint(token)}"
    assert event["failure"]["type"] == "ECS.EssentialContainerExited" and "137" in event["failure"]["message"]
    assert ran.aws.dead_letters[0].queue_url == RELAY_QUEUE


def test_it_fails_no_hundred_and_one(sweep, world: World) -> None:
    for _ in range(3):
        world.waiting(world.ecs_task())
    ran = sweep("--fail", "--fails-max", "2", RELAY_QUEUE_URL=RELAY_QUEUE)
    assert ran.status != 0 and ran.published == []
    assert "2" in ran.stderr


def test_without_a_place_to_publish_to_it_says_so(sweep, world: World) -> None:
    world.waiting(world.ecs_task())
    ran = sweep("--fail")
    assert ran.status != 0 and ran.published == [] and "RELAY_QUEUE_URL" in ran.stderr


def test_a_queue_that_does_not_answer_is_told(sweep, world: World) -> None:
    world.waiting(world.ecs_task())
    ran = sweep("--fail", script={"SendMessage": UNAVAILABLE, "SendMessageBatch": UNAVAILABLE}, RELAY_QUEUE_URL=RELAY_QUEUE)
    assert ran.status != 0 and ran.stderr


def test_an_account_that_cannot_be_read_is_not_one_where_nobody_is_stranded(sweep, world: World) -> None:
    world.waiting(world.ecs_task())
    ran = sweep(script={"ListStateMachines": a.error("AccessDeniedException")})
    assert ran.status != 0 and "AccessDenied" in ran.stderr


@pytest.mark.parametrize("service", ["SFN", "ECS"])
def test_a_service_may_have_an_endpoint_of_its_own(sweep, world: World, service: str) -> None:
    world.waiting(world.ecs_task())
    ran = sweep(**{f"AWS_ENDPOINT_URL_{service}": "http://127.0.0.1:9"})  # where nobody listens
    if service == "SFN":
        assert ran.status != 0 and ran.stdout == "" and ran.stderr
    else:
        assert "unknown" in ran.stdout and "stranded" not in ran.stdout


def test_while_the_workers_cannot_be_asked_nobody_is_failed(sweep, world: World) -> None:
    world.waiting(world.ecs_task())
    world.waiting(world.batch_job())
    ran = sweep("--fail", script=dict.fromkeys(CALLS_OF_WORKERS, UNAVAILABLE), RELAY_QUEUE_URL=RELAY_QUEUE)
    assert ran.published == [] and "unknown" in ran.stdout


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_token_in_a_workers_last_words_is_not_told(sweep, world: World, whose: str) -> None:
    token = Secrets.issue(600)
    child = world.child(error="E", cause=json.dumps({"Input": {"taskToken": token}}))
    world.waiting(child, token=token if whose == "its own" else None)
    for arguments in ([], ["--json"]):
        assert sweep(*arguments).status != 0
