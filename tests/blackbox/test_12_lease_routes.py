"""Section 12: leases of every kind, by every way in, and when the table is in trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from harness import answers as a
from harness import events as e
from harness import kinds as k
from harness.dynamo_db import Table
from harness.events import sqs_record
from harness.function import PARKING_QUEUE, Function
from harness.outcome import direct
from harness.table import cases
from harness.text import fingerprint

UNAVAILABLE = a.error("InternalServerError", 500)
DUE_MS = 100_000
"""How long ago a lease of a minute was sent that is due."""


def now_ms() -> int:
    return int(time.time() * 1000)


def lease(action: str, target: dict, ttl: int | None = 60, **members: object) -> dict:
    asked = {"action": action} | ({} if ttl is None else {"ttlSeconds": ttl})
    return {"lease": asked, "target": target, **members}


def sent(event: object, at_ms: int, **options: object) -> dict:
    return sqs_record(event, SentTimestamp=str(at_ms), **options)


def every_kind() -> dict[str, dict]:
    """A target of each of the fourteen."""
    return {name: e.target(name) for name in e.KINDS} | {kind.name: kind.build() for kind in k.TEN}


def shown(target: dict) -> str:
    """What is fingerprinted of a target, and what its service is told."""
    return k.identity(target) if target["kind"] in k.BY_NAME else e.identity(target)


@pytest.fixture
def own(dynamo_db_url: str) -> Table:
    """A table of this case alone."""
    return Table(dynamo_db_url)


@pytest.fixture
def running(own: Table, relay_with: Callable[..., Function]) -> Function:
    return relay_with(**own.settings, AWS_LAMBDA_LOG_LEVEL="DEBUG")


@pytest.fixture
def due(own: Table, watch: Callable[..., Function]) -> Callable[[], list[str]]:
    """What the watch publishes in one run, as bodies."""
    function = watch(**own.settings, AWS_LAMBDA_LOG_LEVEL="DEBUG")
    return lambda: [message.body for message in function.invoke({}).dead_letters]


# --- every kind -------------------------------------------------------------------------------------------


def test_each_kind_can_be_leased_and_is_failed_when_nobody_renews(running: Function, due: Callable) -> None:
    targets, at = every_kind(), now_ms() - DUE_MS
    taken = running.invoke(e.sqs(*(sent(lease("take", target), at) for target in targets.values())))
    assert taken.failures == [] and not taken.dead_letters and taken.calls == []
    assert {line["target_kind"]: line["outcome"] for line in taken.outcome_lines} == dict.fromkeys(targets, "lease-taken")
    assert {line["target_kind"]: line["target_fingerprint"] for line in taken.outcome_lines} == {
        name: fingerprint(shown(target)) for name, target in targets.items()
    }
    bodies = due()
    assert {json.loads(body)["target"]["kind"] for body in bodies} == set(targets)
    told = running.invoke(e.sqs(*bodies))
    assert told.failures == [] and not told.dead_letters
    assert sorted(call.identity or "" for call in told.accepted) == sorted(map(shown, targets.values()))
    assert due() == []


def test_each_kind_can_be_released(running: Function, due: Callable) -> None:
    targets, at = every_kind(), now_ms() - DUE_MS
    running.invoke(e.sqs(*(sent(lease("take", target), at) for target in targets.values())))
    released = running.invoke(e.sqs(*(sent(lease("release", target, None), at + 1) for target in targets.values())))
    assert {line["outcome"] for line in released.outcome_lines} == {"lease-released"}
    assert due() == []


def test_a_kind_that_is_not_enabled_cannot_be_leased(relay_with: Callable[..., Function], table: Table) -> None:
    relay = relay_with(**table.settings, RELAY_TARGETS="codepipeline-job")
    letter = relay.invoke(e.sqs(lease("take", e.sfn()))).the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "TARGET_NOT_ALLOWED"


@pytest.mark.parametrize("action", ["take", "renew", "release"])
def test_without_a_table_no_action_is_enabled(relay: Function, action: str) -> None:
    response = direct(relay, lease(action, e.sfn(), id="l-1"))
    assert (response["outcome"], response["errorCode"]) == ("dead-lettered", "NOT_ENABLED")


@pytest.mark.parametrize("ttl", [60, 86_400])
@pytest.mark.parametrize("action", ["take", "renew"])
def test_the_shortest_and_the_longest_time_are_taken(leasing: Function, action: str, ttl: int) -> None:
    assert direct(leasing, lease(action, e.sfn(), ttl))["outcome"].startswith("lease-")


# --- every way in -----------------------------------------------------------------------------------------


@cases(
    "wrap",
    [
        ("a direct invocation", lambda event: event),
        ("an EventBridge event", e.eventbridge),
        ("a CloudEvent", e.cloudevent),
        ("an SNS record", lambda event: e.sns(event)),
        ("an SNS record of an EventBridge event", lambda event: e.sns(e.eventbridge(event))),
    ],
)
def test_the_outcome_is_answered_whatever_the_way_in(leasing: Function, wrap: Callable) -> None:
    for action, outcome in (("take", "lease-taken"), ("renew", "lease-renewed"), ("release", "lease-released")):
        response = direct(leasing, wrap(lease(action, e.sfn(), id="l-2")))
        assert response == {"outcome": outcome, "targetKind": "step-functions-task", "eventId": "l-2"}


def test_several_sns_records_are_answered_in_their_order(leasing: Function) -> None:
    answers = leasing.invoke(e.sns(lease("release", e.sfn(), None), lease("take", e.job()))).response
    assert [(one["outcome"], one["targetKind"]) for one in answers] == [
        ("lease-released", "step-functions-task"), ("lease-taken", "codepipeline-job")
    ]  # fmt: skip


def test_the_time_of_a_cloudevent_is_the_workers_clock(running: Function, due: Callable) -> None:
    running.invoke(e.cloudevent(lease("take", e.sfn()), time="1999-01-01T00:00:00Z"))
    assert due() == []


@cases("wrap", [("an EventBridge event", e.eventbridge), ("a CloudEvent", e.cloudevent), ("an SNS notification", e.sns_notification)])
def test_the_id_of_an_envelope_is_not_the_events_own(running: Function, due: Callable, wrap: Callable) -> None:
    target = e.sfn()
    running.invoke(e.sqs(sent(wrap(lease("take", target)), now_ms() - DUE_MS)))
    (body,) = due()
    assert json.loads(body)["id"] == f"lease-{fingerprint(e.identity(target))}"


def test_the_line_of_a_lease_says_who_sent_it(leasing: Function) -> None:
    record = sqs_record(lease("take", e.sfn(), id="l-3", source="render"), SenderId="AROAWORKER:i-1", receives=3)
    (line,) = leasing.invoke(e.sqs(record)).outcome_lines
    assert line["publisher"] == "AROAWORKER:i-1" and line["source"] == "render" and line["event_id"] == "l-3"
    assert line["record_id"] == record["messageId"] and line["receives"] == 3


def test_the_dead_letter_of_a_lease_says_who_sent_it(leasing: Function) -> None:
    wrong = lease("take", e.sfn(), 7, id="l-4")
    letter = leasing.invoke(e.sqs(sqs_record(wrong, SenderId="AROAWORKER:i-1"))).the_dead_letter()
    assert letter.body == json.dumps(wrong)
    said = {name: letter.attributes.get(name) for name in ("PUBLISHER", "EVENT_ID", "TARGET_KIND")}
    assert said == {"PUBLISHER": "AROAWORKER:i-1", "EVENT_ID": "l-4", "TARGET_KIND": "step-functions-task"}


# --- what is stored ---------------------------------------------------------------------------------------


@cases(
    "failure, expected",
    [
        ("no failure", None, {"type": "Worker.LeaseExpired"}),
        ("a text is its message", "the host went away", {"type": "Worker.LeaseExpired", "message": "the host went away"}),
        ("an empty type is absent", {"type": "", "message": "m"}, {"type": "Worker.LeaseExpired", "message": "m"}),
        ("null is absent", {"type": None, "message": "m"}, {"type": "Worker.LeaseExpired", "message": "m"}),
        ("a type alone", {"type": "Gone"}, {"type": "Gone"}),
    ],
)
def test_what_was_not_stored_is_said_for_it(running: Function, due: Callable, failure: object, expected: dict) -> None:
    target = e.sfn()
    running.invoke(e.sqs(sent({**lease("take", target), "failure": failure}, now_ms() - DUE_MS)))
    call = running.invoke(e.sqs(*due())).the_call()
    assert call.identity == e.identity(target) and call.params["error"] == expected["type"]
    if "message" in expected:
        assert call.params["cause"] == expected["message"]
    else:
        assert "No sign of life since " in call.params["cause"] and "(lease of 60 s)." in call.params["cause"]


def test_details_are_kept_byte_for_byte(running: Function, due: Callable) -> None:
    details = '{"b" : 1.00, "a":1e5,  "n":123456789012345678901234567890, "t":"\\u00e9\\/"}'
    body = json.dumps(lease("take", e.sfn()))[:-1] + ', "failure": {"message": "m", "details": %s}}' % details
    running.invoke(e.sqs(sent(body, now_ms() - DUE_MS)))
    assert details in running.invoke(e.sqs(*due())).the_call().params["cause"]


def test_the_message_tells_of_the_last_renewal(running: Function, due: Callable) -> None:
    target, at = e.sfn(), now_ms() - 10 * DUE_MS
    running.invoke(e.sqs(sent(lease("take", target, 60), at)))
    running.invoke(e.sqs(sent(lease("renew", target, 90), at + 5_000)))
    event = json.loads(due()[0])
    since, seconds = event["failure"]["message"].split()[5], event["failure"]["message"].split("lease of ")[1]
    assert datetime.fromisoformat(since).timestamp() == pytest.approx((at + 5_000) / 1000, abs=1)
    assert seconds == "90 s)."
    assert datetime.fromisoformat(event["time"]).timestamp() == pytest.approx((at + 95_000) / 1000, abs=1)


def test_large_leases_are_published_in_requests_that_the_queue_takes(running: Function, due: Callable) -> None:
    targets, at = [e.sfn() for _ in range(7)], now_ms() - DUE_MS
    for target in targets:
        running.invoke(e.sqs(sent(lease("take", target, failure={"details": "d" * 300_000}), at)))
    assert sorted(json.loads(body)["target"]["taskToken"] for body in due()) == sorted(map(e.identity, targets))


def test_after_a_release_the_memory_of_it_lasts_a_day(running: Function, own: Table) -> None:
    target = e.sfn()
    running.invoke(e.sqs(sent(lease("take", target), now_ms() - 1000)))
    running.invoke(e.sqs(sent(lease("release", target, None), now_ms())))
    (item,) = own.items
    assert int(item["expires_at"]["N"]) - time.time() >= 86_400 - 60


def test_a_lease_that_nobody_has_published_yet_does_not_expire(running: Function, own: Table) -> None:
    running.invoke(e.sqs(sent(lease("take", e.sfn()), now_ms())))
    (item,) = own.items
    # Published later while the queue or the watch is down, never not at all: an outage may last days.
    assert "expires_at" not in item or int(item["expires_at"]["N"]) - time.time() > 7 * 86_400


# --- trouble with the table -------------------------------------------------------------------------------


@pytest.fixture
def cut_off(relay_with: Callable[..., Function]) -> Callable[..., Function]:
    """The function with a table that answers as a case scripts it."""
    return lambda **settings: relay_with(RELAY_TABLE_NAME="leases", **settings)


@cases("wrap", [("a direct invocation", lambda event: event), ("an EventBridge event", e.eventbridge), ("an SNS record", lambda event: e.sns(event))])
def test_an_invocation_fails_while_the_table_does_not_answer(cut_off: Callable, wrap: Callable) -> None:
    assert cut_off().invoke(wrap(lease("take", e.sfn())), {"UpdateItem": UNAVAILABLE}).failed


def test_the_later_records_of_a_group_wait_for_the_one_that_is_retried(cut_off: Callable) -> None:
    first, second, other = (
        sqs_record(lease(action, target), group=group, queue=e.FIFO_QUEUE)
        for action, target, group in (("take", e.sfn(), "a"), ("renew", e.sfn(), "a"), ("take", e.sfn(), "b"))
    )
    result = cut_off().invoke(e.sqs(first, second, other), {"UpdateItem": UNAVAILABLE})
    assert sorted(result.failures) == sorted(record["messageId"] for record in (first, second, other))
    once = cut_off().invoke(e.sqs(first, second), {"UpdateItem": a.error("AccessDeniedException")})
    assert once.failures == [first["messageId"], second["messageId"]]
    assert len(once.calls) == 1, "the second was not attempted"


def test_a_lease_that_was_received_too_often_is_dead_lettered(cut_off: Callable) -> None:
    relay = cut_off(RELAY_MAX_RECEIVES="3")
    for receives, dead in ((2, False), (3, True)):
        record = sqs_record(lease("take", e.sfn()), receives=receives)
        result = relay.invoke(e.sqs(record), {"UpdateItem": a.error("AccessDeniedException")})
        assert result.failures == ([] if dead else [record["messageId"]])
        assert [letter.attributes["ERROR_CODE"] for letter in result.dead_letters] == (["RETRIES_EXHAUSTED"] if dead else [])


def test_a_table_that_never_answers_does_not_hold_the_batch(cut_off: Callable) -> None:
    held, report = sqs_record(lease("take", e.sfn())), sqs_record(e.event(e.sfn()))
    result = cut_off().invoke(e.sqs(held, report), {"UpdateItem": a.Hang()}, time_left_s=6)
    assert result.failures == [held["messageId"]] and result.duration_s < 6
    assert len(result.accepted) == 1


def test_a_table_in_trouble_loses_no_lease_where_there_is_a_parking_queue(cut_off: Callable) -> None:
    record = sqs_record(lease("take", e.sfn()), receives=5)
    result = cut_off(RELAY_PARKING_QUEUE_URL=PARKING_QUEUE).invoke(e.sqs(record), {"UpdateItem": UNAVAILABLE})
    # Ambiguous: whether the table counts as the target's trouble.
    assert len(result.parked) + len(result.failures) == 1 and not result.dead_letters


def test_a_wrong_lease_beside_good_ones_changes_nothing_for_them(leasing: Function) -> None:
    good = [lease("take", e.sfn()), lease("release", e.job(), None)]
    result = leasing.invoke(e.sqs(good[0], lease("take", e.sfn(), 1), good[1], "not json"))
    assert result.failures == []
    outcomes = sorted(line["outcome"] for line in result.outcome_lines)
    assert outcomes == ["dead-lettered", "dead-lettered", "lease-released", "lease-taken"]
