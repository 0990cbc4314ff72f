"""A Lambda function that is about to time out: reported shortly before, because afterwards nobody can."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress
from typing import Any

from ._lease import why
from ._log import tell
from ._run import Run

#: How long before the end of its time a function is reported, in seconds.
DEADLINE = 2.0

DEADLINE_EXCEEDED = "Worker.DeadlineExceeded"

# The client is made half a deadline earlier: with little memory that takes longer than what is left at the
# deadline.
_PREPARED_EARLIER = 0.5

# So much of what is left at the deadline may be used for the report.
_SHARE = 0.9


def seconds_left(context: Any) -> float | None:
    """How much time a Lambda function has; ``None`` where its context does not tell."""
    try:
        return float(context.get_remaining_time_in_millis()) / 1000
    except Exception:
        return None


def reported_before_end(left: float, deadline: float) -> float:
    """How long before its end a function is reported that has so much time left when it is called; 0: never."""
    return max(min(deadline, left / 2), 0.0)


class DeadlineWatch:
    """A thread that reports the run unless it ends in time."""

    def __init__(self, run: Run, left: float, deadline: float) -> None:
        self._run = run
        self._before_end = reported_before_end(left, deadline)
        self._wait = left - self._before_end
        self._ended = threading.Event()
        self._work_thread = threading.get_ident()
        if self._before_end > 0:
            thread = threading.Thread(target=self._watch, name="failure-relay-deadline", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                tell(logging.WARNING, "the deadline is not watched: no thread can be started")

    def end(self) -> None:
        """The work has ended."""
        self._ended.set()

    def _watch(self) -> None:
        prepare_at = max(self._wait - self._before_end * _PREPARED_EARLIER, 0.0)
        if self._ended.wait(prepare_at):
            return
        with suppress(Exception):
            # What is wrong with it the report will tell.
            self._run.outlet.prepare()
        if not self._ended.wait(self._wait - prepare_at):
            self._report()

    def _report(self) -> None:
        message = f"The function did not end in time: it has {self._before_end:.3g} s left."
        frame = sys._current_frames().get(self._work_thread)
        try:
            result = self._run.interrupted(DEADLINE_EXCEEDED, message, frame, self._before_end * _SHARE)
            if not result.confirmed:
                tell(logging.ERROR, "the failure was not reported: %s", why(result))
        except Exception as error:
            tell(logging.ERROR, "the failure was not reported: %s", type(error).__name__)
