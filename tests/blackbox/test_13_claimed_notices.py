"""Section 13: each notice of death finds the claims of its resource, whichever comes first."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

import pytest

from harness import answers as a
from harness import events as e
from harness import kinds as k
from harness import notices as n
from harness.aws_endpoint import assumed_access_key
from harness.dynamo_db import Table
from harness.events import identity, sqs_record
from harness.function import Function, Result
from harness.notices import STATE_CHANGES
from harness.outcome import direct
from harness.secrets import Secrets
from harness.table import cases
from harness.text import fingerprint

UNAVAILABLE = a.error("InternalServerError", 500)


class Death(NamedTuple):
    """A notice that names no task."""

    notice: dict
    resources: list[str]
    """All names under which the resource can be claimed."""
    type: str
    id: str
    """The resource, as the failure names it."""
    message: str = ""
    """A part of the message."""


def unique(notice: dict, part: str) -> tuple[dict, str]:
    """The notice of another resource: `part` of its id is replaced."""
    new = uuid.uuid4().hex[: len(part)].ljust(len(part), "0") if part.isalnum() else str(uuid.uuid4())
    return json.loads(json.dumps(notice).replace(part, new)), new


def changed(name: str, state: str) -> Death:
    """One of the notices that the table of section 13 adds."""
    change, prefix = STATE_CHANGES[name], name.split(" ")[0] if name.startswith("SageMaker") else name.replace(" ", "")
    whole = {
        "Glue": n.GLUE_RUN, "SageMaker training": n.TRAINING_ARN, "SageMaker processing": n.PROCESSING_ARN,
        "SageMaker transform": n.TRANSFORM_ARN, "EMR": n.EMR_STEP, "EMR Serverless": n.EMR_SERVERLESS_RUN,
        "EC2": n.INSTANCE, "SSM": n.COMMAND, "Bedrock": n.BEDROCK_ARN,
    }[name]  # fmt: skip
    last = whole.rsplit("/", 1)[-1]
    notice, new = unique(change.notice(state), last)
    arn = whole.replace(last, new)
    reason = {"Glue": "Command failed with exit code 1", "EMR": "render", "SageMaker": "AlgorithmError: exit code 1"}
    return Death(notice, [arn] if arn == new else [arn, new], f"{prefix}.{state}", arn, reason.get(prefix, ""))


def task(exits: dict[str, object], stop_code: object = "EssentialContainerExited") -> Death:
    containers = [n.container(name, code) for name, code in exits.items()]
    notice, new = unique(n.ecs([n.override(name, {}) for name in exits], containers, stop_code), "0123456789abcdef")
    arn = notice["detail"]["taskArn"]
    return Death(notice, [arn, new], f"ECS.{stop_code}", arn, "Essential container in task exited")


def job() -> Death:
    notice, new = unique(n.batch_died({}), n.BATCH_JOB)
    return Death(notice, [new], "Batch.JobFailed", new, "OutOfMemoryError")


def build(status: str) -> Death:
    notice, new = unique(n.codebuild([], status), "c340e456")
    return Death(notice, [notice["detail"]["build-id"], f"render:{new}"], f"CodeBuild.{status}", notice["detail"]["build-id"], "render")


def execution(status: str = "FAILED", **members: object) -> Death:
    notice, new = unique(n.states({}, status, **members), "run-1")
    arn = notice["detail"]["executionArn"]
    return Death(notice, [arn, new], str(members.get("error", f"StepFunctions.{status}")), arn, str(members.get("cause", "")))


def invocation(wrap: Callable[[dict], dict] = lambda record: record) -> Death:
    notice, new = unique(wrap(n.lambda_record({})), n.RECORD_ID)
    return Death(notice, [new], "Exception", new, "it broke")


DEATHS: list[tuple[str, Callable[[], Death]]] = [
    *(
        (f"{name} {state}", lambda name=name, state=state: changed(name, state))
        for name, change in STATE_CHANGES.items()
        for state in change.deaths
    ),
    ("a task that was killed", lambda: task({"worker": 137})),
    ("a task without an exit code", lambda: task({"worker": n.MISSING})),
    ("a task of which any container failed", lambda: task({"worker": 0, "sidecar": 1})),
    ("a task that was taken away", lambda: task({"worker": 0}, "SpotInterruption")),
    ("a task that never ran", lambda: task({}, "TaskFailedToStart")),
    ("a job", job),
    *((f"a build {status}", lambda status=status: build(status)) for status in ("FAILED", "FAULT", "TIMED_OUT", "STOPPED")),
    *((f"an execution {status}", lambda status=status: execution(status)) for status in ("FAILED", "TIMED_OUT", "ABORTED")),
    ("an execution with an error", lambda: execution(error="Frames.Missing", cause="no frames")),
    ("an execution without its input", lambda: execution(inputDetails={"included": False}, input=None)),
    ("an invocation", invocation),
    ("an invocation without a payload", lambda: invocation(lambda record: {**record, "requestPayload": None})),
    ("an invocation on a bus", lambda: invocation(n.lambda_event)),
]  # fmt: skip

ONE_OF_EACH = [row for row in DEATHS if not any(row[0] == f"{name} {state}" for name, change in STATE_CHANGES.items() for state in change.deaths[1:])]
"""A notice of each sort: which of its states was the death makes no difference to the order."""

ENDED_WELL: list[tuple[str, Callable[[], Death]]] = [
    *((f"{name} {change.others[0]}", lambda name=name, state=change.others[0]: changed(name, state)) for name, change in STATE_CHANGES.items()),
    ("a task that ended well", lambda: task({"worker": 0, "sidecar": 0})),
    ("an execution that succeeded", lambda: execution("SUCCEEDED")),
]  # fmt: skip


def claim(resource: str, target: dict, **members: object) -> dict:
    return {"claim": {"resource": resource}, "target": target, **members}


def reports(result: Result) -> list:
    """The failures that were told, without the calls of the table."""
    return [call for call in result.accepted if call.service != "dynamodb"]


def assert_told(result: Result, death: Death, targets: list[dict]) -> None:
    assert result.failures == [] and not result.dead_letters
    told = reports(result)
    assert sorted(call.identity or "" for call in told) == sorted(map(identity, targets))
    for call in told:
        cause = json.loads(call.params["cause"])
        assert call.params["error"] == death.type
        assert death.message in cause["message"] and cause["message"]
        assert cause["externalExecutionId"] == death.id


@cases("death", DEATHS)
def test_a_claim_is_found_by_each_name_of_the_resource(leasing: Function, death: Callable[[], Death]) -> None:
    died = death()
    targets = [e.sfn() for _ in died.resources]
    claimed = leasing.invoke(e.sqs(*(claim(resource, target) for resource, target in zip(died.resources, targets, strict=True))))
    assert [line["outcome"] for line in claimed.outcome_lines] == ["claimed"] * len(targets)
    assert_told(leasing.invoke(e.sqs(died.notice)), died, targets)


@cases("death", ONE_OF_EACH)
def test_a_death_that_came_first_is_found_by_each_name_of_the_resource(leasing: Function, death: Callable[[], Death]) -> None:
    died = death()
    early = leasing.invoke(e.sqs(died.notice))
    assert early.failures == [] and reports(early) == []
    for resource in died.resources:
        target = e.sfn()
        result = leasing.invoke(e.sqs(claim(resource, target)))
        assert_told(result, died, [target])
        assert [line["outcome"] for line in result.outcome_lines] == ["relayed"]


@cases("ended", ENDED_WELL)
def test_what_ended_well_fails_nobody(leasing: Function, ended: Callable[[], Death]) -> None:
    well = ended()
    first, later = e.sfn(), e.sfn()
    leasing.invoke(e.sqs(claim(well.id, first)))
    result = leasing.invoke(e.sqs(well.notice))
    assert result.failures == [] and result.calls == [] and not result.dead_letters
    assert reports(leasing.invoke(e.sqs(claim(well.id, later)))) == []


def test_each_kind_can_claim(leasing: Function) -> None:
    targets = {name: e.target(name) for name in e.KINDS} | {kind.name: kind.build() for kind in k.TEN}
    shown = sorted(k.identity(t) if t["kind"] in k.BY_NAME else identity(t) for t in targets.values())
    first, second = changed("Glue", "FAILED"), changed("Glue", "TIMEOUT")
    claimed = leasing.invoke(e.sqs(*(claim(first.id, target) for target in targets.values())))
    assert {line["target_kind"]: line["outcome"] for line in claimed.outcome_lines} == dict.fromkeys(targets, "claimed")
    told = leasing.invoke(e.sqs(first.notice))
    assert told.failures == [] and sorted(call.identity or "" for call in reports(told)) == shown
    leasing.invoke(e.sqs(second.notice))
    told = leasing.invoke(e.sqs(*(claim(second.id, target) for target in targets.values())))
    assert told.failures == [] and sorted(call.identity or "" for call in reports(told)) == shown


# --- which claims -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["its own", "a wrong one"])
def test_a_notice_that_names_a_task_is_not_looked_up(leasing: Function, environment: str) -> None:
    named, claimed = e.sfn(), e.sfn()
    given = {"TASK_TOKEN": identity(named)} if environment == "its own" else {"FAILURE_RELAY_TARGET": "no JSON"}
    notice, new = unique(n.ecs_died(given), "0123456789abcdef")
    leasing.invoke(e.sqs(claim(notice["detail"]["taskArn"], claimed)))
    result = leasing.invoke(e.sqs(notice))
    if environment == "its own":
        assert [call.identity for call in reports(result)] == [identity(named)]
    else:
        assert result.the_dead_letter().attributes["ERROR_CODE"] == "INVALID_EVENT" and reports(result) == []


def test_a_task_whose_own_container_ended_well_is_not_dead_by_another(leasing: Function) -> None:
    own = n.override("worker", {"TASK_TOKEN": Secrets.issue(64)})
    notice, _ = unique(n.ecs([own], [n.container("worker", 0), n.container("sidecar", 1)]), "0123456789abcdef")
    leasing.invoke(e.sqs(claim(notice["detail"]["taskArn"], e.sfn())))
    result = leasing.invoke(e.sqs(notice))
    assert result.failures == [] and reports(result) == [] and not result.dead_letters


def test_another_resource_of_a_similar_name_is_another(leasing: Function) -> None:
    died = changed("EC2", "terminated")
    leasing.invoke(e.sqs(*(claim(other, e.sfn()) for other in (died.id[:-1], f"{died.id}0", died.id.upper(), f" {died.id}"))))
    assert reports(leasing.invoke(e.sqs(died.notice))) == []


@cases(
    "own, error, message",
    [
        ("a type", {"type": "Mine"}, "Mine", "Command failed with exit code 1"),
        ("a message", {"message": "mine"}, "Glue.FAILED", "mine"),
        ("empty members", {"type": "", "message": None}, "Glue.FAILED", "Command failed with exit code 1"),
        ("a text", "mine", "Glue.FAILED", "mine"),
    ],
)
@pytest.mark.parametrize("order", ["the claim first", "the notice first"])
def test_members_of_the_claims_own_failure_win(
    leasing: Function, order: str, own: object, error: str, message: str
) -> None:
    died, target = changed("Glue", "FAILED"), e.sfn()
    events = [claim(died.id, target, failure=own), died.notice]
    for event in events if order == "the claim first" else reversed(events):
        result = leasing.invoke(e.sqs(event))
    (call,) = reports(result)
    assert call.params["error"] == error
    assert message in json.loads(call.params["cause"])["message"]
    assert json.loads(call.params["cause"])["externalExecutionId"] == died.id


def test_a_claim_that_was_taken_back_finds_no_death_later(leasing: Function) -> None:
    died, target = changed("SSM", "Failed"), e.sfn()
    leasing.invoke(e.sqs(died.notice))
    back = {"claim": {"resource": died.id, "action": "release"}, "target": target}
    result = leasing.invoke(e.sqs(back))
    assert [line["outcome"] for line in result.outcome_lines] == ["claim-released"] and reports(result) == []


def test_a_claim_that_is_taken_back_ends_no_other(leasing: Function) -> None:
    died, kept, back = changed("SSM", "Failed"), e.sfn(), e.sfn()
    leasing.invoke(e.sqs(claim(died.id, kept), claim(died.id, back)))
    leasing.invoke(e.sqs({"claim": {"resource": died.id, "action": "release"}, "target": back}))
    assert [call.identity for call in reports(leasing.invoke(e.sqs(died.notice)))] == [identity(kept)]


def test_a_claims_target_may_be_elsewhere(relay_with: Callable[..., Function], table: Table) -> None:
    allowed = {"RELAY_ALLOWED_REGIONS": "us-east-1", "RELAY_ALLOWED_ACCOUNTS": "999988887777", "RELAY_ROLE_NAME": "relay"}
    relay, died = relay_with(**table.settings, **allowed), changed("Glue", "FAILED")
    target = e.sfn(region="us-east-1", account="999988887777")
    relay.invoke(e.sqs(claim(died.id, target)))
    (call,) = reports(relay.invoke(e.sqs(died.notice)))
    assert (call.identity, call.region, call.access_key) == (identity(target), "us-east-1", assumed_access_key("999988887777"))


# --- how long ---------------------------------------------------------------------------------------------


@pytest.fixture
def added(dynamo_db_url: str) -> Table:
    """A table of this case alone: its items are what the case has stored."""
    return Table(dynamo_db_url)


def expiries(table: Table) -> list[float]:
    """In how many seconds each item expires."""
    return [int(item["expires_at"]["N"]) - time.time() for item in table.items]


@cases("asked, seconds", [("by default two weeks", {}, 1_209_600), ("a minute", {"ttlSeconds": 60}, 60), ("a month", {"ttlSeconds": 2_678_400}, 2_678_400)])
def test_a_claim_lasts(relay_with: Callable[..., Function], added: Table, asked: dict, seconds: int) -> None:
    record = sqs_record({"claim": {"resource": "r", **asked}, "target": e.sfn()}, SentTimestamp=str(int(time.time() * 1000)))
    relay_with(**added.settings).invoke(e.sqs(record))
    assert expiries(added) == [pytest.approx(seconds, abs=30)]


def test_a_notice_is_remembered_for_an_hour(relay_with: Callable[..., Function], added: Table) -> None:
    relay, died, target = relay_with(**added.settings), changed("Glue", "FAILED"), e.sfn()
    relay.invoke(e.sqs(died.notice))
    assert expiries(added) and all(left == pytest.approx(3600, abs=30) for left in expiries(added))
    for item in added.items:
        added.put({**item, "expires_at": {"N": str(int(time.time()) - 1)}})
    (line,) = (result := relay.invoke(e.sqs(claim(died.id, target)))).outcome_lines
    assert line["outcome"] == "claimed" and reports(result) == []


# --- at the same time ---------------------------------------------------------------------------------------


def test_claims_and_deaths_that_arrive_together_find_each_other(leasing: Function) -> None:
    for _ in range(2):
        deaths = [changed("Glue", "FAILED") for _ in range(5)]
        targets = [e.sfn() for _ in deaths]
        claims = [claim(died.id, target) for died, target in zip(deaths, targets, strict=True)]
        records = [sqs_record(event) for died, one in zip(deaths, claims, strict=True) for event in (one, died.notice)]
        told: set[str | None] = set()
        for _ in range(3):
            result = leasing.invoke(e.sqs(*records))
            told |= {call.identity for call in reports(result)}
            records = [record for record in records if record["messageId"] in result.failures]
            if not records:
                break
        # One may be told twice, but none not at all.
        assert told == set(map(identity, targets))


def test_whoever_writes_looks_afterwards_and_sees_what_was_written_before(relay_with: Callable[..., Function]) -> None:
    """Else a claim and a notice that are looked up at the same moment may miss each other."""
    relay, nothing = relay_with(RELAY_TABLE_NAME="leases"), a.ok(b'{"Items": [], "Count": 0}')
    for event in (claim("r", e.sfn()), changed("Glue", "FAILED").notice):
        calls = relay.invoke(e.sqs(event), {"Query": nothing}).calls
        writes = [at for at, call in enumerate(calls) if call.operation in ("PutItem", "UpdateItem", "TransactWriteItems")]
        looks = [(at, call) for at, call in enumerate(calls) if call.operation in ("Query", "GetItem") and at > writes[-1]]
        assert looks, [call.operation for call in calls]
        assert all(call.params.get("ConsistentRead") is True for _, call in looks)


# --- outcomes ---------------------------------------------------------------------------------------------


@cases(
    "wrap",
    [
        ("a direct invocation", lambda event: event),
        ("an SNS record", lambda event: e.sns(event)),
        ("an EventBridge event", e.eventbridge),
        ("a CloudEvent", e.cloudevent),
    ],
)
def test_the_outcomes_are_answered_whatever_the_way_in(leasing: Function, wrap: Callable) -> None:
    died, target = changed("Bedrock", "Expired"), e.sfn()
    kind = {"targetKind": "step-functions-task"}
    assert direct(leasing, wrap(claim(died.id, target, id="c-1"))) == {"outcome": "claimed", "eventId": "c-1", **kind}
    assert direct(leasing, wrap(died.notice)) == {"outcome": "relayed", "eventId": died.notice["id"], **kind}
    released = {"claim": {"resource": died.id, "action": "release"}, "target": target, "id": "c-2"}
    assert direct(leasing, wrap(released)) == {"outcome": "claim-released", "eventId": "c-2", **kind}
    late = changed("Bedrock", "Failed")
    assert direct(leasing, wrap(late.notice)) == {"outcome": "ignored", "eventId": late.notice["id"]}


@cases("answer, outcome", [("it is closed", a.error("TaskTimedOut"), "already-settled"), ("it is refused", a.error("InvalidToken"), "dead-lettered")])
def test_what_a_claim_finds_ends_as_the_service_says(leasing: Function, answer: a.Answer, outcome: str) -> None:
    for events in ([0, 1], [1, 0]):
        died, target = changed("EMR", "FAILED"), e.sfn()
        both = [claim(died.id, target), died.notice]
        leasing.invoke(e.sqs(both[events[0]]))
        result = leasing.invoke(e.sqs(both[events[1]]), {identity(target): answer})
        assert result.failures == [] and [line["outcome"] for line in result.outcome_lines] == [outcome]
        assert [letter.body for letter in result.dead_letters] == ([json.dumps(both[events[1]])] if outcome == "dead-lettered" else [])


def test_lines_and_metrics_tell_whose_claim_it_was(leasing: Function) -> None:
    died, target = changed("EMR Serverless", "CANCELLED"), e.sfn()
    record = sqs_record(claim(died.id, target, id="c-1", source="etl"), SenderId="AROAWORKER:i-1")
    (line,) = (result := leasing.invoke(e.sqs(record))).outcome_lines
    said = {name: line[name] for name in ("outcome", "target_kind", "target_fingerprint", "event_id", "source", "publisher", "record_id")}
    assert said == {
        "outcome": "claimed", "target_kind": "step-functions-task", "target_fingerprint": fingerprint(identity(target)),
        "event_id": "c-1", "source": "etl", "publisher": "AROAWORKER:i-1", "record_id": record["messageId"],
    }  # fmt: skip
    assert result.metric_lines[0]["TargetKind"] == "step-functions-task"
    result = leasing.invoke(e.sqs(died.notice))
    (line,) = result.outcome_lines
    assert (line["event_id"], line["target_fingerprint"]) == (died.notice["id"], fingerprint(identity(target)))
    assert result.metric_lines[0]["Relayed"] == 1 and result.metric_lines[0]["TargetKind"] == "step-functions-task"


def test_no_secret_of_a_claim_or_a_notice_is_told(relay_with: Callable[..., Function], table: Table) -> None:
    relay, secret = relay_with(**table.settings, AWS_LAMBDA_LOG_LEVEL="DEBUG"), Secrets.issue(64)
    died = changed("SSM", "Failed")
    died.notice["detail"]["parameters"] = {"commands": [f"run --task-token {secret}"], "TASK_TOKEN": [secret]}
    target = e.third_party()
    relay.invoke(e.sqs(died.notice))
    (call,) = reports(relay.invoke(e.sqs(claim(died.id, target))))
    assert call.identity == identity(target) and secret not in json.dumps(call.params)


# --- trouble ----------------------------------------------------------------------------------------------


@cases("event", [("a claim", lambda: claim("r", e.sfn())), ("a notice", lambda: changed("Glue", "FAILED").notice)])
def test_an_invocation_fails_while_the_table_does_not_answer(relay_with: Callable[..., Function], event: Callable) -> None:
    relay = relay_with(RELAY_TABLE_NAME="leases")
    for wrap in (lambda it: it, e.sns):
        assert relay.invoke(wrap(event()), {"*": UNAVAILABLE}).failed


@cases("event", [("a claim", lambda: claim("r", e.sfn())), ("a notice", lambda: changed("Glue", "FAILED").notice)])
def test_what_was_received_too_often_is_dead_lettered(relay_with: Callable[..., Function], event: Callable) -> None:
    relay = relay_with(RELAY_TABLE_NAME="leases", RELAY_MAX_RECEIVES="3")
    for receives, dead in ((2, False), (3, True)):
        record = sqs_record(event(), receives=receives)
        result = relay.invoke(e.sqs(record), {"*": a.error("AccessDeniedException")})
        assert result.failures == ([] if dead else [record["messageId"]])
        assert [letter.attributes["ERROR_CODE"] for letter in result.dead_letters] == (["RETRIES_EXHAUSTED"] if dead else [])


def test_the_later_records_of_a_group_wait_for_a_notice_that_is_retried(relay_with: Callable[..., Function]) -> None:
    first = sqs_record(changed("Glue", "FAILED").notice, group="a", queue=e.FIFO_QUEUE)
    second = sqs_record(e.event(e.sfn()), group="a", queue=e.FIFO_QUEUE)
    result = relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(first, second), {"Query": UNAVAILABLE})
    assert result.failures == [first["messageId"], second["messageId"]] and reports(result) == []


def test_a_claim_whose_target_is_throttled_is_told_when_it_comes_again(leasing: Function) -> None:
    died, target = changed("Glue", "STOPPED"), e.sfn()
    leasing.invoke(e.sqs(died.notice))
    record = sqs_record(claim(died.id, target))
    assert leasing.invoke(e.sqs(record), {identity(target): a.error("ThrottlingException")}).failures == [record["messageId"]]
    assert [call.identity for call in reports(leasing.invoke(e.sqs(record)))] == [identity(target)]
