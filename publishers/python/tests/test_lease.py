"""Leases and claims around a work, with a clock that a test moves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from answering import Answer

import failure_relay
from failure_relay import _lease

REFUSED = Answer(403, "AccessDenied")
TTL = 60

#: A lease of the tests lives so many times as fast: its 60 seconds are 1.5.
FASTER = 40


@pytest.fixture(autouse=True)
def faster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A lease that lives faster; what it publishes says whole ones."""
    original = _lease.Lease.__init__

    def init(self: Any, ttl: int, publish: Any, lost: Any) -> None:
        def publish_whole(members: Any, seconds: Any) -> Any:
            if "lease" in members and "ttlSeconds" in members["lease"]:
                members = {"lease": {**members["lease"], "ttlSeconds": ttl}}
            return publish(members, seconds)

        original(self, ttl, publish_whole, lost)
        self._ttl = ttl / FASTER

    monkeypatch.setattr(_lease.Lease, "__init__", init)
    monkeypatch.setattr(_lease, "_PAUSE_SECONDS_MIN", 0.05)
    return None


def actions(service: Any) -> list[str]:
    return [
        event["lease"]["action"]
        if "lease" in event
        else event.get("claim", {}).get("action", "claim")
        if "claim" in event
        else event["failure"]["type"]
        for event in service.events()
    ]


def test_a_lease_is_taken_renewed_at_a_third_and_released(service: Any, token: str) -> None:
    with failure_relay.task(lease=TTL) as task:
        assert actions(service) == ["take"]
        time.sleep(1.25)
        assert not task.lease_lost.is_set()
    assert actions(service) == ["take", "renew", "renew", "release"]
    time.sleep(0.7)
    assert actions(service)[-1] == "release"
    assert {event["lease"].get("ttlSeconds") for event in service.events()} == {TTL, None}


def test_a_work_that_fails_is_reported_and_its_lease_released(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="x"), failure_relay.task(lease=TTL):
        raise ValueError("x")
    assert actions(service) == ["take", "ValueError", "release"]
    assert len({event["id"] for event in service.events()}) == 1


def test_a_lease_is_kept_when_the_failure_could_not_be_reported(service: Any, token: str) -> None:
    with pytest.raises(ValueError, match="x"), failure_relay.task(lease=TTL, claim="i-1"):
        service.answers = [REFUSED]
        raise ValueError("x")
    time.sleep(0.7)
    assert actions(service) == ["take", "claim", "ValueError", "release"]
    assert "claim" in service.events()[-1]


def test_a_lease_that_cannot_be_taken_is_one_line_and_the_work_runs(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.otherwise = REFUSED
    ran = []
    with failure_relay.task(lease=TTL) as task:
        time.sleep(1.8)
        ran.append(task.lease_lost.is_set())
    assert ran == [False]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert actions(service) == ["take"]


def test_a_lease_is_lost_when_no_renewal_was_confirmed_for_the_whole_ttl(service: Any, token: str) -> None:
    lost_at: list[float] = []
    with failure_relay.task(
        lease=TTL, on_lease_lost=lambda: lost_at.append(time.monotonic()), timeout=0.5
    ) as task:
        taken_at = time.monotonic()
        service.otherwise = Answer(503, "ServiceUnavailable")
        assert task.lease_lost.wait(4)
        assert 1.0 < time.monotonic() - taken_at < 4
        time.sleep(0.05)
    assert len(lost_at) == 1


def test_the_ttl_is_measured_from_the_sending_of_the_renewal(service: Any, token: str) -> None:
    service.answers = [Answer(seconds=0.8)]
    begun = time.monotonic()
    with failure_relay.task(lease=TTL, timeout=2) as task:
        service.otherwise = Answer(503, "ServiceUnavailable")
        assert task.lease_lost.wait(4)
        assert 1.4 < time.monotonic() - begun < 4


def test_a_renewal_after_one_that_failed_keeps_the_lease(service: Any, token: str) -> None:
    with failure_relay.task(lease=TTL) as task:
        service.answers = [REFUSED]
        time.sleep(2.2)
        assert not task.lease_lost.is_set()
    assert actions(service)[-1] == "release"


def test_a_lease_whose_taking_was_not_confirmed_and_perhaps_arrived_is_renewed(
    service: Any, token: str
) -> None:
    service.otherwise = Answer(503, "ServiceUnavailable")
    with failure_relay.task(lease=TTL, timeout=0.4):
        service.otherwise = Answer()
        time.sleep(0.8)
    assert "renew" in actions(service)
    assert actions(service)[-1] == "release"


def test_a_callback_that_raises_disturbs_nobody(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    def raising() -> None:
        raise RuntimeError("callback")

    with failure_relay.task(lease=TTL, on_lease_lost=raising, timeout=0.1) as task:
        service.otherwise = REFUSED
        assert task.lease_lost.wait(4)
        time.sleep(0.05)
    assert "on_lease_lost raised RuntimeError" in caplog.text


def test_the_decorator_tells_that_its_lease_is_lost_too(service: Any, token: str) -> None:
    task = failure_relay.task(lease=TTL, timeout=0.1)

    @task
    def work() -> bool:
        service.otherwise = REFUSED
        return task.lease_lost.wait(4)

    assert work() is True


def test_a_nested_work_of_the_same_task_leaves_the_lease_to_the_work_around_it(
    service: Any, token: str
) -> None:
    with failure_relay.task(lease=TTL) as outer, failure_relay.task(lease=TTL) as inner:
        assert inner.lease_lost is outer.lease_lost
    assert actions(service) == ["take", "release"]


def test_a_lease_in_a_coroutine_does_not_block_the_loop(service: Any, token: str) -> None:
    import asyncio

    service.otherwise = Answer(seconds=0.2)

    @failure_relay.task(lease=TTL)
    async def work() -> None:
        await asyncio.sleep(0)

    async def main() -> int:
        beats = 0
        task = asyncio.ensure_future(work())
        while not task.done():
            await asyncio.sleep(0.01)
            beats += 1
        return beats

    assert asyncio.run(main()) > 15
    assert actions(service)[0 :: len(actions(service)) - 1] == ["take", "release"]


@pytest.mark.parametrize("lease", [59, 86_401, True, "60", 60.5])
def test_a_ttl_that_the_relay_would_refuse_is_an_error_before_the_work(
    service: Any, token: str, lease: Any
) -> None:
    with pytest.raises(failure_relay.ConfigurationError, match="lease"), failure_relay.task(lease=lease):
        pytest.fail("the work began")
    assert service.requests == []


def test_resources_are_claimed_before_the_work_and_released_after_it(service: Any, token: str) -> None:
    with failure_relay.task(claim=["i-1", "i-2"]):
        assert actions(service) == ["claim", "claim"]
    assert actions(service) == ["claim", "claim", "release", "release"]


@pytest.mark.parametrize("claim", ["", ["i-1", ""], [7], ["r" * 2049]])
def test_a_resource_that_the_relay_would_refuse_is_an_error_before_the_work(
    service: Any, token: str, claim: Any
) -> None:
    with pytest.raises(failure_relay.ConfigurationError, match="claim"), failure_relay.task(claim=claim):
        pytest.fail("the work began")


def test_a_claim_that_cannot_be_made_is_one_line_and_the_work_runs(
    service: Any, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers = [REFUSED]
    with failure_relay.task(claim="i-1"):
        pass
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_no_thread_is_left_behind(service: Any, token: str) -> None:
    with failure_relay.task(lease=TTL):
        assert [thread.name for thread in threading.enumerate() if "lease" in thread.name]
    assert [thread.name for thread in threading.enumerate() if "lease" in thread.name] == []
