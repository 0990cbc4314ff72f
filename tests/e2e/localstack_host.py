"""Starts LocalStack on this machine, without Docker, and stops it again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
SERVICES = "sqs,events,stepfunctions,cloudformation,iam,lambda,s3,sts,logs,cloudwatch,swf,sns,kms,dynamodb"
READY_SECONDS_MAX = 60


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class LocalStack:
    """LocalStack in `state`, a directory of its own; `function_env` goes to every function that it runs."""

    def __init__(self, state: Path, function_env: dict[str, str]):
        self.state = state
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = state / "localstack.log"
        (state / "functions").mkdir(parents=True, exist_ok=True)
        (state / "tmp").mkdir()
        self._write_entry_point(state / "plugin")
        env = {
            name: value
            for name, value in os.environ.items()
            # Nothing of the caller's AWS configuration may leak in, nor a proxy into loopback calls.
            if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
        }
        env |= {
            "PYTHONPATH": f"{state / 'plugin'}:{HERE}",
            "E2E_STATE": str(state / "functions"),
            "E2E_FUNCTION_ENV": json.dumps(function_env),
            "GATEWAY_SERVER": "hypercorn",  # the default server ignores the address and binds all of them
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "LOCALSTACK_HOST": f"127.0.0.1:{self.port}",
            "SERVICES": SERVICES,
            "SQS_ENDPOINT_STRATEGY": "path",
            "LAMBDA_RUNTIME_EXECUTOR": "host",
            "PROVIDER_OVERRIDE_DYNAMODB": "in_python",
            "LAMBDA_KEEPALIVE_MS": "600000",
            "LAMBDA_SYNCHRONOUS_CREATE": "1",
            "DISABLE_EVENTS": "1",  # no telemetry
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "STRICT_SERVICE_LOADING": "0",
            "EAGER_SERVICE_LOADING": "0",
            "PERSISTENCE": "0",
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(state / "root"),
            "TMPDIR": str(state / "tmp"),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstack.runtime.main"],
            cwd=state,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self.log_path.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()

    @staticmethod
    def _write_entry_point(directory):
        """What an installed package would have, so that the executor needs no installation."""
        info = directory / "host_executor-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: host-executor\nVersion: 1\n")
        (info / "entry_points.txt").write_text(
            "[localstack.lambda.runtime_executor]\nhost = host_executor:HostExecutorPlugin\n"
            "[localstack.hooks.on_infra_start]\njsonata_in_python = without_java:jsonata_in_python\n"
            "[localstack.aws.provider]\ndynamodb:in_python = without_java:dynamodb\n"
        )

    def _wait(self):
        end = time.time() + READY_SECONDS_MAX
        while time.time() < end:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_localstack/health", timeout=2) as answer:
                    if answer.status == 200 and b"services" in answer.read():
                        return
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError("LocalStack did not start:\n" + self.log_path.read_text()[-4000:])

    def stop(self):
        """Ends LocalStack and the function processes, which are of its process group."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def function_log(self, function_name):
        """What the function has printed so far: its JSON lines, and the text of those that are none."""
        path = self.state / "functions" / f"{function_name}.log"
        lines = []
        for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
            try:
                lines.append(json.loads(line))
            except ValueError:
                lines.append(line)
        return lines

    def function_pids(self, function_name):
        for path in (self.state / "functions").glob(f"{function_name}.*.pid"):
            yield int(path.read_text())
