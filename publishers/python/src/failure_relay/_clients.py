"""boto3 clients, made when they are first needed."""

from __future__ import annotations

from typing import Any, Optional

# Parts of the time that a call with its retries may take: two attempts that hang fit in.
_CONNECT_SHARE = 0.25
_READ_SHARE = 0.3


def make_client(service: str, region: Optional[str], seconds: float, endpoint: Optional[str] = None) -> Any:
    """A client that makes one attempt a call, with time-outs that are parts of the whole time.

    It uses the default session where the worker has set one up, for its profile and credentials.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=seconds * _CONNECT_SHARE,
        read_timeout=seconds * _READ_SHARE,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    session = boto3.DEFAULT_SESSION or boto3.session.Session()
    make: Any = session.client
    return make(service, region_name=region, endpoint_url=endpoint, config=config)
