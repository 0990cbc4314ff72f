"""RELAY_LOG_TAIL: the last lines of a dead worker's log in the reason, within a second or not at all. It is off by default."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from harness import answers as a
from harness import models
from harness import notices as n
from harness.aws_endpoint import Call
from harness.dynamo_db import Table
from harness.events import sqs, sqs_record
from harness.function import Function, Result
from harness.secrets import Secrets
from harness.text import split_context

LINES = 20
GROUP = "/ecs/render"


@pytest.fixture
def relay(relay_with: Callable[..., Function]) -> Function:
    return relay_with(RELAY_LOG_TAIL=str(LINES))


def answer(service: str, operation: str, document: dict) -> a.Reply:
    assert models.answer_violations(service, operation, document) == []
    return a.ok(json.dumps(document).encode())


def log(*lines: str) -> a.Reply:
    events = [{"timestamp": 1_767_225_600_000 + i, "message": line, "ingestionTime": 1_767_225_600_000} for i, line in enumerate(lines)]
    return answer("logs", "GetLogEvents", {"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"})


def definition(driver: str = "awslogs", prefix: str = "ecs") -> a.Reply:
    options = {"awslogs-group": GROUP, "awslogs-region": "eu-west-1", "awslogs-stream-prefix": prefix}
    container = {"name": "worker", "logConfiguration": {"logDriver": driver, "options": options}}
    return answer("ecs", "DescribeTaskDefinition", {"taskDefinition": {"containerDefinitions": [container]}})


def batch(environment: dict[str, str]) -> dict:
    attempts = [{"container": {"exitCode": 1, "logStreamName": f"render/default/{i}"}, "statusReason": "x"} for i in (1, 2)]
    return n.batch({"container": {"image": "i", "environment": n.pairs(environment), "exitCode": 1}, "attempts": attempts})


def build(environment: dict[str, str]) -> dict:
    notice = n.codebuild_died(environment)
    notice["detail"]["additional-information"]["logs"] = {"group-name": "/aws/codebuild/render", "stream-name": "c340e456", "deep-link": "https://x"}
    return notice


WORKERS = {
    "an ECS task": (n.ecs_died, GROUP, f"ecs/worker/{n.TASK_ARN.rsplit('/')[-1]}"),
    "a Batch job": (batch, "/aws/batch/job", "render/default/2"),
    "a build": (build, "/aws/codebuild/render", "c340e456"),
}


def report(relay: Function, notice: dict, script: dict, **options: object) -> tuple[Result, Call]:
    """The report of a death, which must be relayed."""
    result = relay.invoke(sqs(sqs_record(notice)), script, **options)
    assert result.failures == [], result.output[-1500:]
    return result, result.the_call()


def details(call: Call) -> dict:
    return json.loads(split_context(call.params["cause"])["details"])


def asked(result: Result) -> list[Call]:
    return [call for call in result.aws.others if call.operation in ("GetLogEvents", "DescribeTaskDefinition")]


@pytest.mark.parametrize("worker", WORKERS)
def test_the_last_lines_and_the_way_to_the_others_are_in_the_details(relay: Function, worker: str) -> None:
    die, group, stream = WORKERS[worker]
    script = {"GetLogEvents": log("loading scene\n", "no space left"), "DescribeTaskDefinition": definition()}
    result, call = report(relay, die({"TASK_TOKEN": Secrets.issue(64)}), script)
    told = details(call)
    assert told["log"] == ["loading scene", "no space left"]
    assert told["console"].startswith("https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/")
    *_, read = asked(result)
    assert read.params == {"logGroupName": group, "logStreamName": stream, "limit": LINES, "startFromHead": False}
    assert len(told) > 3, "what else helps is there too"


@pytest.mark.parametrize("worker", WORKERS)
def test_without_the_setting_nothing_is_asked_and_nothing_changes(relay: Function, relay_with: Callable[..., Function], worker: str) -> None:
    die, _, _ = WORKERS[worker]
    notice = die({"TASK_TOKEN": Secrets.issue(64)})
    result, off = report(relay_with(), notice, {})
    assert asked(result) == []
    zero, also_off = report(relay_with(RELAY_LOG_TAIL="0"), notice, {})
    assert asked(zero) == [] and also_off.params == off.params
    refused = {"GetLogEvents": a.error("AccessDeniedException"), "DescribeTaskDefinition": a.error("AccessDeniedException")}
    _, without = report(relay, notice, refused)
    told = details(without)
    told.pop("console", None)
    assert told == details(off)


def test_whoever_claimed_what_died_is_told_the_lines_too(relay_with: Callable[..., Function], table: Table) -> None:
    relay = relay_with(RELAY_LOG_TAIL="5", **table.settings)
    job, token = str(uuid.uuid4()), Secrets.issue(64)
    target = {"kind": "step-functions-task", "taskToken": token}
    claim = relay.invoke(sqs(sqs_record({"claim": {"resource": job}, "target": target})), {})
    assert claim.failures == []
    notice = json.loads(json.dumps(batch({})).replace(n.BATCH_JOB, job))
    result, call = report(relay, notice, {"GetLogEvents": log(f"started with {token}", "no space left")})
    assert details(call)["log"][1] == "no space left" and token not in call.params["cause"]
    assert [call.params["limit"] for call in asked(result)] == [5]


def test_a_token_in_the_log_is_in_no_reason_and_long_lines_are_cut(relay: Function) -> None:
    token = Secrets.issue(64)
    script = {"GetLogEvents": log(f"started with {token}", "run --task-token AQCEAnotherToken99", "x" * 9000)}
    _, call = report(relay, batch({"TASK_TOKEN": token}), script)
    told = details(call)
    assert token not in call.params["cause"] and "AQCEAnotherToken99" not in call.params["cause"]
    assert told["log"][0].startswith("started with ")
    assert len(told["log"][2]) == 500 and told["log"][2].endswith("… [truncated]")


FAULTS = {
    "is refused": a.error("AccessDeniedException"),
    "is not there": a.error("ResourceNotFoundException"),
    "fails": a.error("ServiceUnavailableException", 503),
    "hangs": a.Hang(),
    "is cut off": a.CutConnection(),
    "is no JSON": a.http(200, a.HTML_PAGE),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", ["GetLogEvents", "DescribeTaskDefinition"])
def test_a_log_that_cannot_be_read_delays_a_report_by_a_second_at_most(relay: Function, operation: str, fault: str) -> None:
    script = {"GetLogEvents": log("line"), "DescribeTaskDefinition": definition(), operation: FAULTS[fault]}
    result, call = report(relay, n.ecs_died({"TASK_TOKEN": Secrets.issue(64)}), script)
    assert "log" not in details(call)
    assert result.duration_s < 2
    assert ("console" in details(call)) == (operation == "GetLogEvents")


def test_slow_logs_delay_a_batch_by_a_second_and_no_longer(relay: Function) -> None:
    deaths = [batch({"TASK_TOKEN": Secrets.issue(64)}) for _ in range(10)]
    result = relay.invoke(sqs(*[sqs_record(death) for death in deaths]), {"GetLogEvents": a.ok(b'{"events": []}', delay_s=0.7)})
    assert result.failures == [] and len(result.accepted) == 10
    assert len(asked(result)) < 10, "few are read at once, and nobody waits for longer than a second"
    assert result.duration_s < 2


def test_a_definition_that_logs_elsewhere_is_not_asked_for_more(relay: Function) -> None:
    script = {"DescribeTaskDefinition": definition(driver="awsfirelens")}
    result, call = report(relay, n.ecs_died({"TASK_TOKEN": Secrets.issue(64)}), script)
    assert [call.operation for call in asked(result)] == ["DescribeTaskDefinition"]
    assert {"log", "console"}.isdisjoint(details(call))


def test_little_time_is_the_reports(relay: Function) -> None:
    result, call = report(relay, batch({"TASK_TOKEN": Secrets.issue(64)}), {"GetLogEvents": log("line")}, time_left_s=3)
    assert asked(result) == [] and "log" not in details(call)


def test_no_log_is_read_in_another_account(relay_with: Callable[..., Function]) -> None:
    relay = relay_with(RELAY_LOG_TAIL="5", RELAY_ALLOWED_ACCOUNTS="222222222222", RELAY_ROLE_NAME="relay")
    notice = batch({"TASK_TOKEN": Secrets.issue(64)}) | {"account": "222222222222"}
    result, _ = report(relay, notice, {"GetLogEvents": log("line")})
    assert asked(result) == []


def test_a_notice_that_is_no_failure_or_names_nobody_asks_for_nothing(relay: Function) -> None:
    for notice in (batch({}), n.batch({"status": "SUCCEEDED", "container": {"logStreamName": "s"}})):
        result = relay.invoke(sqs(sqs_record(notice)), {})
        assert result.failures == [] and asked(result) == []


def test_an_event_of_a_worker_asks_for_nothing(relay: Function) -> None:
    event = {"target": {"kind": "step-functions-task", "taskToken": Secrets.issue(64)}, "failure": {"message": "x"}}
    result, _ = report(relay, event, {})
    assert asked(result) == []


def test_many_lines_keep_the_limits_of_the_target(relay: Function) -> None:
    _, call = report(relay, batch({"TASK_TOKEN": Secrets.issue(64)}), {"GetLogEvents": log(*["y" * 499] * 100)})
    cause = call.params["cause"]
    assert len(cause) <= 32768 and json.loads(cause)["message"]


@pytest.mark.parametrize("value", ["101", "-1", "all"])
def test_another_number_stops_the_function(value: str) -> None:
    function = Function({"RELAY_LOG_TAIL": value})
    try:
        assert "RELAY_LOG_TAIL" in (function.stopped_at_start() or "")
    finally:
        function.close()
