"""Section 9: the log line of each event, and the metrics."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from harness import events as e
from harness import notices as n
from harness.answers import Hang, Scripted, error, ok
from harness.events import KINDS, event, identity, sqs_record, target
from harness.function import Function, Result
from harness.secrets import Secrets
from harness.table import cases
from harness.text import assert_cut, fingerprint, utf16_len

RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LEVELS = {"relayed": "INFO", "already-settled": "INFO", "retry": "WARN", "dead-lettered": "ERROR", "ignored": "DEBUG"}
COUNTS = {"relayed": "Relayed", "already-settled": "AlreadySettled", "dead-lettered": "DeadLettered", "retry": "Retried", "ignored": "Ignored"}


@pytest.fixture
def relay(relay_with) -> Function:
    """At level DEBUG, so that ignored notices are told too."""
    return relay_with(AWS_LAMBDA_LOG_LEVEL="DEBUG", RELAY_ABANDONED_WORK_QUEUES=n.ABANDONED_QUEUE)


def the_line(result: Result) -> dict:
    assert len(result.outcome_lines) == 1, f"{len(result.outcome_lines)} lines with an outcome: {result.output}"
    return result.outcome_lines[0]


# --- form ------------------------------------------------------------------------------------------------


def mixed(relay: Function) -> Result:
    """One batch with each outcome."""
    settled, denied, rejected = e.swf(), e.job(), e.third_party()
    contents = [event(), event(settled), event(denied), event(rejected), "no json", n.ecs_died({})]
    script = {
        identity(settled): error("UnknownResourceFault"),
        identity(denied): error("AccessDeniedException"),
        identity(rejected): error("JobNotFoundException"),
    }
    return relay.invoke(e.sqs(*contents), script)


def test_each_line_is_one_json_object_with_level_and_timestamp(relay: Function) -> None:
    result = mixed(relay)
    for text in result.output.rstrip("\n").split("\n"):
        line = json.loads(text)
        assert isinstance(line, dict) and RFC_3339.fullmatch(line.get("timestamp") or ""), text
        assert line.get("level") in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR"), text


def test_each_line_tells_who_published(relay: Function) -> None:
    denied, token = e.job(), Secrets.issue(64)
    contents = [event(), event(denied), "no json", n.ecs_died({}), event(e.sfn(taskToken=token))]
    records = [sqs_record(content, SenderId=f"AIDASENDER{number}") for number, content in enumerate(contents)]
    records[-1]["attributes"]["SenderId"] = token
    result = relay.invoke(e.sqs(*records), {identity(denied): error("AccessDeniedException")})
    told = {line["outcome"]: line["publisher"] for line in result.outcome_lines if "SENDER" in line["publisher"]}
    senders = [f"AIDASENDER{number}" for number in range(4)]
    assert told == dict(zip(("relayed", "retry", "dead-lettered", "ignored"), senders, strict=True))
    assert the_line(relay.invoke(e.eventbridge(event())))["publisher"] == "111122223333"
    for payload in (event(), e.sns(event())):
        assert "publisher" not in the_line(relay.invoke(payload))


def test_json_is_the_format_that_lambda_names(relay_with) -> None:
    result = relay_with(AWS_LAMBDA_LOG_FORMAT="JSON").invoke(event())
    assert the_line(result)["outcome"] == "relayed"


def test_each_event_of_a_batch_ends_in_one_line(relay: Function) -> None:
    result = mixed(relay)
    outcomes = Counter(line["outcome"] for line in result.outcome_lines)
    assert outcomes == {"relayed": 1, "already-settled": 1, "retry": 1, "dead-lettered": 2, "ignored": 1}
    assert len({line["record_id"] for line in result.outcome_lines}) == 6
    assert [line["record_id"] for line in result.outcome_lines if line["outcome"] == "retry"] == result.failures


def test_each_outcome_has_its_level(relay: Function) -> None:
    for line in mixed(relay).outcome_lines:
        assert line["level"] == LEVELS[line["outcome"]]


@pytest.mark.parametrize(
    "level, told",
    [("DEBUG", set(LEVELS)), ("INFO", set(LEVELS) - {"ignored"}), ("WARN", {"retry", "dead-lettered"}), ("ERROR", {"dead-lettered"})],
)
def test_the_level_decides_which_outcomes_are_told(relay_with, level: str, told: set[str]) -> None:
    result = mixed(relay_with(AWS_LAMBDA_LOG_LEVEL=level))
    assert {line["outcome"] for line in result.outcome_lines} == told


# --- members ---------------------------------------------------------------------------------------------

KNOWN = {
    "outcome", "target_kind", "target_fingerprint", "event_id", "source", "record_id", "receives", "duration_ms", "age_ms",
    "error_code", "error_message", "service_error",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_a_relayed_record(relay: Function, kind: str) -> None:
    of = target(kind)
    record = sqs_record(event(of, id="i", source="s", time="2025-01-01T00:00:00Z"), message_id="m-1", receives=3)
    line = the_line(relay.invoke(e.sqs(record)))
    expected = {
        "outcome": "relayed", "target_kind": kind, "target_fingerprint": fingerprint(identity(of)), "event_id": "i",
        "source": "s", "record_id": "m-1", "receives": 3,
    }  # fmt: skip
    assert {name: line.get(name) for name in expected} == expected
    assert not {"error_code", "error_message", "service_error"} & set(line)
    for name in ("receives", "duration_ms", "age_ms"):
        assert isinstance(line[name], int | float) and not isinstance(line[name], bool) and line[name] >= 0


def test_members_of_a_dead_letter(relay: Function) -> None:
    result = relay.invoke(e.sqs(sqs_record(event({"kind": "codepipeline-job", "jobId": "x"}, id="i"), message_id="m-1")))
    line = the_line(result)
    attributes = result.the_dead_letter().attributes
    assert (line["error_code"], line["error_message"]) == ("INVALID_EVENT", attributes["ERROR_MESSAGE"])
    assert (line["target_kind"], line["event_id"], line["record_id"], line["receives"]) == ("codepipeline-job", "i", "m-1", 1)
    assert "age_ms" not in line and "service_error" not in line and "source" not in line


def test_members_of_an_unknown_kind(relay: Function) -> None:
    line = the_line(relay.invoke(e.sqs(event({"kind": "house"}))))
    assert line["error_code"] == "UNKNOWN_TARGET" and "target_kind" not in line and "target_fingerprint" not in line


def test_members_of_a_malformed_record(relay: Function) -> None:
    line = the_line(relay.invoke(e.sqs(sqs_record("x", message_id="m-1"))))
    assert line["record_id"] == "m-1" and not {"target_kind", "target_fingerprint", "source", "age_ms"} & set(line)


@cases(
    "answered, name, outcome",
    [
        ("a settled task is told with the service's name", error("TaskTimedOut"), "TaskTimedOut", "already-settled"),
        ("a rejection is told with the service's name", error("InvalidToken"), "InvalidToken", "dead-lettered"),
        ("a denial is told with the service's name", error("AccessDeniedException"), "AccessDeniedException", "retry"),
        ("an unknown name is told", error("BrandNewException"), "BrandNewException", "retry"),
        ("a namespace is no part of the name", error("AccessDeniedException", style="namespaced"), "AccessDeniedException", "retry"),
        ("a name in the header is told alone", error("TaskTimedOut", style="header"), "TaskTimedOut", "already-settled"),
    ],
)
def test_the_service_error(relay: Function, answered: Scripted, name: str, outcome: str) -> None:
    of = e.sfn()
    line = the_line(relay.invoke(e.sqs(event(of)), {identity(of): answered}))
    assert (line["outcome"], line["service_error"]) == (outcome, name)


def test_members_of_a_direct_event(relay: Function) -> None:
    line = the_line(relay.invoke(event(id="i")))
    assert line["event_id"] == "i" and "receives" not in line


def test_members_that_are_absent_are_left_out(relay: Function) -> None:
    line = the_line(relay.invoke(event()))
    assert not {"event_id", "source", "receives", "age_ms", "error_code", "error_message", "service_error"} & set(line)
    assert None not in [line.get(name, "") for name in KNOWN]


@cases(
    "source, told",
    [("a source that is a number is its text", 7, "7"), ("a source that is an object is its compact text", {"a": [1]}, '{"a":[1]}')],
)
def test_the_source_is_text(relay: Function, source: object, told: str) -> None:
    assert the_line(relay.invoke(event(source=source)))["source"] == told


def test_an_id_of_another_type_is_told_as_text(relay: Function) -> None:
    assert the_line(relay.invoke(event(id=42)))["event_id"] == "42"


def test_the_fingerprint_of_an_identity_beyond_ascii(relay: Function) -> None:
    of = e.sfn(taskToken="tökén-🔥-of-this-task")
    assert the_line(relay.invoke(event(of)))["target_fingerprint"] == fingerprint(of["taskToken"])


def test_hostile_values_stay_within_one_line(relay: Function) -> None:
    result = relay.invoke(e.sqs(event(id='a\nb"}\r\n{"outcome":"relayed"', source="x\u2028\x00\n")))
    assert the_line(result)["event_id"].startswith("a\nb")


def stamp(ago: timedelta) -> str:
    return (datetime.now(timezone.utc) - ago).isoformat()


@cases(
    "ago, least, most",
    [
        ("an age of ten seconds is told", timedelta(seconds=10), 9_000, 30_000),
        ("an age of a day is told", timedelta(days=1), 86_399_000, 86_430_000),
        ("an age below zero is zero", timedelta(hours=-1), 0, 0),
    ],
)
def test_the_age(relay: Function, ago: timedelta, least: int, most: int) -> None:
    assert least <= the_line(relay.invoke(event(time=stamp(ago))))["age_ms"] <= most


def test_an_age_counts_the_offset(relay: Function) -> None:
    at = datetime.now(timezone(timedelta(hours=5, minutes=30))) - timedelta(minutes=1)
    assert 59_000 <= the_line(relay.invoke(event(time=at.isoformat())))["age_ms"] <= 90_000


def test_the_age_of_a_notice(relay: Function) -> None:
    at = stamp(timedelta(seconds=60)).replace("+00:00", "Z")
    line = the_line(relay.invoke(n.ecs_died({"TASK_TOKEN": Secrets.issue()}, time=at, id="i")))
    assert 59_000 <= line["age_ms"] <= 90_000 and (line["source"], line["event_id"]) == ("aws.ecs", "i")
    line = the_line(relay.invoke(e.sqs(n.lambda_record({"TASK_TOKEN": Secrets.issue()}, timestamp=at))))
    assert 59_000 <= line["age_ms"] <= 90_000


def test_the_duration_is_that_of_the_event(relay: Function) -> None:
    line = the_line(relay.invoke(event(), {"*": ok(delay_s=0.3)}))
    assert 250 <= line["duration_ms"] <= 3_000


def test_events_that_were_not_attempted_end_in_a_line_too(relay: Function) -> None:
    one, two = e.sfn(), e.sfn()
    records = [
        sqs_record(event(of), message_id=name, group="g", queue=e.FIFO_QUEUE) for name, of in (("m1", one), ("m2", two))
    ]
    result = relay.invoke(e.sqs(*records), {identity(one): error("AccessDeniedException")})
    assert sorted((line["record_id"], line["outcome"]) for line in result.outcome_lines) == [("m1", "retry"), ("m2", "retry")]


def test_events_that_ran_out_of_time_end_in_a_line_too(relay: Function) -> None:
    result = relay.invoke(e.sqs(*(event() for _ in range(25))), {"*": Hang()}, time_left_s=2)
    assert [line["outcome"] for line in result.outcome_lines] == ["retry"] * 25


def test_each_of_several_sns_records_ends_in_a_line(relay: Function) -> None:
    result = relay.invoke(e.sns(event(id="a"), "x", event(id="c")))
    assert Counter(line["outcome"] for line in result.outcome_lines) == {"relayed": 2, "dead-lettered": 1}


@pytest.mark.parametrize("content", ["not json", "[]", "{}", '{"target":{"kind":"house"}}'])
def test_a_dead_letter_that_was_not_stored_is_told_as_a_retry(relay: Function, content: str) -> None:
    line = the_line(relay.invoke(e.sqs(content), {"SendMessage": error("AccessDenied", 403)}))
    assert (line["outcome"], line["level"]) == ("retry", "WARN")


def test_exhausted_retries_are_told_with_their_last_error(relay_with) -> None:
    of = e.sfn()
    relay = relay_with(RELAY_MAX_RECEIVES="3")
    line = the_line(relay.invoke(e.sqs(sqs_record(event(of), receives=3)), {identity(of): error("AccessDeniedException")}))
    assert (line["outcome"], line["error_code"], line["level"]) == ("dead-lettered", "RETRIES_EXHAUSTED", "ERROR")


# --- metrics -------------------------------------------------------------------------------------------------


def directive(line: dict) -> dict:
    directives = [d for d in line["_aws"]["CloudWatchMetrics"] if d["Namespace"] == "FailureRelay"]
    assert len(directives) == 1
    return directives[0]


def values(line: dict, name: str) -> list[float]:
    value = line.get(name)
    if value is None or name not in {metric["Name"] for metric in directive(line)["Metrics"]}:
        return []
    return value if isinstance(value, list) else [value]


def sums(result: Result) -> dict[str, dict[str, float]]:
    """Kind → metric → sum of its values."""
    found: dict[str, dict[str, float]] = {}
    for line in result.metric_lines:
        kind = found.setdefault(line["TargetKind"], {})
        for metric in directive(line)["Metrics"]:
            if metric["Name"] != "ReportAge":
                kind[metric["Name"]] = kind.get(metric["Name"], 0) + sum(values(line, metric["Name"]))
    return {kind: {name: value for name, value in metrics.items() if value} for kind, metrics in found.items()}


def test_each_metric_line_is_embedded_metric_format(relay: Function) -> None:
    result = mixed(relay)
    assert result.metric_lines, "no metrics"
    for line in result.metric_lines:
        assert isinstance(line["_aws"]["Timestamp"], int)
        described = directive(line)
        assert described["Dimensions"] == [["TargetKind"], []]
        assert line["TargetKind"] in (*KINDS, "unknown")
        for metric in described["Metrics"]:
            units = {"ReportAge": ["Milliseconds"], "Truncated": ["Count"]}
            # The units of the others are not said; a count is a count, or has none.
            assert metric.get("Unit") in units.get(metric["Name"], ["Count", None]) and metric["Name"] in line
        assert RFC_3339.fullmatch(line["timestamp"]) and line["level"]


def test_each_outcome_is_counted_by_its_kind(relay: Function) -> None:
    assert sums(mixed(relay)) == {
        "step-functions-task": {"Relayed": 1}, "swf-activity-task": {"AlreadySettled": 1}, "codepipeline-job": {"Retried": 1},
        "codepipeline-third-party-job": {"DeadLettered": 1}, "unknown": {"DeadLettered": 1, "Ignored": 1},
    }  # fmt: skip


def test_one_line_for_each_kind_once_an_invocation(relay: Function) -> None:
    result = relay.invoke(e.sqs(*(event() for _ in range(7)), *(event(e.swf()) for _ in range(3))))
    assert sorted(line["TargetKind"] for line in result.metric_lines) == ["step-functions-task", "swf-activity-task"]
    assert sums(result) == {"step-functions-task": {"Relayed": 7}, "swf-activity-task": {"Relayed": 3}}


def test_an_empty_batch_has_no_metrics(relay: Function) -> None:
    assert not relay.invoke({"Records": []}).metric_lines


def test_those_not_attempted_are_counted_as_retried(relay: Function) -> None:
    result = relay.invoke(e.sqs(*(event() for _ in range(25))), {"*": Hang()}, time_left_s=2)
    assert sum(metrics["Retried"] for metrics in sums(result).values()) == 25


def test_a_direct_invocation_that_fails_is_counted(relay: Function) -> None:
    of = e.sfn()
    result = relay.invoke(event(of), {identity(of): error("AccessDeniedException")})
    assert result.failed and sums(result) == {"step-functions-task": {"Retried": 1}}


@cases(
    "build, failure, cut",
    [
        ("a message that was cut is counted", e.sfn, {"message": "m" * 40_000}, True),
        ("a type that was cut is counted", e.sfn, {"type": "t" * 300}, True),
        ("details that were cut are counted", e.swf, {"details": "d" * 40_000}, True),
        ("a job's message that was cut is counted", e.job, {"message": "m" * 5001}, True),
        ("an execution id that was cut is counted", e.third_party, {"externalExecutionId": "x" * 1501}, True),
        ("two texts that were cut are one event", e.job, {"message": "m" * 5001, "externalExecutionId": "x" * 1501}, True),
        ("texts at their limit are not counted", e.job, {"message": "m" * 5000, "externalExecutionId": "x" * 1500}, False),
    ],
)
def test_truncated(relay: Function, build, failure: dict, cut: bool) -> None:
    of = build()
    counted = sums(relay.invoke(event(of, failure)))[of["kind"]]
    assert counted == ({"Relayed": 1, "Truncated": 1} if cut else {"Relayed": 1})


def test_only_relayed_events_are_counted_as_truncated(relay: Function) -> None:
    of = e.sfn()
    result = relay.invoke(event(of, {"message": "m" * 40_000}), {identity(of): error("TaskTimedOut")})
    assert sums(result) == {"step-functions-task": {"AlreadySettled": 1}}


def ages(result: Result) -> list[float]:
    return [age for line in result.metric_lines for age in values(line, "ReportAge")]


def test_report_age_is_that_of_relayed_events_with_a_time(relay: Function) -> None:
    settled = e.sfn()
    at = stamp(timedelta(seconds=60))
    contents = [event(time=at), event(), event(settled, time=at), event({"kind": "house"}, time=at)]
    result = relay.invoke(e.sqs(*contents), {identity(settled): error("TaskTimedOut")})
    assert len(ages(result)) == 1 and 59_000 <= ages(result)[0] <= 90_000


def test_report_age_is_never_below_zero(relay: Function) -> None:
    assert ages(relay.invoke(event(time=stamp(timedelta(hours=-1))))) == [0]


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_a_line_holds_at_most_100_ages(relay: Function, count: int) -> None:
    at = stamp(timedelta(seconds=5))
    result = relay.invoke(e.sqs(*(event(time=at) for _ in range(count))))
    lengths = [len(values(line, "ReportAge")) for line in result.metric_lines]
    assert sum(lengths) == count and max(lengths) <= 100
    assert len([length for length in lengths if length]) == -(-count // 100)
    assert sums(result) == {"step-functions-task": {"Relayed": count}}, "counts are not to be repeated on further lines"


@pytest.mark.parametrize("level", ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"])
@pytest.mark.parametrize("form", ["JSON", "Text"])
def test_metrics_are_written_at_every_level_and_in_both_formats(relay_with, level: str, form: str) -> None:
    result = mixed(relay_with(AWS_LAMBDA_LOG_LEVEL=level, AWS_LAMBDA_LOG_FORMAT=form))
    assert sums(result)["unknown"] == {"DeadLettered": 1, "Ignored": 1}
    order = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
    for line in result.metric_lines:
        assert RFC_3339.fullmatch(line["timestamp"])
        assert order.index(line["level"]) >= order.index(level), "Lambda would drop this line"


def test_the_text_format_tells_the_outcome_too(relay_with) -> None:
    # How a line looks in this format is not said.
    result = relay_with(AWS_LAMBDA_LOG_FORMAT="Text").invoke(e.sqs(event()))
    assert [line for line in result.output.splitlines() if "_aws" not in line and "relayed" in line]


def test_an_ignored_notice_is_silent_but_counted(functions) -> None:
    result = functions.get().invoke(e.sqs(n.ecs_died({})))
    assert not result.outcome_lines and sums(result) == {"unknown": {"Ignored": 1}}


# Bounds of a line.

LINE_BYTES_MAX = 16 * 1024
LIMITS = {"error_message": 1024, "failure_message": 5000}


def assert_bounded(result) -> None:
    """Every line is at most 16 KiB, and every text of it within its limit, cut with the marker."""
    for line in result.output.encode().split(b"\n"):
        assert len(line) + 1 <= LINE_BYTES_MAX, f"a line of {len(line)} bytes: {line[:200]!r}"
    for line in (line for line in result.lines if "_aws" not in line):
        for name, value in line.items():
            if isinstance(value, str):
                assert utf16_len(value) <= LIMITS.get(name, 256), f"{name} has {utf16_len(value)} units"


UNITS = ["x", "é", "\U0001f525", '"', "\\", "\x01", "\u0301", "\u007f"]


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("member", ["id", "source", "time", "version", "kind", "region", "account", "everything"])
def test_what_a_publisher_writes_makes_no_long_line(relay_with, log_format: str, unit: str, member: str) -> None:
    relay = relay_with(AWS_LAMBDA_LOG_LEVEL="TRACE", AWS_LAMBDA_LOG_FORMAT=log_format)
    long = unit * 100_000
    members = {member: long} if member in ("id", "source", "time", "version") else {}
    if member == "everything":
        members = {"id": long, "source": long, "time": long}
    for of in (e.sfn(), {"kind": "later"}, e.sfn(region="us-west-2")):
        if member in ("kind", "region", "account"):
            of = {**of, member: long}
        trace = long if member == "everything" else "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
        message_id = long if member == "everything" else None
        record = e.sqs_record(event(of, **members), AWSTraceHeader=trace, message_id=message_id)
        result = relay.invoke(e.sqs(record), may_be_refused=True)
        assert_bounded(result)
        for letter in result.dead_letters:
            assert utf16_len(letter.attributes.get("EVENT_ID", "")) <= 256
            assert utf16_len(letter.attributes["ERROR_MESSAGE"]) <= 1024
        assert_bounded(relay.invoke(event(of, **members), may_be_refused=True))


@pytest.mark.parametrize("log_format", ["JSON", "Text"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", ["InvalidToken", "AccessDeniedException", "N" * 3000, "KmsAccessDeniedException"])
def test_what_a_service_says_makes_no_long_line(relay_with, log_format: str, unit: str, name: str) -> None:
    relay = relay_with(AWS_LAMBDA_LOG_LEVEL="TRACE", AWS_LAMBDA_LOG_FORMAT=log_format)
    of = e.sfn()
    failure = {"type": unit * 5000, "message": unit * 30_000, "details": unit * 30_000}
    script = {identity(of): [error(name, message=unit * 100_000)] * 2}
    assert_bounded(relay.invoke(e.sqs(event(of, failure, id=unit * 5000, source=unit * 5000)), script))
    assert_bounded(relay.invoke(event(of, failure), script))


@pytest.mark.parametrize("unit", ["x", "é", "\U0001f525"])
def test_a_text_within_its_limit_is_whole_and_a_longer_one_is_cut_with_the_marker(relay: Function, unit: str) -> None:
    whole = unit * (256 // utf16_len(unit))
    result = relay.invoke(e.sqs(event(id=whole, source=whole)))
    assert [(line["event_id"], line["source"]) for line in result.outcome_lines] == [(whole, whole)]
    result = relay.invoke(e.sqs(event(id=whole + "x", source=whole + "x")))
    for text in (result.outcome_lines[0]["event_id"], result.outcome_lines[0]["source"]):
        assert_cut(text, whole + "x", 256)


def test_a_long_reason_is_cut_with_the_marker(relay: Function) -> None:
    of = e.sfn()
    said = "why " * 1000
    result = relay.invoke(e.sqs(event(of)), {identity(of): error("InvalidToken", message=said)})
    message = result.the_dead_letter().attributes["ERROR_MESSAGE"]
    assert utf16_len(message) == 1024 and message.endswith("… [truncated]")
    assert result.outcome_lines[0]["error_message"] == message


def test_a_setting_that_stops_the_function_makes_no_long_line(functions) -> None:
    relay = Function({"RELAY_TARGETS": "x" * 100_000})
    said = relay.stopped_at_start()
    relay.close()
    assert said and "RELAY_TARGETS" in said
    assert all(len(line) < LINE_BYTES_MAX for line in said.split("\n"))
