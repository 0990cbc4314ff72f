"""Leases and claims: what tells of a death that nobody reports."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from typing import Any, Callable, Optional

from ._attempts import Result, status_and_code
from ._clock import now
from ._log import tell

TTL_SECONDS_MIN = 60
TTL_SECONDS_MAX = 86_400
RESOURCE_LENGTH_MAX = 2_048

# A renewal that was not confirmed is tried again after this part of the ttl, and not sooner than after so
# many seconds.
_SOONER = 12
_PAUSE_SECONDS_MIN = 2.0

# What a service's error code looks like; anything else may be a text that quotes what was sent.
_CODE = "[A-Za-z0-9._]{1,64}"

#: Publishes an event with these members beside the target, within so many seconds.
PublishCommand = Callable[[dict[str, Any], Optional[float]], Result]


def ttl_of(lease: Any) -> int:
    """The ttl that an argument ``lease`` gives. Raises ``ValueError`` for what the relay would refuse."""
    whole = isinstance(lease, (int, float)) and not isinstance(lease, bool) and int(lease) == lease
    if not whole or not TTL_SECONDS_MIN <= lease <= TTL_SECONDS_MAX:
        raise ValueError(f"lease: {lease!r} is not a whole number of seconds from 60 to 86,400")
    return int(lease)


def resources_of(claim: str | Sequence[str] | None) -> list[str]:
    """The resources that an argument ``claim`` names. Raises ``ValueError`` for what the relay would refuse."""
    resources = [claim] if isinstance(claim, str) else list(claim or ())
    for resource in resources:
        if not isinstance(resource, str) or not 1 <= len(resource) <= RESOURCE_LENGTH_MAX:
            raise ValueError("claim: a resource is not a text of 1 to 2,048 characters")
    return resources


class Lease:
    """A lease on one target: taken before the work, renewed at a third by a thread, released at the end.

    It is lost when no renewal was confirmed for the whole ttl, measured from the *sending* of the last
    confirmed one: the
    relay counts from when it was sent, and from then on the task may be failed while the work goes on.
    """

    def __init__(self, ttl_seconds: int, publish: PublishCommand, lost: threading.Event) -> None:
        self._ttl = ttl_seconds
        self._publish = publish
        self._lost = lost
        self._ended = threading.Event()
        self._confirmed_at: float | None = None
        self._thread: threading.Thread | None = None

    def take(self, on_lost: Callable[[], Any] | None) -> None:
        """Takes the lease and keeps it. One that cannot be taken is one line, and the work runs."""
        result = self._publish({"lease": {"action": "take", "ttlSeconds": self._ttl}}, None)
        # One that was not confirmed and has perhaps arrived comes due all the same.
        self._confirmed_at = result.sent_at
        if not result.confirmed:
            tell(logging.ERROR, "the lease could not be taken, the work runs without it: %s", why(result))
        if result.confirmed or result.perhaps_arrived:
            self._thread = threading.Thread(
                target=self._keep, args=(on_lost,), name="failure-relay-lease", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None
                tell(logging.ERROR, "the lease cannot be renewed: no thread can be started")

    def stop(self) -> None:
        """Renews no more. A renewal that is under way is waited for: sent after the release it would take
        again.
        """
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def release(self) -> None:
        """Ends the lease, if it was taken."""
        self.stop()
        if self._confirmed_at is None:
            return
        result = self._publish({"lease": {"action": "release"}}, None)
        if not result.confirmed:
            tell(
                logging.ERROR,
                "the lease could not be released, its task is failed when it is due: %s",
                why(result),
            )

    def _left(self) -> float:
        return (self._confirmed_at or 0.0) + self._ttl - now()

    def _keep(self, on_lost: Callable[[], Any] | None) -> None:
        pause = self._ttl / 3
        while not self._ended.wait(max(min(pause, self._left()), 0.0)):
            if self._left() <= 0:
                self._lose(on_lost)
                return
            result = self._publish({"lease": {"action": "renew", "ttlSeconds": self._ttl}}, self._left())
            if result.confirmed:
                self._confirmed_at, pause = result.sent_at, self._ttl / 3
            else:
                tell(logging.WARNING, "the lease was not renewed yet: %s", why(result))
                pause = max(self._ttl / 3 / _SOONER, _PAUSE_SECONDS_MIN)

    def _lose(self, on_lost: Callable[[], Any] | None) -> None:
        self._lost.set()
        tell(
            logging.ERROR,
            "the lease is lost: no renewal was confirmed for %d s, the task is about to be failed",
            self._ttl,
        )
        if on_lost is not None:
            try:
                on_lost()
            except Exception as error:
                tell(logging.ERROR, "on_lease_lost raised %s", type(error).__name__)


def claim(resources: Sequence[str], publish: PublishCommand) -> None:
    """Claims resources before the work: when one of them dies, the target has failed."""
    for resource in resources:
        result = publish({"claim": {"resource": resource}}, None)
        if not result.confirmed:
            tell(
                logging.ERROR,
                "a resource could not be claimed, the work runs without the claim: %s",
                why(result),
            )


def release_claims(resources: Sequence[str], publish: PublishCommand) -> None:
    """Takes the claims back after the work."""
    for resource in resources:
        result = publish({"claim": {"resource": resource, "action": "release"}}, None)
        if not result.confirmed:
            tell(logging.ERROR, "a claim could not be released: %s", why(result))


def why(result: Result) -> str:
    """Why something was not confirmed: the error's class and code alone, whose texts may quote what was sent."""
    if result.error is None:
        return "there was no answer in time"
    code = status_and_code(result.error)[1]
    return f"{type(result.error).__name__} {code if re.fullmatch(_CODE, code) else ''}".strip()
