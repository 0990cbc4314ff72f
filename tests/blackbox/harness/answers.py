"""What the AWS endpoint can be told to answer. Each name is a fault as a service shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.sax.saxutils import escape


@dataclass
class Reply:
    """An HTTP answer, sent as it is, after `delay_s`."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    error: tuple[str, str] | None = None
    """Name and message of an error: a service that speaks XML puts them into its own form."""
    accepts: bool = False
    """Whether the service took the call: the side effect is recorded as done."""


@dataclass
class Hang:
    """The request is read and never answered."""


@dataclass
class CutConnection:
    """The connection is closed without an answer, before the effect or (`half`) within the answer."""

    half: bool = False


Answer = Reply | Hang | CutConnection
Scripted = Answer | list[Answer] | Callable[["object"], Answer]
"""One answer for every call, a list (its last one repeats), or a function of the recorded call."""


def ok(body: bytes = b"{}", delay_s: float = 0.0, **headers: str) -> Reply:
    """An acceptance. `body` may be anything: a 200 is an acceptance whatever it holds."""
    return Reply(200, body, headers, delay_s, accepts=True)


def error(
    name: str, status: int = 400, message: str = "scripted", style: str = "bare", delay_s: float = 0.0
) -> Reply:
    """An AWS JSON error; `style` says where its name is: `bare`, `namespaced` or `header`."""
    headers: dict[str, str] = {}
    document: dict[str, str] = {"message": message}
    match style:
        case "bare":
            document["__type"] = name
        case "namespaced":
            document["__type"] = f"com.amazonaws.some.service#{name}"
        case "header":
            headers["x-amzn-errortype"] = f"{name}:http://internal.amazon.com/coral/com.amazon.coral.service/"
        case _:
            raise ValueError(style)
    return Reply(status, json.dumps(document).encode(), headers, delay_s, (name, message))


def as_xml(reply: Reply, service: str) -> Reply:
    """An error as a Query service, EC2 or S3 writes it; any other answer as it is."""
    if reply.error is None:
        return reply
    name, message = (escape(text) for text in reply.error)
    error = f"<Code>{name}</Code><Message>{message}</Message></Error>"
    match service:
        case "autoscaling":
            body = f"<ErrorResponse><Error><Type>Sender</Type>{error}<RequestId>r</RequestId></ErrorResponse>"
        case "ec2":
            body = f"<Response><Errors><Error>{error}</Errors><RequestID>r</RequestID></Response>"
        case _:
            body = f'<?xml version="1.0"?>\n<Error>{error}'
    return Reply(reply.status, body.encode(), {"content-type": "text/xml"}, reply.delay_s, reply.error)


def http(status: int, body: bytes = b"", content_type: str = "text/html") -> Reply:
    """An answer that is no AWS error at all: a proxy's page, an empty body."""
    return Reply(status, body, {"content-type": content_type}, accepts=status == 200)


HTML_PAGE = b"<html><body><h1>Bad Gateway</h1></body></html>"
