"""Tells AWS orchestrators that a worker failed: publishes failure events to a failure relay.

::

    import failure_relay

    with failure_relay.task():
        render()

Whose task it is, is found in the environment or the event that started the worker; the queue is
``RELAY_QUEUE_URL``. Nothing here raises of its own while a work runs, and nothing takes the place of the work's
own exception. Log lines go to the logger ``failure_relay``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Callable, TypeVar, overload

from ._handler import Handler
from ._log import tell
from ._outlet import Options
from ._run import ConfigurationError, Settings, report_error
from ._task import Task

__all__ = ["ConfigurationError", "Handler", "Task", "handler", "report", "task"]
__version__ = "0.1.0"

F = TypeVar("F", bound=Callable[..., Any])


def report(
    error: BaseException,
    *,
    target: Any = None,
    type: str | None = None,
    message: str | None = None,
    details: Any = None,
    queue_url: str | None = None,
    event_bus: str | None = None,
    source: str | None = None,
    client: Any = None,
    timeout: float | None = None,
) -> bool:
    """Publishes the failure of a work, within 5 seconds (``timeout``) with its retries.

    ``True`` when it was confirmed. Never raises: one log line at ERROR tells why not. Inside a ``task`` or
    ``handler`` it reports for that work, and the work is not reported a second time. In a coroutine call it
    as ``await asyncio.to_thread(failure_relay.report, error)``, so that it does not block the loop.

    ``type``, ``message`` and ``details`` take the place of the error's class name, its text, and its trace
    and causes.
    """
    try:
        if not isinstance(error, BaseException):
            error = Exception(error)
        options = Options(queue_url, event_bus, source, client, timeout)
        return report_error(error, target, options, {"type": type, "message": message, "details": details})
    except ConfigurationError as trouble:
        tell(logging.ERROR, "the failure was not reported: %s", trouble)
    except Exception as trouble:
        tell(logging.ERROR, "the failure was not reported: %s", trouble.__class__.__name__)
    return False


@overload
def task(target: F) -> F: ...


@overload
def task(
    target: Any = None,
    *,
    success: bool = False,
    lease: float | None = None,
    claim: str | Sequence[str] | None = None,
    strict: bool = False,
    on_lease_lost: Callable[[], Any] | None = None,
    queue_url: str | None = None,
    event_bus: str | None = None,
    source: str | None = None,
    client: Any = None,
    timeout: float | None = None,
) -> Task: ...


def task(
    target: Any = None,
    *,
    success: bool = False,
    lease: float | None = None,
    claim: str | Sequence[str] | None = None,
    strict: bool = False,
    on_lease_lost: Callable[[], Any] | None = None,
    queue_url: str | None = None,
    event_bus: str | None = None,
    source: str | None = None,
    client: Any = None,
    timeout: float | None = None,
) -> Any:
    """Runs a work, reports what it raises, and raises it unchanged: a context manager and a decorator, for
    coroutines too.

    - ``target``: what fails with the work; else it is looked for in the environment
    - ``success``: tells the work's result to the service itself when it returns
    - ``lease``: seconds from 60 to 86,400; without a renewal for so long the relay fails the task
    - ``claim``: resources (ARNs or ids) whose death means that the task has failed
    - ``strict``: a work that names no target, or nowhere to publish to, is not begun
    - ``on_lease_lost``: called, in a thread, when the lease is lost

    Raises :class:`ConfigurationError` before the work begins when what is asked for cannot be done.
    """
    work = target if callable(target) else None
    options = Options(queue_url, event_bus, source, client, timeout)
    settings = Settings(None if work else target, success, lease, claim, strict, on_lease_lost, options)
    return Task(settings)(work) if work else Task(settings)


@overload
def handler(function: F) -> F: ...


@overload
def handler(
    *,
    target: Any = None,
    deadline: float | None = None,
    success: bool = False,
    lease: float | None = None,
    claim: str | Sequence[str] | None = None,
    strict: bool = False,
    on_lease_lost: Callable[[], Any] | None = None,
    queue_url: str | None = None,
    event_bus: str | None = None,
    source: str | None = None,
    client: Any = None,
    timeout: float | None = None,
) -> Handler: ...


def handler(
    function: Any = None,
    *,
    target: Any = None,
    deadline: float | None = None,
    success: bool = False,
    lease: float | None = None,
    claim: str | Sequence[str] | None = None,
    strict: bool = False,
    on_lease_lost: Callable[[], Any] | None = None,
    queue_url: str | None = None,
    event_bus: str | None = None,
    source: str | None = None,
    client: Any = None,
    timeout: float | None = None,
) -> Any:
    """Decorates a Lambda handler: as ``task``, with the target from the event that the function is called
    with.

    ``deadline`` seconds before its time is up (2, but at most half of the time that there was at the start;
    0: off) a function that has not ended is reported as ``Worker.DeadlineExceeded``.
    """
    options = Options(queue_url, event_bus, source, client, timeout)
    settings = Settings(target, success, lease, claim, strict, on_lease_lost, options)
    decorator = Handler(settings, deadline)
    return decorator(function) if callable(function) else decorator
