"""Section 13: claims, and the notices that name no task but what ran it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest

from harness import answers as a
from harness import events as e
from harness.events import identity
from harness.function import Function, Result
from harness.table import cases

UNAVAILABLE = a.error("InternalServerError", 500)


def claim(resource: str, target: dict, **members: object) -> dict:
    return {"claim": {"resource": resource, **members.pop("claim", {})}, "target": target, **members}  # type: ignore[dict-item]


def glue(run: str, state: str = "FAILED", **detail: object) -> dict:
    """A notice of a Glue job that ended."""
    return notice("aws.glue", "Glue Job State Change", {"jobName": "etl", "jobRunId": run, "state": state, **detail})


def notice(source: str, detail_type: str, detail: dict, region: str = "eu-west-1") -> dict:
    return {"version": "0", "id": str(uuid.uuid4()), "detail-type": detail_type, "source": source, "account": "111122223333",
            "time": "2026-11-20T10:00:00Z", "region": region, "resources": [], "detail": detail}  # fmt: skip


def run_id() -> str:
    return f"jr_{uuid.uuid4().hex}"


def outcomes(result: Result) -> list[str]:
    return [line["outcome"] for line in result.outcome_lines]


def reports(result: Result) -> list:
    return [call for call in result.accepted if call.service != "dynamodb"]


# --- what is claimed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        (7, "claim"), ([], "claim"), ({}, "claim.resource"), ({"resource": ""}, "claim.resource"), ({"resource": 7}, "claim.resource"),
        ({"resource": "r" * 2049}, "claim.resource"), ({"resource": "r", "action": "renew"}, "claim.action"),
        ({"resource": "r", "ttlSeconds": 59}, "claim.ttlSeconds"), ({"resource": "r", "ttlSeconds": 2_678_401}, "claim.ttlSeconds"),
        ({"resource": "r", "ttlSeconds": "60"}, "claim.ttlSeconds"),
    ],
)  # fmt: skip
def test_a_claim_that_is_wrong_is_dead_lettered(leasing: Function, wrong: object, path: str) -> None:
    letter = leasing.invoke(e.sqs({"claim": wrong, "target": e.sfn()})).the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "INVALID_EVENT"
    assert letter.attributes["ERROR_MESSAGE"].startswith(f"{path}:")


def test_without_a_table_a_claim_is_not_enabled(relay: Function) -> None:
    assert relay.invoke(e.sqs(claim("r", e.sfn()))).the_dead_letter().attributes["ERROR_CODE"] == "NOT_ENABLED"


@pytest.mark.parametrize(("asked", "outcome"), [({}, "claimed"), ({"action": "take"}, "claimed"), ({"action": "release"}, "claim-released")])
@pytest.mark.parametrize("resource", ["r", "r" * 2048, "é" * 2048, "arn:aws:glue:eu-west-1:111122223333:job/x"])
def test_each_action_has_an_outcome_and_a_metric(leasing: Function, asked: dict, outcome: str, resource: str) -> None:
    result = leasing.invoke(e.sqs(claim(resource, e.sfn(), claim=asked)))
    assert outcomes(result) == [outcome] and result.outcome_lines[0]["level"] == "INFO"
    metric = "".join(word.capitalize() for word in outcome.split("-"))
    assert result.metric_lines[0][metric] == 1


def test_the_target_is_checked_when_it_is_claimed(leasing: Function) -> None:
    letter = leasing.invoke(e.sqs(claim("r", e.sfn(region="us-east-2")))).the_dead_letter()
    assert letter.attributes["ERROR_CODE"] == "TARGET_NOT_ALLOWED"


# --- the notice -----------------------------------------------------------------------------------------


def test_the_notice_of_a_claimed_resource_is_relayed_as_if_it_had_named_the_task(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    assert outcomes(leasing.invoke(e.sqs(claim(run, target)))) == ["claimed"]
    told = leasing.invoke(e.sqs(glue(run, message="out of memory")))
    assert outcomes(told) == ["relayed"]
    (call,) = reports(told)
    assert call.identity == identity(target)
    assert call.params["error"] == "Glue.FAILED" and "out of memory" in call.params["cause"]
    assert json.loads(call.params["cause"])["externalExecutionId"] == run


def test_a_claim_of_what_has_died_before_is_relayed_at_once(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    assert leasing.invoke(e.sqs(glue(run))).failures == []
    told = leasing.invoke(e.sqs(claim(run, target, id="c-1")))
    (line,) = told.outcome_lines
    assert (line["outcome"], line["event_id"]) == ("relayed", "c-1")
    assert [call.identity for call in reports(told)] == [identity(target)]


def test_a_notice_that_nobody_has_claimed_is_ignored(leasing: Function) -> None:
    assert leasing.invoke(glue(run_id())).response["outcome"] == "ignored"


def test_what_is_no_failure_is_not_looked_up(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    leasing.invoke(e.sqs(claim(run, target)))
    told = leasing.invoke(glue(run, "SUCCEEDED"))
    assert told.response["outcome"] == "ignored" and told.calls == []


def test_each_target_that_claimed_it_is_told_once(leasing: Function) -> None:
    arn = f"arn:aws:ecs:eu-west-1:111122223333:task/cluster/{uuid.uuid4().hex}"
    first, second = e.sfn(), e.job()
    # The first has claimed it under both of its names.
    leasing.invoke(e.sqs(claim(arn, first), claim(arn.rsplit("/", 1)[1], first), claim(arn, second)))
    stopped = {"taskArn": arn, "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/c", "lastStatus": "STOPPED", "stopCode": "TaskFailedToStart",
               "containers": [{"name": "w"}], "overrides": {"containerOverrides": [{"name": "w"}]}}  # fmt: skip
    told = leasing.invoke(e.sqs(notice("aws.ecs", "ECS Task State Change", stopped)))
    assert sorted(call.identity or "" for call in reports(told)) == sorted([identity(first), identity(second)])
    assert outcomes(told) == ["relayed", "relayed"] and told.failures == []


def test_a_claim_after_a_notice_that_others_had_claimed_is_relayed_too(leasing: Function) -> None:
    early, late, run = e.sfn(), e.sfn(), run_id()
    leasing.invoke(e.sqs(claim(run, early)))
    assert outcomes(leasing.invoke(e.sqs(glue(run)))) == ["relayed"]
    told = leasing.invoke(e.sqs(claim(run, late)))
    assert outcomes(told) == ["relayed"] and [call.identity for call in reports(told)] == [identity(late)]


def test_what_a_claim_says_of_the_failure_wins_over_the_notice(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    leasing.invoke(e.sqs(claim(run, target, failure={"type": "Render.Lost", "details": {"shard": 7}})))
    (call,) = reports(leasing.invoke(e.sqs(glue(run, message="out of memory"))))
    assert call.params["error"] == "Render.Lost"
    cause = json.loads(call.params["cause"])
    assert cause["details"] == {"shard": 7} and cause["message"] == "out of memory"


def test_a_claim_that_was_taken_back_is_none(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    leasing.invoke(e.sqs(claim(run, target)))
    leasing.invoke(e.sqs(claim(run, target, claim={"action": "release"})))
    assert reports(leasing.invoke(e.sqs(glue(run)))) == []


def test_a_claim_that_has_expired_is_none(relay_with: Callable[..., Function]) -> None:
    def held(expires_at: int) -> a.Reply:
        item = {"pk": "r", "sk": "claim#k", "region": "eu-west-1", "target": json.dumps(target)}
        attributes = {name: {"S": value} for name, value in item.items()} | {"expires_at": {"N": str(expires_at)}}
        return a.Reply(200, json.dumps({"Items": [attributes], "Count": 1}).encode(), accepts=True)

    target, now = e.sfn(), int(time.time())
    for expires_at, count in ((now + 60, 1), (now - 1, 0)):
        result = relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(glue(run_id())), {"Query": held(expires_at)})
        assert len(reports(result)) == count


def test_the_region_of_a_claims_target_is_the_relays_own_wherever_the_resource_is(leasing: Function) -> None:
    target, run = e.sfn(), run_id()
    leasing.invoke(e.sqs(claim(run, target)))
    elsewhere = {**glue(run), "region": "ap-southeast-2", "account": "999988887777"}
    (call,) = reports(leasing.invoke(e.sqs(elsewhere)))
    assert call.region == "eu-west-1"


def test_a_state_machines_notice_without_its_input_is_looked_up_before_it_is_dead_lettered(leasing: Function) -> None:
    def ended(arn: str) -> dict:
        detail = {"executionArn": arn, "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:m", "name": "n",
                  "status": "FAILED", "input": None, "inputDetails": {"included": False}}  # fmt: skip
        return notice("aws.states", "Step Functions Execution Status Change", detail)

    target = e.sfn()
    claimed, unclaimed = (f"arn:aws:states:eu-west-1:111122223333:execution:m:{uuid.uuid4()}" for _ in range(2))
    leasing.invoke(e.sqs(claim(claimed, target)))
    assert [call.identity for call in reports(leasing.invoke(e.sqs(ended(claimed))))] == [identity(target)]
    assert leasing.invoke(e.sqs(ended(unclaimed))).the_dead_letter().attributes["ERROR_CODE"] == "INVALID_EVENT"


# --- trouble --------------------------------------------------------------------------------------------


@cases(
    "operation",
    [("the claims cannot be read", "Query"), ("the notice cannot be remembered", "UpdateItem")],
)
def test_a_notice_is_retried_while_the_table_does_not_answer(relay_with: Callable[..., Function], operation: str) -> None:
    record = e.sqs_record(glue(run_id()))
    empty = a.Reply(200, b'{"Items": [], "Count": 0}', accepts=True)
    result = relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(record), {"Query": empty, operation: UNAVAILABLE})
    assert result.failures == [record["messageId"]]


@cases("operation", [("it cannot be written", "UpdateItem"), ("the notice cannot be looked for", "GetItem")])
def test_a_claim_is_retried_while_the_table_does_not_answer(relay_with: Callable[..., Function], operation: str) -> None:
    record = e.sqs_record(claim(run_id(), e.sfn()))
    result = relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(record), {operation: UNAVAILABLE})
    assert result.failures == [record["messageId"]]


def test_an_answer_that_is_none_ignores_no_death(relay_with: Callable[..., Function]) -> None:
    record = e.sqs_record(glue(run_id()))
    for body in (b"", b"{}", b"<html>", b'{"Items": 7}'):
        odd = a.Reply(200, body, accepts=True)
        assert relay_with(RELAY_TABLE_NAME="leases").invoke(e.sqs(record), {"Query": odd}).failures == [record["messageId"]]


def test_when_one_of_several_cannot_be_told_the_notice_comes_back(leasing: Function) -> None:
    first, second, run = e.sfn(), e.job(), run_id()
    leasing.invoke(e.sqs(claim(run, first), claim(run, second)))
    record = e.sqs_record(glue(run))
    result = leasing.invoke(e.sqs(record), {identity(second): a.error("ThrottlingException")})
    assert result.failures == [record["messageId"]]
    assert sorted(outcomes(result)) == ["relayed", "retry"]
    assert leasing.invoke(e.sqs(record)).failures == []
