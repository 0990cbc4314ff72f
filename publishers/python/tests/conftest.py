"""What the tests have in common: a real SQS and EventBridge (moto's server), and an environment of nothing."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from answering import Answering

from failure_relay import _outlet

REGION = "eu-west-1"
SOURCE = Path(__file__).resolve().parents[1] / "src"


@pytest.fixture(scope="session", autouse=True)
def botocore_is_loaded() -> None:
    """What the first client of a process loads takes longer than some times of the tests."""
    boto3.client("sqs", region_name=REGION)


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of moto's server, a process of its own."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("w") as out:
        server = subprocess.Popen([sys.executable, "-c", program], stdout=out, stderr=out)
    try:
        wait_until_it_listens(port, server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_until_it_listens(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing is set but what the SDK needs."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH"}
    for name in list(os.environ):
        if name not in kept:
            monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret-of-the-tests",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    # Machines of tests are slow now and then. What takes 5 seconds at most is tested with its time.
    monkeypatch.setattr(_outlet, "TIMEOUT", 30.0)
    return monkeypatch


@pytest.fixture
def no_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, logger="failure_relay")
    return caplog


class Queue:
    """An SQS queue, and the events that were published to it."""

    def __init__(self, url: str, client: Any) -> None:
        self.url, self._client = url, client

    def messages(self) -> list[dict[str, Any]]:
        """All messages, with their attributes; they are taken away."""
        messages: list[dict[str, Any]] = []
        while True:
            answer = self._client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"]
            )
            if not answer.get("Messages"):
                return messages
            messages += answer["Messages"]
            for message in answer["Messages"]:
                self._client.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def events(self) -> list[dict[str, Any]]:
        """All events; they are taken away."""
        return [json.loads(message["Body"]) for message in self.messages()]

    def event(self) -> dict[str, Any]:
        """The only event."""
        (event,) = self.events()
        return event


@pytest.fixture
def queue(moto_url: str, environment: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Queue:
    """A queue of moto's, named by the environment as a worker's would be."""
    environment.setenv("AWS_ENDPOINT_URL", moto_url)
    client = boto3.client("sqs", endpoint_url=moto_url, region_name=REGION)
    url = client.create_queue(QueueName=f"failures-{time.time_ns()}")["QueueUrl"]
    environment.setenv("RELAY_QUEUE_URL", url)
    return Queue(url, client)


@pytest.fixture
def token(environment: pytest.MonkeyPatch) -> str:
    """The task token of the worker, in its environment."""
    environment.setenv("TASK_TOKEN", TOKEN)
    return TOKEN


TOKEN = "AQCEAAAAKgAAAAMAAAAAAAAAAfp/8Q+Zs1mW=="


@pytest.fixture
def service(environment: pytest.MonkeyPatch) -> Iterator[Answering]:
    """An AWS endpoint that answers as a test says, and remembers what it was asked."""
    with Answering() as answering:
        environment.setenv("AWS_ENDPOINT_URL", answering.url)
        environment.setenv("RELAY_QUEUE_URL", "https://sqs.eu-west-1.amazonaws.com/111122223333/failures")
        yield answering


def run_python(program: str, *arguments: str, **popen: Any) -> subprocess.Popen[str]:
    """A worker in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )
