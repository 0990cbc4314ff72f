"""Waiting that is safe in a signal handler, and threads that can be started in one."""

from __future__ import annotations

import _thread
from collections import deque
from typing import Callable


class Latch:
    """Opened once; whoever waits goes on then.

    Not a ``threading.Event``: a signal handler that interrupted a thread in the middle of ``Event.wait`` and
    waits for the
    same event would wait for ever for the lock that its own thread holds.
    """

    __slots__ = ("_open", "_waiters")

    def __init__(self) -> None:
        self._open = False
        self._waiters: deque[_thread.LockType] = deque()

    def open(self) -> None:
        """Lets everybody go on."""
        self._open = True
        while True:
            try:
                self._waiters.popleft().release()
            except IndexError:
                return

    def wait(self, seconds: float) -> bool:
        """Waits until the latch is open, so long at most; tells whether it is."""
        waiter = _thread.allocate_lock()
        waiter.acquire()
        self._waiters.append(waiter)
        if not self._open:
            waiter.acquire(True, min(max(seconds, 0.0), _thread.TIMEOUT_MAX))
        return self._open


def start_thread(work: Callable[[], None]) -> bool:
    """Starts a thread that keeps no process alive; ``False`` when no thread can be had.

    Not a ``threading.Thread``: starting one takes a lock that the thread which a signal interrupted may hold.
    """
    try:
        _thread.start_new_thread(work, ())
    except (RuntimeError, MemoryError):
        return False
    return True
