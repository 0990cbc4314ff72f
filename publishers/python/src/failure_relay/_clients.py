"""Clients of AWS services: made when they are first needed, and kept for the next report of the process."""

from __future__ import annotations

import os
import sys
import threading
from functools import lru_cache
from typing import Any

# Parts of the time that a call with its retries may take: two attempts that hang fit in.
_CONNECT_SHARE = 0.25
_READ_SHARE = 0.3

_KEPT_MAX = 16

# A session does not bear two clients being made at a time. The lock of a forked process is its own.
_locks: dict[int, threading.Lock] = {}


def make_client(service: str, region: str | None, seconds: float, endpoint: str | None = None) -> Any:
    """A client that makes one attempt a call, with time-outs that are parts of the whole time.

    It is made once for each process and each environment of the SDK: making one takes longer than a report.
    """
    with _locks.setdefault(os.getpid(), threading.Lock()):
        default = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
        return _client(service, region, seconds, endpoint, _environment(), default)


def _environment() -> tuple[Any, ...]:
    """What a client depends on: the process, whose connections no other may use, and the variables of the
    SDK.
    """
    return (os.getpid(), *sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))


@lru_cache(maxsize=_KEPT_MAX)
def _client(  # noqa: PLR0917 all that makes it another client
    service: str,
    region: str | None,
    seconds: float,
    endpoint: str | None,
    environment: tuple[Any, ...],
    default: Any,
) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=seconds * _CONNECT_SHARE,
        read_timeout=seconds * _READ_SHARE,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    # boto3's default session where the worker has one, for its profile and credentials; else a session of
    # botocore. boto3
    # itself is not imported: that takes longer, and fails in a process that is about to end, whose last
    # errors are to be
    # reported too.
    make = default.client if default is not None else _session(_without_endpoints(environment)).create_client
    return make(service, region_name=region, endpoint_url=endpoint, config=config)


@lru_cache(maxsize=1)
def _session(environment: tuple[Any, ...]) -> Any:  # noqa: ARG001 the key under which it is kept
    from botocore.session import Session

    return Session()


def _without_endpoints(environment: tuple[Any, ...]) -> tuple[Any, ...]:
    """A session outlives a change of endpoints, which it looks up for each client."""
    return tuple(item for item in environment if not str(item).startswith("('AWS_ENDPOINT_URL"))
