"""Section 14: the sweep, from the histories of running executions to the failure events of tasks whose worker is gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import pytest

from harness import answers as a
from harness import events as e
from harness import histories as h
from harness.dynamo_db import Table
from harness.function import RELAY_QUEUE, Function, Result, watch_binary
from harness.histories import JSONATA, TOKEN, Started
from harness.secrets import Secrets
from harness.sweep import CALLS_OF_WORKERS, HOUR_S, World, states_arn
from harness.table import cases
from harness.text import fingerprint

COUNTS = ("due", "published", "waiting", "stranded", "silent", "failed", "unknown")
METRICS = {"waiting": "Waiting", "stranded": "Stranded", "silent": "Silent", "failed": "SweepFailed"}
UNAVAILABLE = a.error("InternalServerError", 500)
Build = Callable[[World], Started]


class Watches:
    """One process of the watch for each distinct environment."""

    def __init__(self) -> None:
        self._running: dict[frozenset, Function] = {}

    def __call__(self, **changes: str | None) -> Function:
        settings = {"RELAY_DEAD_LETTER_QUEUE_URL": None, "RELAY_QUEUE_URL": RELAY_QUEUE, "RELAY_SWEEP": "fail", **changes}
        key = frozenset(settings.items())
        if key not in self._running or not self._running[key].alive:
            self._running[key] = Function(settings, watch_binary()).wait_until_ready()
        return self._running[key]

    def close(self) -> None:
        for function in self._running.values():
            function.close()


@pytest.fixture(scope="module")
def sweeper() -> Iterator[Watches]:
    running = Watches()
    yield running
    running.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    assert not made.broken, f"the fake gave an answer that AWS cannot give: {made.broken}"


def sweep(watch: Function, world: World, script: dict | None = None, **options: object) -> Result:
    return watch.invoke({"sweep": True}, {**world.script(), **(script or {})}, **options)  # type: ignore[arg-type]


def told(result: Result) -> dict:
    """The numbers of the answer that are not 0. Asserts its members, and that the metrics say the same."""
    response = result.response
    assert isinstance(response, dict) and set(response) == set(COUNTS), response
    for name, metric in METRICS.items():
        assert measured(result, metric) == response[name], f"{metric} of {response}"
    return {name: n for name, n in response.items() if n}


def measured(result: Result, metric: str) -> float:
    """The sum of a metric's values, 0 where it is not written."""
    total = 0.0
    for line in result.metric_lines:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "FailureRelay"
        if metric in {named["Name"] for named in directive["Metrics"]}:
            total += line[metric]
    return total


def published(result: Result) -> list[dict]:
    return [json.loads(message.body) for message in result.dead_letters]


def tokens(result: Result) -> list[str]:
    return sorted(event["target"]["taskToken"] for event in published(result))


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%H:%M:%S")


# --- the table: who is gone --------------------------------------------------------------------------------

GONE: list[tuple[str, Build, str, str]] = [
    ("an ECS task that was killed", lambda w: w.ecs_task(), "ECS.EssentialContainerExited", "137"),
    ("an ECS task without an exit code", lambda w: w.ecs_task(exits={"worker": None}), "ECS.EssentialContainerExited", ""),
    ("an ECS task without a stop code", lambda w: w.ecs_task(exits={"worker": 1}, stopCode=None), "ECS.Stopped", "1"),
    *(
        (f"an ECS task with the stop code {code}", lambda w, code=code: w.ecs_task(exits={"worker": 0}, stopCode=code), f"ECS.{code}", "")
        for code in ("SpotInterruption", "UserInitiated", "TerminationNotice", "ServiceSchedulerInitiated")
    ),
    ("an ECS task that never ran", lambda w: w.ecs_task(exits={}, stopCode="TaskFailedToStart"), "ECS.TaskFailedToStart", ""),
    ("a Batch job that failed", lambda w: w.batch_job(), "Batch.JobFailed", ""),
    *(
        (f"a build that is {status}", lambda w, status=status: w.build(status), f"CodeBuild.{status}", status)
        for status in ("FAILED", "FAULT", "TIMED_OUT", "STOPPED")
    ),
    *(
        (f"an execution that is {status}", lambda w, status=status: w.child(status), f"StepFunctions.{status}", status)
        for status in ("FAILED", "TIMED_OUT", "ABORTED")
    ),
    ("an execution with an error", lambda w: w.child(error="Frames.Missing", cause="no frames"), "Frames.Missing", ""),
    ("an execution that was started by the SDK", lambda w: w.child(service="aws-sdk:sfn"), "StepFunctions.FAILED", ""),
    ("an ECS task that was started by the SDK", lambda w: w.ecs_task()._replace(service="aws-sdk:ecs"), "ECS.EssentialContainerExited", "137"),
    ("an instance that is terminated", lambda w: w.ec2("terminated"), "Worker.Stranded", "terminated"),
    ("an instance that is stopped", lambda w: w.ec2("stopped"), "Worker.Stranded", "stopped"),
    ("instances that have all ended", lambda w: w.ec2("stopped", "terminated"), "Worker.Stranded", ""),
    *(
        (f"a command that is {status}", lambda w, status=status: w.ssm(status), "Worker.Stranded", status)
        for status in ("Failed", "Cancelled", "TimedOut")
    ),
    ("a command of which one part failed", lambda w: w.ssm("Success", "Failed", "Success"), "Worker.Stranded", ""),
]  # fmt: skip


@cases("build, kind, how", GONE)
def test_a_task_whose_worker_is_gone_becomes_a_failure_event(
    sweeper: Watches, world: World, build: Build, kind: str, how: str
) -> None:
    started = build(world)
    token = world.waiting(started)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 1, "failed": 1}
    (event,) = published(result)
    assert event["target"]["kind"] == "step-functions-task" and event["target"]["taskToken"] == token
    assert set(event["target"]) <= {"kind", "taskToken", "region", "account"}
    assert event["id"] == f"sweep-{fingerprint(token)}"
    assert event["failure"]["type"] == kind
    message = event["failure"]["message"]
    assert started.id.rsplit("/", 1)[-1].rsplit(":", 1)[-1] in message, "who"
    assert how in message, "how"
    assert clock(world.ago(HOUR_S)) in message, f"when: {message}"
    assert token not in json.dumps({**event, "target": {}})
    assert {message.queue_url for message in result.dead_letters} == {RELAY_QUEUE}


FORGOTTEN: list[tuple[str, Build]] = [
    ("an ECS task", lambda w: w.ecs_task(known=False)),
    ("an instance", lambda w: w.ec2(None)),
    ("one instance of two", lambda w: w.ec2(None, "terminated")),
]


@cases("build", FORGOTTEN)
def test_what_its_service_has_forgotten_is_gone_after_two_hours(sweeper: Watches, world: World, build: Build) -> None:
    old, young = world.waiting(build(world), ago_s=2 * HOUR_S + 60), world.waiting(build(world), ago_s=2 * HOUR_S - 60)
    result = sweep(sweeper(), world)
    assert tokens(result) == [old] and young != old
    counts = told(result)
    # Ambiguous: whether one that is not found yet waits, or is not known.
    assert counts.pop("waiting", 0) + counts.pop("unknown", 0) == 1
    assert counts == {"stranded": 1, "failed": 1}
    assert published(result)[0]["failure"]["message"]


ALIVE: list[tuple[str, Build]] = [
    *(
        (f"an ECS task that is {status}", lambda w, status=status: w.ecs_task(lastStatus=status, exits={"worker": None}, stopCode=None, ended_s=None))
        for status in ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")
    ),
    ("an ECS task that stops", lambda w: w.ecs_task(lastStatus="STOPPING", stopCode="UserInitiated", ended_s=None)),
    ("an ECS task whose network is taken down", lambda w: w.ecs_task(lastStatus="DEPROVISIONING", ended_s=None)),
    *(
        (f"a Batch job that is {status}", lambda w, status=status: w.batch_job(status, ended_s=None))
        for status in ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
    ),
    ("a build", lambda w: w.build("IN_PROGRESS")),
    ("an execution", lambda w: w.child("RUNNING")),
    *((f"an instance that is {at}", lambda w, at=at: w.ec2(at)) for at in ("pending", "running", "shutting-down", "stopping")),
    ("one instance of two", lambda w: w.ec2("terminated", "running")),
    *((f"a command that is {status}", lambda w, status=status: w.ssm(status)) for status in ("Pending", "InProgress", "Delayed", "Cancelling")),
    ("a command of which one part still runs", lambda w: w.ssm("Failed", "InProgress")),
    ("one ECS task of two", lambda w: w.ecs_task(count=2)),
]  # fmt: skip


@cases("build", ALIVE)
def test_a_worker_that_is_there_is_waited_for(sweeper: Watches, world: World, build: Build) -> None:
    world.waiting(build(world))
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1} and not result.dead_letters


ENDED: list[tuple[str, Callable[[World, float | None], Started]]] = [
    ("an ECS task", lambda w, at: w.ecs_task(ended_s=at)),
    ("a Batch job", lambda w, at: w.batch_job(ended_s=at)),
    ("a build", lambda w, at: w.build(ended_s=at)),
    ("an execution", lambda w, at: w.child(ended_s=at)),
    ("an instance", lambda w, at: w.ec2("terminated", ended_s=at)),
    ("a command", lambda w, at: w.ssm("Failed", ended_s=at)),
]


@cases("build", ENDED)
def test_a_worker_that_has_just_ended_is_waited_for(sweeper: Watches, world: World, build: Callable) -> None:
    world.waiting(build(world, 100))
    gone = world.waiting(build(world, 140))
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1, "stranded": 1, "failed": 1}
    assert tokens(result) == [gone]


@cases("build", ENDED)
def test_an_end_without_a_time_counts_from_when_it_was_submitted(sweeper: Watches, world: World, build: Callable) -> None:
    world.waiting(build(world, None), ago_s=100)
    gone = world.waiting(build(world, None), ago_s=140)
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1, "stranded": 1, "failed": 1}
    assert tokens(result) == [gone]


def test_the_grace_can_be_set(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task(ended_s=HOUR_S / 2))
    gone = world.waiting(world.batch_job(ended_s=HOUR_S + 60))
    result = sweep(sweeper(RELAY_SWEEP_GRACE_SECONDS="3600"), world)
    assert told(result) == {"waiting": 1, "stranded": 1, "failed": 1} and tokens(result) == [gone]
    assert told(sweep(sweeper(RELAY_SWEEP_GRACE_SECONDS="10"), world)) == {"stranded": 2, "failed": 2}


# --- workers that ended well -------------------------------------------------------------------------------

WELL: list[tuple[str, Callable[[World, float], Started]]] = [
    ("an ECS task", lambda w, at: w.ecs_task(exits={"worker": 0}, ended_s=at)),
    ("an ECS task without a stop code", lambda w, at: w.ecs_task(exits={"worker": 0}, stopCode=None, ended_s=at)),
    ("a Batch job", lambda w, at: w.batch_job("SUCCEEDED", ended_s=at)),
    ("a build", lambda w, at: w.build("SUCCEEDED", ended_s=at)),
    ("an execution", lambda w, at: w.child("SUCCEEDED", ended_s=at)),
    ("a command", lambda w, at: w.ssm("Success", "Success", ended_s=at)),
]


@cases("build", WELL)
def test_a_worker_that_ended_well_is_silent_and_by_default_never_stranded(sweeper: Watches, world: World, build: Callable) -> None:
    world.waiting(build(world, 30 * 24 * HOUR_S), ago_s=31 * 24 * HOUR_S)
    result = sweep(sweeper(), world)
    assert told(result) == {"silent": 1} and not result.dead_letters


@cases("build", WELL)
def test_a_silent_worker_is_stranded_after_the_time_that_was_set(sweeper: Watches, world: World, build: Callable) -> None:
    gone = world.waiting(build(world, HOUR_S + 60))
    world.waiting(build(world, HOUR_S - 60))
    result = sweep(sweeper(RELAY_SWEEP_SILENT_SECONDS="3600"), world)
    assert told(result) == {"silent": 1, "stranded": 1, "failed": 1}
    (event,) = published(result)
    assert event["target"]["taskToken"] == gone and event["failure"]["message"]


@cases("build", WELL)
def test_a_worker_that_has_just_ended_well_may_be_calling_back(sweeper: Watches, world: World, build: Callable) -> None:
    world.waiting(build(world, 60))
    assert told(sweep(sweeper(), world)) == {"waiting": 1}


def several(world: World, *parts: dict | None, ago_s: float = 3 * HOUR_S) -> str:
    """One state that has started ECS tasks as described; None is one of which ECS knows nothing."""
    tasks = [world.ecs_task(known=part is not None, **(part or {})) for part in parts]
    output = {"Tasks": [task.output["Tasks"][0] for task in tasks], "Failures": []}  # type: ignore[index]
    return world.waiting(tasks[0]._replace(output=output), ago_s=ago_s)


@cases(
    "parts, expected",
    [
        ("all well", [{"exits": {"worker": 0}}] * 2, {"silent": 1}),
        ("one died", [{"exits": {"worker": 0}}, {}], {"stranded": 1, "failed": 1}),
        ("one runs", [{}, {"lastStatus": "RUNNING", "ended_s": None}], {"waiting": 1}),
        ("one has just ended", [{}, {"ended_s": 30}], {"waiting": 1}),
        ("one is forgotten, one died", [None, {}], {"stranded": 1, "failed": 1}),
    ],
)
def test_of_several_workers_all_must_have_ended(sweeper: Watches, world: World, parts: list, expected: dict) -> None:
    several(world, *parts)
    assert told(sweep(sweeper(), world)) == expected


def test_of_several_workers_one_that_is_not_found_yet_fails_nobody(sweeper: Watches, world: World) -> None:
    several(world, None, {}, ago_s=HOUR_S)
    assert not sweep(sweeper(), world).dead_letters


@cases("silent", [("a moment", "1"), ("less than the grace", "60")])
def test_a_short_time_of_silence_shortens_no_grace(sweeper: Watches, world: World, silent: str) -> None:
    world.waiting(world.ecs_task(exits={"worker": 0}, ended_s=90))
    gone = world.waiting(world.ecs_task(exits={"worker": 0}, ended_s=150))
    result = sweep(sweeper(RELAY_SWEEP_SILENT_SECONDS=silent), world)
    assert told(result) == {"waiting": 1, "stranded": 1, "failed": 1} and tokens(result) == [gone]


def test_of_several_silent_workers_the_last_end_counts(sweeper: Watches, world: World) -> None:
    well = {"exits": {"worker": 0}}
    several(world, {**well, "ended_s": 2 * HOUR_S}, {**well, "ended_s": 0.5 * HOUR_S})
    gone = several(world, {**well, "ended_s": 2 * HOUR_S}, {**well, "ended_s": 1.5 * HOUR_S})
    result = sweep(sweeper(RELAY_SWEEP_SILENT_SECONDS="3600"), world)
    assert told(result) == {"silent": 1, "stranded": 1, "failed": 1} and tokens(result) == [gone]


def test_an_end_in_the_future_is_waited_for(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task(ended_s=-600))
    assert told(sweep(sweeper(), world)) == {"waiting": 1}


def test_a_child_that_may_be_redriven_is_not_gone(sweeper: Watches, world: World) -> None:
    world.waiting(world.child("PENDING_REDRIVE"))
    result = sweep(sweeper(), world)
    assert not result.dead_letters and told(result) in ({"waiting": 1}, {"unknown": 1})


# --- which container --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["TASK_TOKEN", "CALLBACK"])
@cases(
    "exits, expected",
    [
        ("its own ended well", {"worker": 0, "sidecar": 1}, "silent"),
        ("its own died", {"worker": 1, "sidecar": 0}, "stranded"),
        ("its own is not told of", {"sidecar": 0}, "stranded"),
    ],
)
def test_the_container_that_was_given_the_token_counts(sweeper: Watches, world: World, name: str, exits: dict, expected: str) -> None:
    world.waiting(world.ecs_task(token_name=name, exits=exits))
    assert told(sweep(sweeper(RELAY_SWEEP="report"), world)) == {expected: 1}


def test_of_several_containers_that_were_given_the_token_one_that_died_is_enough(sweeper: Watches, world: World) -> None:
    started = world.ecs_task(exits={"first": 0, "second": 1})
    given = [{"Name": name, "Environment": [{"Name": "TASK_TOKEN", "Value": TOKEN}]} for name in ("first", "second")]
    world.waiting(started._replace(parameters={**started.parameters, "Overrides": {"ContainerOverrides": given}}))
    assert told(sweep(sweeper(RELAY_SWEEP="report"), world)) == {"stranded": 1}


@cases("exits, expected", [("all well", {"a": 0, "b": 0}, "silent"), ("one died", {"a": 0, "b": 1}, "stranded")])
def test_where_no_container_was_given_the_token_any_counts(sweeper: Watches, world: World, exits: dict, expected: str) -> None:
    started = world.ecs_task(token_name=None, exits=exits)
    parameters = {**started.parameters, "Tags": [{"Key": "token", "Value": TOKEN}]}
    world.waiting(started._replace(parameters=parameters))
    assert told(sweep(sweeper(RELAY_SWEEP="report"), world)) == {expected: 1}


def test_a_container_may_be_given_the_token_on_its_command_line(sweeper: Watches, world: World) -> None:
    started = world.ecs_task(exits={"worker": 0, "sidecar": 1})
    overrides = {"ContainerOverrides": [{"Name": "worker", "Command": ["run", "--token", TOKEN]}]}
    defined = h.state(started._replace(parameters={**started.parameters, "Overrides": overrides}), JSONATA)
    history, token = world.history(), Secrets.issue(600)
    history.wait("Wait", started._replace(parameters={**started.parameters, "Overrides": overrides}), token)
    world.run(world.machine(h.machine({"Wait": defined}, JSONATA)), history)
    assert told(sweep(sweeper(), world)) == {"silent": 1}


# --- nobody is gone because an answer was odd ----------------------------------------------------------------


def lambda_function(world: World) -> Started:
    return Started("lambda", "invoke", {"FunctionName": "f", "Payload": {"token": TOKEN}}, {"StatusCode": 200, "Payload": {}})


def message(world: World) -> Started:
    return Started("sqs", "sendMessage", {"QueueUrl": "q", "MessageBody": {"TaskToken": TOKEN}}, {"MessageId": "m"})


@cases(
    "build",
    [
        ("a function", lambda_function),
        ("a message", message),
        ("a Glue job", lambda w: Started("aws-sdk:glue", "startJobRun", {"JobName": "j", "Arguments": {"--token": TOKEN}}, {"JobRunId": "jr_1"})),
        ("what is not submitted yet", lambda w: w.ecs_task()._replace(output=None)),
        ("an ECS call that started nothing", lambda w: w.ecs_task()._replace(output={"Tasks": [], "Failures": [{"Reason": "RESOURCE:CPU"}]})),
        ("an output without the ids", lambda w: w.batch_job()._replace(output={})),
        ("an output that is no object", lambda w: w.batch_job()._replace(output="x")),
        ("a Batch job that is not known", lambda w: w.batch_job(known=False)),
        ("a build that is not known", lambda w: w.build(known=False)),
        ("an execution that is not known", lambda w: w.child(known=False)),
        ("a command without invocations", lambda w: w.ssm()),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_unknown(sweeper: Watches, world: World, build: Build) -> None:
    world.waiting(build(world), ago_s=31 * 24 * HOUR_S)
    result = sweep(sweeper(), world)
    assert told(result) == {"unknown": 1} and not result.dead_letters


EVERY_KIND: tuple[Build, ...] = (
    lambda w: w.ecs_task(), lambda w: w.batch_job(), lambda w: w.build(), lambda w: w.child(),
    lambda w: w.ec2("terminated"), lambda w: w.ssm("Failed"),
)  # fmt: skip


@cases(
    "answer",
    [
        ("an error", UNAVAILABLE),
        ("a refusal", a.error("AccessDeniedException")),
        ("EC2's refusal", a.error("UnauthorizedOperation", 403)),
        ("an expired token", a.error("ExpiredTokenException")),
        ("a validation error", a.error("ValidationException")),
        ("a page of a proxy", a.http(502, a.HTML_PAGE)),
        ("a cut connection", a.CutConnection()),
        ("half an answer", a.CutConnection(half=True)),
        ("an empty object", a.ok(b"{}")),
        ("nothing", a.ok(b"")),
        ("a page of a proxy that says 200", a.http(200, a.HTML_PAGE)),
        ("other members", a.ok(b'{"tasks": null, "jobs": [{}], "builds": [{}], "failures": [{}], "status": "NEW_STATUS", "CommandInvocations": [{}]}')),
    ],
)
def test_while_the_workers_cannot_be_asked_nobody_is_failed(sweeper: Watches, world: World, answer: a.Answer) -> None:
    for build in EVERY_KIND:
        world.waiting(build(world))
    result = sweep(sweeper(), world, dict.fromkeys(CALLS_OF_WORKERS, answer))
    assert not result.dead_letters
    assert told(result) == {"unknown": len(EVERY_KIND)}


def test_while_the_workers_throttle_nobody_is_failed(sweeper: Watches, world: World) -> None:
    for started in (world.ecs_task(), world.ec2("terminated")):
        world.waiting(started)
    throttles = {"DescribeTasks": a.error("ThrottlingException"), "DescribeInstances": a.error("RequestLimitExceeded", 503)}
    result = sweep(sweeper(), world, throttles, time_left_s=30)
    assert told(result) == {"unknown": 2} and not result.dead_letters


@cases(
    "build, operation, name",
    [
        ("a cluster", lambda w: w.ecs_task(), "DescribeTasks", "ClusterNotFoundException"),
        ("a job", lambda w: w.batch_job(), "DescribeJobs", "ClientException"),
        ("a project", lambda w: w.build(), "BatchGetBuilds", "InvalidInputException"),
        ("an execution", lambda w: w.child(), "DescribeExecution", "ExecutionDoesNotExist"),
        ("an instance", lambda w: w.ec2("terminated"), "DescribeInstances", "InvalidInstanceID.NotFound"),
        ("a command", lambda w: w.ssm("Failed"), "ListCommandInvocations", "InvalidCommandId"),
    ],
)
def test_an_error_that_says_that_there_is_none_is_no_end(
    sweeper: Watches, world: World, build: Build, operation: str, name: str
) -> None:
    world.waiting(build(world))
    result = sweep(sweeper(), world, {operation: a.error(name)})
    assert told(result) == {"unknown": 1} and not result.dead_letters


def test_a_service_that_never_answers_holds_up_neither_the_others_nor_the_answer(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task())
    gone = world.waiting(world.batch_job())
    result = sweep(sweeper(), world, {"DescribeTasks": a.Hang()}, time_left_s=25)
    assert result.duration_s < 25
    assert told(result) == {"unknown": 1, "stranded": 1, "failed": 1} and tokens(result) == [gone]


def test_a_refusal_of_one_service_holds_up_no_other(sweeper: Watches, world: World) -> None:
    for build in EVERY_KIND:
        world.waiting(build(world))
    result = sweep(sweeper(), world, {"DescribeInstances": a.error("UnauthorizedOperation", 403)})
    assert told(result) == {"unknown": 1, "stranded": 5, "failed": 5}


def test_an_ecs_failure_that_is_not_missing_is_no_end(sweeper: Watches, world: World) -> None:
    world.waiting(task := world.ecs_task())
    failures = {"tasks": [], "failures": [{"arn": task.id, "reason": "SERVICE_UNAVAILABLE", "detail": "later"}]}
    result = sweep(sweeper(), world, {"DescribeTasks": a.ok(json.dumps(failures).encode())})
    assert told(result) == {"unknown": 1}


def test_an_ecs_answer_without_the_task_is_no_end(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task(), ago_s=31 * 24 * HOUR_S)
    assert told(sweep(sweeper(), world, {"DescribeTasks": a.ok(b'{"tasks": [], "failures": []}')})) == {"unknown": 1}


def test_an_answer_of_another_worker_ends_nobody(sweeper: Watches, world: World) -> None:
    world.waiting(world.batch_job("RUNNING", ended_s=None))
    other = {"jobs": [{"jobName": "n", "jobId": "other", "jobQueue": "q", "jobDefinition": "d", "status": "FAILED", "startedAt": 1, "stoppedAt": 2}]}
    assert told(sweep(sweeper(), world, {"DescribeJobs": a.ok(json.dumps(other).encode())})) == {"unknown": 1}


@cases(
    "build, expected",
    [
        ("instances", lambda w: w.ec2("terminated", "terminated", "running"), {"waiting": 1}),
        ("ended instances", lambda w: w.ec2("terminated", "terminated", "terminated"), {"stranded": 1, "failed": 1}),
        ("invocations", lambda w: w.ssm("Failed", "Failed", "InProgress"), {"waiting": 1}),
        ("ended invocations", lambda w: w.ssm("Success", "Success", "Failed"), {"stranded": 1, "failed": 1}),
    ],
)
def test_all_pages_of_an_answer_are_read(sweeper: Watches, world: World, build: Build, expected: dict) -> None:
    world.page = 1
    world.waiting(build(world))
    assert told(sweep(sweeper(), world)) == expected


def test_many_workers_are_asked_after_in_calls_of_a_size_that_the_services_take(sweeper: Watches, world: World) -> None:
    history, defined = world.history(), world.ecs_task()
    workers = [Secrets.issue(100) for _ in range(120)]
    builds = [world.ecs_task() for _ in workers]
    history.in_map(
        "Each", *(lambda at, s=s, t=t: history.wait("Wait", s, t, at) for s, t in zip(builds, workers, strict=True))
    )
    inner = {"StartAt": "Wait", "States": {"Wait": h.state(defined)}}
    each = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner}, "End": True}
    world.run(world.machine(h.machine({"Each": each})), history)
    result = sweep(sweeper(RELAY_SWEEP_FAILS_MAX="1000"), world)
    assert told(result) == {"stranded": 120, "failed": 120}
    assert tokens(result) == sorted(workers)


# --- the token --------------------------------------------------------------------------------------------


def run(world: World, defined: dict, started: Started, language: str | None = None, **members: object) -> str:
    """An execution whose one state is defined so, and was scheduled with the parameters of `started`."""
    token, history = Secrets.issue(600), world.history()
    history.wait("Wait", started, token)
    world.run(world.machine(h.machine({"Wait": defined}, language)), history, **members)
    return token


@cases(
    "parameters",
    [
        ("on top", {"anything": TOKEN}),
        ("deep", {"a": {"b": {"c": {"d": TOKEN}}}}),
        ("in a list", {"items": [{"n": 1}, {"n": 2, "who": TOKEN}]}),
        ("beside another secret", {"TASK_TOKEN": "not this one", "right": TOKEN}),
        ("under odd names", {"a/b": {"c~d": {"e.f": {"": {"$": TOKEN}}}}}),
    ],
)
@pytest.mark.parametrize("language", [None, "JSONPath", "JSONata"])
def test_the_token_is_found_where_the_definition_puts_it(sweeper: Watches, world: World, parameters: dict, language: str | None) -> None:
    started = world.batch_job()._replace(parameters={"JobName": "n", "Parameters": parameters})
    token = run(world, h.state(started, language or h.JSON_PATH), started, language)
    assert tokens(sweep(sweeper(), world)) == [token]


def test_a_state_may_have_a_language_of_its_own(sweeper: Watches, world: World) -> None:
    started = world.batch_job()._replace(parameters={"JobName": "n", "Parameters": {"anything": TOKEN}})
    token = run(world, h.state(started, JSONATA, QueryLanguage=JSONATA), started, "JSONPath")
    assert tokens(sweep(sweeper(), world)) == [token]


def test_the_definition_is_that_with_which_the_execution_was_started(sweeper: Watches, world: World) -> None:
    started = world.batch_job()._replace(parameters={"JobName": "n", "Parameters": {"before": TOKEN}})
    since = started._replace(parameters={"JobName": TOKEN})
    token = run(world, h.state(since), started, definition=h.machine({"Wait": h.state(started)}))
    assert tokens(sweep(sweeper(), world)) == [token]


@pytest.mark.parametrize("expression", ["{%$states.context.Task.Token%}", "{%   $states.context.Task.Token\n %}"])
def test_blanks_in_an_expression_do_not_matter(sweeper: Watches, world: World, expression: str) -> None:
    started = world.batch_job()._replace(parameters={"JobName": "n", "Parameters": {"whom": TOKEN}})
    arguments = {"JobName": "n", "Parameters": {"whom": expression}}
    token = run(world, {"Type": "Task", "Resource": started.resource, "Arguments": arguments, "End": True}, started, JSONATA)
    assert tokens(sweep(sweeper(), world)) == [token]


@pytest.mark.parametrize(
    "definition",
    [
        {}, {"States": []}, {"States": {"Wait": 7}}, {"States": {"Wait": {"Type": "Task", "Parameters": "x"}}},
        {"States": {"Wait": {"Type": "Parallel", "Branches": 7}}}, {"States": {"Wait": {"Type": "Map", "ItemProcessor": None, "Iterator": []}}},
    ],
)  # fmt: skip
def test_an_odd_definition_tells_no_place(sweeper: Watches, world: World, definition: dict) -> None:
    history, token = world.history(), Secrets.issue(600)
    history.wait("Wait", world.batch_job(), token)
    world.run(world.machine(definition), history)
    assert tokens(sweep(sweeper(), world)) == [token], "its name tells"


BY_NAME: list[tuple[str, dict, dict]] = [
    (
        "in the environment", {"JobName": "n", "ContainerOverrides": {"Environment": [{"Name": "TASK_TOKEN", "Value": TOKEN}]}},
        {"JobName": "n", "ContainerOverrides": "{% {'Environment': [{'Name': 'TASK_TOKEN', 'Value': $states.context.Task.Token}]} %}"},
    ),
    (
        "on the command line", {"JobName": "n", "ContainerOverrides": {"Command": ["run", "--task-token", TOKEN]}},
        {"JobName": "n", "ContainerOverrides": {"Command": "{% ['run', '--task-token', $states.context.Task.Token] %}"}},
    ),
    (
        "in the input of an execution", {"StateMachineArn": "arn", "Input": {"taskToken": TOKEN}},
        {"StateMachineArn": "arn", "Input": "{% $merge([$states.input, {'taskToken': $states.context.Task.Token}]) %}"},
    ),
]  # fmt: skip


@cases("scheduled, arguments", BY_NAME)
def test_where_the_definition_does_not_tell_the_place_the_names_of_notices_do(
    sweeper: Watches, world: World, scheduled: dict, arguments: dict
) -> None:
    started = (world.child() if "Input" in scheduled else world.batch_job())._replace(parameters=scheduled)
    defined = {"Type": "Task", "Resource": started.resource, "Arguments": arguments, "End": True}
    token = run(world, defined, started, JSONATA)
    assert tokens(sweep(sweeper(), world)) == [token]


def test_in_a_command_line_that_a_function_makes_the_token_is_found(sweeper: Watches, world: World) -> None:
    scheduled = {"JobName": "n", "ContainerOverrides": {"Command": ["run", "--task-token", TOKEN]}}
    started = world.batch_job()._replace(parameters=scheduled)
    command = {"Command.$": "States.Array('run', '--task-token', $$.Task.Token)"}
    defined = {"Type": "Task", "Resource": started.resource, "Parameters": {"JobName": "n", "ContainerOverrides": command}, "End": True}
    token = run(world, defined, started)
    assert tokens(sweep(sweeper(), world)) == [token]


@cases(
    "language, defined",
    [
        ("JSONata", JSONATA, {"JobName": "n", "Parameters": {"call": "{% 'https://example.com/?token=' & $states.context.Task.Token %}"}}),
        ("an intrinsic function", "JSONPath", {"JobName": "n", "Parameters": {"call.$": "States.Format('https://example.com/?token={}', $$.Task.Token)"}}),
    ],
)
def test_a_text_that_only_holds_the_token_is_never_taken_for_it(sweeper: Watches, world: World, language: str, defined: dict) -> None:
    started, token, history = world.batch_job(), Secrets.issue(600), world.history()
    scheduled = started._replace(parameters={"JobName": "n", "Parameters": {"call": f"https://example.com/?token={token}"}})
    history.wait("Wait", scheduled, token)
    name = "Arguments" if language == JSONATA else "Parameters"
    world.run(world.machine(h.machine({"Wait": {"Type": "Task", "Resource": started.resource, name: defined, "End": True}}, language)), history)
    assert tokens(sweep(sweeper(), world)) in ([], [token])


def test_a_task_whose_token_is_nowhere_is_not_failed(sweeper: Watches, world: World) -> None:
    started = world.batch_job()._replace(parameters={"JobName": "n"})
    run(world, h.state(started), started)
    result = sweep(sweeper(), world)
    # Ambiguous: its worker is gone, but it cannot be failed.
    assert told(result) in ({"unknown": 1}, {"stranded": 1}) and not result.dead_letters


def inner(*states: tuple[str, Started]) -> dict:
    (name, started) = states[0]
    return {"StartAt": name, "States": {name: h.state(started)}}


def odd(started: Started) -> Started:
    """With the token where only the definition tells it."""
    return started._replace(parameters={"JobName": "n", "Parameters": {"whom": TOKEN}})


@cases(
    "wrap",
    [
        ("Parallel", lambda s: {"Type": "Parallel", "Branches": [inner(("Other", s)), inner(("Wait", s))], "End": True}),
        ("Map", lambda s: {"Type": "Map", "ItemProcessor": inner(("Wait", s)), "End": True}),
        ("Map of the old form", lambda s: {"Type": "Map", "Iterator": inner(("Wait", s)), "End": True}),
        (
            "Map in a Parallel",
            lambda s: {"Type": "Parallel", "End": True, "Branches": [
                {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": inner(("Wait", s)), "End": True}}}]},
        ),
    ],
)  # fmt: skip
def test_the_token_is_found_in_nested_states(sweeper: Watches, world: World, wrap: Callable) -> None:
    started, token, history = odd(world.batch_job()), Secrets.issue(600), world.history()
    outer = wrap(started)
    enter = history.in_map if outer["Type"] == "Map" else history.in_parallel
    nested = outer["Type"] == "Parallel" and "Each" in outer["Branches"][0]["States"]

    def branch(at: int) -> int:
        if nested:
            return history.in_map("Each", lambda number: history.wait("Wait", started, token, number), previous=at)[0]
        return history.wait("Wait", started, token, at)

    enter("Outer", branch)
    world.run(world.machine(h.machine({"Outer": outer})), history)
    assert tokens(sweep(sweeper(), world)) == [token]


# --- which tasks are open ---------------------------------------------------------------------------------


def test_each_iteration_of_a_map_waits_for_its_own_worker(sweeper: Watches, world: World) -> None:
    history = world.history()
    gone, alive, done = odd(world.batch_job()), odd(world.batch_job("RUNNING", ended_s=None)), odd(world.batch_job())
    names = [Secrets.issue(600) for _ in range(3)]
    lasts = history.in_map(
        "Each", *(lambda at, s=s, t=t: history.wait("Wait", s, t, at) for s, t in zip((gone, alive, done), names, strict=True))
    )
    last = history.end("TaskSucceeded", done, lasts[2])
    last = history.leave("Wait", last)
    history.event("MapIterationSucceeded", last, mapIterationSucceededEventDetails={"name": "Each", "index": 2})
    each = {"Type": "Map", "ItemProcessor": inner(("Wait", gone)), "End": True}
    world.run(world.machine(h.machine({"Each": each})), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 1, "waiting": 1, "failed": 1} and tokens(result) == [names[0]]


@pytest.mark.parametrize("end", ["TaskTimedOut", "TaskFailed", "TaskSucceeded"])
def test_a_task_that_has_ended_is_not_open(sweeper: Watches, world: World, end: str) -> None:
    """Its error was caught, and the execution waits elsewhere."""
    first, second = world.ecs_task(), world.ecs_task()
    history, token = world.history(), Secrets.issue(600)
    history.wait("First", first, Secrets.issue(600))
    history.end(end, first)
    history.leave("First")
    history.wait("Second", second, token)
    states = {"First": {**h.state(first), "Next": "Second"}, "Second": h.state(second)}
    del states["First"]["End"]
    world.run(world.machine(h.machine(states)), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 1, "failed": 1} and tokens(result) == [token]


def test_a_state_that_is_about_to_be_retried_is_not_open(sweeper: Watches, world: World) -> None:
    started, history = world.ecs_task(), world.history()
    history.wait("Wait", started, Secrets.issue(600))
    history.end("TaskTimedOut", started)
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    result = sweep(sweeper(), world)
    assert not result.dead_letters and told(result) == {}


@pytest.mark.parametrize("end", ["TaskTimedOut", "TaskFailed"])
def test_a_retried_state_waits_with_its_new_token_for_its_new_worker(sweeper: Watches, world: World, end: str) -> None:
    for again, expected in ((world.ecs_task(), {"stranded": 1, "failed": 1}), (world.batch_job("RUNNING", ended_s=None), {"waiting": 1})):
        first, history, token = world.ecs_task(), world.history(), Secrets.issue(600)
        history.wait("Wait", first, Secrets.issue(600))
        last = history.end(end, first)
        history.schedule(again, token, last)
        world.executions.clear()
        world.run(world.machine(h.machine({"Wait": h.state(again)})), history)
        result = sweep(sweeper(), world)
        assert told(result) == expected
        assert tokens(result) == ([token] if "failed" in expected else [])


def parallel(*started: Started, **members: object) -> dict:
    branches = [inner((f"Wait{index}", one)) for index, one in enumerate(started)]
    return {"Type": "Parallel", "Branches": branches, "Next": "After", **members}


@pytest.mark.parametrize("aborted_event", [True, False])
def test_what_an_aborted_parallel_waited_for_is_closed(sweeper: Watches, world: World, aborted_event: bool) -> None:
    """`TaskStateAborted` names as its cause the event in the other branch."""
    first, second, third = world.ecs_task(), world.ecs_task(), world.ecs_task()
    history, token = world.history(), Secrets.issue(600)
    lasts = history.in_parallel(
        "Both",
        lambda at: history.wait("Wait0", first, Secrets.issue(600), at),
        lambda at: history.wait("Wait1", second, Secrets.issue(600), at),
    )
    failed = history.end("TaskFailed", first, lasts[0])
    if aborted_event:
        history.event("TaskStateAborted", failed)
    history.event("ParallelStateFailed", failed)
    history.leave("Both", kind="Parallel")
    history.wait("After", third, token)
    states = {"Both": parallel(first, second, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "After"}]), "After": h.state(third)}
    world.run(world.machine(h.machine(states)), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 1, "failed": 1} and tokens(result) == [token]


def test_what_a_retried_parallel_waited_for_is_closed(sweeper: Watches, world: World) -> None:
    first, second, after = world.ecs_task(), world.ecs_task(), world.ecs_task()
    history, token = world.history(), Secrets.issue(600)
    lasts = history.in_parallel(
        "Both",
        lambda at: history.wait("Wait0", first, Secrets.issue(600), at),
        lambda at: history.wait("Wait1", second, Secrets.issue(600), at),
    )
    failed = history.end("TaskFailed", first, lasts[0])
    history.event("TaskStateAborted", failed)
    started = history.event("ParallelStateStarted", failed)
    history.wait("Wait0", world.ecs_task(lastStatus="RUNNING", ended_s=None), Secrets.issue(600), started)
    third = world.ecs_task()
    history.wait("Wait1", third, token, started)
    world.run(world.machine(h.machine({"Both": parallel(first, second, Retry=[{"ErrorEquals": ["States.ALL"]}]), "After": h.state(after)})), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1, "stranded": 1, "failed": 1} and tokens(result) == [token]


def test_what_an_aborted_iteration_waited_for_is_closed(sweeper: Watches, world: World) -> None:
    first, second, after = world.ecs_task(), world.ecs_task(), world.batch_job("RUNNING", ended_s=None)
    history = world.history()
    lasts = history.in_map(
        "Each", *(lambda at, s=s: history.wait("Wait", s, Secrets.issue(600), at) for s in (first, second))
    )
    failed = history.end("TaskFailed", first, lasts[0])
    history.event("MapIterationFailed", failed, mapIterationFailedEventDetails={"name": "Each", "index": 0})
    history.event("TaskStateAborted", failed)
    history.event("MapIterationAborted", failed, mapIterationAbortedEventDetails={"name": "Each", "index": 1})
    history.event("MapStateFailed", failed)
    history.leave("Each", kind="Map")
    history.wait("After", after, Secrets.issue(600))
    each = {"Type": "Map", "ItemProcessor": inner(("Wait", first)), "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}], "Next": "After"}
    world.run(world.machine(h.machine({"Each": each, "After": h.state(after)})), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1} and not result.dead_letters


def test_after_a_redrive_what_was_open_before_is_closed(sweeper: Watches, world: World) -> None:
    first, second, after = world.ecs_task(), world.ecs_task(), world.ecs_task()
    history, token = world.history(), Secrets.issue(600)
    lasts = history.in_parallel(
        "Both",
        lambda at: history.wait("Wait0", first, Secrets.issue(600), at),
        lambda at: history.wait("Wait1", second, Secrets.issue(600), at),
    )
    failed = history.end("TaskFailed", first, lasts[0])
    history.event("ExecutionFailed", failed, executionFailedEventDetails={"error": "E", "cause": "c"})
    history.event("ExecutionRedriven", executionRedrivenEventDetails={"redriveCount": 1})
    again = world.ecs_task()
    history.schedule(again, token)
    world.run(world.machine(h.machine({"Both": parallel(first, second), "After": h.state(after)})), history)
    result = sweep(sweeper(), world)
    assert tokens(result) == [token] and told(result) == {"stranded": 1, "failed": 1}


@cases("suffix", [("a state that waits for the job itself", ".sync"), ("a state that waits for the answer alone", "")])
def test_a_state_that_waits_for_no_callback_is_none(sweeper: Watches, world: World, suffix: str) -> None:
    started, history = world.ecs_task(), world.history()
    last = history.enter("Wait")
    history.schedule(started, "t", last, suffix)
    defined = {**h.state(started), "Resource": f"arn:aws:states:::ecs:runTask{suffix}"}
    world.run(world.machine(h.machine({"Wait": defined})), history)
    assert told(sweep(sweeper(), world)) == {}


@pytest.mark.parametrize("page", [1000, 7])
def test_all_of_a_long_history_is_read(sweeper: Watches, world: World, page: int) -> None:
    world.page = page
    first, started, history, token = odd(world.batch_job()), odd(world.batch_job()), world.history(), Secrets.issue(600)
    for _ in range(250 if page == 1000 else 8):
        history.wait("Wait", first, Secrets.issue(48))
        history.end("TaskSucceeded", first)
        history.leave("Wait")
    history.wait("Wait", started, token)
    for _ in range(400 if page == 1000 else 8):
        history.event("ParallelStateStarted", 1)
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 1, "failed": 1} and tokens(result) == [token]


def branch_of(*names: Started) -> dict:
    """A branch in which each state follows the one before."""
    states = {f"Wait{index}": {**h.state(one), "Next": f"Wait{index + 1}"} for index, one in enumerate(names)}
    last = states[f"Wait{len(names) - 1}"]
    del last["Next"]
    return {"StartAt": "Wait0", "States": {name: {key: v for key, v in one.items() if key != "End" or one is last} for name, one in states.items()}}


def test_what_a_failed_parallel_in_one_iteration_closes_is_open_in_another(sweeper: Watches, world: World) -> None:
    died, aborted, other, open_still = (odd(world.batch_job()) for _ in range(4))
    history, names = world.history(), [Secrets.issue(600) for _ in range(2)]

    def both(first: Started, second: Started, tokens: tuple[str, str]) -> Callable[[int], int]:
        def iteration(at: int) -> int:
            lasts = history.in_parallel(
                "Both", *(lambda number, n=n, s=s, t=t: history.wait(n, s, t, number) for n, s, t in zip(("A", "B"), (first, second), tokens, strict=True)),
                previous=at,
            )  # fmt: skip
            return lasts[0]

        return iteration

    lasts = history.in_map(
        "Each", both(died, aborted, (Secrets.issue(600), Secrets.issue(600))), both(other, open_still, (names[0], names[1]))
    )
    failed = history.end("TaskFailed", died, lasts[0])
    history.event("TaskStateAborted", failed)
    history.event("ParallelStateFailed", failed)
    left = history.leave("Both", kind="Parallel")
    after, token = odd(world.batch_job()), Secrets.issue(600)
    history.wait("After", after, token, left)
    inside = {
        "Both": {"Type": "Parallel", "Branches": [inner(("A", died)), inner(("B", aborted))], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}], "Next": "After"},
        "After": h.state(after),
    }  # fmt: skip
    each = {"Type": "Map", "ItemProcessor": {"StartAt": "Both", "States": inside}, "End": True}
    world.run(world.machine(h.machine({"Each": each})), history)
    result = sweep(sweeper(), world)
    assert tokens(result) == sorted([*names, token]) and told(result) == {"stranded": 3, "failed": 3}


def test_what_an_outer_parallel_aborts_is_closed_at_any_depth(sweeper: Watches, world: World) -> None:
    died, deep, after = odd(world.batch_job()), odd(world.batch_job()), odd(world.batch_job("RUNNING", ended_s=None))
    history = world.history()
    lasts = history.in_parallel(
        "Both",
        lambda at: history.wait("A", died, Secrets.issue(600), at),
        lambda at: history.in_map("Each", lambda number: history.wait("B", deep, Secrets.issue(600), number), previous=at)[0],
    )
    failed = history.end("TaskFailed", died, lasts[0])
    history.event("TaskStateAborted", failed)
    history.event("MapIterationAborted", failed, mapIterationAbortedEventDetails={"name": "Each", "index": 0})
    history.event("MapStateAborted", failed)
    history.event("ParallelStateFailed", failed)
    history.leave("Both", kind="Parallel")
    history.wait("After", after, Secrets.issue(600))
    each = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": inner(("B", deep)), "End": True}}}
    both = {"Type": "Parallel", "Branches": [inner(("A", died)), each], "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "After"}], "Next": "After"}
    world.run(world.machine(h.machine({"Both": both, "After": h.state(after)})), history)
    result = sweep(sweeper(), world)
    assert told(result) == {"waiting": 1} and not result.dead_letters


def test_a_branch_that_goes_on_leaves_the_other_open(sweeper: Watches, world: World) -> None:
    first, second, other = (odd(world.batch_job()) for _ in range(3))
    history, names = world.history(), [Secrets.issue(600) for _ in range(2)]
    lasts = history.in_parallel(
        "Both",
        lambda at: history.wait("Wait0", first, Secrets.issue(600), at),
        lambda at: history.wait("Other", other, names[0], at),
    )
    caught = history.end("TaskFailed", first, lasts[0])
    left = history.leave("Wait0", caught)
    history.wait("Wait1", second, names[1], left)
    both = {"Type": "Parallel", "Branches": [branch_of(first, second), inner(("Other", other))], "End": True}
    world.run(world.machine(h.machine({"Both": both})), history)
    result = sweep(sweeper(), world)
    assert tokens(result) == sorted(names) and told(result) == {"stranded": 2, "failed": 2}


@pytest.mark.parametrize("end", ["TaskStartFailed", "TaskSubmitFailed"])
def test_a_task_that_did_not_start_is_not_open(sweeper: Watches, world: World, end: str) -> None:
    started, history = world.ecs_task()._replace(output=None), world.history()
    history.wait("Wait", started, Secrets.issue(600))
    history.end(end, started)
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    assert told(sweep(sweeper(), world)) == {}


# --- which executions -------------------------------------------------------------------------------------


def test_all_pages_of_machines_and_executions_are_read(sweeper: Watches, world: World) -> None:
    world.page = 2
    names = []
    for _ in range(3):
        made = world.machine(h.machine({"Wait": h.state(world.ecs_task())}))
        for _ in range(3):
            names.append(Secrets.issue(600))
            history = world.history()
            history.wait("Wait", world.ecs_task(), names[-1])
            world.run(made, history)
    result = sweep(sweeper(), world)
    assert told(result) == {"stranded": 9, "failed": 9} and tokens(result) == sorted(names)


def test_only_executions_that_run_are_asked_for(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task())
    world.executions[0].status = "ABORTED"
    assert told(sweep(sweeper(), world)) == {}


def test_express_machines_are_passed_over(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task(), kind="EXPRESS")
    gone = world.waiting(world.ecs_task())
    for chosen in (None, ",".join(m.arn for m in world.machines), states_arn("stateMachine", "*")):
        result = sweep(sweeper(RELAY_SWEEP_STATE_MACHINES=chosen), world)
        assert told(result) == {"stranded": 1, "failed": 1} and tokens(result) == [gone]


@cases(
    "patterns, expected",
    [
        ("one", "{arn}:render", ["render"]),
        ("two, with blanks", "{arn}:render, {arn}:encode", ["encode", "render"]),
        ("a beginning", "{arn}:render*", ["render", "render-prod"]),
        ("an end", "{arn}:*-prod", ["encode-prod", "render-prod"]),
        ("all", "*", ["encode", "encode-prod", "render", "render-prod"]),
        ("the middle", "{arn}:*d*-prod", ["encode-prod", "render-prod"]),
        ("no other of a longer name", "{arn}:rend", []),
        ("the same twice", "{arn}:render,{arn}:render,{arn}:rende*r", ["render"]),
        ("a star and one", "{arn}:encode*,{arn}:render", ["encode", "encode-prod", "render"]),
        ("dots are dots", "{arn}:r.nder", []),
    ],
)
def test_the_machines_can_be_chosen(sweeper: Watches, world: World, patterns: str, expected: list[str]) -> None:
    made = {world.waiting(world.batch_job(), name=name): name for name in ("render", "render-prod", "encode", "encode-prod")}
    arn = states_arn("stateMachine", "x").rsplit(":", 1)[0]
    result = sweep(sweeper(RELAY_SWEEP_STATE_MACHINES=patterns.format(arn=arn)), world)
    assert sorted(made[token] for token in tokens(result)) == expected


def test_the_children_of_a_distributed_map_are_running_executions_too(sweeper: Watches, world: World) -> None:
    started, history, child, token = odd(world.batch_job()), world.history(), world.history(), Secrets.issue(600)
    run_arn = states_arn("mapRun", "parent/Each:0ba2f5b3-6d0c-4d3b-8f9c-5b0e2cf0a1b2")
    history.enter("Each", kind="Map")
    history.event("MapStateStarted", mapStateStartedEventDetails={"length": 1})
    history.event("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": run_arn})
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **inner(("Wait", started))}
    of = world.machine(h.machine({"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}), "parent")
    parent = world.run(of, history)
    world.map_runs[run_arn] = parent.arn
    child.wait("Wait", started, token)
    world.run(of, child, name=f"{parent.name}-child", map_run=run_arn, definition=inner(("Wait", started)))
    assert tokens(sweep(sweeper(), world)) == [token]


# --- what cannot be read ----------------------------------------------------------------------------------


def unreadable(world: World, operation: str, answer: a.Answer, of: str) -> dict:
    """A script in which this operation is answered so when it names `of`."""
    own = world.script()[operation]
    return {operation: lambda call: answer if of in json.dumps(call.params) else own(call)}  # type: ignore[operator]


@cases(
    "answer",
    [
        ("a refusal", a.error("AccessDeniedException")),
        ("a key that is not to be used", a.error("KmsAccessDeniedException")),
        ("an odd answer", a.ok(b"<html>")),
    ],
)
@pytest.mark.parametrize("operation", ["GetExecutionHistory", "ListExecutions"])
def test_what_cannot_be_read_is_counted_and_stops_nothing_else(
    sweeper: Watches, world: World, operation: str, answer: a.Answer
) -> None:
    world.waiting(world.ecs_task(), name="broken")
    gone = world.waiting(world.ecs_task())
    result = sweep(sweeper(), world, unreadable(world, operation, answer, "broken"))
    assert told(result) == {"stranded": 1, "failed": 1} and tokens(result) == [gone]
    assert measured(result, "SweepErrors") == 1


def test_a_definition_that_cannot_be_read_stops_nothing_else(sweeper: Watches, world: World) -> None:
    other = world.waiting(world.ecs_task(), name="broken")
    gone = world.waiting(world.ecs_task())
    (broken, _) = world.executions
    script = unreadable(world, "DescribeStateMachineForExecution", a.error("AccessDeniedException"), broken.arn)
    script |= unreadable(world, "DescribeStateMachine", a.error("AccessDeniedException"), broken.machine.arn)
    result = sweep(sweeper(), world, script)
    assert not result.failed and gone in tokens(result)
    # Ambiguous: the names of notices may find its token too.
    assert set(tokens(result)) <= {gone, other}


def test_a_history_that_does_not_come_holds_up_no_other(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task(), name="broken")
    gone = world.waiting(world.ecs_task())
    result = sweep(sweeper(), world, unreadable(world, "GetExecutionHistory", a.Hang(), "broken"), time_left_s=25)
    assert result.duration_s < 25
    assert tokens(result) == [gone] and measured(result, "SweepErrors") == 1


def test_half_a_history_fails_nobody(sweeper: Watches, world: World) -> None:
    """Its second page tells that the task has ended."""
    world.page = 5
    started, history = world.ecs_task(), world.history()
    history.wait("Wait", started, Secrets.issue(600))
    history.end("TaskSucceeded", started)
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    own = world.script()["GetExecutionHistory"]
    later = {"GetExecutionHistory": lambda call: a.error("AccessDeniedException") if call.params.get("nextToken") else own(call)}  # type: ignore[operator]
    result = sweep(sweeper(), world, later)
    assert not result.dead_letters and measured(result, "SweepErrors") == 1


def test_an_execution_that_ended_meanwhile_is_no_trouble(sweeper: Watches, world: World) -> None:
    started, history = world.ecs_task(), world.history()
    history.wait("Wait", started, Secrets.issue(600))
    history.end("TaskSucceeded", started)
    history.leave("Wait")
    history.event("ExecutionSucceeded", executionSucceededEventDetails={"output": "{}"})
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    assert told(sweep(sweeper(), world)) == {}


@pytest.mark.parametrize("end", ["ExecutionAborted", "ExecutionTimedOut", "ExecutionFailed"])
def test_what_an_execution_waited_for_that_was_ended_meanwhile_is_closed(sweeper: Watches, world: World, end: str) -> None:
    started, history = world.ecs_task(), world.history()
    history.wait("Wait", started, Secrets.issue(600))
    history.event(end)
    world.run(world.machine(h.machine({"Wait": h.state(started)})), history)
    assert told(sweep(sweeper(), world)) == {}


def test_a_throttle_is_waited_out(sweeper: Watches, world: World) -> None:
    gone = world.waiting(world.ecs_task())
    own, seen = world.script(), set()

    def first_refused(name: str) -> Callable:
        def answer(call: object) -> a.Answer:
            if name in seen:
                return own[name](call)  # type: ignore[operator]
            seen.add(name)
            return a.error("ThrottlingException")

        return answer

    throttled = ("ListStateMachines", "ListExecutions", "GetExecutionHistory", "DescribeTasks")
    assert tokens(sweep(sweeper(), world, {name: first_refused(name) for name in throttled})) == [gone]


# --- report, fail, off ------------------------------------------------------------------------------------


def test_a_report_publishes_nothing(sweeper: Watches, world: World) -> None:
    world.waiting(world.ecs_task())
    result = sweep(sweeper(RELAY_SWEEP="report"), world)
    assert told(result) == {"stranded": 1} and not result.aws.others


@cases("mode", [("by default", None), ("empty", ""), ("off", "off")])
def test_where_it_is_off_nothing_is_asked(sweeper: Watches, world: World, mode: str | None) -> None:
    world.waiting(world.ecs_task())
    result = sweep(sweeper(RELAY_SWEEP=mode), world)
    assert result.response == {"due": 0, "published": 0} and result.calls == [] and not result.dead_letters


@pytest.mark.parametrize("payload", [{}, {"sweep": False}, {"sweep": "true"}, {"sweep": 1}, {"sweep": None}, {"detail": {"sweep": True}}, [], None, "sweep"])
def test_another_payload_sweeps_not(sweeper: Watches, world: World, payload: object) -> None:
    world.waiting(world.ecs_task())
    result = sweeper().invoke(json.dumps(payload), world.script())
    assert result.response == {"due": 0, "published": 0} and result.calls == []


@pytest.mark.parametrize("count", [2, 3])
def test_too_many_at_once_are_a_mistake_and_none_is_failed(sweeper: Watches, world: World, count: int) -> None:
    names = sorted(world.waiting(world.ecs_task()) for _ in range(count))
    result = sweep(sweeper(RELAY_SWEEP_FAILS_MAX="2"), world)
    errors = [line for line in result.lines if line.get("level") == "ERROR"]
    if count == 2:
        assert told(result) == {"stranded": 2, "failed": 2} and tokens(result) == names
        assert not errors and measured(result, "SweepErrors") == 0
    else:
        assert told(result) == {"stranded": 3} and not result.dead_letters
        assert len(errors) == 1 and measured(result, "SweepErrors") == 1


def test_by_default_a_hundred_may_be_failed(sweeper: Watches, world: World) -> None:
    started = world.batch_job()
    of = world.machine(h.machine({"Wait": h.state(started)}))
    for count, failed in ((100, 100), (101, 0)):
        while len(world.executions) < count:
            history = world.history()
            history.wait("Wait", world.batch_job(), Secrets.issue(600))
            world.run(of, history)
        result = sweep(sweeper(), world)
        assert (result.response["stranded"], result.response["failed"]) == (count, failed)  # type: ignore[index]
        assert len(result.dead_letters) == failed


@pytest.mark.parametrize("setting", [{"AWS_LAMBDA_LOG_LEVEL": "ERROR"}, {"AWS_LAMBDA_LOG_FORMAT": "Text"}])
def test_metrics_are_written_at_every_level_and_in_both_formats(sweeper: Watches, world: World, setting: dict) -> None:
    world.waiting(world.ecs_task())
    assert told(sweep(sweeper(**setting), world)) == {"stranded": 1, "failed": 1}


def test_the_event_is_one_that_the_relay_relays(sweeper: Watches, world: World, relay: Function) -> None:
    token = world.waiting(world.ecs_task())
    (sent,) = sweep(sweeper(), world).dead_letters
    call = relay.invoke(e.sqs(sent.body)).the_call()
    assert (call.operation, call.identity, call.params["error"]) == ("SendTaskFailure", token, "ECS.EssentialContainerExited")
    assert call.region == "eu-west-1" and "137" in call.params["cause"]


def test_to_a_fifo_queue_each_task_goes_in_a_group_of_its_own(sweeper: Watches, world: World) -> None:
    token = world.waiting(world.ecs_task())
    (sent,) = sweep(sweeper(RELAY_QUEUE_URL=f"{RELAY_QUEUE}.fifo"), world).dead_letters
    assert sent.group_id == fingerprint(token) and sent.deduplication_id


def test_no_other_secret_of_the_parameters_is_told(sweeper: Watches, world: World) -> None:
    other = Secrets.issue(48)
    started = world.ecs_task()
    environment = [{"Name": "TASK_TOKEN", "Value": TOKEN}, {"Name": "SWF_TASK_TOKEN", "Value": other}]
    overrides = {"ContainerOverrides": [{"Name": "worker", "Environment": environment}]}
    world.waiting(started._replace(parameters={**started.parameters, "Overrides": overrides}))
    (sent,) = sweep(sweeper(AWS_LAMBDA_LOG_LEVEL="DEBUG"), world).dead_letters
    assert other not in sent.body


@cases(
    "build",
    [
        ("the cause of an execution", lambda w, token: w.child(error="E", cause=json.dumps({"Input": {"taskToken": token}}))),
        ("the command line of a container", lambda w, token: w.ecs_task(stoppedReason=f"CannotStart: run --task-token {token}")),
        ("the reason of a job", lambda w, token: w.batch_job(statusReason=json.dumps({"TASK_TOKEN": token}))),
    ],
)
@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_token_in_a_workers_last_words_is_not_told(sweeper: Watches, world: World, build: Callable, whose: str) -> None:
    token = Secrets.issue(600)
    world.waiting(build(world, token), token=token if whose == "its own" else None)
    for mode in ("report", "fail"):
        assert told(sweep(sweeper(RELAY_SWEEP=mode), world))["stranded"] == 1


def test_long_last_words_are_published_in_requests_that_the_queue_takes(sweeper: Watches, world: World) -> None:
    history, words = world.history(), "\u0001" * 32768
    children = [world.child(error="E" * 256, cause=words) for _ in range(12)]
    names = [Secrets.issue(600) for _ in children]
    history.in_map("Each", *(lambda at, s=s, t=t: history.wait("Wait", s, t, at) for s, t in zip(children, names, strict=True)))
    each = {"Type": "Map", "ItemProcessor": inner(("Wait", children[0])), "End": True}
    world.run(world.machine(h.machine({"Each": each})), history)
    assert tokens(sweep(sweeper(), world)) == sorted(names)


# --- one part fails, the others do not ---------------------------------------------------------------------


@pytest.fixture
def own_table(dynamo_db_url: str) -> Table:
    return Table(dynamo_db_url)


def take_lease(relay: Function) -> str:
    target = e.sfn()
    taken = e.sqs_record({"lease": {"action": "take", "ttlSeconds": 60}, "target": target}, SentTimestamp="1735689600000")
    assert relay.invoke(e.sqs(taken)).failures == []
    return e.identity(target)


@cases("operation", [("of the machines", "ListStateMachines")])
def test_leases_are_published_when_the_sweep_fails(
    sweeper: Watches, world: World, relay_with: Callable[..., Function], own_table: Table, operation: str
) -> None:
    token = take_lease(relay_with(**own_table.settings))
    world.waiting(world.ecs_task())
    result = sweep(sweeper(**own_table.settings), world, {operation: a.error("AccessDeniedException")})
    assert result.failed, "the invocation fails at the end"
    assert tokens(result) == [token]
    assert measured(result, "LeasesPublished") == 1


def test_tasks_are_failed_when_the_table_does_not_answer(sweeper: Watches, world: World) -> None:
    token = world.waiting(world.ecs_task())
    result = sweep(sweeper(RELAY_TABLE_NAME="leases"), world, {"Query": UNAVAILABLE})
    assert result.failed, "the invocation fails at the end"
    assert tokens(result) == [token] and measured(result, "SweepFailed") == 1


def test_leases_and_tasks_are_answered_together(
    sweeper: Watches, world: World, relay_with: Callable[..., Function], own_table: Table
) -> None:
    lease = take_lease(relay_with(**own_table.settings))
    task = world.waiting(world.ecs_task())
    result = sweep(sweeper(**own_table.settings), world)
    assert told(result) == {"due": 1, "published": 1, "stranded": 1, "failed": 1}
    assert tokens(result) == sorted([lease, task])


def test_what_the_queue_has_not_confirmed_is_published_by_the_next_sweep(sweeper: Watches, world: World) -> None:
    token = world.waiting(world.ecs_task())
    down = {"SendMessage": UNAVAILABLE, "SendMessageBatch": UNAVAILABLE}
    result = sweep(sweeper(), world, down)
    assert not result.dead_letters and measured(result, "SweepFailed") == 0
    assert tokens(sweep(sweeper(), world)) == [token]


@cases("down", [("an error", UNAVAILABLE), ("a refusal", a.error("AccessDeniedException"))])
def test_a_queue_that_does_not_answer_fails_the_invocation_at_the_end(sweeper: Watches, world: World, down: a.Answer) -> None:
    world.waiting(world.ecs_task())
    result = sweep(sweeper(), world, {"SendMessage": down, "SendMessageBatch": down})
    assert not result.dead_letters
    assert any(line.get("level") == "ERROR" for line in result.lines), "it is logged"
    assert result.failed, "the invocation fails at the end"


@pytest.mark.parametrize(
    "setting", ["RELAY_SWEEP_GRACE_SECONDS", "RELAY_SWEEP_SILENT_SECONDS", "RELAY_SWEEP_FAILS_MAX", "RELAY_SWEEP_STATE_MACHINES", "RELAY_SWEEP"]
)
def test_a_wrong_setting_stops_the_watch_with_its_name(setting: str) -> None:
    said = Function({"RELAY_DEAD_LETTER_QUEUE_URL": None, "RELAY_QUEUE_URL": RELAY_QUEUE, setting: "-1 x"}, watch_binary())
    try:
        assert setting in (said.stopped_at_start() or "")
    finally:
        said.close()
