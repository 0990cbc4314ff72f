"""Runs a Lambda function of LocalStack as a process of this machine, where LocalStack itself would run Docker.

LocalStack finds the class through the entry point that `localstack_host.py` writes. One executor is one
execution environment: the function's `bootstrap` as a child process, and a server on a loopback port that speaks
the Lambda Runtime API to it.

What it keeps of Lambda's behaviour: one invocation at a time, the deadline, the time-out that kills the process,
a process that dies in mid-invocation (the invocation fails with `Runtime.ExitError`, the next one starts a new
process), the names of the environment variables. What it does not: memory and CPU limits, freezing, the sandbox.

Two variables of LocalStack's own process steer it:
  E2E_STATE         a directory that gets `<function>.log` (what the function printed) and `<function>.<id>.pid`
  E2E_FUNCTION_ENV  a JSON object of more environment variables for every function
"""

import json
import os
import queue
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from localstack import config
from localstack.services.lambda_.invocation.execution_environment import ExecutionEnvironment
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

STARTUP_SECONDS_MAX = 30
LOG_BYTES_MAX = 1_000_000  # of one invocation, in CloudWatch Logs
LAST_LINES_SECONDS = 0.02  # after its answer, until they are read


class HostExecutorPlugin(RuntimeExecutorPlugin):
    name = "host"

    def load(self, *args, **kwargs):
        ExecutionEnvironment.get_log_group_name = log_group_of
        return HostExecutor


def log_group_of(environment):
    """LoggingConfig's, which LocalStack keeps and does not heed."""
    return environment.function_version.config.logging_config["LogGroup"]


class HostExecutor(RuntimeExecutor):
    def __init__(self, id, function_version):
        super().__init__(id, function_version)
        self.env = {}
        self.process = None
        self.ready = threading.Event()  # the process has asked for its first invocation
        self.init_error = None
        self.waiting = queue.Queue()  # invocations for the process to fetch
        self.results = queue.Queue()  # its answers, as (request id, is error, body)
        self.log = b""
        self.log_lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self.server.daemon_threads = True

    # -- what LocalStack calls -------------------------------------------------------------------------------

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass

    def start(self, env_vars):
        self.env = {name: str(value) for name, value in env_vars.items() if value is not None}
        self.env.update(json.loads(os.environ.get("E2E_FUNCTION_ENV", "{}")))
        # LocalStack writes "Info" where Lambda writes "INFO".
        if level := self.env.get("AWS_LAMBDA_LOG_LEVEL"):
            self.env["AWS_LAMBDA_LOG_LEVEL"] = level.upper()
        self.env["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{self.server.server_port}"
        self.env["PATH"] = "/usr/local/bin:/usr/bin:/bin"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self._start_process()

    def stop(self):
        self._kill()
        self.server.shutdown()
        self.server.server_close()

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self):
        with self.log_lock:
            return self.log.decode("utf-8", "replace")

    def invoke(self, payload):
        request_id = payload["invoke-id"]
        if self.process.poll() is not None:
            self._start_process()
        timeout_seconds = float(self.env["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        deadline = time.time() + timeout_seconds
        self.waiting.put({**payload, "deadline-ms": int(deadline * 1000)})
        while True:
            try:
                answered_id, is_error, body = self.results.get(timeout=0.05)
            except queue.Empty:
                if self.process.poll() is not None:
                    return self._failed(
                        request_id,
                        "Runtime.ExitError",
                        f"RequestId: {request_id} Error: Runtime exited with error: {self.process.returncode}",
                    )
                if time.time() > deadline:
                    self._kill()
                    return self._failed(
                        request_id,
                        "Sandbox.Timedout",
                        f"RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2f} seconds",
                    )
                continue
            if answered_id == request_id:
                return InvocationResult(request_id, body, is_error=is_error, logs=self._take_log())

    def _take_log(self):
        time.sleep(LAST_LINES_SECONDS)
        with self.log_lock:
            log, self.log = self.log, b""
        return log.decode("utf-8", "replace")

    # -- the process -----------------------------------------------------------------------------------------

    def _failed(self, request_id, error_type, message):
        self.waiting = queue.Queue()
        body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
        return InvocationResult(request_id, body, is_error=True, logs=self._take_log())

    def _start_process(self):
        self.ready.clear()
        self.init_error = None
        code = self.function_version.config.code.get_unzipped_code_location()
        self.process = subprocess.Popen(
            [str(code / "bootstrap")],
            cwd=code,
            env={**self.env, "LAMBDA_TASK_ROOT": str(code)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        state = Path(os.environ["E2E_STATE"])
        name = self.function_version.id.function_name
        (state / f"{name}.{self.id}.pid").write_text(str(self.process.pid))
        threading.Thread(
            target=self._copy_output, args=(self.process, state / f"{name}.log"), daemon=True
        ).start()
        end = time.time() + STARTUP_SECONDS_MAX
        while not self.ready.wait(0.02):
            if self.init_error is not None or self.process.poll() is not None or time.time() > end:
                self._kill()
                raise StatusErrorException(
                    f"The function did not start: {self.get_logs()}",
                    payload=self.init_error
                    or json.dumps(
                        {"errorType": "Runtime.ExitError", "errorMessage": self.get_logs()}
                    ).encode(),
                )

    def _copy_output(self, process, path):
        with path.open("ab", buffering=0) as file:
            for line in process.stdout:
                file.write(line)
                with self.log_lock:
                    self.log = (self.log + line)[-LOG_BYTES_MAX:]

    def _kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _handler_for(executor):
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):  # …/runtime/invocation/next
            executor.ready.set()
            process, waiting = executor.process, executor.waiting
            while True:
                try:
                    invocation = waiting.get(timeout=0.2)
                    break
                except queue.Empty:
                    # The process that asked is gone: leave the invocation to its successor.
                    if executor.process is not process or process.poll() is not None:
                        self.close_connection = True
                        return
                    waiting = executor.waiting
            body = invocation["payload"].encode()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", invocation["invoke-id"])
            self.send_header("Lambda-Runtime-Deadline-Ms", str(invocation["deadline-ms"]))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", invocation["invoked-function-arn"])
            self.send_header("Lambda-Runtime-Trace-Id", invocation["trace-id"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            body = self._read_body()
            *_, request_id, verb = self.path.rstrip("/").split("/")
            if self.path.endswith("/runtime/init/error"):
                executor.init_error = body
            elif verb in ("response", "error"):
                executor.results.put((request_id, verb == "error", body))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _read_body(self):
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():  # trailers
                pass
            return body

        def log_message(self, *args):
            pass

    return RuntimeApi
