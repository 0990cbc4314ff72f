"""What bounds the events a second, and what becomes of more than that."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from .costs import batch_ms, renewals_ms
from .figures import Figures

PARKED_SECONDS_MAX = 900
"""SQS delays no message for longer: contract 11."""
SIMULATED_SECONDS_MAX = 86_400
NEARLY_ALL = 0.999999
"""A fluid never runs quite dry."""


@dataclass(frozen=True)
class Quota:
    """A token bucket."""

    kind: str
    where: str
    burst: int
    per_second: int


def quotas(f: Figures) -> Iterator[Quota]:
    """Those that are published."""
    for kind, places in f.quotas["targets"].items():
        for place in places:
            if place["per_second"]:
                yield Quota(kind, place["where"], place["burst"], place["per_second"])


def unpublished(f: Figures) -> list[str]:
    return [kind for kind, places in f.quotas["targets"].items() if not any(place["per_second"] for place in places)]


def per_environment(f: Figures) -> float:
    """Events a second that one environment calls an API for, in full batches."""
    return f.stack.batch / (batch_ms(f, f.stack.memory_mb, f.stack.batch) / 1000)


def of_the_function(f: Figures) -> float:
    return f.stack.concurrency * per_environment(f)


def of_the_parking_queue(f: Figures) -> float:
    return f.stack.parking_concurrency * per_environment(f)


def renewals(f: Figures) -> float:
    """Renewals of leases a second that the function writes down."""
    ms = renewals_ms(f, f.stack.memory_mb, f.stack.batch)
    return f.stack.concurrency * f.stack.batch / (ms / 1000)


def renewals_of_a_new_table(f: Figures) -> float:
    """What an on-demand table takes a second before it has grown."""
    return f.quotas["new_table_writes_per_second"]["value"] / f.assumed["lease_write_units"]


def renewals_of_the_index(f: Figures) -> float:
    """A second, with each shard a partition of its own."""
    return f.assumed["watch_queries"] * f.quotas["partition_writes_per_second"]["value"] / f.assumed["index_write_units"]


def environments_for(f: Figures, per_second: float) -> int:
    return math.ceil(per_second / per_environment(f))


@dataclass(frozen=True)
class Flood:
    """What became of more events than a quota allows."""

    events: float
    half_told_s: int
    nearly_told_s: int
    """99 %"""
    told_s: int
    in_flight_max: float
    parked_max: float
    calls_per_event: float


class Backlog:
    """The queue and the parking queue, as fluids that flow from second to second."""

    def __init__(self, f: Figures) -> None:
        self.stack = f.stack
        self.fresh, self.parked = of_the_function(f), of_the_parking_queue(f)
        self.ready: dict[int, float] = defaultdict(float)
        """By how often they were received. The parking queue's is 0: it counts for itself."""
        self.hidden: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        """By the second in which they are ready again."""

    def arrive(self, second: int, events: float) -> None:
        self.ready[1] += events
        for receives, back in self.hidden.pop(second, {}).items():
            self.ready[receives] += back

    def take(self) -> dict[int, float]:
        """What the environments receive in a second, of each age its share."""
        taken = {}
        for ages, rate in ([0], self.parked), ([age for age in self.ready if age], self.fresh):
            waiting = sum(self.ready[age] for age in ages)
            share = min(1.0, rate / waiting) if waiting else 0.0
            taken |= {age: self.ready[age] * share for age in ages}
        for age, events in taken.items():
            self.ready[age] -= events
        return taken

    def put_back(self, second: int, receives: int, events: float) -> None:
        """Throttled: hidden for a random time that grows, and parked after so many receives."""
        if receives == 0 or receives >= self.stack.park_after:
            longest = min(self.stack.back_off_cap, PARKED_SECONDS_MAX)
            seconds, next_age = range(longest // 2, longest + 1), 0
        else:
            longest = min(self.stack.back_off_base * 2 ** (receives - 1), self.stack.back_off_cap)
            seconds, next_age = range(1, longest + 1), receives + 1
        for delay in seconds:
            self.hidden[second + delay][next_age] += events / len(seconds)

    def in_flight(self) -> float:
        """Hidden by their visibility, and not delayed."""
        return sum(events for ages in self.hidden.values() for age, events in ages.items() if age)

    def in_parking(self) -> float:
        return self.ready[0] + sum(ages.get(0, 0.0) for ages in self.hidden.values())


def flood(f: Figures, quota: Quota, per_second: float, seconds: int) -> Flood:
    """So many events a second for a while, all for one API, whose bucket is full when they begin."""
    backlog, tokens = Backlog(f), float(quota.burst)
    events, told, calls = per_second * seconds, 0.0, 0.0
    in_flight_max = parked_max = 0.0
    reached: dict[float, int] = {}
    for second in range(SIMULATED_SECONDS_MAX):
        backlog.arrive(second, per_second if second < seconds else 0.0)
        taken = backlog.take()
        attempts = sum(taken.values())
        accepted = min(1.0, tokens / attempts) if attempts else 0.0
        for age, of_this_age in taken.items():
            backlog.put_back(second, age, of_this_age * (1 - accepted))
        told, calls = told + attempts * accepted, calls + attempts
        tokens = min(float(quota.burst), tokens - attempts * accepted + quota.per_second)
        in_flight_max, parked_max = max(in_flight_max, backlog.in_flight()), max(parked_max, backlog.in_parking())
        reached |= {p: second + 1 for p in (0.5, 0.99, NEARLY_ALL) if p not in reached and told >= p * events}
        if NEARLY_ALL in reached:
            return Flood(events, reached[0.5], reached[0.99], reached[NEARLY_ALL], in_flight_max, parked_max, calls / events)
    raise ValueError(f"{events:,.0f} events were not told within {SIMULATED_SECONDS_MAX} s")


def outage(f: Figures, per_second: float, down_seconds: int) -> Flood:
    """A target that does not answer for a while: its circuit is open, and each failure is parked as it comes.

    The times count from when the target is back, for the failures that were published before.
    """
    backlog, told, parkings, parked_max = Backlog(f), 0.0, 0.0, 0.0
    events = per_second * down_seconds
    reached: dict[float, int] = {}
    for second in range(down_seconds + SIMULATED_SECONDS_MAX):
        is_down = second < down_seconds
        backlog.arrive(second, per_second if is_down else 0.0)
        for of_this_age in backlog.take().values():
            if is_down:
                backlog.put_back(second, f.stack.park_after, of_this_age)
                parkings += of_this_age
            else:
                told += of_this_age
        parked_max = max(parked_max, per_second * min(second + 1, down_seconds) - told)
        reached |= {p: second + 1 - down_seconds for p in (0.5, 0.99, NEARLY_ALL) if p not in reached and told >= p * events}
        if NEARLY_ALL in reached:
            return Flood(events, reached[0.5], reached[0.99], reached[NEARLY_ALL], 0.0, parked_max, parkings / events)
    raise ValueError(f"{events:,.0f} events were not told within {SIMULATED_SECONDS_MAX} s")
