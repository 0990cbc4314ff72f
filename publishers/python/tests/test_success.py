"""``success``: told to the service itself, or reported as what it is."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import boto3
import pytest
from answering import SILENCE, Answer
from conftest import REGION, Queue

import failure_relay

CLOSED = Answer(400, "TaskTimedOut")


def operations(service: Any) -> list[str]:
    return [request.operation for request in service.requests]


def reported(service: Any) -> list[str]:
    return [event["failure"]["type"] for event in service.events()]


def test_the_result_of_a_block_is_what_it_set(service: Any, token: str) -> None:
    with failure_relay.task(success=True) as task:
        task.result = {"frames": 7}
    (request,) = service.requests
    assert request.body == {"taskToken": token, "output": '{"frames":7}'}
    assert task.result == {"frames": 7}


def test_a_coroutines_result_is_told(service: Any, token: str) -> None:
    @failure_relay.task(success=True)
    async def work() -> str:
        return "done"

    assert asyncio.run(work()) == "done"
    assert json.loads(service.requests[0].body["output"]) == "done"


def test_a_work_that_fails_tells_no_success(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="x"), failure_relay.task(success=True):
        raise ValueError("x")
    assert operations(service) == ["SendMessage"]


def test_a_work_that_reported_a_failure_tells_no_success(service: Any, token: str) -> None:
    with failure_relay.task(success=True):
        failure_relay.report(ValueError("x"))
    assert operations(service) == ["SendMessage"]


def test_a_process_that_exits_well_tells_its_success(service: Any, token: str) -> None:
    with pytest.raises(SystemExit), failure_relay.task(success=True) as task:
        task.result = 1
        sys.exit(0)
    assert operations(service) == ["SendTaskSuccess"]


def test_nested_works_of_one_task_tell_success_once_at_the_end(service: Any, token: str) -> None:
    @failure_relay.task(success=True)
    def inner() -> int:
        return 1

    @failure_relay.task(success=True)
    def outer() -> int:
        assert inner() == 1
        assert service.requests == []
        return 2

    assert outer() == 2
    assert [request.body["output"] for request in service.requests] == ["2"]


def test_a_success_that_is_throttled_is_told_again(service: Any, token: str) -> None:
    service.answers = [Answer(400, "ThrottlingException"), Answer(500, "InternalError")]
    with failure_relay.task(success=True):
        pass
    assert operations(service) == ["SendTaskSuccess"] * 3


@pytest.mark.parametrize("code", ["InvalidToken", "AccessDeniedException", "TaskTimedOut"])
def test_a_success_that_cannot_be_told_is_reported_and_the_result_returned(
    service: Any, token: str, code: str
) -> None:
    service.answers = [Answer(400, code)]

    @failure_relay.task(success=True)
    def work() -> int:
        return 7

    assert work() == 7
    assert operations(service) == ["SendTaskSuccess", "SendMessage"]
    assert reported(service) == ["Worker.SuccessNotTold"]
    assert code in service.events()[0]["failure"]["message"]


def test_a_success_that_is_not_answered_is_reported_after_its_retries(service: Any, token: str) -> None:
    service.otherwise = lambda request: SILENCE if request.operation == "SendTaskSuccess" else Answer()
    begun = time.monotonic()
    with failure_relay.task(success=True, timeout=1):
        pass
    assert time.monotonic() - begun < 6
    assert operations(service).count("SendTaskSuccess") >= 2
    assert reported(service) == ["Worker.SuccessNotTold"]


def test_after_an_attempt_without_an_answer_a_closed_task_is_a_success(service: Any, token: str) -> None:
    service.answers = [Answer(500, "InternalError"), CLOSED]
    with failure_relay.task(success=True):
        pass
    assert operations(service) == ["SendTaskSuccess", "SendTaskSuccess"]


def test_a_result_that_the_service_refuses_is_reported_as_such(service: Any, token: str) -> None:
    service.answers = [Answer(400, "InvalidOutput")]
    with failure_relay.task(success=True):
        pass
    assert reported(service) == ["Worker.ResultNotAccepted"]


@pytest.mark.parametrize("result", [object(), {1, 2}, float("nan"), b"bytes", {"a": {"b": object()}}])
def test_a_result_that_is_not_json_is_reported_and_returned(service: Any, token: str, result: Any) -> None:
    work = failure_relay.task(success=True)(lambda: result)
    assert work() is result
    assert operations(service) == ["SendMessage"]
    assert reported(service) == ["Worker.ResultNotAccepted"]


def test_the_lease_is_released_after_the_success(service: Any, token: str) -> None:
    with failure_relay.task(success=True, lease=60):
        pass
    assert operations(service) == ["SendMessage", "SendTaskSuccess", "SendMessage"]


def test_a_task_of_a_real_state_machine_succeeds_and_fails(
    moto_url: str, queue: Queue, environment: Any
) -> None:
    """SWF of moto is a second opinion on the calls."""
    swf = boto3.client("swf", endpoint_url=moto_url, region_name=REGION)
    domain = f"d{time.time_ns()}"
    swf.register_domain(name=domain, workflowExecutionRetentionPeriodInDays="1")
    names = {"domain": domain, "name": "render", "version": "1"}
    swf.register_workflow_type(**names, defaultChildPolicy="TERMINATE", defaultTaskList={"name": "l"})
    swf.register_activity_type(**names)
    run = swf.start_workflow_execution(
        domain=domain,
        workflowId="w",
        workflowType={"name": "render", "version": "1"},
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
    )
    decision = swf.poll_for_decision_task(domain=domain, taskList={"name": "l"})
    schedule = {
        "activityType": {"name": "render", "version": "1"},
        "activityId": "a",
        "taskList": {"name": "l"},
        **{
            f"{name}Timeout": "60"
            for name in ("scheduleToClose", "scheduleToStart", "startToClose", "heartbeat")
        },
    }
    swf.respond_decision_task_completed(
        taskToken=decision["taskToken"],
        decisions=[
            {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": schedule},
        ],
    )
    activity = swf.poll_for_activity_task(domain=domain, taskList={"name": "l"})
    with failure_relay.task(
        {"kind": "swf-activity-task", "taskToken": activity["taskToken"]}, success=True
    ) as task:
        task.result = {"frames": 7}
    execution = {"workflowId": "w", "runId": run["runId"]}
    history = swf.get_workflow_execution_history(domain=domain, execution=execution)["events"]
    (done,) = [event for event in history if event["eventType"] == "ActivityTaskCompleted"]
    assert done["activityTaskCompletedEventAttributes"]["result"] == '{"frames":7}'
    assert queue.events() == []
