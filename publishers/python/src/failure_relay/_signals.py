"""SIGTERM while a work runs: reported as ``Worker.Interrupted`` before the process does what it would have
done.

The handler that was there before runs then; where there was none the process dies by the signal; an ignored
signal stays
ignored. Python runs signal handlers in the main thread alone and lets only that thread install one, so the
works of other
threads are reported when a work of the main thread runs too.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Callable

from ._clock import now
from ._latch import Latch, start_thread
from ._lease import why
from ._log import tell
from ._outlet import PREPARE_SECONDS_MAX
from ._run import Run, active_runs

INTERRUPTED = "Worker.Interrupted"
_MESSAGE = "The work was interrupted by SIGTERM."

#: What a shell says of a process that SIGTERM killed.
_EXIT_CODE = 128 + 15


class Watch:
    """Our handler, as long as at least one work of the main thread runs."""

    def __init__(self) -> None:
        self._works = 0
        self._before: Any = None
        self._installed = False

    def begin(self) -> bool:
        """A work begins; tells whether :meth:`end` is to be called."""
        if threading.current_thread() is not threading.main_thread():
            return False
        if self._works == 0:
            self._install()
        self._works += 1
        return True

    def end(self) -> None:
        """A work has ended. A handler that was installed over ours meanwhile stays."""
        self._works -= 1
        if self._works == 0 and self._installed:
            self._installed = False
            if signal.getsignal(signal.SIGTERM) == self._handle:
                signal.signal(signal.SIGTERM, self._before)

    def _install(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        # None: a handler that was not installed by Python, and could not be restored.
        if before is None or before is signal.SIG_IGN:
            return
        try:
            signal.signal(signal.SIGTERM, self._handle)
        except ValueError:
            # Not the main interpreter.
            return
        self._before, self._installed = before, True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        runs = active_runs()
        try:
            _report(runs, frame)
        except Exception as error:
            tell(logging.ERROR, "the failure was not reported: %s", type(error).__name__)
        if callable(self._before):
            self._before(number, frame)
        elif self._before is signal.SIG_DFL:
            _release(runs)
            _die()


def _report(runs: list[Run], frame: FrameType | None) -> None:
    """Reports each work, all at a time."""
    once = list({id(run.told): run for run in runs}.values())
    troubles: dict[int, str] = {}

    def report(run: Run) -> None:
        result = run.interrupted(INTERRUPTED, _MESSAGE, frame)
        if not result.confirmed:
            troubles[id(run)] = why(result)

    end = now() + max((run.outlet.timeout for run in once), default=0.0)
    for done in [_in_a_thread(functools.partial(report, run)) for run in once]:
        done.wait(end - now() + PREPARE_SECONDS_MAX)
    for run in once:
        if not run.told.confirmed:
            reason = troubles.get(id(run), "there was no answer in time")
            tell(logging.ERROR, "the failure was not reported: %s", reason)


def _release(runs: list[Run]) -> None:
    for run in runs:
        _in_a_thread(functools.partial(run.give_back, run.told.confirmed)).wait(run.outlet.timeout)


def _in_a_thread(work: Callable[[], None]) -> Latch:
    """A handler may have interrupted its own thread in the middle of anything; another thread is not in the
    middle.
    """
    done = Latch()

    def run() -> None:
        try:
            with suppress(Exception):
                # What it leaves unconfirmed is told by the caller.
                work()
        finally:
            done.open()

    if not start_thread(run):
        run()
    return done


def _die() -> None:
    """Ends the process by the signal, as it would have ended without us.

    The first process of a container is not killed by a signal that it sends to itself; it ends with the code
    that a shell gives to such a death.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.5)
    os._exit(_EXIT_CODE)


watch = Watch()
