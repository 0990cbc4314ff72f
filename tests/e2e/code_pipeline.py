"""A CodePipeline that keeps jobs which are open and then closed, since LocalStack has none.

It takes the two calls of the relay over HTTP, checks each request against the service's own model as botocore
carries it (members, lengths, patterns, values) and answers with the service's error names.
"""

import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session

MODEL = botocore.session.get_session().get_service_model("codepipeline")
HANG_SECONDS_MAX = 60


class CodePipeline:
    def __init__(self):
        self.lock = threading.Lock()
        self.open_jobs = {}  # job id → client token or None
        self.failures = {}  # job id → the request that closed it
        self.calls = []  # (operation, request) of each call that was valid
        self.faults = {}  # job id → what to answer instead: (status, error name), or an Event to wait for
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def open_job(self, client_token=None):
        job = str(uuid.uuid4())
        with self.lock:
            self.open_jobs[job] = client_token
        return job

    def failure(self, job):
        """What the job was failed with, or None as long as it is open."""
        with self.lock:
            return self.failures.get(job)

    def calls_for(self, job):
        with self.lock:
            return [request for _, request in self.calls if request["jobId"] == job]

    def answer(self, target, request):
        operation = MODEL.operation_model(target.removeprefix("CodePipeline_20150709."))
        if wrong := "; ".join(violations(operation.input_shape, request, operation.name)):
            return 400, {"__type": "ValidationException", "message": wrong}
        job = request["jobId"]
        with self.lock:
            self.calls.append((operation.name, request))
            fault = self.faults.get(job)
            if isinstance(fault, list):
                fault = fault.pop(0) if fault else None
        if isinstance(fault, threading.Event):
            fault.wait(HANG_SECONDS_MAX)
        elif fault:
            status, name = fault
            return status, {"__type": name, "message": "a fault that the test asked for"}
        with self.lock:
            if job in self.failures:
                return 400, {"__type": "InvalidJobStateException", "message": "The job is not open."}
            if job not in self.open_jobs:
                return 400, {"__type": "JobNotFoundException", "message": "No such job."}
            if self.open_jobs[job] != request.get("clientToken"):
                return 400, {"__type": "InvalidClientTokenException", "message": "Wrong token."}
            self.failures[job] = request
        return 200, {}


def violations(shape, value, path):
    """What the model does not allow in `value`: one sentence each."""
    if shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"{path}.{name} is missing"
        for name, member in value.items():
            if name in shape.members:
                yield from violations(shape.members[name], member, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not in the model"
    elif shape.type_name == "string":
        if not isinstance(value, str):
            yield f"{path} is no string"
            return
        units = len(value.encode("utf-16-le", "surrogatepass")) // 2
        if not shape.metadata.get("min", 0) <= units <= shape.metadata.get("max", units):
            yield f"{path} has {units} characters"
        if (pattern := shape.metadata.get("pattern")) and not re.fullmatch(pattern, value):
            yield f"{path} does not match {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{path} is none of {shape.enum}"


def _handler_for(pipeline):
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = pipeline.answer(self.headers["X-Amz-Target"], request)
            body = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # who asked has gone: a scenario killed it

        def log_message(self, *args):
            pass

    return Api
