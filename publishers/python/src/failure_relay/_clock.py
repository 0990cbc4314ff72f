"""Time that passes for the relay too: it goes on while the machine sleeps, and is never set back."""

from __future__ import annotations

import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def now() -> float:
    """Seconds since some moment. ``time.monotonic`` stands still on Linux while the machine is suspended."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)
