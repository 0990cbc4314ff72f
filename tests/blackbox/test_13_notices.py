"""Section 13, without a table: a death that names no task is ignored, but where its identity was left out."""

from __future__ import annotations

import pytest

from harness import events as e
from harness import notices as n
from harness.function import Function
from harness.notices import MISSING, STATE_CHANGES
from harness.outcome import dead_lettered, direct, ignored
from harness.table import cases

INVALID = "INVALID_EVENT"

STATES = [
    pytest.param(change, state, id=f"{name} {state}")
    for name, change in STATE_CHANGES.items()
    for state in (*change.deaths, *change.others)
]


# --- notices that never name a task ---------------------------------------------------------------------------


@pytest.mark.parametrize("change, state", STATES)
def test_a_state_change_is_ignored_whatever_its_state(relay: Function, change: n.StateChange, state: str) -> None:
    ignored(relay, change.notice(state))


@pytest.mark.parametrize("name", list(STATE_CHANGES))
@pytest.mark.parametrize("state", [None, 7, "", [], {}])
def test_a_state_change_whose_state_is_odd_is_ignored(relay: Function, name: str, state: object) -> None:
    ignored(relay, STATE_CHANGES[name].notice(state))


@pytest.mark.parametrize("name", list(STATE_CHANGES))
def test_a_state_change_without_a_resource_is_ignored(relay: Function, name: str) -> None:
    change = STATE_CHANGES[name]
    for detail in ({change.state: change.deaths[0]}, {}):
        ignored(relay, e.eventbridge(detail, change.detail_type, change.source))


@pytest.mark.parametrize("name", list(STATE_CHANGES))
def test_a_task_that_a_state_change_happens_to_name_is_not_failed(relay: Function, name: str) -> None:
    change = STATE_CHANGES[name]
    detail = {**change.detail, change.state: change.deaths[0], "taskToken": "t", "Environment": {"TASK_TOKEN": "t"}}
    ignored(relay, e.eventbridge(detail, change.detail_type, change.source))


@pytest.mark.parametrize("name", list(STATE_CHANGES))
@cases(
    "wrap",
    [
        ("invoked directly", lambda c: c),
        ("in an SNS record", e.sns),
        ("in an EventBridge event", e.eventbridge),
        ("in a CloudEvent", e.cloudevent),
    ],
)
def test_a_state_change_in_an_envelope_is_ignored_and_says_whose_event_it_was(relay: Function, name: str, wrap) -> None:
    change = STATE_CHANGES[name]
    response = direct(relay, wrap(change.notice(change.deaths[0], id="notice-1")))
    assert response == {"outcome": "ignored", "eventId": "notice-1"}


@pytest.mark.parametrize("name", list(STATE_CHANGES))
def test_a_state_change_of_another_source_or_type_is_an_event_without_a_target(relay: Function, name: str) -> None:
    change = STATE_CHANGES[name]
    detail = {**change.detail, change.state: change.deaths[0]}
    dead_lettered(relay, e.eventbridge(detail, change.detail_type, "com.example"), INVALID)
    dead_lettered(relay, e.eventbridge(detail, "Another State Change", change.source), INVALID)


# --- notices of section 8 without an identity ---------------------------------------------------------------------


@cases(
    "notice",
    [
        ("a task whose container was killed", n.ecs_died({})),
        ("a task whose container never ran", n.ecs([n.override("worker", {})], [], "TaskFailedToStart")),
        ("a task that was taken away", n.ecs([], [n.container("worker", 0)], "SpotInterruption")),
        ("a task that ended well", n.ecs([], [n.container("worker", 0)])),
        ("a task without containers and overrides", n.ecs([], MISSING)),
        ("a job", n.batch_died({})),
        ("a build", n.codebuild_died({})),
        ("an execution", n.states({})),
        ("an execution without an input", n.states()),
        ("an invocation", n.lambda_record({})),
        ("an invocation on a bus", n.lambda_event(n.lambda_record({}))),
    ],
)
def test_a_death_without_an_identity_is_ignored(relay: Function, notice: dict) -> None:
    ignored(relay, notice)


def test_an_execution_whose_input_was_left_out_is_invalid(relay: Function) -> None:
    left_out = {"inputDetails": {"included": False}}
    dead_lettered(relay, n.states(**left_out), INVALID)
    dead_lettered(relay, n.states(executionArn=MISSING, **left_out), INVALID)
    ignored(relay, n.states(status="SUCCEEDED", **left_out))


def test_an_invocation_without_its_payload_is_invalid(relay: Function) -> None:
    dead_lettered(relay, n.lambda_record(), INVALID)
    dead_lettered(relay, n.lambda_event(n.lambda_record()), INVALID)
    dead_lettered(relay, n.lambda_event(n.lambda_record(requestContext={})), INVALID)
    ignored(relay, n.lambda_record(None))
