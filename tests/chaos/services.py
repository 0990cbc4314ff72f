"""AWS in trouble: tasks and jobs that are failed once, a dead-letter queue, and faults in a third of the calls.

`told` is set on each call to what the function was told about it: `accepted`, `settled`, `rejected`, or nothing; `confirmed` on each
call of the dead-letter queue to the bodies that the function may take for stored.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from harness import answers as a
from harness.aws_endpoint import PARKING_NAME, Call, assumed_access_key, assumed_role, sts_error
from harness.function import ACCESS_KEY
from harness.kinds import TEN
from source_queue import Message

FAULT_SHARE = 1 / 3
HANG_SHARE = 0.03
"""Of the faults: each holds an environment for seconds."""

CALLS = [
    ("stepfunctions", "SendTaskFailure"), ("swf", "RespondActivityTaskFailed"), ("codepipeline", "PutJobFailureResult"),
    ("codepipeline", "PutThirdPartyJobFailureResult"), ("sqs", "SendMessage"), ("sqs", "SendMessageBatch"),
    ("sqs", "ChangeMessageVisibilityBatch"), ("sts", "AssumeRole"),
    *((kind.service, kind.operation) for kind in TEN if not kind.presigned),
]  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    name: str
    status: int = 400
    message: str = "scripted"


CLOSED = {
    "SendTaskFailure": Refusal("TaskTimedOut"),
    "RespondActivityTaskFailed": Refusal("UnknownResourceFault"),
    "PutJobFailureResult": Refusal("InvalidJobStateException"),
    "PutThirdPartyJobFailureResult": Refusal("InvalidJobStateException"),
    "SendDurableExecutionCallbackFailure": Refusal("CallbackTimeoutException"),
    "CompleteLifecycleAction": Refusal("ValidationError", message="No active Lifecycle Action found with token t"),
    "PutLifecycleEventHookExecutionStatus": Refusal("LifecycleEventAlreadyCompletedException"),
    "PutApprovalResult": Refusal("ApprovalAlreadyCompletedException"),
    "SendWorkflowStepAction": Refusal("IdempotentParameterMismatchException"),
    # These take the same report again and say that all is well.
    "PutCustomResourceResponse": None,
    "PutWaitConditionSignal": None,
    "SendPipelineExecutionStepFailure": None,
    "NotifyProvisionProductEngineWorkflowResult": None,
    "ContinueServiceDeployment": None,
}
UNKNOWN = {
    "SendTaskFailure": Refusal("InvalidToken"),
    "RespondActivityTaskFailed": Refusal("ValidationException"),
    "PutJobFailureResult": Refusal("JobNotFoundException"),
    "PutThirdPartyJobFailureResult": Refusal("JobNotFoundException"),
    "SendDurableExecutionCallbackFailure": Refusal("ResourceNotFoundException", 404),
    "PutCustomResourceResponse": Refusal("NoSuchBucket", 404),
    "PutWaitConditionSignal": Refusal("SignatureDoesNotMatch", 403),
    "SendPipelineExecutionStepFailure": Refusal("ResourceNotFound"),
    "CompleteLifecycleAction": Refusal("ValidationError", message="AutoScalingGroup name not found"),
    "PutLifecycleEventHookExecutionStatus": Refusal("DeploymentDoesNotExistException"),
    "PutApprovalResult": Refusal("PipelineNotFoundException"),
    "SendWorkflowStepAction": Refusal("ResourceNotFoundException", 404),
    "NotifyProvisionProductEngineWorkflowResult": Refusal("ResourceNotFoundException"),
    "ContinueServiceDeployment": Refusal("ServiceDeploymentNotFoundException"),
}
KINDS_BY_OPERATION = {
    "SendTaskFailure": "step-functions-task", "RespondActivityTaskFailed": "swf-activity-task",
    "PutJobFailureResult": "codepipeline-job", "PutThirdPartyJobFailureResult": "codepipeline-third-party-job",
    **{kind.operation: kind.name for kind in TEN},
}  # fmt: skip


def lacking() -> list[str]:
    """What is not known of the kinds here: how the service of each says that the work is closed, or is not known to it."""
    tables = {"CLOSED": CLOSED, "UNKNOWN": UNKNOWN}
    return [
        f"{name} has no {operation} of {kind}"
        for operation, kind in KINDS_BY_OPERATION.items() for name, table in tables.items() if operation not in table
    ]  # fmt: skip


SILENT = {kind.operation for kind in TEN if not kind.carries_text}
"""Operations that take no text."""


@dataclass
class Work:
    """One task or job: where it is, and the failures that it was told."""

    region: str
    account: str | None
    is_open: bool = True
    failures: list[str] = field(default_factory=list)
    is_silent: bool = False
    """Its API takes no text, by which the failure could be told."""


@dataclass
class Letter:
    body: str
    attributes: dict[str, str]


class Services:
    """Shared by all environments of a run."""

    def __init__(self, seed: int, queues: dict) -> None:
        self.dice = random.Random(seed)
        self.lock = threading.Lock()
        self.work: dict[str, Work] = {}
        self.letters: list[Letter] = []
        self.wrong: list[str] = []
        self.told: dict[str, set[str]] = defaultdict(set)
        self.calls = self.faults = self.parkings = 0
        self.are_healthy = False
        self.queues = queues
        self.parking = queues["parking"]

    def script(self) -> dict:
        """For an environment: what answers its calls."""
        return {"*": self.target, "AssumeRole": self.role, "SendMessage": self.send, "SendMessageBatch": self.send,
                "ChangeMessageVisibility": self.hide}  # fmt: skip

    def target(self, call: Call) -> a.Answer:
        with self.lock:
            body = b"" if call.service == "swf" else b"{}"
            return self._answer(call, lambda: self._fail(call), a.ok(body))

    def role(self, call: Call) -> a.Answer:
        with self.lock:
            if self._is_due():
                return self.dice.choice([sts_error("Throttling", 400), sts_error("AccessDenied"), a.http(503), a.CutConnection()])
            return assumed_role(call)

    def send(self, call: Call) -> a.Answer:
        with self.lock:
            entries = call.params.get("Entries", [call.params])
            if call.params["QueueUrl"].endswith(PARKING_NAME):
                call.parked = [
                    Letter(e["MessageBody"], {n: v["StringValue"] for n, v in e["MessageAttributes"].items()}) for e in entries
                ]
            if "Entries" in call.params and self._is_due(0.2):
                refused = {entry["Id"] for entry in entries if self.dice.random() < 0.5}
                stored = [entry for entry in entries if entry["Id"] not in refused]
                self._store(call, stored)
                call.confirmed = [entry["MessageBody"] for entry in stored]
                return self._stored(call, stored, refused)
            if self._is_due(0.1):
                return a.ok(self.dice.choice([b"{}", b'{"__type":"InternalFailure"}', b"<html>", b""]))
            answer = self._answer(call, lambda: self._store(call, entries), self._stored(call, entries, set()))
            call.confirmed = [entry["MessageBody"] for entry in entries] if call.told == "accepted" else []
            return answer

    def hide(self, call: Call) -> a.Answer:
        with self.lock:
            if self._is_due():
                return self.dice.choice([a.error("AccessDenied", 403), a.http(500), a.CutConnection()])
            for entry in call.params["Entries"]:
                for queue in self.queues.values():
                    queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"])
            done = [{"Id": entry["Id"]} for entry in call.params["Entries"]]
            return a.ok(json.dumps({"Successful": done, "Failed": []}).encode())

    def _is_due(self, share: float = 1.0) -> bool:
        return not self.are_healthy and self.dice.random() < FAULT_SHARE * share

    def _answer(self, call: Call, perform, success: a.Reply) -> a.Answer:
        """The call carried out or not, and its answer given or not. A fault before the effect leaves all as it was."""
        self.calls += 1
        call.told = None
        if not self._is_due():
            return self._finish(call, perform(), success)
        self.faults += 1
        if self.dice.random() < HANG_SHARE:
            if self.dice.random() < 0.5:
                perform()
            return a.Hang()
        before = [
            a.error("ThrottlingException"), a.error("", 429), a.http(500), a.http(502, a.HTML_PAGE), a.CutConnection(),
            a.error("AccessDeniedException"), a.error("ExpiredTokenException"), a.error("NobodyKnows"),
            a.error((CLOSED.get(call.operation) or Refusal("InvalidMessageContents")).name, 500), a.error("KmsThrottlingException"),
        ]  # fmt: skip
        if call.service == "cloudformation-response":
            # Any other refusal of S3 is final.
            before = [a.error("RequestTimeTooSkewed", 403), a.error("SlowDown", 503), a.http(500), a.http(408), a.http(429), a.CutConnection()]
        if "cause" in call.params:
            before += [a.error("KmsAccessDeniedException"), a.error("KmsInvalidStateException", style="namespaced")]
        if self.dice.random() < 0.6:
            return self.dice.choice(before)
        error = perform()
        if error is None and self.dice.random() < 0.2:
            # The status is a 200. That accepts a failure, and confirms no letter.
            call.told = None if call.service == "sqs" else "accepted"
            return a.CutConnection(half=True)
        if self.dice.random() < 0.5:
            return self.dice.choice([a.CutConnection(), a.http(503)])
        success.delay_s = self.dice.uniform(0.05, 0.6)
        if call.service != "sqs" and self.dice.random() < 0.5:
            success.body = self.dice.choice([b"garbage", b'{"__type":"InternalFailure"}', b""])
        return self._finish(call, error, success)

    def _finish(self, call: Call, error: Refusal | None, success: a.Reply) -> a.Answer:
        call.told = "accepted" if error is None else "settled" if error == CLOSED.get(call.operation) else "rejected"
        if call.identity:
            self.told[call.identity].add(call.told)
        if error is None:
            return success
        return a.error(error.name, error.status, error.message, self.dice.choice(["bare", "namespaced", "header"]))

    def _fail(self, call: Call) -> Refusal | None:
        work = self.work.get(call.identity)
        if work is None:
            return UNKNOWN[call.operation]
        key = assumed_access_key(work.account) if work.account else ACCESS_KEY
        if call.service == "cloudformation-response":
            key = ""
        if (call.region, call.access_key) != (work.region, key):
            self.wrong.append(f"{call.operation} went to {call.region} as {call.access_key}, not to {work}")
        if not work.is_open:
            return CLOSED[call.operation]
        work.is_open = False
        work.is_silent = call.operation in SILENT
        work.failures.append(json.dumps(call.params, ensure_ascii=False))
        return None

    def _store(self, call: Call, entries: list[dict]) -> None:
        for entry in entries:
            attributes = {n: v["StringValue"] for n, v in (entry.get("MessageAttributes") or {}).items()}
            if call.params["QueueUrl"].endswith(PARKING_NAME):
                visible_at = time.monotonic() + entry["DelaySeconds"]
                self.parkings += 1
                self.parking.send(Message(entry["MessageBody"], visible_at=visible_at, attributes=attributes))
            else:
                self.letters.append(Letter(entry["MessageBody"], attributes))

    def _stored(self, call: Call, entries: list[dict], refused: set[str]) -> a.Reply:
        def confirmed(entry: dict) -> dict:
            digest = hashlib.md5(entry["MessageBody"].encode()).hexdigest()
            return {"MessageId": "stored", "MD5OfMessageBody": digest} | ({"Id": entry["Id"]} if "Id" in entry else {})

        if "Entries" not in call.params:
            return a.ok(json.dumps(confirmed(entries[0])).encode())
        failed = [{"Id": id, "SenderFault": False, "Code": "InternalError"} for id in sorted(refused)]
        document = {"Successful": [confirmed(entry) for entry in entries], "Failed": failed}
        return a.ok(json.dumps(document).encode())
