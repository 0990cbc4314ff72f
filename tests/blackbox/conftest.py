"""Fixtures: the function in the environments that cases ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.function import Function, Functions, binary
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
