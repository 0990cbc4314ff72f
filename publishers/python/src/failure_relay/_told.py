"""What an orchestrator was told of one target in one work: one failure, whoever reports it and however often."""

from __future__ import annotations

from typing import Any, Callable

from ._attempts import Result
from ._clock import now
from ._latch import Latch, start_thread
from ._outlet import _random_id

#: What publishes one event, within the seconds that it is given.
Publish = Callable[[float], Result]

_NOT_TRIED = Result(False, None, False, None)


class _Flight:
    """One publishing under way, in a thread of its own."""

    __slots__ = ("landed", "result")

    def __init__(self) -> None:
        self.landed = Latch()
        self.result = _NOT_TRIED


class Told:
    """Whether the failure was reported. A report that was not confirmed does not count.

    It has no lock, because a signal handler may ask in the middle of any step of the thread that it
    interrupted; what must
    be atomic is one operation of a ``dict``.
    """

    __slots__ = ("_event_id", "_flights", "confirmed", "pending", "succeeded", "target")

    def __init__(self, target: Any, event_id: str | None) -> None:
        self.target = target
        self.confirmed = False
        self.succeeded = False
        #: What would publish the failure that the worker itself reported and that was not confirmed yet.
        self.pending: Publish | None = None
        self._event_id = event_id
        self._flights: dict[str, _Flight] = {}

    @property
    def event_id(self) -> str:
        """The id of the work's report; a later report of the same work has the same one."""
        if self._event_id is None:
            self._event_id = _random_id()
        return self._event_id

    def once(self, publish: Publish, seconds: float) -> Result:
        """Publishes, unless it was confirmed before.

        Of several callers at a time one publishes; when that was in vain the next one does.
        """
        end = now() + seconds
        while not self.confirmed:
            own = _Flight()
            flight = self._flights.setdefault("under way", own)
            if flight is own:
                self._start(own, publish, max(end - now(), 0.0))
            flight.landed.wait(end - now())
            if flight is own or now() >= end:
                return flight.result
        return Result(True, None, False, None)

    def _start(self, flight: _Flight, publish: Publish, seconds: float) -> None:
        def fly() -> None:
            try:
                flight.result = publish(seconds)
            except Exception as error:
                flight.result = Result(False, None, False, error)
            finally:
                self.confirmed = self.confirmed or flight.result.confirmed
                self._flights.pop("under way", None)
                flight.landed.open()

        if not start_thread(fly):
            fly()
