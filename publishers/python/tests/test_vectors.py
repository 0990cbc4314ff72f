"""The vectors that all publishers pass."""

from __future__ import annotations

import builtins
import json
import sys
import time
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from answering import Answer

import failure_relay
from failure_relay import _deadline, _identity

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
KNOWN = {
    "identity": {"name", "environment", "payload", "target", "wrong"},
    "failure": {"name", "error", "options", "failure", "only"},
    "event": {"name", "environment", "payload", "requestId", "options", "error", "sent", "event"},
    "secrets": {"name", "target", "environment", "error", "options", "failure"},
    "limits": {"name", "error", "options", "cut", "kept", "short", "gone"},
    "success": {"name", "target", "result", "resultIsNotJson", "call", "failure", "errorBeforeTheWork"},
    "lease": {
        "name",
        "options",
        "target",
        "before",
        "renewal",
        "renewalSeconds",
        "after",
        "failure",
        "errorBeforeTheWork",
    },
    "deadline": {"name", "remainingMilliseconds", "options", "reportedAfterMilliseconds", "failure"},
}
OPTIONS = {"queueUrl": "queue_url", "eventBus": "event_bus"}
SHORT = 60


def cases(file: str) -> list[Any]:
    """The cases of a file, each a parameter with its name."""
    document = json.loads((VECTORS / f"{file}.json").read_text())
    assert set(document) == {"about", "cases"}
    chosen = [case for case in document["cases"] if "python" in case.get("only", ["python"])]
    for case in chosen:
        assert set(case) <= KNOWN[file], f"{file}: {case['name']}"
    return [pytest.param(written_out(case), id=case["name"]) for case in chosen]


def written_out(value: Any) -> Any:
    """A value with its repeated texts as texts."""
    if isinstance(value, dict):
        if set(value) == {"repeat", "times"}:
            return value["repeat"] * value["times"]
        return {name: written_out(member) for name, member in value.items()}
    return [written_out(item) for item in value] if isinstance(value, list) else value


def raised(description: dict[str, Any]) -> BaseException:
    """An error as a case describes it, with a stack."""
    error = made(description)
    context = description.get("context")
    try:
        if context is None:
            raise error
        try:
            raise made(context)
        except BaseException:
            cause = error.__cause__
            try:
                raise error
            finally:
                if cause is not None or description.get("suppressed"):
                    error.__cause__ = cause
    except BaseException as caught:
        return caught


def made(description: dict[str, Any]) -> BaseException:
    assert set(description) <= {
        "class",
        "text",
        "cause",
        "causeIsTheError",
        "context",
        "suppressed",
        "errors",
    }
    if description["class"] == "group":
        members = [made(member) for member in description["errors"]]
        error: BaseException = builtins.ExceptionGroup(description["text"], members)  # type: ignore[name-defined]
    else:
        builtin = {"ValueError": ValueError}.get(description["class"])
        error = (builtin or type(description["class"], (Exception,), {}))(description["text"])
    cause = description.get("cause")
    if cause is not None:
        error.__cause__ = made(cause)
        if cause.get("causeIsTheError"):
            error.__cause__.__cause__ = error
    return error


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    return {OPTIONS.get(name, name): value for name, value in case.get("options", {}).items()}


def set_environment(environment: pytest.MonkeyPatch, variables: list[dict[str, str]]) -> None:
    for variable in variables:
        environment.setenv(variable["name"], variable["value"])


def check_failure(failure: dict[str, Any], expected: dict[str, Any], *, group: bool = False) -> None:
    for name in expected:
        assert name in {"type", "message", "details", "cause", "externalExecutionId"}
    for name in ("type", "message", "details", "externalExecutionId"):
        if name in expected:
            assert failure.get(name) == expected[name]
    if "details" not in expected:
        assert failure.get("details", {}).get("cause") == expected.get("cause")


@pytest.mark.parametrize("case", cases("identity"))
def test_identity(case: dict[str, Any]) -> None:
    variables = {variable["name"]: variable["value"] for variable in case.get("environment", [])}
    assert _identity.find(variables, case.get("payload")) == case["target"]


@pytest.mark.parametrize("case", cases("failure"))
def test_failure(case: dict[str, Any], service: Any, token: str) -> None:
    if case["error"]["class"] == "group" and sys.version_info < (3, 11):
        pytest.skip("ExceptionGroup came with Python 3.11")
    assert failure_relay.report(raised(case["error"]), **arguments(case))
    (event,) = service.events()
    check_failure(event["failure"], case["failure"])
    if "details" not in case.get("options", {}):
        assert event["failure"]["details"]["trace"][-1] == "  raise error"


@pytest.mark.parametrize("case", cases("event"))
def test_event(case: dict[str, Any], service: Any, environment: pytest.MonkeyPatch) -> None:
    environment.delenv("RELAY_QUEUE_URL")
    set_environment(environment, case.get("environment", []))
    error = raised(case["error"])
    for _ in range(2):
        report(case, error)
    sent, requests = case["sent"], service.requests
    if sent is None:
        assert requests == []
        return
    assert len(requests) == 2
    request = requests[0]
    assert request.operation == {"queue": "SendMessage", "bus": "PutEvents"}[sent["to"]]
    assert request.region == sent.get("region", request.region)
    if sent["to"] == "queue":
        body = request.body["MessageBody"]
        assert request.body["QueueUrl"] == sent["queueUrl"]
        assert request.body["MessageGroupId"] == sent["messageGroupId"]
        ids = [request.body.get("MessageDeduplicationId") for request in requests]
        assert (len(set(ids)) == 2 and all(ids)) if sent.get("hasDeduplicationId") else ids == [None, None]
    else:
        (entry,) = request.body["Entries"]
        body = entry["Detail"]
        expected = (sent["eventBusName"], sent["source"], sent["detailType"])
        assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == expected
    event = json.loads(body)
    assert event["version"] == "1" and event["id"]
    told = datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    assert abs(datetime.now(timezone.utc) - told) < timedelta(minutes=1)
    for name, value in case["event"].items():
        if name == "failure":
            check_failure(event["failure"], value)
        else:
            assert event[name] == value


def report(case: dict[str, Any], error: BaseException) -> None:
    options = arguments(case)
    if "payload" not in case:
        failure_relay.report(error, **options)
        return

    class Context:
        aws_request_id = case.get("requestId")

    @failure_relay.handler(**options)
    def function(event: Any, context: Any) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        function(case["payload"], Context())
    assert caught.value is error


@pytest.mark.parametrize("case", cases("secrets"))
def test_secrets(
    case: dict[str, Any], service: Any, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    set_environment(environment, case.get("environment", []))
    assert failure_relay.report(raised(case["error"]), target=case["target"], **arguments(case))
    (event,) = service.events()
    check_failure(event["failure"], case["failure"])
    assert event["target"] == case["target"]
    ours = [record.getMessage() for record in caplog.records if record.name == "failure_relay"]
    assert ours == []


@pytest.mark.parametrize("case", cases("limits"))
def test_limits(case: dict[str, Any], service: Any) -> None:
    target = {"kind": "step-functions-task", "taskToken": "token-12345"}
    options = {
        "source": "tests",
        "type": case["error"]["class"],
        "message": case["error"]["text"],
        **arguments(case),
    }
    assert failure_relay.report(
        raised(case["error"]), target=target, **{"source": "tests", **arguments(case)}
    )
    (request,) = service.requests
    body = request.body["MessageBody"]
    event = json.loads(body)
    assert len(body.encode()) <= 200_000
    assert event["target"] == target
    if case["cut"]:
        assert len(body.encode()) >= 190_000
    there = {"source": event["source"], **event["failure"]}
    for name in case.get("kept", []):
        assert there[name] == options[name]
    for name in case["cut"]:
        text = there[name]
        assert isinstance(text, str) and text.endswith("… [truncated]")
        assert name == "details" or options[name].startswith(text[: -len("… [truncated]")])
        text.encode()
    for name in case.get("short", []):
        assert len(there.get(name, "")) <= SHORT
    for name in case.get("gone", []):
        assert len(there.get(name, "")) <= SHORT


@pytest.mark.parametrize("case", cases("success"))
def test_success(case: dict[str, Any], service: Any) -> None:
    began = []
    result: Any = object() if case.get("resultIsNotJson") else case.get("result")

    @failure_relay.task(case["target"], success=True)
    def work() -> Any:
        began.append(True)
        return result

    if case.get("errorBeforeTheWork"):
        with pytest.raises(failure_relay.ConfigurationError):
            work()
        assert began == [] and service.requests == []
        return
    assert work() is result
    (request,) = service.requests
    if "failure" in case:
        event = json.loads(request.body["MessageBody"])
        check_failure(event["failure"], case["failure"])
        return
    call = case["call"]
    if call["service"] == "lambda":
        assert request.path.endswith("/succeed") and json.loads(request.body) == call["input"]["Result"]
        assert call["input"]["CallbackId"] in request.path.replace("%2B", "+").replace("%2F", "/")
    else:
        assert request.operation == call["operation"]
        given = dict(request.body)
        for name in ("output", "result"):
            if name in given:
                given[name] = json.loads(given[name])
        assert given == call["input"]
    assert request.region == call.get("region", request.region)


@pytest.mark.parametrize("case", cases("lease"))
def test_lease(case: dict[str, Any], service: Any) -> None:
    during: int | None = None
    if case.get("errorBeforeTheWork"):
        with (
            pytest.raises(failure_relay.ConfigurationError),
            failure_relay.task(case["target"], **arguments(case)),
        ):
            during = 0
        assert during is None and service.requests == []
        return
    fails = case.get("failure")
    with (
        pytest.raises(ValueError, match="x") if fails else nullcontext(),
        failure_relay.task(case["target"], **arguments(case)),
    ):
        during = len(service.requests)
        service.answers = [Answer(403, "AccessDenied")] if fails == "refused" else []
        if fails:
            raise ValueError("x")
    events = service.events()
    assert ["failure" in event for event in events].count(True) == (1 if fails else 0)
    if fails:
        assert "failure" in events.pop(during or 0)
    for sent, expected in zip(events, case["before"] + case["after"]):
        assert {name: sent[name] for name in ("lease", "claim") if name in sent} == expected
        assert set(sent) == {"version", "id", "source", "target", *expected}
        assert sent["target"] == case["target"] and sent["version"] == "1"
    assert len({event["id"] for event in events}) == 1
    assert during == len(case["before"])
    assert len(events) == len(case["before"]) + len(case["after"])
    if "renewalSeconds" in case:
        assert case["renewalSeconds"] * 3 == case["options"]["lease"]
        assert case["renewal"]["lease"] == {"action": "renew", "ttlSeconds": case["options"]["lease"]}


#: The times of the vectors, divided.
FASTER = 40


@pytest.mark.parametrize("case", cases("deadline"))
def test_deadline(case: dict[str, Any], service: Any, token: str) -> None:
    left = case["remainingMilliseconds"] / 1000 / FASTER
    deadline = case.get("options", {}).get("deadline", _deadline.DEADLINE) / FASTER
    begun = time.monotonic()

    class Context:
        @staticmethod
        def get_remaining_time_in_millis() -> float:
            return left * 1000

    @failure_relay.handler(deadline=deadline)
    def function(event: Any, context: Any) -> None:
        fires = case["reportedAfterMilliseconds"]
        if fires is None:
            time.sleep(left + 0.1)
            assert service.requests == []
        else:
            time.sleep(max(fires / 1000 / FASTER - 0.015, 0))
            assert service.requests == []
            service.wait_for(1, 20)
            assert time.monotonic() - begun >= fires / 1000 / FASTER
            check_failure(service.events()[0]["failure"], {**case["failure"]})

    function({}, Context())
