"""Fixtures: the function in the environments that cases ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness import dynamo_db
from harness.function import RELAY_QUEUE, Function, Functions, binary, watch_binary
from harness.secrets import Secrets


def pytest_report_header() -> str:
    return f"function under test: {binary()}"


def pytest_sessionstart() -> None:
    if not binary().exists():
        pytest.exit(f"no function at {binary()}: build it, or name it in RELAY_BINARY", returncode=2)


@pytest.fixture(scope="session")
def functions() -> Iterator[Functions]:
    running = Functions()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def no_secrets_of_other_cases() -> Iterator[None]:
    yield
    Secrets.clear()


@pytest.fixture
def relay(functions: Functions) -> Function:
    """The function with the settings that are required and no other."""
    return functions.get()


@pytest.fixture
def relay_with(functions: Functions) -> Callable[..., Function]:
    """The function with more settings; one process for each distinct set."""
    return functions.get


@pytest.fixture(scope="session")
def dynamo_db_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dynamo_db.server(tmp_path_factory.mktemp("moto") / "log") as url:
        yield url


@pytest.fixture(scope="module")
def table(dynamo_db_url: str) -> dynamo_db.Table:
    """A table of leases and claims; targets and resources are new in each case, so that cases share it."""
    return dynamo_db.Table(dynamo_db_url)


@pytest.fixture
def leasing(relay_with: Callable[..., Function], table: dynamo_db.Table) -> Function:
    """The function with that table."""
    return relay_with(**table.settings)


@pytest.fixture
def watch(table: dynamo_db.Table) -> Iterator[Callable[..., Function]]:
    """Starts the second function, with more settings."""
    started: list[Function] = []

    def start(**changes: str | None) -> Function:
        settings = {"RELAY_DEAD_LETTER_QUEUE_URL": None, "RELAY_QUEUE_URL": RELAY_QUEUE, **table.settings, **changes}
        started.append(Function(settings, watch_binary()))
        return started[-1].wait_until_ready()

    yield start
    for function in started:
        function.close()
