"""Memory of the function's own process: for the largest invocation, and over many."""

from __future__ import annotations

import json

from harness import events as e
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
