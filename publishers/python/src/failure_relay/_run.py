"""One run of a work: whose task it is, and what is told of it. What :func:`report`, ``task`` and ``handler``
have in common.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextvars import ContextVar, Token
from types import FrameType
from typing import Any, Callable, NamedTuple

from . import _lease as leases
from ._attempts import Result
from ._event import TargetTooLarge, command_event, failure_event, rfc3339
from ._failure import of_error, of_interruption
from ._identity import find
from ._jsontext import dump
from ._log import tell
from ._outlet import Options, Outlet, _random_id
from ._secrets import Redactor
from ._success import ResultNotAccepted, takes_success, tell_success
from ._told import Publish, Told

#: Success may take so many times as long as a report: work that was done well is failed when it cannot be
#: told.
_SUCCESS_PATIENCE = 3

#: The mark that an error carries out of a work, so that a later report of it is known as the same: a plain
#: text, that
#: does not keep an error from being pickled or shown.
_MARK = "__failure_relay_work__"

_ENDED_MAX = 64

_REPORTED = Result(True, None, False, None)

#: The run around the code that asks. Threads do not inherit it, so there is `_active` beside it.
_current: ContextVar[Run | None] = ContextVar("failure_relay_run", default=None)

#: All runs of this process that have not ended, in the order in which they began.
_active: dict[int, Run] = {}

#: The last works that ended with an error, by their mark.
_ended: OrderedDict[str, Run] = OrderedDict()


class ConfigurationError(ValueError):
    """The work was not begun: what was asked for cannot be done."""


class Settings(NamedTuple):
    """The arguments of ``task`` and ``handler``."""

    target: Any = None
    success: bool = False
    lease: float | None = None
    claim: str | Sequence[str] | None = None
    strict: bool = False
    on_lease_lost: Callable[[], Any] | None = None
    options: Options = Options()
    outlet: Outlet | None = None

    def __repr__(self) -> str:
        """Nothing of the target, which holds a token."""
        return "<failure_relay settings>"


class Call(NamedTuple):
    """How a Lambda function was called."""

    payload: Any
    request_id: str | None

    def __repr__(self) -> str:
        """Nothing of the payload, which may hold a token."""
        return "<failure_relay call>"


class Run:
    """One run of a work, from before it begins until its end was told. Its ``repr`` shows nothing of its
    target.
    """

    def __init__(self, settings: Settings, call: Call | None = None) -> None:
        """Finds whose task it is. Raises :class:`ConfigurationError` for what cannot be done."""
        self.settings = settings
        self.pid = os.getpid()
        self.result: Any = None
        self.lease_lost = threading.Event()
        self.parent: Run | None = _current.get()
        #: A process that was forked from a work reports nothing.
        self.muted: bool = self.parent is not None and (self.parent.pid != self.pid or self.parent.muted)
        self._call = call
        self._others: dict[str, Told] = {}
        self._lease: leases.Lease | None = None
        self._claims: list[str] = []
        self._token: Token[Run | None] | None = None
        environment = dict(os.environ)
        self._environment = environment
        self.outlet = self._find_outlet(environment)
        self.request_id: str | None = (
            call.request_id if call else self.parent.request_id if self.parent else None
        )
        target = None if self.muted else self._find_target(environment)
        self.told = self._same_told(target) or Told(target, self.request_id)
        self._check()

    def __repr__(self) -> str:
        return f"<failure_relay run at {id(self):#x}>"

    # Whose task it is.

    def _find_outlet(self, environment: dict[str, str]) -> Outlet:
        own, parent, last = self.settings.options, self.parent, self.settings.outlet
        if parent is not None and not own.given():
            return parent.outlet
        outlet = Outlet(own.over(parent.outlet.options) if parent else own, environment)
        return last if last is not None and last.serves(outlet) else outlet

    def _find_target(self, environment: dict[str, str]) -> Any:
        if self.settings.target is not None:
            return self.settings.target
        if self._call is None and self.parent is not None:
            return self.parent.told.target
        found = find(environment, self._call.payload if self._call else None)
        if found is None and self._call is None:
            leaf = _lone_leaf()
            return leaf.told.target if leaf else None
        return found

    def _same_told(self, target: Any) -> Told | None:
        """What the works around this one, in whatever thread, have told of the same target."""
        if target is None:
            return None
        key = _key(target)
        return next((run.told for run in _runs() if _key(run.told.target) == key), None)

    def _check(self) -> None:
        settings, target = self.settings, self.told.target
        ttl: int | None = None
        try:
            if settings.lease is not None:
                ttl = leases.ttl_of(settings.lease)
            self._claims = leases.resources_of(settings.claim)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        if self.muted:
            self._claims = []
            return
        if target is None:
            if settings.strict:
                raise ConfigurationError(
                    "no task or job is named by an argument, the event or the environment"
                )
            tell(logging.WARNING, "no task or job is named by an argument, the event or the environment: "
                 "a failure of this work is published nowhere")  # fmt: skip
            self._claims = []
            return
        if settings.success and not takes_success(target):
            raise ConfigurationError("success: the kind of the target takes no success")
        if not self.outlet.is_set() and settings.strict:
            raise ConfigurationError(
                "nowhere to publish to: give queue_url or event_bus, or set RELAY_QUEUE_URL"
            )
        if ttl is not None:
            holder = self._lease_of_the_works_around()
            if holder is not None:
                self.lease_lost = holder.lease_lost
            else:
                self._lease = leases.Lease(ttl, self.publish_command, self.lease_lost)

    def _lease_of_the_works_around(self) -> Run | None:
        """One target has one lease: a nested work's release would end that of the work around it."""
        return next((run for run in _runs() if run.told is self.told and run._lease is not None), None)

    # Its course.

    def enter(self) -> None:
        """From here on it is the run around what is called."""
        self._token = _current.set(self)
        if not self.muted:
            _active[id(self)] = self

    def has_to_take(self) -> bool:
        """Whether something is published before the work begins."""
        return self._lease is not None or bool(self._claims)

    def take(self) -> None:
        """Takes the lease and claims resources."""
        try:
            if self._lease is not None:
                self._lease.take(self.settings.on_lease_lost)
            if self._claims:
                leases.claim(self._claims, self.publish_command)
        except Exception as error:
            tell(logging.ERROR, "lease and claims failed: %s", type(error).__name__)

    def has_to_settle(self, error: BaseException | None) -> bool:
        """Whether something is published at the end."""
        told = self.told
        failed = error is not None and not ended_well(error)
        tells = told.target is not None and (failed or self.settings.success or told.pending is not None)
        return not self.muted and (tells or self.has_to_take())

    def settle(self, error: BaseException | None) -> None:
        """Tells how the work ended, and releases what was taken. Never raises of its own.

        Where a failure could not be reported the lease is not released: it is what reports it.
        """
        if self.muted or os.getpid() != self.pid:
            return
        try:
            failed = error is not None and not ended_well(error)
            told = self._tell_failure(error) if failed and error is not None else self._tell_well()
            self.give_back(told)
        except Exception as trouble:
            tell(logging.ERROR, "the end of the work could not be told: %s", type(trouble).__name__)

    def give_back(self, told: bool) -> None:
        """Releases the claims; and the lease, unless a failure was not told, which it then tells."""
        if self._lease is not None and told:
            self._lease.release()
        elif self._lease is not None:
            self._lease.stop()
        leases.release_claims(self._claims, self.publish_command)

    def leave(self, error: BaseException | None = None) -> None:
        """The run is over."""
        _active.pop(id(self), None)
        if self._token is not None:
            try:
                _current.reset(self._token)
            except ValueError:
                # Left in another context than entered, as asynchronous generators may.
                _current.set(self.parent)
            self._token = None
        if error is not None and not self.muted and self.told.target is not None:
            _mark(error, self)

    # What is told.

    def _tell_failure(self, error: BaseException) -> bool:
        if self.told.target is None:
            return True
        result = self.report_once(
            self.told, lambda redactor: of_error(error, redactor, request_id=self.request_id)
        )
        return result.confirmed

    def _tell_well(self) -> bool:
        """After a work that returned. One that had reported a failure has failed; what was not confirmed is
        reported now.
        """
        if self.told.confirmed:
            return True
        if self.told.pending is not None:
            result = self.told.once(self.told.pending, self.outlet.timeout)
            _log_unless_confirmed(result)
            return result.confirmed
        if self.settings.success and self.told.target is not None and not self._is_told_by_a_work_around():
            return self._tell_success()
        return True

    def _is_told_by_a_work_around(self) -> bool:
        around = self.parent
        while around is not None:
            if around.told is self.told and around.settings.success:
                return True
            around = around.parent
        return self.told.succeeded

    def _tell_success(self) -> bool:
        try:
            result = tell_success(self.told.target, self.result, self.outlet.timeout * _SUCCESS_PATIENCE)
        except ResultNotAccepted as error:
            return self._report_of("Worker.ResultNotAccepted", str(error))
        self.told.succeeded = result.confirmed
        if result.confirmed:
            return True
        message = f"The work succeeded, and its success could not be told: {leases.why(result)}."
        return self._report_of("Worker.SuccessNotTold", message)

    def _report_of(self, type: str, message: str) -> bool:
        def failure(redactor: Redactor) -> dict[str, Any]:
            return of_interruption(type, message, None, redactor, request_id=self.request_id)

        return self.report_once(self.told, failure).confirmed

    def interrupted(
        self, type: str, message: str, frame: FrameType | None, seconds: float | None = None
    ) -> Result:
        """Reports a work that has raised nothing. Logs nothing: a signal handler may be the caller."""

        def failure(redactor: Redactor) -> dict[str, Any]:
            return of_interruption(type, message, frame, redactor, request_id=self.request_id)

        return self.told.once(self._publish(self.told, failure), seconds or self.outlet.timeout)

    def report_once(
        self, told: Told, failure: Callable[[Redactor], dict[str, Any]], outlet: Outlet | None = None
    ) -> Result:
        """Reports a failure, unless the work has reported one; one line tells when it was not confirmed."""
        if told.confirmed:
            return _REPORTED
        try:
            result = told.once(self._publish(told, failure, outlet), (outlet or self.outlet).timeout)
        except Exception as error:
            result = Result(False, None, False, error)
        _log_unless_confirmed(result)
        return result

    def _publish(
        self, told: Told, failure: Callable[[Redactor], dict[str, Any]], outlet: Outlet | None = None
    ) -> Publish:
        place = outlet or self.outlet
        payload = self._payload()
        if not place.is_set():
            raise ConfigurationError(_NOWHERE)
        redactor = Redactor(self._environment, told.target, payload)
        source = redactor.text(place.source)
        body = failure_event(
            told.target, failure(redactor), id=told.event_id, source=source, time=rfc3339(time.time())
        )
        return lambda seconds: place.publish(body, seconds)

    def publish_later(
        self, told: Told, failure: Callable[[Redactor], dict[str, Any]], outlet: Outlet
    ) -> Publish | None:
        """What would publish a failure; ``None`` when it cannot be published at all."""
        try:
            return self._publish(told, failure, outlet)
        except Exception:
            return None

    def _payload(self) -> Any:
        run: Run | None = self
        while run is not None and run._call is None:
            run = run.parent
        return run._call.payload if run is not None and run._call is not None else None

    def publish_command(self, members: dict[str, Any], seconds: float | None) -> Result:
        """Publishes a lease or claim event."""
        if not self.outlet.is_set():
            return Result(False, None, False, ConfigurationError(_NOWHERE))
        told = self.told
        body = command_event(told.target, id=told.event_id, source=self.outlet.source, **members)
        return self.outlet.publish(body, seconds)

    def told_of(self, target: Any) -> Told:
        """What was told of a target by this work, which may have told of others than its own."""
        if target is None:
            return self.told
        return self._same_told(target) or self._others.setdefault(_key(target), Told(target, self.request_id))


_NOWHERE = "nowhere to publish to: give queue_url or event_bus, or set RELAY_QUEUE_URL or RELAY_EVENT_BUS"


def ended_well(error: BaseException) -> bool:
    """``sys.exit()`` and ``sys.exit(0)`` end a work well."""
    return isinstance(error, SystemExit) and (error.code is None or error.code == 0)


def report_error(error: BaseException, target: Any, options: Options, failure: dict[str, Any]) -> bool:
    """Publishes one event about an error, for the work around the caller if there is one."""
    run = _current.get()
    ended = _ended.get(getattr(error, _MARK, ""))
    if run is None and ended is not None and (target is None or _key(target) == _key(ended.told.target)):
        run = ended
    if run is None:
        run = _run_of_a_thread(target)
    elif run.muted or run.pid != os.getpid():
        tell(logging.ERROR, "the failure was not reported: this process was forked from the work")
        return False
    if run is None:
        run = Run(Settings(target=target, options=options, outlet=None, strict=True))
    outlet = Outlet(options.over(run.outlet.options), dict(os.environ)) if options.given() else run.outlet

    def about(redactor: Redactor) -> dict[str, Any]:
        return of_error(error, redactor, request_id=run.request_id, **failure)

    told = run.told_of(target)
    confirmed = run.report_once(told, about, outlet).confirmed
    if not confirmed:
        told.pending = told.pending or run.publish_later(told, about, outlet)
    return confirmed


def _run_of_a_thread(target: Any) -> Run | None:
    """The work for which a thread without one reports: that of its target, else the only one that there is."""
    wanted = find(dict(os.environ)) if target is None else target
    if wanted is not None:
        return next((run for run in _runs() if _key(run.told.target) == _key(wanted)), None)
    return _lone_leaf()


def _runs() -> Iterator[Run]:
    """The runs of this process, the innermost first."""
    pid = os.getpid()
    around = _current.get()
    while around is not None:
        if around.pid == pid:
            yield around
        around = around.parent
    for run in reversed(list(_active.values())):
        if run.pid == pid:
            yield run


def active_runs() -> list[Run]:
    """The runs of this process that have a target and have not ended."""
    return [run for run in list(_active.values()) if run.pid == os.getpid() and run.told.target is not None]


def current_run() -> Run | None:
    """The run around the caller."""
    return _current.get()


def _lone_leaf() -> Run | None:
    """The innermost run, if only one work runs in this process."""
    runs = active_runs()
    around = {id(run.parent) for run in runs}
    leaves = [run for run in runs if id(run) not in around]
    return leaves[0] if len(leaves) == 1 else None


def _key(target: Any) -> str:
    """Two targets are the same when their JSON is, in whatever order."""
    try:
        return dump(sorted(target.items())) if isinstance(target, dict) else dump(target)
    except (TypeError, ValueError, RecursionError):
        return f"not JSON {id(target)}"


def _mark(error: BaseException, run: Run) -> None:
    mark = _random_id()
    try:
        setattr(error, _MARK, mark)
    except Exception:
        return
    _ended[mark] = run
    while len(_ended) > _ENDED_MAX:
        _ended.popitem(last=False)


def _log_unless_confirmed(result: Result) -> None:
    if not result.confirmed:
        known = isinstance(result.error, (ConfigurationError, TargetTooLarge))
        reason = str(result.error) if known else leases.why(result)
        tell(logging.ERROR, "the failure was not reported: %s", reason)
