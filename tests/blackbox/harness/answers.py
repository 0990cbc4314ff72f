"""What the AWS endpoint can be told to answer. Each name is a fault as a service shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Reply:
    """An HTTP answer, sent as it is, after `delay_s`."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
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
    return Reply(status, json.dumps(document).encode(), headers, delay_s)


def http(status: int, body: bytes = b"", content_type: str = "text/html") -> Reply:
    """An answer that is no AWS error at all: a proxy's page, an empty body."""
    return Reply(status, body, {"content-type": content_type}, accepts=status == 200)


HTML_PAGE = b"<html><body><h1>Bad Gateway</h1></body></html>"
