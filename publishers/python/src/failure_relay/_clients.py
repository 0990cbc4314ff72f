"""Clients of AWS services, made when they are first needed."""

from __future__ import annotations

import sys
from typing import Any

# Parts of the time that a call with its retries may take: two attempts that hang fit in.
_CONNECT_SHARE = 0.25
_READ_SHARE = 0.3


def make_client(service: str, region: str | None, seconds: float, endpoint: str | None = None) -> Any:
    """A client that makes one attempt a call, with time-outs that are parts of the whole time."""
    from botocore.config import Config

    config = Config(
        connect_timeout=seconds * _CONNECT_SHARE,
        read_timeout=seconds * _READ_SHARE,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    return _maker()(service, region_name=region, endpoint_url=endpoint, config=config)


def _maker() -> Any:
    """boto3's default session where the worker has one, for its profile and credentials; else a session of
    botocore.

    boto3 itself is not imported: that takes longer, and fails in a process that is about to end, whose last
    errors are
    to be reported too.
    """
    session = getattr(sys.modules.get("boto3"), "DEFAULT_SESSION", None)
    if session is not None:
        return session.client
    from botocore.session import Session

    return Session().create_client
