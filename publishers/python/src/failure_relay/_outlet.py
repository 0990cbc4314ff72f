"""Where to: the queue or bus to which everything is published."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ._attempts import Result, call_until_confirmed
from ._clients import make_client

#: How long a report may take with its retries, in seconds.
TIMEOUT = 5.0

_GROUP_LENGTH_MAX = 128
_BUS_SOURCE_LENGTH_MAX = 256
_DETAIL_TYPE = "Failure Event"

_NOT_IN_A_GROUP = "[^!-~]"
_REGION = r"(?:^|\.)sqs(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d+)\.|^([a-z]{2}(?:-[a-z]+)+-\d+)\.queue\."
_AWS_HOST = r"\.(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)$"


class Options(NamedTuple):
    """The arguments that all of the interface has in common."""

    queue_url: str | None = None
    event_bus: str | None = None
    source: str | None = None
    client: Any = None
    timeout: float | None = None

    def given(self) -> bool:
        """Whether any of them was given."""
        return any(option is not None for option in self)

    def over(self, others: Options) -> Options:
        """These, and where one was not given that of the others. A queue or bus replaces either."""
        if self.queue_url or self.event_bus:
            others = others._replace(queue_url=None, event_bus=None, client=None)
        return Options(*(own if own is not None else other for own, other in zip(self, others)))


class NotPublished(Exception):
    """The bus took the call, and not the event."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the event bus did not take the event: {code}")
        # The form of botocore's errors, so that one place judges both.
        status = 500 if "Internal" in code else 400
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class Outlet:
    """One queue or bus and its client, which is made when it is first needed. Its ``repr`` shows nothing of a
    message.
    """

    def __init__(self, options: Options, environment: Mapping[str, str]) -> None:
        """From the arguments, else ``RELAY_QUEUE_URL``, else ``RELAY_EVENT_BUS``; an empty value counts as
        absent.
        """
        self.options = options
        self.timeout = TIMEOUT if options.timeout is None else float(options.timeout)
        self.source = _source(options, environment)
        argument = bool(options.queue_url or options.event_bus)
        place: Mapping[str, str] = {} if argument else environment
        self.queue_url = options.queue_url or place.get("RELAY_QUEUE_URL") or None
        self.event_bus = None if self.queue_url else options.event_bus or place.get("RELAY_EVENT_BUS") or None
        self._client = options.client
        self._pid = os.getpid()
        self._making = threading.Lock()

    def __repr__(self) -> str:
        return f"Outlet({self.queue_url or self.event_bus!r})"

    def serves(self, other: Outlet) -> bool:
        """Whether this one publishes as the other would, in this process; its client need not be made anew."""
        own = (self._pid, self.queue_url, self.event_bus, self.source, self.options)
        return own == (other._pid, other.queue_url, other.event_bus, other.source, other.options)

    def is_set(self) -> bool:
        """Whether there is a queue or a bus."""
        return bool(self.queue_url or self.event_bus)

    def publish(self, body: str, seconds: float | None = None) -> Result:
        """Publishes one event, with retries, for so many seconds at most."""
        deduplication_id = _random_id()
        return call_until_confirmed(lambda: self._send(body, deduplication_id), self._seconds(seconds))

    def _seconds(self, seconds: float | None) -> float:
        return self.timeout if seconds is None else min(seconds, self.timeout)

    def prepare(self) -> Any:
        """The client, made when there is none yet."""
        with self._making:
            if self._client is None:
                service, region = (
                    ("sqs", _queue_region(self.queue_url))
                    if self.queue_url
                    else ("events", self._bus_region())
                )
                endpoint = _own_endpoint(self.queue_url) if self.queue_url else None
                self._client = make_client(
                    service, region or ("us-east-1" if endpoint else None), self.timeout, endpoint
                )
            return self._client

    def _bus_region(self) -> str | None:
        parts = (self.event_bus or "").split(":")
        return parts[3] or None if parts[0] == "arn" and len(parts) > 3 else None

    def _send(self, body: str, deduplication_id: str) -> None:
        if self.queue_url:
            message = {"QueueUrl": self.queue_url, "MessageBody": body, "MessageGroupId": _group(self.source)}
            if self.queue_url.endswith(".fifo"):
                message["MessageDeduplicationId"] = deduplication_id
            self.prepare().send_message(**message)
        else:
            source = self.source[:_BUS_SOURCE_LENGTH_MAX]
            entry = {
                "EventBusName": self.event_bus,
                "Source": source,
                "DetailType": _DETAIL_TYPE,
                "Detail": body,
            }
            _check(self.prepare().put_events(Entries=[entry]))


def _check(answer: Any) -> None:
    failed = answer.get("FailedEntryCount") if isinstance(answer, dict) else 0
    if isinstance(failed, int) and failed > 0:
        entries: list[Any] = answer.get("Entries") or [{}]
        raise NotPublished(str(entries[0].get("ErrorCode")))


def _source(options: Options, environment: Mapping[str, str]) -> str:
    """Who publishes: the argument, ``RELAY_SOURCE``, the Lambda function's name, the program's name."""
    named = environment.get("RELAY_SOURCE") or environment.get("AWS_LAMBDA_FUNCTION_NAME")
    return options.source or named or _program()


def _program() -> str:
    path = sys.argv[0] if getattr(sys, "argv", None) else ""
    name = os.path.basename(path)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return name if name not in ("", "-c", "-m") else "python"


def _group(source: str) -> str:
    return re.sub(_NOT_IN_A_GROUP, "-", source)[:_GROUP_LENGTH_MAX]


def _queue_region(queue_url: str) -> str | None:
    host = urlsplit(queue_url).hostname or ""
    if host == "queue.amazonaws.com":
        return "us-east-1"
    match = re.search(_REGION, host)
    return match[1] or match[2] if match else None


def _own_endpoint(queue_url: str) -> str | None:
    """The address of a queue that is not AWS's (a local one in a test), unless the settings name an address.

    boto3 sends to the endpoint of the region, whatever the queue's URL says: a report of a test would go to
    AWS.
    """
    url = urlsplit(queue_url)
    set_elsewhere = os.environ.get("AWS_ENDPOINT_URL_SQS") or os.environ.get("AWS_ENDPOINT_URL")
    if (
        set_elsewhere
        or not url.hostname
        or url.scheme not in ("http", "https")
        or re.search(_AWS_HOST, url.hostname)
    ):
        return None
    return f"{url.scheme}://{url.netloc}"


def _random_id() -> str:
    # Imported here: a worker that does not fail has no need of it.
    from uuid import uuid4

    return str(uuid4())
