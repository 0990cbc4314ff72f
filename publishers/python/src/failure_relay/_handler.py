"""``handler``: a Lambda function, run so that whoever waits for it learns of its failure and of its time-out."""

from __future__ import annotations

from typing import Any, Callable, TypeVar, cast

from ._deadline import DEADLINE, DeadlineWatch, seconds_left
from ._run import Call, Run, Settings
from ._task import Task, decorated

F = TypeVar("F", bound=Callable[..., Any])


class Handler(Task):
    """A decorator of Lambda handlers: a task whose target is in the event that the function is called with."""

    def __init__(self, settings: Settings, deadline: float | None) -> None:
        super().__init__(settings)
        self._deadline = DEADLINE if deadline is None else float(deadline)

    def __repr__(self) -> str:
        return "<failure_relay.handler>"

    def __call__(self, work: F) -> F:
        """The handler, each call of which is a run of its own."""
        return cast(F, decorated(work, _call_of, self._begin, self._end, self._watch_of))

    def _watch_of(self, args: Any, kwargs: Any) -> Callable[[Run], Any] | None:
        left = seconds_left(_event_and_context(args, kwargs)[1])
        if left is None or self._deadline <= 0:
            return None
        seconds = left
        return lambda run: DeadlineWatch(run, seconds, self._deadline)


def _event_and_context(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """The last two arguments: a method has its object before them. A test may call it with the event alone,
    or by names.
    """
    if len(args) > 1:
        return args[-2], args[-1]
    event = kwargs["event"] if "event" in kwargs else args[-1] if args else None
    return event, kwargs.get("context")


def _call_of(args: Any, kwargs: Any) -> Call:
    event, context = _event_and_context(args, kwargs)
    request_id = getattr(context, "aws_request_id", None)
    return Call(event, request_id if isinstance(request_id, str) and request_id else None)
