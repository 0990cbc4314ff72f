"""Section 12: leases, from the event that takes one to the failure event that the watch publishes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone

import pytest

from harness import answers as a
from harness import events as e
from harness.dynamo_db import Table, schema
from harness.events import identity, sqs_record
from harness.function import PARKING_QUEUE, RELAY_QUEUE, Function, Result, watch_binary
from harness.secrets import Secrets
from harness.table import cases

HOUR_MS = 3_600_000
UNAVAILABLE = a.error("InternalServerError", 500)


def now_ms() -> int:
    return int(time.time() * 1000)


def lease(action: str, target: dict, ttl: int | None = 60, **members: object) -> dict:
    asked = {"action": action} | ({} if ttl is None else {"ttlSeconds": ttl})
    return {"lease": asked, "target": target, **members}


def sent(event: object, at_ms: int, **options: object) -> dict:
    return sqs_record(event, SentTimestamp=str(at_ms), **options)


def outcome_of(relay: Function, *records: dict) -> list[str]:
    result = relay.invoke(e.sqs(*records))
    assert result.failures == []
    assert result.calls == [], "a lease is no failure"
    return [line["outcome"] for line in result.outcome_lines]


@pytest.fixture
def verbose(relay_with: Callable[..., Function], table: Table) -> Function:
    """The function with the table, whose DEBUG lines are seen too."""
    return relay_with(**table.settings, AWS_LAMBDA_LOG_LEVEL="DEBUG")


def published(watch: Callable[..., Function], *targets: dict) -> list[dict]:
    """The failure events of these targets that one run of the watch puts on the relay's queue, in the order of the targets."""
    found = [json.loads(message.body) for message in watch().invoke({}).dead_letters]
    order = [identity(target) for target in targets]
    ours = [event for event in found if identity(event["target"]) in order]
    return sorted(ours, key=lambda event: order.index(identity(event["target"])))


# --- what is asked for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (7, "lease"), ("take", "lease"), ([], "lease"), ({}, "lease.action"), ({"action": 1}, "lease.action"),
        ({"action": "steal", "ttlSeconds": 60}, "lease.action"), ({"action": "take"}, "lease.ttlSeconds"),
        ({"action": "renew", "ttlSeconds": 59}, "lease.ttlSeconds"), ({"action": "take", "ttlSeconds": 86401}, "lease.ttlSeconds"),
        ({"action": "take", "ttlSeconds": 60.5}, "lease.ttlSeconds"), ({"action": "take", "ttlSeconds": "60"}, "lease.ttlSeconds"),
        ({"action": "take", "ttlSeconds": True}, "lease.ttlSeconds"),
    ],
)  # fmt: skip
def test_a_lease_that_is_wrong_is_dead_lettered(leasing: Function, wrong: object, path: str) -> None:
    letter = leasing.invoke(e.sqs({"lease": wrong, "target": e.sfn()})).the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "INVALID_EVENT"
    assert letter.attributes["ERROR_MESSAGE"].startswith(f"{path}:")


def test_a_lease_that_is_null_is_absent(leasing: Function) -> None:
    target = e.sfn()
    assert leasing.invoke(e.sqs(e.event(target, lease=None, claim=None))).the_call().identity == identity(target)


def test_a_lease_beside_a_claim_is_wrong(leasing: Function) -> None:
    both = {**lease("take", e.sfn()), "claim": {"resource": "r"}}
    assert leasing.invoke(e.sqs(both)).the_dead_letter().attributes["ERROR_CODE"] == "INVALID_EVENT"


@pytest.mark.parametrize("action", ["take", "renew", "release"])
@pytest.mark.parametrize(
    ("target", "code"),
    [
        (lambda: {"kind": "step-functions-task"}, "INVALID_EVENT"),
        (lambda: {"kind": "no-such-kind"}, "UNKNOWN_TARGET"),
        (lambda: e.sfn(region="us-east-2"), "TARGET_NOT_ALLOWED"),
        (lambda: e.sfn(account="999988887777"), "TARGET_NOT_ALLOWED"),
        (lambda: e.sfn(account="1"), "INVALID_EVENT"),
    ],
    ids=["no token", "unknown kind", "region", "account", "no account id"],
)
def test_the_target_is_checked_at_once_whatever_the_action(
    leasing: Function, action: str, target: Callable[[], dict], code: str
) -> None:
    assert leasing.invoke(e.sqs(lease(action, target()))).the_dead_letter().attributes["ERROR_CODE"] == code


def test_without_a_table_a_lease_is_not_enabled(relay: Function) -> None:
    letter = relay.invoke(e.sqs(lease("take", e.sfn()))).the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "NOT_ENABLED"


@pytest.mark.parametrize(
    ("action", "outcome", "level"),
    [("take", "lease-taken", "INFO"), ("renew", "lease-renewed", "DEBUG"), ("release", "lease-released", "INFO")],
)
def test_each_action_has_an_outcome_a_level_and_a_metric(
    verbose: Function, action: str, outcome: str, level: str
) -> None:
    result = verbose.invoke(e.sqs(lease(action, e.sfn(), id="job-7")))
    (line,) = result.outcome_lines
    assert (line["outcome"], line["level"], line["event_id"]) == (outcome, level, "job-7")
    assert line["target_kind"] == "step-functions-task" and line["target_fingerprint"]
    metric = "".join(word.capitalize() for word in outcome.split("-"))
    (metrics,) = result.metric_lines
    assert metrics[metric] == 1 and metrics["TargetKind"] == "step-functions-task"
    assert metric in {named["Name"] for named in metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]}


def test_a_direct_invocation_is_told_the_outcome(leasing: Function) -> None:
    answer = leasing.invoke(lease("take", e.sfn(), id="job-8")).response
    assert answer == {"outcome": "lease-taken", "targetKind": "step-functions-task", "eventId": "job-8"}


# --- when it comes due ----------------------------------------------------------------------------------


def test_a_lease_that_is_not_renewed_is_published_once(leasing: Function, watch: Callable[..., Function]) -> None:
    target, at = e.sfn(), now_ms() - 100_000
    assert outcome_of(leasing, sent(lease("take", target, 60), at)) == ["lease-taken"]
    (event,) = published(watch, target)
    fingerprint = leasing.invoke(e.sqs(event)).outcome_lines[0]["target_fingerprint"]
    since = datetime.fromtimestamp(at / 1000, timezone.utc)
    assert event["target"] == target
    assert event["id"] == f"lease-{fingerprint}"
    assert datetime.fromisoformat(event["time"]).timestamp() == pytest.approx((at + 60_000) / 1000)
    assert event["failure"]["type"] == "Worker.LeaseExpired"
    told = event["failure"]["message"]
    assert told.startswith("No sign of life since ") and told.endswith(" (lease of 60 s).")
    assert datetime.fromisoformat(told.split()[5]) == since
    assert published(watch, target) == [], "it is gone"


def test_what_was_stored_is_what_is_published(leasing: Function, watch: Callable[..., Function]) -> None:
    target = e.third_party()
    failure = {"type": "Gone", "message": "the host went away", "details": {"host": "a", "n": 12345678901234567890},
               "externalExecutionId": "i-1"}  # fmt: skip
    taken = lease("take", target, 60, failure=failure, id="job-9", source="render")
    outcome_of(leasing, sent(taken, now_ms() - 100_000))
    (event,) = published(watch, target)
    assert (event["id"], event["source"], event["failure"]) == ("job-9", "render", failure)


def test_a_lease_that_is_not_due_is_left(leasing: Function, watch: Callable[..., Function]) -> None:
    target = e.sfn()
    outcome_of(leasing, sent(lease("take", target, 60), now_ms() - 30_000))
    assert published(watch, target) == []


def test_what_is_renewed_or_released_is_not_published(leasing: Function, watch: Callable[..., Function]) -> None:
    renewed, released, at = e.sfn(), e.sfn(), now_ms() - 200_000
    outcome_of(leasing, sent(lease("take", renewed), at), sent(lease("take", released), at))
    outcome_of(leasing, sent(lease("renew", renewed, 3600), at + 50_000), sent(lease("release", released, None), at + 1))
    assert published(watch, renewed, released) == []


def test_a_renewal_keeps_what_was_stored_but_for_a_failure_that_it_brings(
    leasing: Function, watch: Callable[..., Function]
) -> None:
    kept, replaced, at = e.sfn(), e.sfn(), now_ms() - 200_000
    for target in (kept, replaced):
        outcome_of(leasing, sent(lease("take", target, failure={"type": "First"}, source="a"), at))
    outcome_of(leasing, sent(lease("renew", kept, id="other", source="b"), at + 1000))
    outcome_of(leasing, sent(lease("renew", replaced, failure={"message": "second"}, id="other"), at + 1000))
    first, second = published(watch, kept, replaced)
    assert first["failure"]["type"] == "First" and first["source"] == "a" and first["id"].startswith("lease-")
    assert second["failure"] == {"type": "Worker.LeaseExpired", "message": "second"}


def test_a_renewal_takes_where_nothing_is_stored(leasing: Function, watch: Callable[..., Function]) -> None:
    never, released, at = e.sfn(), e.sfn(), now_ms() - 200_000
    outcome_of(leasing, sent(lease("renew", never, failure={"type": "Gone"}, id="n"), at))
    # One after the other: moto's conditions are not atomic, as DynamoDB's are.
    outcome_of(leasing, sent(lease("take", released, id="old"), at))
    outcome_of(leasing, sent(lease("release", released, None), at + 1))
    outcome_of(leasing, sent(lease("renew", released, id="new"), at + 2))
    first, second = published(watch, never, released)
    assert (first["id"], first["failure"]["type"], second["id"]) == ("n", "Gone", "new")


# --- order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["take", "renew"])
def test_an_older_action_changes_nothing_and_ends_as_if_it_had(
    leasing: Function, watch: Callable[..., Function], action: str
) -> None:
    overtaken, dead, at = e.sfn(), e.sfn(), now_ms()
    outcome_of(leasing, sent(lease("take", overtaken, 3600), at), sent(lease("release", dead, None), at))
    result = leasing.invoke(e.sqs(*(sent(lease(action, target, 60), at - 200_000) for target in (overtaken, dead))))
    assert result.failures == [] and not result.dead_letters
    assert published(watch, overtaken, dead) == []


def test_an_older_release_ends_nothing(leasing: Function, watch: Callable[..., Function]) -> None:
    target, at = e.sfn(), now_ms() - 200_000
    outcome_of(leasing, sent(lease("take", target), at))
    assert outcome_of(leasing, sent(lease("release", target, None), at - 1)) == ["lease-released"]
    assert len(published(watch, target)) == 1


def test_of_two_that_were_sent_at_the_same_time_the_later_to_arrive_counts(
    leasing: Function, watch: Callable[..., Function]
) -> None:
    released, taken, at = e.sfn(), e.sfn(), now_ms() - 200_000
    outcome_of(leasing, sent(lease("take", released), at), sent(lease("release", taken, None), at))
    outcome_of(leasing, sent(lease("release", released, None), at))
    outcome_of(leasing, sent(lease("take", taken), at))
    assert [event["target"] for event in published(watch, released, taken)] == [taken]


def test_one_target_has_one_lease_in_each_region(
    relay_with: Callable[..., Function], table: Table, watch: Callable[..., Function]
) -> None:
    relay, token, at = relay_with(**table.settings, RELAY_ALLOWED_REGIONS="us-east-1"), Secrets.issue(64), now_ms() - 200_000
    here, there = ({"kind": "step-functions-task", "taskToken": token, "region": r} for r in ("eu-west-1", "us-east-1"))
    unnamed = {"kind": "step-functions-task", "taskToken": token}
    outcome_of(relay, sent(lease("take", here), at), sent(lease("take", there), at))
    outcome_of(relay, sent(lease("release", unnamed, None), at + 1))
    assert [event["target"]["region"] for event in published(watch, unnamed)] == ["us-east-1"]


# --- when it was sent -----------------------------------------------------------------------------------


def in_eventbridge(event: dict, at: str) -> dict:
    around = {"version": "0", "id": "x", "detail-type": "Failure Event", "source": "s", "account": "111122223333"}
    return {**around, "time": at, "region": "eu-west-1", "resources": [], "detail": event}


def in_sns(event: dict, at: str) -> dict:
    sns = {"Message": json.dumps(event), "MessageId": "m", "Timestamp": at}
    return {"Records": [{"EventSource": "aws:sns", "Sns": sns}]}


def due_of(table: Table, fingerprint: str) -> int:
    (item,) = [item for item in table.items if item.get("fingerprint", {}).get("S") == fingerprint]
    return int(item["due_at"]["N"])


@cases(
    "wrap, at",
    [
        ("sqs", lambda event: e.sqs(sent(event, 1_735_689_600_000)), 1_735_689_600_000),
        ("sns in sqs", lambda event: e.sqs(sent(e.sns_notification(event), 1_735_689_600_000)), 1_735_689_600_000),
        ("eventbridge", lambda event: in_eventbridge(event, "2025-06-01T00:00:00Z"), 1_748_736_000_000),
        ("sns", lambda event: in_sns(event, "2025-06-01T00:00:00.250Z"), 1_748_736_000_250),
        ("parked", lambda event: e.sqs(e.parked_record(event, SENT_AT="1735689600007")), 1_735_689_600_007),
    ],
)
def test_it_is_due_its_time_after_it_was_sent_whatever_the_workers_clock_says(
    relay_with: Callable[..., Function], table: Table, wrap: Callable[[dict], dict], at: int
) -> None:
    relay = relay_with(**table.settings, RELAY_PARKING_QUEUE_URL=PARKING_QUEUE)
    result = relay.invoke(wrap(lease("take", e.sfn(), 600, time="1999-01-01T00:00:00Z")))
    fingerprint = result.outcome_lines[0]["target_fingerprint"]
    assert due_of(table, fingerprint) == at + 600_000


def test_a_direct_invocation_is_sent_now(leasing: Function, table: Table) -> None:
    before = now_ms()
    result = leasing.invoke(lease("take", e.sfn(), 600))
    assert before <= due_of(table, result.outcome_lines[0]["target_fingerprint"]) - 600_000 <= now_ms()


# --- what must not go wrong -----------------------------------------------------------------------------


def test_a_failure_that_no_item_can_hold_is_cut(leasing: Function, watch: Callable[..., Function]) -> None:
    target = e.sfn()
    failure = {"type": "T", "message": "m" * 500_000, "details": {"n": "d" * 300_000}}
    outcome_of(leasing, sent(lease("take", target, failure=failure), now_ms() - 100_000))
    (event,) = published(watch, target)
    call = leasing.invoke(e.sqs(event)).the_call()
    assert call.params["error"] == "T" and len(call.params["cause"]) <= 32_768
    assert "[truncated]" in call.params["cause"]


def test_no_token_is_in_the_index(leasing: Function, table: Table) -> None:
    target = e.sfn()
    token = identity(target)
    outcome_of(leasing, sent(lease("take", target, id=f"x-{token}", source=token), now_ms()))
    (index,) = schema()["GlobalSecondaryIndexes"]
    shown = set(index["Projection"]["NonKeyAttributes"]) | {"pk", "sk"}
    items = [{name: value for name, value in item.items() if name in shown} for item in table.items]
    assert token not in json.dumps(items)


@pytest.mark.parametrize("action", ["take", "renew", "release"])
def test_while_the_table_does_not_answer_it_is_retried(relay_with: Callable[..., Function], action: str) -> None:
    relay = relay_with(RELAY_TABLE_NAME="leases")
    record = sent(lease(action, e.sfn()), now_ms())
    for answer in (UNAVAILABLE, a.error("ThrottlingException"), a.error("AccessDeniedException"),
                   a.error("ResourceNotFoundException"), a.CutConnection()):  # fmt: skip
        result = relay.invoke(e.sqs(record), {"UpdateItem": answer})
        assert result.failures == [record["messageId"]]
        assert not result.dead_letters


def test_a_condition_that_fails_is_no_trouble(relay_with: Callable[..., Function]) -> None:
    relay = relay_with(RELAY_TABLE_NAME="leases")
    result = relay.invoke(e.sqs(lease("take", e.sfn())), {"UpdateItem": a.error("ConditionalCheckFailedException")})
    assert result.failures == [] and result.outcome_lines[0]["outcome"] == "lease-taken"


def test_a_renewal_is_one_write(relay_with: Callable[..., Function]) -> None:
    result = relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(lease("renew", e.sfn())))
    assert [call.operation for call in result.calls] == ["UpdateItem"]


# --- the watch ------------------------------------------------------------------------------------------


def told(result: Result) -> dict:
    response = result.response
    assert isinstance(response, dict)
    return response


def test_the_watch_says_how_many_were_due_whatever_its_payload(
    relay_with: Callable[..., Function], dynamo_db_url: str, watch: Callable[..., Function]
) -> None:
    own = Table(dynamo_db_url)
    relay, running = relay_with(**own.settings), watch(**own.settings)
    for payload in ({}, {"source": "aws.scheduler"}, [], "x", None):
        outcome_of(relay, *(sent(lease("take", e.sfn()), now_ms() - 100_000) for _ in range(12)))
        result = running.invoke(json.dumps(payload))
        assert told(result) == {"due": 12, "published": 12}
        assert {message.queue_url for message in result.dead_letters} == {RELAY_QUEUE}
        (metrics,) = [line for line in result.metric_lines if "LeasesDue" in line]
        assert (metrics["LeasesDue"], metrics["LeasesPublished"]) == (12, 12)
        assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "FailureRelay"


def test_what_the_queue_has_not_confirmed_is_published_later(
    relay_with: Callable[..., Function], dynamo_db_url: str, watch: Callable[..., Function]
) -> None:
    own = Table(dynamo_db_url)
    relay, running, target = relay_with(**own.settings), watch(**own.settings), e.sfn()
    outcome_of(relay, sent(lease("take", target), now_ms() - 100_000))
    down = {"SendMessage": UNAVAILABLE, "SendMessageBatch": UNAVAILABLE}
    assert running.invoke({}, down).failed
    result = running.invoke({})
    assert told(result) == {"due": 1, "published": 1}
    assert identity(json.loads(result.dead_letters[0].body)["target"]) == identity(target)


def test_to_a_fifo_queue_each_lease_goes_in_the_group_of_its_target(
    relay_with: Callable[..., Function], dynamo_db_url: str, watch: Callable[..., Function]
) -> None:
    own = Table(dynamo_db_url)
    relay = relay_with(**own.settings)
    line = relay.invoke(e.sqs(sent(lease("take", e.sfn()), now_ms() - 100_000))).outcome_lines[0]
    result = watch(**own.settings, RELAY_QUEUE_URL=f"{RELAY_QUEUE}.fifo").invoke({})
    (message,) = result.dead_letters
    assert message.group_id == line["target_fingerprint"] and message.deduplication_id


def test_without_a_table_there_is_nothing_to_do(watch: Callable[..., Function]) -> None:
    assert told(watch(RELAY_TABLE_NAME=None).invoke({})) == {"due": 0, "published": 0}


@pytest.mark.parametrize(
    ("setting", "value"), [("RELAY_QUEUE_URL", None), ("RELAY_QUEUE_URL", "x"), ("RELAY_SWEEP", "on"), ("RELAY_SWEEP_FAILS_MAX", "x")]
)
def test_a_wrong_setting_stops_the_watch_with_its_name(setting: str, value: str | None) -> None:
    said = Function({"RELAY_DEAD_LETTER_QUEUE_URL": None, "RELAY_QUEUE_URL": RELAY_QUEUE, setting: value}, watch_binary())
    try:
        assert setting in (said.stopped_at_start() or "")
    finally:
        said.close()
