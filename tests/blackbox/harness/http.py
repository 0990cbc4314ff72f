"""A minimal HTTP/1.1 server on loopback.

It exists because the suite has to do what ordinary servers refuse to do: cut a connection in the
middle, never answer, or answer with bytes that are no text. All servers share one event loop in
one background thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

READ_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Cut:
    """The handler's answer that closes the connection without a byte."""


class Partial:
    """The handler's answer that promises a body, sends half of it and closes the connection."""


Answer = Response | Cut | Partial
Handler = Callable[[Request], Awaitable[Answer]]


class Loop:
    """The one event loop, in its own thread."""

    _instance: Loop | None = None
    _made = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True, name="loopback-servers")
        self._thread.start()
        atexit.register(self._stop)

    def _stop(self) -> None:
        """Ends what still hangs, so that the interpreter has nothing to complain about."""

        async def cancel() -> None:
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0.05)

        self.loop.set_exception_handler(lambda *_: None)
        with contextlib.suppress(TimeoutError):
            self.run(cancel(), 2)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(2)

    @classmethod
    def get(cls) -> Loop:
        # Two loops would each serve some of the servers, and work that is handed to the wrong one wakes nobody.
        with cls._made:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def run(self, coroutine, timeout: float | None = None):
        """Runs a coroutine on the loop and waits for what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while (await reader.readline()).strip():
            pass
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)


def _serialize(response: Response) -> bytes:
    headers = {"content-length": str(len(response.body)), **response.headers}
    head = f"HTTP/1.1 {response.status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return head.encode("utf-8") + b"\r\n" + response.body


class Server:
    """Serves `handler` on a free loopback port until the process ends or `close` is called."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server = Loop.get().run(
            asyncio.start_server(self._connection, "127.0.0.1", 0, limit=READ_LIMIT_BYTES)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                answer = await self._handler(request)
                if isinstance(answer, Cut):
                    writer.transport.abort()
                    return
                if isinstance(answer, Partial):
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"half\":")
                    await writer.drain()
                    writer.transport.abort()
                    return
                writer.write(_serialize(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        Loop.get().loop.call_soon_threadsafe(self._server.close)
