"""The Lambda Runtime API: hands invocations to the function and takes its answers."""

from __future__ import annotations

import asyncio
import threading
import uuid
from dataclasses import dataclass, field

from .http import Loop, Request, Response, Server

PREFIX = "/2018-06-01/runtime/"


@dataclass
class Invocation:
    payload: bytes
    deadline_ms: int
    function_arn: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answered: threading.Event = field(default_factory=threading.Event)
    response: bytes | None = None
    """What the function posted to `/response`."""
    error: bytes | None = None
    """What the function posted to `/error`."""


class RuntimeApi:
    """One Runtime API, for one function process. `idle` is set while the function waits for work."""

    def __init__(self) -> None:
        self.idle = threading.Event()
        self.polled_once = threading.Event()
        self.init_errors: list[bytes] = []
        self._pending: asyncio.Queue[Invocation | None] = asyncio.Queue()
        self._current: dict[str, Invocation] = {}
        self._server = Server(self._handle)
        self.address = f"127.0.0.1:{self._server.port}"

    def submit(self, invocation: Invocation) -> None:
        self.idle.clear()
        Loop.get().loop.call_soon_threadsafe(self._pending.put_nowait, invocation)

    def close(self) -> None:
        Loop.get().loop.call_soon_threadsafe(self._pending.put_nowait, None)
        self._server.close()

    async def _handle(self, request: Request) -> Response:
        if not request.path.startswith(PREFIX):
            return Response(404)
        route = request.path[len(PREFIX) :]
        if request.method == "GET" and route == "invocation/next":
            return await self._next()
        if request.method == "POST" and route == "init/error":
            self.init_errors.append(request.body)
            return Response(202, b'{"status":"OK"}')
        parts = route.split("/")
        invocation = self._current.get(parts[1]) if len(parts) == 3 and parts[0] == "invocation" else None
        if request.method != "POST" or invocation is None or parts[2] not in ("response", "error"):
            return Response(404)
        setattr(invocation, parts[2], request.body)
        invocation.answered.set()
        return Response(202, b'{"status":"OK"}')

    async def _next(self) -> Response:
        self.polled_once.set()
        self.idle.set()
        invocation = await self._pending.get()
        if invocation is None:
            return Response(410)
        self.idle.clear()
        self._current = {invocation.request_id: invocation}
        return Response(
            200,
            invocation.payload,
            {
                "content-type": "application/json",
                "lambda-runtime-aws-request-id": invocation.request_id,
                "lambda-runtime-deadline-ms": str(invocation.deadline_ms),
                "lambda-runtime-invoked-function-arn": invocation.function_arn,
                "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            },
        )
