"""The outcome of one event, concluded from what the function did and answered."""

from __future__ import annotations

import json

from .aws_endpoint import Call, DeadLetter
from .events import sqs, sqs_record
from .function import Function, Result


def send(function: Function, content: object, script: dict | None = None, **options: object) -> Result:
    """Sends one SQS record with this body; the response must be a partial batch response."""
    record = content if isinstance(content, dict) and "receiptHandle" in content else sqs_record(content)
    result = function.invoke(sqs(record), script, **options)
    assert set(result.failures) <= {record["messageId"]}
    return result


def relayed(function: Function, content: object, script: dict | None = None, **options: object) -> Call:
    """The call of an event in a body that must be relayed."""
    result = send(function, content, script, **options)
    assert not result.failures, f"to be retried; output {result.output[-1500:]}"
    return result.the_call()


def dead_lettered(
    function: Function, content: object, *codes: str, script: dict | None = None, calls: int | None = 0, **options: object
) -> DeadLetter:
    """The dead letter of an event in a body that must end there, with one of `codes`."""
    result = send(function, content, script, **options)
    assert not result.failures, f"to be retried; output {result.output[-1500:]}"
    assert not result.accepted, f"relayed: {result.accepted[0].params}"
    if calls is not None:
        assert len(result.calls) == calls
    letter = result.the_dead_letter()
    assert letter.attributes.get("ERROR_CODE") in codes, letter.attributes
    return letter


def ignored(function: Function, content: object, script: dict | None = None, **options: object) -> Result:
    """An event in a body that must be neither relayed nor dead-lettered nor retried."""
    result = send(function, content, script, **options)
    assert not result.failures and not result.calls and not result.dead_letters, (
        result.raw_response, [c.params for c in result.calls], [d.attributes for d in result.dead_letters]
    )  # fmt: skip
    return result


def direct(function: Function, content: object, script: dict | None = None, **options: object) -> dict:
    """The answer to a direct invocation: exactly the members that the contract lists."""
    result = function.invoke(content, script, **options)
    return answer(result)


def answer(result: Result) -> dict:
    assert not result.failed, f"the invocation failed: {result.raw_error!r}"
    response = json.loads(result.raw_response)
    check_answer(response)
    return response


def check_answer(response: object) -> None:
    assert isinstance(response, dict), response
    allowed = {"outcome", "targetKind", "eventId"}
    if response.get("outcome") == "dead-lettered":
        allowed |= {"errorCode", "errorMessage"}
        assert {"errorCode", "errorMessage"} <= set(response), response
    assert "outcome" in response and set(response) <= allowed, response
    assert all(isinstance(value, str) and value for value in response.values()), response
