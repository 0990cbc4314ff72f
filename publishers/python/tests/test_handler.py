"""Lambda handlers: the target from the event, and the deadline."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from answering import SILENCE, Answer

import failure_relay

JOB = "11111111-2222-4333-8444-555555555555"
ACTION = {
    "CodePipeline.job": {"id": JOB, "data": {"artifactCredentials": {"secretAccessKey": "hush-hush-hush"}}}
}
EVENT = {"taskToken": "token-of-the-event"}


class Context:
    """What Lambda says of an invocation, as far as a handler asks."""

    def __init__(
        self, seconds: float = 60.0, request_id: str = "8f5c2a4e-0000-4000-8000-000000000001"
    ) -> None:
        self._end, self.aws_request_id = time.monotonic() + seconds, request_id

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


def test_the_job_of_the_event_is_reported_with_the_request_id(service: Any) -> None:
    @failure_relay.handler
    def deploy(event: Any, context: Any) -> None:
        raise KeyError("stack")

    with pytest.raises(KeyError):
        deploy(ACTION, Context())
    (event,) = service.events()
    assert event["target"] == {"kind": "codepipeline-job", "jobId": JOB}
    assert event["id"] == event["failure"]["externalExecutionId"] == "8f5c2a4e-0000-4000-8000-000000000001"
    assert event["failure"]["message"] == "'stack'"


def test_a_handler_works_with_parentheses_on_a_method_and_called_by_names(service: Any) -> None:
    class Function:
        @failure_relay.handler(source="deploy")
        def handle(self, event: Any, context: Any) -> Any:
            return event["a"]

    assert Function().handle({"a": 1}, Context()) == 1
    with pytest.raises(KeyError):
        Function().handle(EVENT, Context())
    with pytest.raises(KeyError):
        Function().handle(event=EVENT, context=Context())
    with pytest.raises(KeyError):
        Function().handle(EVENT, None)
    assert [event["target"]["taskToken"] for event in service.events()] == ["token-of-the-event"] * 3


def test_a_second_invocation_is_a_work_of_its_own(service: Any) -> None:
    @failure_relay.handler
    def function(event: Any, context: Any) -> None:
        raise ValueError(event["taskToken"])

    for name in ("first-token", "second-token"):
        with pytest.raises(ValueError, match="token"):
            function({"taskToken": name}, Context(request_id=name))
    told = [(event["target"]["taskToken"], event["id"]) for event in service.events()]
    assert told == [("first-token", "first-token"), ("second-token", "second-token")]


def test_where_the_event_names_no_task_the_environment_counts(service: Any, token: str) -> None:
    @failure_relay.handler
    def function(event: Any, context: Any) -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        function({}, Context())
    assert service.events()[0]["target"]["taskToken"] == token


def test_a_report_inside_a_handler_is_for_the_task_of_the_event(service: Any, token: str) -> None:
    @failure_relay.handler
    def function(event: Any, context: Any) -> str:
        with pytest.raises(ValueError, match="inner"), failure_relay.task():
            raise ValueError("inner")
        assert failure_relay.report(ValueError("x"))
        return "handled"

    assert function(EVENT, Context()) == "handled"
    (event,) = service.events()
    assert event["target"]["taskToken"] == "token-of-the-event"
    assert event["failure"]["message"] == "inner"


def test_secrets_of_the_event_are_not_published(service: Any) -> None:
    @failure_relay.handler
    def deploy(event: Any, context: Any) -> None:
        raise ValueError(f"bad event {event} {json.dumps(event)} hush-hush-hush")

    with pytest.raises(ValueError, match="bad"):
        deploy(ACTION, Context())
    assert "hush" not in json.dumps(service.events()[0])


def test_a_handler_without_a_task_runs_and_is_strict_when_asked(service: Any) -> None:
    @failure_relay.handler
    def function(event: Any, context: Any) -> int:
        return 1

    @failure_relay.handler(strict=True)
    def strict(event: Any, context: Any) -> int:
        pytest.fail("the work began")

    assert function(["no object"], Context()) == 1
    with pytest.raises(failure_relay.ConfigurationError):
        strict({}, Context())


def test_a_function_that_does_not_end_in_time_is_reported_before(service: Any) -> None:
    @failure_relay.handler(deadline=0.5)
    def function(event: Any, context: Any) -> str:
        service.wait_for(1)
        assert context.get_remaining_time_in_millis() > 200
        return "late"

    assert function(EVENT, Context(1.2)) == "late"
    (event,) = service.events()
    assert event["failure"]["type"] == "Worker.DeadlineExceeded"
    assert event["failure"]["externalExecutionId"] == event["id"] == Context().aws_request_id
    assert any("wait_for" in line for line in event["failure"]["details"]["trace"])


def test_a_function_that_was_reported_at_its_deadline_is_not_reported_again_and_tells_no_success(
    service: Any,
) -> None:
    @failure_relay.handler(deadline=0.3, success=True)
    def function(event: dict[str, Any], context: Any) -> None:
        service.wait_for(1)
        if event.get("fails"):
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        function({**EVENT, "fails": True}, Context(0.6))
    assert len(service.requests) == 1
    function(EVENT, Context(0.6, "another"))


def test_a_function_that_ends_in_time_is_not_reported(service: Any) -> None:
    @failure_relay.handler(deadline=0.2)
    def function(event: Any, context: Any) -> None:
        time.sleep(0.05)

    function(EVENT, Context(0.6))
    time.sleep(0.7)
    assert service.requests == []


def test_a_deadline_of_zero_is_off(service: Any) -> None:
    @failure_relay.handler(deadline=0)
    def function(event: Any, context: Any) -> None:
        time.sleep(0.3)

    function(EVENT, Context(0.2))
    assert service.requests == []


def test_a_deadline_report_that_is_not_confirmed_does_not_count(
    service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers = [Answer(403, "AccessDenied")]

    @failure_relay.handler(deadline=0.3)
    def function(event: Any, context: Any) -> None:
        service.wait_for(1)
        time.sleep(0.1)
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        function(EVENT, Context(0.6))
    assert [event["failure"]["type"] for event in service.events()] == [
        "Worker.DeadlineExceeded",
        "ValueError",
    ]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_function_that_ends_well_after_a_deadline_report_in_vain_tells_its_success(service: Any) -> None:
    service.answers = [Answer(403, "AccessDenied")]

    @failure_relay.handler(deadline=0.3, success=True)
    def function(event: Any, context: Any) -> int:
        service.wait_for(1)
        time.sleep(0.1)
        return 7

    assert function(EVENT, Context(0.6)) == 7
    assert [request.operation for request in service.requests] == ["SendMessage", "SendTaskSuccess"]


def test_the_report_at_the_deadline_takes_no_longer_than_what_is_left(service: Any) -> None:
    service.otherwise = SILENCE
    reported = []

    @failure_relay.handler(deadline=0.4)
    def function(event: Any, context: Any) -> None:
        time.sleep(0.85)
        reported.append(len(service.requests))

    function(EVENT, Context(0.8))
    assert reported and reported[0] >= 1


def test_one_client_serves_the_invocations_of_a_container(
    service: Any, environment: pytest.MonkeyPatch
) -> None:
    from failure_relay import _outlet

    made = []
    original = _outlet.make_client
    environment.setattr(_outlet, "make_client", lambda *a, **k: made.append(a) or original(*a, **k))

    @failure_relay.handler
    def function(event: Any, context: Any) -> None:
        raise ValueError("x")

    for _ in range(3):
        with pytest.raises(ValueError, match="x"):
            function(EVENT, Context())
    assert len(service.events()) == 3
    assert len(made) == 1
