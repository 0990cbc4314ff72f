"""An AWS endpoint that answers as a test says: errors, silence, and the calls that moto lacks."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, NamedTuple, Union


class Request(NamedTuple):
    """What the endpoint was asked."""

    operation: str
    path: str
    body: Any
    region: str


class Answer(NamedTuple):
    """What it answers: an error's code with a status, after some time."""

    status: int = 200
    code: str = ""
    body: Any = None
    seconds: float = 0.0


SILENCE = Answer(seconds=60.0)

Reply = Union[Answer, Callable[[Request], Answer]]


class Answering:
    """The endpoint. ``answers`` are given in their order, then ``otherwise``."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Reply] = []
        self.otherwise: Reply = Answer()
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Answering:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[dict[str, Any]]:
        """The events that were sent to a queue, confirmed or not."""
        return [
            json.loads(request.body["MessageBody"])
            for request in self.requests
            if request.operation == "SendMessage"
        ]

    def wait_for(self, count: int, seconds: float = 5.0) -> None:
        """Waits until so many requests have come."""
        end = time.monotonic() + seconds
        while len(self.requests) < count:
            assert time.monotonic() < end, f"{len(self.requests)} of {count} requests came"
            time.sleep(0.01)

    def _answer(self, request: Request) -> Answer:
        self.requests.append(request)
        reply = self.answers.pop(0) if self.answers else self.otherwise
        answer = reply if isinstance(reply, Answer) else reply(request)
        if answer.seconds:
            self._closed.wait(answer.seconds)
        return answer

    def _handler(endpoint) -> Any:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Says nothing."""

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                target: str | None = self.headers.get("X-Amz-Target")
                body: Any = text.decode("utf-8", "replace")
                if target:
                    body = json.loads(body)
                credential = self.headers.get("Authorization", "").split("/")
                region = credential[2] if len(credential) > 2 else ""
                operation = target.split(".")[-1] if target else self.path.rsplit("/", 1)[-1]
                self._reply(endpoint._answer(Request(operation, self.path, body, region)))

            def _reply(self, answer: Answer) -> None:
                body = (
                    answer.body
                    if answer.status < 400
                    else {"__type": answer.code, "message": "refused by the test"}
                )
                text = json.dumps(body if body is not None else {"MessageId": "m", "Entries": []}).encode()
                try:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", "application/x-amz-json-1.0")
                    if answer.code:
                        self.send_header("x-amzn-ErrorType", answer.code)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                except OSError:
                    return

        return Handler
