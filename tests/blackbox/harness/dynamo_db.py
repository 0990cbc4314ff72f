"""The table of leases and claims, in moto's DynamoDB: made as template.yaml describes it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from socket import socket

import yaml
from botocore.client import BaseClient
from botocore.session import Session

from .function import ACCESS_KEY, REGION, REPOSITORY

START_LIMIT_S = 30


class _Template(yaml.SafeLoader):
    """Reads the template; what its tags compute is of no interest here."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix}")


def schema() -> dict:
    """Keys and indexes of the one table of the template."""
    template = yaml.load((REPOSITORY / "template.yaml").read_text(), _Template)  # noqa: S506
    tables = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::DynamoDB::Table"]
    assert len(tables) == 1, f"{len(tables)} tables in the template"
    names = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: tables[0][name] for name in names}


@cache
def _client(url: str) -> BaseClient:
    session = Session()
    session.set_credentials(ACCESS_KEY, "secret")
    return session.create_client("dynamodb", region_name=REGION, endpoint_url=url)


class Table:
    """One table, and what it holds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"leases-{uuid.uuid4()}"
        self._client = _client(url)
        self._client.create_table(TableName=self.name, BillingMode="PAY_PER_REQUEST", **schema())

    @property
    def settings(self) -> dict[str, str]:
        """What a function needs to know of it."""
        return {"RELAY_TABLE_NAME": self.name, "AWS_ENDPOINT_URL_DYNAMODB": self.url}

    @property
    def items(self) -> list[dict]:
        return self._client.scan(TableName=self.name)["Items"]

    def put(self, item: dict) -> None:
        self._client.put_item(TableName=self.name, Item=item)

    def drop(self) -> None:
        self._client.delete_table(TableName=self.name)


@contextmanager
def server(log: Path) -> Iterator[str]:
    """The address of moto's server, a process of its own."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process)
        yield url
    finally:
        process.kill()
        process.wait(10)


def _wait_until_ready(url: str, process: subprocess.Popen) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while True:
        assert process.poll() is None, "moto's server ended"
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < limit, "moto's server does not answer"
            time.sleep(0.1)
