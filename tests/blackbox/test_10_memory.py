"""Memory of the function's own process: for the largest invocation, and over many."""

from __future__ import annotations

import json

from pathlib import Path

import pytest

from harness import events as e
from harness import hostile as h
from harness.events import event, sqs_record
from harness.function import Function

LARGEST_INVOCATION_KIB_MAX = 64 * 1024
"""Beside the idle process; the function has 128 MB."""
GROWTH_KIB_MAX = 4 * 1024


def batch(records: int, text: str) -> dict:
    """A third for each of two targets, and a third that cannot be routed."""
    targets = [e.sfn, e.swf, lambda: {"kind": "nothing"}]
    bodies = [json.dumps(event(targets[number % 3](), {"message": text})) for number in range(records)]
    return {"Records": [sqs_record(body, message_id=f"m{number}") for number, body in enumerate(bodies)]}


def test_the_largest_invocation_fits_into_half_of_the_memory(relay_with) -> None:
    relay: Function = relay_with(RELAY_CONCURRENCY="10", AWS_LAMBDA_LOG_LEVEL="WARN")
    relay.invoke(batch(30, "warm"), check_secrets=False)
    idle_kib = relay.memory_kib("VmRSS")
    payload = batch(10_000, "x" * 5)
    assert 5_000_000 < len(json.dumps(payload)) <= 6 * 1024 * 1024
    result = relay.invoke(payload, time_left_s=240, check_secrets=False)
    assert result.failures == []
    added_kib = relay.memory_kib("VmHWM") - idle_kib
    print(f"the largest invocation added {added_kib} KiB to {idle_kib} KiB")
    assert added_kib <= LARGEST_INVOCATION_KIB_MAX


def test_many_records_leave_the_memory_flat(relay_with) -> None:
    relay: Function = relay_with(RELAY_CONCURRENCY="20", AWS_LAMBDA_LOG_LEVEL="WARN")
    early_kib = 0
    for number in range(500):
        assert relay.invoke(batch(100, "why"), check_secrets=False).failures == []
        if number == 50:
            early_kib = relay.memory_kib("VmRSS")
    late_kib = relay.memory_kib("VmRSS")
    print(f"{early_kib} KiB after 5,000 records, {late_kib} KiB after 50,000")
    assert late_kib <= early_kib + GROWTH_KIB_MAX


RECORD_TIMES_MAX = 4
"""Times the size of a record, as it is in its invocation."""
FLOOR_KIB = 1024
"""Beside it: buffers of connections and of the allocator."""
LARGEST_DIRECT_BYTES = 5_900_000


def added_kib(payload: bytes, settings: dict) -> int:
    """What one invocation takes beside the idle process, in a process of its own that has done a little of everything."""
    relay = Function(settings).wait_until_ready()
    try:
        relay.invoke(batch(30, "warm"), check_secrets=False)
        Path(f"/proc/{relay.process.pid}/clear_refs").write_text("5")
        idle_kib = relay.memory_kib("VmRSS")
        relay.invoke(payload, check_secrets=False, may_be_refused=True, time_left_s=120)
        return relay.memory_kib("VmHWM") - idle_kib
    finally:
        relay.close()


@pytest.mark.parametrize("name", h.HOSTILE)
def test_a_hostile_record_takes_at_most_four_times_its_size(name: str) -> None:
    settings = {"AWS_LAMBDA_LOG_LEVEL": "WARN", "RELAY_ABANDONED_WORK_QUEUES": h.ABANDONED_QUEUE}
    body = h.HOSTILE[name](1_000_000)
    for queue in (e.SOURCE_QUEUE, h.ABANDONED_QUEUE):
        payload = json.dumps({"Records": [sqs_record(body, queue=queue)]}).encode()
        added = added_kib(payload, settings)
        print(f"{name}: {added} KiB for {len(payload)} bytes")
        assert added <= FLOOR_KIB + RECORD_TIMES_MAX * len(payload) / 1024


@pytest.mark.parametrize("name", ["a token that is too long", "a long id", "a long message", "garbage"])
def test_the_largest_direct_invocation_takes_at_most_four_times_its_size(name: str) -> None:
    payload = h.HOSTILE[name](LARGEST_DIRECT_BYTES).encode()
    added = added_kib(payload, {"AWS_LAMBDA_LOG_LEVEL": "WARN"})
    assert added <= FLOOR_KIB + RECORD_TIMES_MAX * len(payload) / 1024
