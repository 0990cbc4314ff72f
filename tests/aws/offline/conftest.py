"""A LocalStack that several runs of tests/aws/run use, one after the other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT / "tests/aws"), str(ROOT / "tests/e2e")]

from localstack_host import LocalStack  # noqa: E402

REGION = "eu-west-1"


class Trials:
    """Runs of the command, with nothing of the caller's AWS configuration."""

    def __init__(self, state, home):
        handed_on = {n: v for n, v in os.environ.items() if n.startswith("E2E_") or n in ("PATH", "TMPDIR", "CARGO_HOME", "RUSTUP_HOME")}
        self.started = []
        self.environment = {**handed_on, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "E2E_STATE": str(state)}

    def start(self, *arguments, **environment):
        command = [sys.executable, "tests/aws/trial.py", *arguments]
        # As a shell starts what is to run in the background: a process group of its own, to which SIGINT is nothing.
        running = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        self.started.append(running)
        return running

    def __call__(self, *arguments, **environment):
        """The exit code, what was printed, and what was said beside."""
        running = self.start(*arguments, **environment)
        out, err = running.communicate(timeout=400)
        return running.returncode, out, err


@pytest.fixture
def trial(tmp_path):
    trials = Trials(tmp_path / "state", tmp_path)
    yield trials
    for running in trials.started:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def localstack(tmp_path_factory):
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = LocalStack(tmp_path_factory.mktemp("localstack"), function_env={})
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(localstack):
    """Gives the clients of the account that a run in this LocalStack has."""

    def client_of(service):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=localstack.url,
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )

    return client_of
