"""One call, tried until it is confirmed, refused for good, or out of time."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any, Callable, NamedTuple

from ._clock import now
from ._latch import start_thread

#: What part of the whole time one attempt may take before the next one is made beside it.
ATTEMPT_SHARE = 0.55

_BACK_OFF_SECONDS = 0.1
_DOUBLINGS_MAX = 5

_THROTTLES = ("throttl", "toomanyrequests", "requestlimit", "slowdown", "provisionedthroughput")
_HTTP_TIMEOUT_OR_THROTTLE = (408, 429)


class Result(NamedTuple):
    """How it ended."""

    confirmed: bool
    #: When the confirmed attempt, else the first that may have arrived, was sent (by the clock of
    #: ``_clock``).
    sent_at: float | None
    #: Whether an attempt that was not confirmed may have arrived all the same.
    perhaps_arrived: bool
    error: BaseException | None


def call_until_confirmed(call: Callable[[], Any], seconds: float) -> Result:
    """Calls, again with a growing pause when a later try can help, for so many seconds at most.

    Each attempt has a thread of its own: whatever a client's own time-outs and retries are, or a name
    server's, one attempt never uses all of the time.
    """
    attempts = _Attempts(call, now() + seconds, seconds * ATTEMPT_SHARE)
    return attempts.run()


class _Attempts:
    def __init__(self, call: Callable[[], Any], end: float, patience: float) -> None:
        self._call, self._end, self._patience = call, end, patience
        self._sent: list[float] = []
        self._answers: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()
        self._unanswered: list[int] = []
        self._perhaps: list[int] = []
        self._error: BaseException | None = None

    def run(self) -> Result:
        while now() < self._end:
            self._start()
            wait = self._patience
            while True:
                answer = self._answer(wait)
                if answer is None:
                    break
                number, error = answer
                if error is None:
                    return Result(True, self._sent[number], False, None)
                self._error = error
                if is_final(error):
                    return self._given_up()
                wait = self._pause()
        return self._given_up()

    def _start(self) -> None:
        number = len(self._sent)
        self._sent.append(now())
        self._unanswered.append(number)
        if not start_thread(lambda: self._attempt(number)):
            self._attempt(number)

    def _attempt(self, number: int) -> None:
        try:
            self._call()
        except BaseException as error:
            self._answers.put((number, error))
        else:
            self._answers.put((number, None))

    def _answer(self, seconds: float) -> tuple[int, BaseException | None] | None:
        """The next answer of any attempt, a late one of an earlier attempt included."""
        try:
            answer = self._answers.get(timeout=max(min(seconds, self._end - now()), 0.0))
        except Empty:
            return None
        self._unanswered.remove(answer[0])
        if answer[1] is not None and not is_answer(answer[1]):
            self._perhaps.append(answer[0])
        return answer

    def _pause(self) -> float:
        # Imported here: it costs more than all the rest, and a worker that does not fail has no need of it.
        import random

        doublings = min(len(self._sent) - 1, _DOUBLINGS_MAX)
        return _BACK_OFF_SECONDS * float(2**doublings) * random.uniform(0.5, 1.0)  # noqa: S311 no secret

    def _given_up(self) -> Result:
        perhaps = sorted(self._unanswered + self._perhaps)
        return Result(False, self._sent[perhaps[0]] if perhaps else None, bool(perhaps), self._error)


def status_and_code(error: BaseException) -> tuple[int, str]:
    """The HTTP status and the code of a service's answer; 0 and nothing for what is no answer."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return 0, ""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return (status if isinstance(status, int) else 0), str(response.get("Error", {}).get("Code", ""))


def is_answer(error: BaseException) -> bool:
    """Whether a service has refused the call: then it has certainly not taken it."""
    status, code = status_and_code(error)
    return bool(code) and status < 500


def is_final(error: BaseException) -> bool:
    """Whether no later try can help."""
    # Not imported at the top: botocore is loaded with the first client.
    from botocore import exceptions

    status, code = status_and_code(error)
    if code:
        throttled = any(name in code.lower().replace(" ", "") for name in _THROTTLES)
        return 400 <= status < 500 and status not in _HTTP_TIMEOUT_OR_THROTTLE and not throttled
    settings = (
        exceptions.ParamValidationError,
        exceptions.NoRegionError,
        exceptions.PartialCredentialsError,
        exceptions.ProfileNotFound,
        exceptions.UnknownServiceError,
        exceptions.InvalidRegionError,
        ImportError,
    )
    return isinstance(error, settings)
