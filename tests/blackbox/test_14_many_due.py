"""Section 12: ten thousand leases that come due at once are published by one run of the watch, within its minute and its memory."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from harness import events as e
from harness.events import identity, sqs_record
from harness.function import Function, relayctl

DUE = 10_000
TAKEN_AT_ONCE = 500
RUN_S = 60
MEMORY_KIB_MAX = 256 * 1024


@pytest.fixture(scope="module")
def dynamo_db_url() -> Iterator[str]:
    """The embedded endpoint instead of moto, which is too slow for so many."""
    command = [relayctl(), "serve", "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as endpoint:
        assert endpoint.stdout
        yield next(line.split("'")[1] for line in endpoint.stdout if line.startswith("export AWS_ENDPOINT_URL="))
        endpoint.terminate()


def takes(targets: list[dict], sent_ms: int) -> dict:
    """Leases of a minute that were taken an hour ago."""
    events = [{"lease": {"action": "take", "ttlSeconds": 60}, "target": target} for target in targets]
    return e.sqs(*(sqs_record(event, SentTimestamp=str(sent_ms)) for event in events))


def test_ten_thousand_leases_that_are_due_are_published_by_one_run(
    leasing: Function, watch: Callable[..., Function]
) -> None:
    targets = [e.sfn() for _ in range(DUE)]
    an_hour_ago_ms = int(time.time() * 1000) - 3_600_000
    for start in range(0, DUE, TAKEN_AT_ONCE):
        payload = takes(targets[start : start + TAKEN_AT_ONCE], an_hour_ago_ms)
        assert leasing.invoke(payload, time_left_s=120, check_secrets=False).failures == []
    running = watch()
    started = time.monotonic()
    result = running.invoke({}, time_left_s=RUN_S, check_secrets=False)
    seconds = time.monotonic() - started
    published = sorted(identity(json.loads(message.body)["target"]) for message in result.dead_letters)
    peak_kib = running.memory_kib("VmHWM")
    print(f"{len(published)} published in {seconds:.1f} s, with {peak_kib} KiB")
    assert published == sorted(identity(target) for target in targets)
    assert running.invoke({}).dead_letters == [], "they are deleted"
    assert peak_kib <= MEMORY_KIB_MAX
