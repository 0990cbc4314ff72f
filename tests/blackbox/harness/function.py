"""The function under test: one process per distinct environment, started as Lambda starts it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import answers
from .aws_endpoint import PARKING_NAME, AwsEndpoint, Call, DeadLetter, Parked, Record
from .runtime_api import Invocation, RuntimeApi
from .secrets import Secrets

REGION = "eu-west-1"
ACCOUNT = "111122223333"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:failure-relay"
DEAD_LETTER_QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/failures-dlq"
RELAY_QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/failures"
PARKING_QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{PARKING_NAME}"
REPOSITORY = Path(__file__).resolve().parents[3]
NO_DEADLINE_MS = 600_000
"""What cargo-lambda sends: ten minutes after 1970."""
START_LIMIT_S = 15


def binary() -> Path:
    """`RELAY_BINARY`, else the release build, else the debug build."""
    if chosen := os.environ.get("RELAY_BINARY"):
        return Path(chosen).resolve()
    candidates = [REPOSITORY / "target" / profile / "failure-relay" for profile in ("release", "debug")]
    return next((path for path in candidates if path.exists()), candidates[0])


def watch_binary() -> Path:
    """`WATCH_BINARY`, else what was built beside the function under test."""
    if chosen := os.environ.get("WATCH_BINARY"):
        return Path(chosen).resolve()
    return binary().with_name("failure-watch")


def relayctl() -> str:
    """`RELAYCTL`, else the release build, else the debug build."""
    candidates = [REPOSITORY / "target" / profile / "relayctl" for profile in ("release", "debug")]
    chosen = os.environ.get("RELAYCTL") or next((str(path) for path in candidates if path.exists()), None)
    assert chosen, "no relayctl: build it, or name it in RELAYCTL"
    return chosen


def environment(endpoint_url: str, runtime_address: str, changes: dict[str, str | None]) -> dict[str, str]:
    """What Lambda sets, the endpoint, the one setting that is required, and then `changes` (None removes)."""
    variables: dict[str, str | None] = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "_HANDLER": "bootstrap",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_LAMBDA_RUNTIME_API": runtime_address,
        "AWS_LAMBDA_FUNCTION_NAME": "failure-relay",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/failure-relay",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef",
        "AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "session-token-of-the-function",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ENDPOINT_URL_CLOUDFORMATION_RESPONSE": endpoint_url,
        "RELAY_DEAD_LETTER_QUEUE_URL": DEAD_LETTER_QUEUE,
        **changes,
    }
    return {name: value for name, value in variables.items() if value is not None}


@dataclass
class Result:
    """All that one invocation did, as it is seen from outside."""

    aws: Record
    request_id: str
    raw_response: bytes | None
    raw_error: bytes | None
    output: str
    duration_s: float

    @property
    def failed(self) -> bool:
        """Whether the invocation failed, so that its caller tries again."""
        return self.raw_error is not None

    @property
    def response(self) -> object:
        assert self.raw_response is not None, f"the invocation failed: {self.raw_error!r}"
        return json.loads(self.raw_response)

    @property
    def failures(self) -> list[str]:
        """The message ids that are to be retried. Asserts the shape of a partial batch response."""
        response = self.response
        assert isinstance(response, dict) and set(response) == {"batchItemFailures"}, response
        for item in response["batchItemFailures"]:
            assert set(item) == {"itemIdentifier"} and item["itemIdentifier"], item
        ids = [item["itemIdentifier"] for item in response["batchItemFailures"]]
        assert len(ids) == len(set(ids)), f"an id twice: {ids}"
        return ids

    @property
    def calls(self) -> list[Call]:
        return self.aws.calls

    @property
    def accepted(self) -> list[Call]:
        return [call for call in self.aws.calls if call.accepted]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return self.aws.dead_letters

    @property
    def parked(self) -> list[Parked]:
        return self.aws.parked

    def the_parked(self) -> Parked:
        assert len(self.parked) == 1, f"{len(self.parked)} parked; response {self.raw_response!r}"
        return self.parked[0]

    def calls_of(self, identity: str) -> list[Call]:
        return [call for call in self.calls if call.identity == identity]

    def the_call(self) -> Call:
        """The one call that was accepted; nothing else happened."""
        assert not self.dead_letters, f"dead-lettered: {self.dead_letters[0].attributes}"
        assert len(self.accepted) == 1, f"{len(self.accepted)} accepted of {len(self.calls)} calls"
        return self.accepted[0]

    def the_dead_letter(self) -> DeadLetter:
        assert len(self.dead_letters) == 1, f"{len(self.dead_letters)} dead letters; response {self.raw_response!r}"
        return self.dead_letters[0]

    @property
    def lines(self) -> list[dict]:
        """The lines of the output that are JSON objects."""
        found = []
        for line in self.output.split("\n"):
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if isinstance(document, dict):
                found.append(document)
        return found

    @property
    def outcome_lines(self) -> list[dict]:
        return [line for line in self.lines if "outcome" in line and "_aws" not in line]

    @property
    def metric_lines(self) -> list[dict]:
        return [line for line in self.lines if "_aws" in line]

    def warnings(self) -> list[dict]:
        return [line for line in self.lines if line.get("level") == "WARN"]


class Crashed(AssertionError):
    """The process ended or hung; a function must do neither."""


class Function:
    """A running function. `invoke` is called for one invocation at a time, as Lambda does."""

    def __init__(self, changes: dict[str, str | None] | None = None, program: Path | None = None) -> None:
        self.aws = AwsEndpoint()
        self.runtime = RuntimeApi()
        self._output = tempfile.NamedTemporaryFile(prefix="failure-relay-", suffix=".log")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(program or binary())],
            env=environment(self.aws.url, self.runtime.address, changes or {}),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=self._output.fileno(),
            stderr=subprocess.STDOUT,
        )

    def output(self, offset: int = 0) -> str:
        with open(self._output.name, "rb") as log:
            log.seek(offset)
            return log.read().decode("utf-8", "replace")

    def _output_size(self) -> int:
        return os.path.getsize(self._output.name)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def memory_kib(self, line: str) -> int:
        """The process's memory: `VmHWM` is the most that it ever had, `VmRSS` what it has now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{line}:")[1].split()[0])

    def wait_until_ready(self) -> Function:
        """Waits for the first poll for work. Fails when the process ends first."""
        limit = time.monotonic() + START_LIMIT_S
        while not self.runtime.polled_once.wait(0.02):
            if not self.alive:
                raise Crashed(f"the function ended at start: {self.output()}")
            if time.monotonic() > limit:
                raise Crashed("the function did not ask for work")
        return self

    def stopped_at_start(self) -> str | None:
        """What the function said when it stopped at start, or None when it asked for work instead."""
        limit = time.monotonic() + START_LIMIT_S
        while self.alive:
            if self.runtime.polled_once.wait(0.02) or time.monotonic() > limit:
                return None
        said = self.output() + "".join(body.decode("utf-8", "replace") for body in self.runtime.init_errors)
        return None if self.runtime.polled_once.is_set() else said

    def invoke(
        self,
        payload: object,
        script: dict[str, answers.Scripted] | None = None,
        *,
        time_left_s: float | None = 60.0,
        deadline_ms: int | None = None,
        limit_s: float | None = None,
        check_secrets: bool = True,
        may_be_refused: bool = False,
    ) -> Result:
        """One invocation. `payload` is bytes, text, or a value that is sent as JSON.

        Every result is checked for two things that hold everywhere: all requests to AWS were
        valid (unless they `may_be_refused`), and no token that the builders have issued is in the
        output, in an answer or in a message attribute.
        """
        self.wait_until_ready()
        if not self.runtime.idle.wait(5):
            raise Crashed("the function does not ask for work any more")
        if deadline_ms is None:
            deadline_ms = int((time.time() + time_left_s) * 1000) if time_left_s is not None else NO_DEADLINE_MS
        invocation = Invocation(_payload(payload), deadline_ms, FUNCTION_ARN)
        record = self.aws.begin(script or {})
        offset = self._output_size()
        started = time.monotonic()
        self.runtime.submit(invocation)
        self._wait(invocation, limit_s or (time_left_s or 60.0) + 15)
        duration_s = time.monotonic() - started
        # The function has written all its lines when it asks for work again.
        while not self.runtime.idle.wait(0.05):
            if not self.alive or time.monotonic() - started > duration_s + 10:
                break
        result = Result(
            record, invocation.request_id, invocation.response, invocation.error, self.output(offset), duration_s
        )
        assert may_be_refused or not record.violations, f"requests that AWS would refuse: {record.violations}"
        if check_secrets:
            Secrets.assert_kept(result)
        return result

    def _wait(self, invocation: Invocation, limit_s: float) -> None:
        limit = time.monotonic() + limit_s
        while not invocation.answered.wait(0.1):
            if not self.alive:
                raise Crashed(f"the function ended with {self.process.returncode}: {self.output()[-2000:]}")
            if time.monotonic() > limit:
                self.close()
                raise Crashed(f"no answer within {limit_s:.0f} s")

    def close(self) -> None:
        if self.alive:
            self.process.kill()
        self.process.wait()
        self.aws.close()
        self.runtime.close()


def _payload(payload: object) -> bytes:
    match payload:
        case bytes():
            return payload
        case str():
            return payload.encode("utf-8")
    return json.dumps(payload).encode()


class Functions:
    """One process per distinct environment, started when it is first wanted and kept."""

    def __init__(self) -> None:
        self._running: dict[frozenset, Function] = {}

    def get(self, **changes: str | None) -> Function:
        # Removing what is not there changes nothing, and is no environment of its own.
        changes = {k: v for k, v in changes.items() if v is not None or k in environment("", "", {})}
        key = frozenset(changes.items())
        running = self._running.get(key)
        if running is None or not running.alive:
            running = Function(changes).wait_until_ready()
            self._running[key] = running
        return running

    def close(self) -> None:
        for running in self._running.values():
            running.close()
