"""Success, told to the service itself with the worker's own role."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ._attempts import Result, call_until_confirmed, status_and_code
from ._clients import make_client
from ._jsontext import dump
from ._shapes import decoded_callback
from ._text import utf16_units

#: What the services answer when nothing waits for the task any more: after an attempt without an answer, the
#: normal sign
#: that this attempt had arrived.
_CLOSED = ("TaskTimedOut", "TaskDoesNotExist", "InvalidJobStateException", "UnknownResourceFault")
_CLOSED_CALLBACK = ("CallbackTimeoutException", "InvalidParameterValueException")

_REFUSED_RESULT = ("InvalidOutput",)


class ResultNotAccepted(ValueError):
    """The result is not JSON, or larger than the service takes."""


class _Call(NamedTuple):
    """One operation: where it is, what it is given beside the result, and how large that may be."""

    service: str
    operation: str
    identity: dict[str, str]
    result: str | None
    size_max: int
    size: Callable[[str], int]


def _bytes(text: str) -> int:
    return len(text.encode())


_CALLS = {
    "step-functions-task": _Call(
        "stepfunctions", "send_task_success", {"taskToken": "taskToken"}, "output", 262_144, _bytes
    ),
    "codepipeline-job": _Call("codepipeline", "put_job_success_result", {"jobId": "jobId"}, None, 0, _bytes),
    "codepipeline-third-party-job": _Call(
        "codepipeline",
        "put_third_party_job_success_result",
        {"jobId": "jobId", "clientToken": "clientToken"},
        None,
        0,
        _bytes,
    ),
    "swf-activity-task": _Call(
        "swf", "respond_activity_task_completed", {"taskToken": "taskToken"}, "result", 32_768, utf16_units
    ),
    "lambda-durable-callback": _Call(
        "lambda",
        "send_durable_execution_callback_success",
        {"CallbackId": "callbackId"},
        "Result",
        1_048_576,
        _bytes,
    ),
}


def takes_success(target: Any) -> bool:
    """Whether the kind of a target has a call that tells success."""
    return isinstance(target, dict) and isinstance(target.get("kind"), str) and target["kind"] in _CALLS


def tell_success(target: dict[str, Any], result: Any, seconds: float) -> Result:
    """Makes the call, with retries, for so many seconds at most. Raises :class:`ResultNotAccepted`."""
    call = _CALLS[target["kind"]]
    members = {member: target.get(name) for member, name in call.identity.items()}
    if call.result is not None:
        members[call.result] = _result_text(result, call)
    answers = _Answers(call, _region(target), members, seconds)
    outcome = call_until_confirmed(answers.attempt, seconds)
    if outcome.error is not None and status_and_code(outcome.error)[1] in _REFUSED_RESULT:
        raise ResultNotAccepted("The service does not accept the result as JSON.")
    return outcome


class _Answers:
    """The attempts of one call: an answer that the task is closed is a success after an attempt without an
    answer.
    """

    def __init__(self, call: _Call, region: str | None, members: dict[str, Any], seconds: float) -> None:
        self._call, self._region, self._members, self._seconds = call, region, members, seconds
        self._client: Any = None
        self._begun = 0
        self._refused = 0

    def attempt(self) -> None:
        """One attempt."""
        earlier_without_an_answer = self._begun > self._refused
        self._begun += 1
        if self._client is None:
            self._client = make_client(self._call.service, self._region, self._seconds)
        try:
            getattr(self._client, self._call.operation)(**self._members)
        except Exception as error:
            status, code = status_and_code(error)
            closed = _CLOSED + (_CLOSED_CALLBACK if self._call.service == "lambda" else ())
            if code in closed and earlier_without_an_answer:
                return
            self._refused += bool(code) and status < 500
            raise


def _result_text(result: Any, call: _Call) -> str:
    try:
        text = dump(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotAccepted(f"The result is not JSON: {error}") from None
    size = call.size(text)
    if size > call.size_max:
        raise ResultNotAccepted(
            f"The result is too large: {size} of the {call.size_max} that the service takes."
        )
    return text


def _region(target: dict[str, Any]) -> str | None:
    """The region that the target names; a callback id holds an ARN that names one."""
    region = target.get("region")
    if isinstance(region, str) and region:
        return region
    if target["kind"] == "lambda-durable-callback":
        _, marker, rest = decoded_callback(str(target.get("callbackId"))).partition(b":lambda:")
        return rest.split(b":")[0].decode("ascii", "ignore") or None if marker else None
    return None
