"""``report``: confirmed or not, within its time, and never an error of its own."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from answering import SILENCE, Answer
from conftest import REGION, Queue

import failure_relay
from failure_relay import _outlet

THROTTLED = Answer(400, "ThrottlingException")
BROKEN = Answer(503, "ServiceUnavailable")
REFUSED = Answer(403, "AccessDeniedException")


class OddError(Exception):
    """An error that fails to tell its text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def lines(caplog: pytest.LogCaptureFixture) -> Any:
    return [(record.name, record.levelname) for record in caplog.records if record.name == "failure_relay"]


#: As it is, before the tests give themselves more time.
FIVE_SECONDS = _outlet.TIMEOUT
assert FIVE_SECONDS == 5.0

ONE_ERROR = [("failure_relay", "ERROR")]


def test_a_confirmed_report_is_true(queue: Queue, token: str) -> None:
    assert failure_relay.report(ValueError("disk full")) is True
    (message,) = queue.messages()
    assert message["Attributes"].get("MessageGroupId")


def test_a_report_to_a_fifo_queue_has_a_group_and_is_not_taken_for_a_duplicate(
    moto_url: str, queue: Queue, token: str, environment: pytest.MonkeyPatch
) -> None:
    import boto3

    client = boto3.client("sqs", endpoint_url=moto_url, region_name=REGION)
    url = client.create_queue(QueueName=f"f{time.time_ns()}.fifo", Attributes={"FifoQueue": "true"})[
        "QueueUrl"
    ]
    environment.setenv("RELAY_SOURCE", "render")
    for _ in range(2):
        assert failure_relay.report(ValueError("disk full"), queue_url=url)
    first, second = Queue(url, client).messages()
    assert first["Attributes"]["MessageGroupId"] == second["Attributes"]["MessageGroupId"] == "render"


def test_an_event_bus_gets_the_event(moto_url: str, queue: Queue, token: str) -> None:
    import boto3

    events = boto3.client("events", endpoint_url=moto_url, region_name=REGION)
    bus, rule = f"bus-{time.time_ns()}", "failures"
    arn = events.create_event_bus(Name=bus)["EventBusArn"]
    events.put_rule(
        Name=rule, EventBusName=bus, EventPattern='{"detail-type": ["Failure Event"], "source": ["render"]}'
    )
    target = queue._client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])[
        "Attributes"
    ]["QueueArn"]
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "q", "Arn": target}])
    for name in (bus, arn):
        assert failure_relay.report(ValueError("disk full"), event_bus=name, source="render")
        assert queue.event()["detail"]["failure"]["message"] == "disk full"


def test_an_event_that_the_bus_did_not_take_is_not_confirmed(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.otherwise = Answer(
        body={"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSourceException"}]}
    )
    assert failure_relay.report(ValueError("disk full"), event_bus="bus") is False
    assert len(service.requests) == 1
    assert lines(caplog) == ONE_ERROR
    assert "NotAuthorizedForSourceException" in caplog.text


def test_an_entry_that_the_bus_could_not_take_now_is_sent_again(service: Any, token: str) -> None:
    failed = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
    service.answers = [Answer(body=failed)]
    service.otherwise = Answer(body={"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]})
    assert failure_relay.report(ValueError("disk full"), event_bus="bus")
    assert len(service.requests) == 2


@pytest.mark.parametrize("answer", [THROTTLED, BROKEN, Answer(429, "TooManyRequestsException")])
def test_what_a_later_try_can_help_is_tried_again(service: Any, token: str, answer: Answer) -> None:
    service.answers = [answer, answer]
    assert failure_relay.report(ValueError("disk full"))
    assert len(service.requests) == 3


def test_the_tries_of_one_report_are_one_message_for_a_fifo_queue(service: Any, token: str) -> None:
    service.answers = [BROKEN]
    assert failure_relay.report(
        ValueError("disk full"), queue_url="https://sqs.eu-west-1.amazonaws.com/1/q.fifo"
    )
    first, second = service.requests
    assert first.body == second.body


def test_a_refusal_is_one_call_and_one_line(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.otherwise = REFUSED
    assert failure_relay.report(ValueError("disk full")) is False
    assert len(service.requests) == 1
    assert lines(caplog) == ONE_ERROR
    assert "AccessDenied" in caplog.text


def test_an_endpoint_that_never_answers_costs_the_timeout_and_is_asked_more_than_once(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.otherwise = SILENCE
    begun = time.monotonic()
    assert failure_relay.report(ValueError("disk full"), timeout=1.0) is False
    assert 0.9 < time.monotonic() - begun < 3
    assert len(service.requests) >= 2
    assert lines(caplog) == ONE_ERROR


def test_a_report_takes_five_seconds_at_most(
    service: Any, token: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setattr(_outlet, "TIMEOUT", FIVE_SECONDS)
    service.otherwise = SILENCE
    begun = time.monotonic()
    assert failure_relay.report(ValueError("disk full")) is False
    assert 4.5 < time.monotonic() - begun < 7


def test_one_attempt_that_hangs_does_not_use_up_the_time(service: Any, token: str) -> None:
    service.answers = [SILENCE]
    assert failure_relay.report(ValueError("disk full"), timeout=4) is True


def test_a_client_of_the_workers_own_is_used_and_held_to_the_time(token: str) -> None:
    class Client:
        calls = 0

        def send_message(self, **message: Any) -> dict[str, str]:
            self.calls += 1
            if self.calls == 1:
                time.sleep(30)
            return {"MessageId": "m"}

    client = Client()
    begun = time.monotonic()
    assert failure_relay.report(
        ValueError("x"), client=client, queue_url="https://sqs.eu-west-1.amazonaws.com/1/q", timeout=3
    )
    assert client.calls == 2
    assert time.monotonic() - begun < 3


def test_an_address_at_which_nobody_listens_is_one_line(
    environment: pytest.MonkeyPatch, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("RELAY_QUEUE_URL", "http://127.0.0.1:9/1/q")
    assert failure_relay.report(ValueError("disk full"), timeout=0.5) is False
    assert lines(caplog) == ONE_ERROR


@pytest.mark.parametrize("missing", ["target", "queue", "region", "credentials"])
def test_a_report_that_cannot_be_made_is_one_line_and_no_error(
    service: Any, token: str, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    for name in {
        "target": ["TASK_TOKEN"],
        "queue": ["RELAY_QUEUE_URL"],
        "region": ["AWS_REGION", "AWS_DEFAULT_REGION"],
        "credentials": ["AWS_ACCESS_KEY_ID"],
    }[missing]:
        environment.delenv(name)
    options = {"event_bus": "bus"} if missing == "region" else {}
    assert failure_relay.report(ValueError("disk full"), timeout=0.5, **options) is False  # type: ignore[arg-type]
    assert lines(caplog) == ONE_ERROR


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": "soon"},
        {"timeout": -1},
        {"timeout": 0},
        {"target": object()},
        {"target": {"kind": "step-functions-task", "taskToken": "t" * 300_000}},
        {"client": object()},
        {"queue_url": 7},
    ],
)
def test_arguments_that_cannot_be_used_are_one_line_and_no_error(
    service: Any, token: str, caplog: pytest.LogCaptureFixture, options: Any
) -> None:
    assert failure_relay.report(ValueError("disk full"), **{"timeout": 0.5, **options}) is False
    assert lines(caplog) == ONE_ERROR


@pytest.mark.parametrize(
    "options",
    [
        {
            "details": {
                1: {2, 3},
                "when": time.gmtime(0),
                "nan": float("nan"),
                "object": object(),
                "bytes": b"\xff",
            }
        },
        {"details": "text"},
        {"details": [float("inf"), OddError()]},
        {"type": 7, "message": 8},
        {"message": "\ud800 \ufffe \x00"},
    ],
)
def test_whatever_describes_a_failure_is_published_as_json(queue: Queue, token: str, options: Any) -> None:
    assert failure_relay.report(ValueError("disk full"), **options)
    assert queue.event()["failure"]["type"]


def test_details_that_hold_themselves_are_published(queue: Queue, token: str) -> None:
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    assert failure_relay.report(ValueError("disk full"), details=ring)
    assert queue.event()["failure"]["details"]["ring"]["ring"]


def test_an_error_that_fails_to_tell_its_text_is_named_by_its_class(queue: Queue, token: str) -> None:
    assert failure_relay.report(OddError())
    assert queue.event()["failure"]["message"] == "OddError"


def test_what_is_no_exception_is_reported_by_its_text(queue: Queue, token: str) -> None:
    assert failure_relay.report("disk full")  # type: ignore[arg-type]
    assert queue.event()["failure"]["message"] == "disk full"


def test_the_trace_is_the_twenty_lines_nearest_the_raise(queue: Queue, token: str) -> None:
    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        else:
            raise RecursionError("x" * 600)

    with pytest.raises(RecursionError) as caught:
        deeper(100)
    assert failure_relay.report(caught.value)
    trace = queue.event()["failure"]["details"]["trace"]
    assert len(trace) == 20
    assert trace[-1] == '  raise RecursionError("x" * 600)'
    assert trace[-2].endswith("in deeper")


def test_a_line_of_the_trace_is_at_most_500_characters(queue: Queue, token: str) -> None:
    program = "def f():\n    raise ValueError('x')\nf()"
    with pytest.raises(ValueError, match="x") as caught:
        exec(compile(program, "p" * 700 + ".py", "exec"), {})
    assert failure_relay.report(caught.value)
    trace = queue.event()["failure"]["details"]["trace"]
    assert [len(line) <= 500 for line in trace] == [True] * len(trace)
    assert any(line.endswith("… [truncated]") for line in trace)


def test_the_lines_of_this_package_are_not_in_the_trace(queue: Queue, token: str) -> None:
    @failure_relay.task
    def work() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        work()
    trace = queue.event()["failure"]["details"]["trace"]
    assert [line for line in trace if "src/failure_relay" in line] == []


def test_a_log_handler_that_raises_disturbs_nobody(service: Any, token: str) -> None:
    class Raising(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("the log is broken")

    logger, broken = logging.getLogger("failure_relay"), Raising()
    service.otherwise = REFUSED
    logger.addFilter(broken)
    try:
        assert failure_relay.report(ValueError("disk full")) is False
    finally:
        logger.removeFilter(broken)


def test_no_token_is_in_a_log_line_or_a_repr(
    service: Any, token: str, caplog: pytest.LogCaptureFixture, environment: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, logger="failure_relay")
    shown = []
    for answer in (REFUSED, Answer(400, f"Bad{token}"), BROKEN):
        service.otherwise = answer
        task = failure_relay.task(success=True, lease=60, claim=f"x {token}", timeout=0.3)
        with pytest.raises(ValueError, match="disk"), task:
            shown += [repr(task), str(task), repr(vars(task)), repr(task.lease_lost)]
            raise ValueError(f"disk {token}")
        with failure_relay.task(success=True, timeout=0.3):
            pass
    ours = [record.getMessage() for record in caplog.records if record.name == "failure_relay"]
    assert ours
    assert [line for line in ours + shown if token in line or "TASK_TOKEN" in line] == []
