"""How long a failure takes from its publisher to the answer of the orchestrator's API, in AWS: a model."""

from __future__ import annotations

from dataclasses import dataclass

from .costs import billed_ms, cpu_ms
from .figures import Figures


@dataclass(frozen=True)
class Step:
    """One part of the way, in milliseconds."""

    what: str
    median: float
    p99: float
    known: str


def way(f: Figures) -> list[Step]:
    """Of an event that comes alone and finds an environment waiting."""
    assumed, computing = f.assumed, billed_ms(f, f.stack.memory_mb, 1, cpu_ms(f, 1), 0)
    window = 1000 * f.stack.window_seconds
    return [
        Step("publisher to function, through the queue", assumed["queue_ms"], assumed["queue_p99_ms"], "measured by others"),
        Step("batching window", window, window, "template"),
        Step("the function's own work", f.benchmark.warm_ms_small, computing, "benchmark, with the CPU of 128 MB"),
        Step("the API", assumed["api_ms"], assumed["api_p99_ms"], "assumed"),
    ]


def start(f: Figures) -> list[Step]:
    """What comes on top where no environment waits."""
    assumed, cold = f.assumed, f.benchmark.cold_ms_small
    return [
        Step("Lambda makes an environment", assumed["environment_ms"], assumed["environment_p99_ms"], "assumed"),
        Step("the function starts, and connects", cold, cold, "benchmark, with the CPU of 128 MB"),
    ]


def total(steps: list[Step]) -> tuple[float, float]:
    """The sum of the 99 % is more than the 99 % of the sum: not all parts are slow at once."""
    return sum(step.median for step in steps), sum(step.p99 for step in steps)


def retries(f: Figures) -> list[tuple[int, float, float]]:
    """After each receive that failed: when the next comes, at the earliest and at the latest, in seconds; the last one is parked."""
    found = []
    for receives in range(1, f.stack.park_after):
        longest = min(f.stack.back_off_base * 2 ** (receives - 1), f.stack.back_off_cap)
        found.append((receives, 1, longest))
    longest = min(f.stack.back_off_cap, 900)
    found.append((f.stack.park_after, longest / 2, longest))
    return found
