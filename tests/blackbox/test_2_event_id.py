"""RELAY_EVENT_ID_IN_TEXT: the text that an orchestrator is sent ends with the id of the event. It is off by default."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from harness import events as e
from harness.events import event, raw_event, sqs_record
from harness.function import Function
from harness.outcome import direct, relayed, send
from harness.text import MARKER, utf16_len

CAUSE_MAX = 32_768
MESSAGE_MAX = 5000


@pytest.fixture
def relay(relay_with: Callable[..., Function]) -> Function:
    return relay_with(RELAY_EVENT_ID_IN_TEXT="true")


def named(target: dict, failure: dict, event_id: str) -> str:
    return json.dumps({"id": event_id, "target": target, "failure": failure})


def line(event_id: str) -> str:
    return f"\nfailure-relay event_id: {event_id}"


def test_a_message_ends_with_a_line_that_names_its_event(relay: Function) -> None:
    assert relayed(relay, named(e.sfn(), {"message": "m"}, "render-17")).params["cause"] == "m" + line("render-17")
    assert relayed(relay, named(e.swf(), {"message": "m"}, "render-17")).params["details"] == "m" + line("render-17")


@pytest.mark.parametrize("build", [e.job, e.third_party])
def test_the_line_follows_the_details_of_a_job(relay: Function, build: Callable[[], dict]) -> None:
    details = relayed(relay, named(build(), {"message": "m", "details": [1]}, "render-17")).params["failureDetails"]
    assert details["message"] == "m\n[1]" + line("render-17")


def test_a_cause_that_is_json_has_the_id_as_its_last_member(relay: Function) -> None:
    cause = relayed(relay, named(e.sfn(), {"message": "m", "details": [1]}, "render-17")).params["cause"]
    assert cause == '{"message":"m","details":[1],"eventId":"render-17"}'


def test_an_event_without_an_id_is_named_by_its_message(relay: Function) -> None:
    record = sqs_record(event(e.sfn(), {"message": "m"}))
    assert relayed(relay, record).params["cause"] == "m" + line(record["messageId"])


@pytest.mark.parametrize("over", [0, 1, 40_000])
def test_the_line_stays_where_the_text_is_cut(relay: Function, over: int) -> None:
    room = MESSAGE_MAX - len(line("render-17"))
    message = relayed(relay, named(e.job(), {"message": "m" * (room + over)}, "render-17")).params["failureDetails"]["message"]
    assert utf16_len(message) == MESSAGE_MAX
    assert message.endswith((MARKER if over else "m") + line("render-17"))
    cause = relayed(relay, named(e.sfn(), {"message": "m" * (CAUSE_MAX + over), "details": "d" * 5000}, "render-17")).params["cause"]
    assert utf16_len(cause) <= CAUSE_MAX
    assert json.loads(cause)["eventId"] == "render-17"


def test_a_token_that_is_the_id_is_not_told(relay: Function) -> None:
    target = e.sfn()
    assert relayed(relay, named(target, {"message": "m"}, target["taskToken"])).params["cause"] == "m" + line("[redacted]")


def test_the_log_has_the_id_under_the_name_that_the_text_says(relay: Function) -> None:
    result = send(relay, named(e.sfn(), {"message": "m"}, "render-17"))
    assert [entry["event_id"] for entry in result.lines if "outcome" in entry] == ["render-17"]


def test_an_answer_to_an_invoker_is_as_without(relay: Function) -> None:
    assert direct(relay, json.loads(raw_event(e.sfn(), '{"message":"m"}')))["outcome"] == "relayed"


def test_by_default_no_text_names_its_event(relay_with: Callable[..., Function]) -> None:
    for setting in (None, "false"):
        cause = relayed(relay_with(RELAY_EVENT_ID_IN_TEXT=setting), named(e.sfn(), {"message": "m"}, "render-17")).params["cause"]
        assert cause == "m"
