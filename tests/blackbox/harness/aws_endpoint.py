"""AWS on loopback: the calls that the function makes, checked, recorded, and answered as scripted.

A request that breaks the service's model is answered with `ValidationException` as the service
would, and remembered in `violations`; no case expects one, so each fails the case in which it occurs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from . import answers as a
from . import models, rest
from .http import Answer, Cut, Partial, Request, Response, Server

TARGETS = {
    "AWSStepFunctions": ("stepfunctions", "application/x-amz-json-1.0", "states"),
    "CodePipeline_20150709": ("codepipeline", "application/x-amz-json-1.1", "codepipeline"),
    "SimpleWorkflowService": ("swf", "application/x-amz-json-1.0", "swf"),
    "SageMaker": ("sagemaker", "application/x-amz-json-1.1", "sagemaker"),
    "CodeDeploy_20141006": ("codedeploy", "application/x-amz-json-1.1", "codedeploy"),
    "AWS242ServiceCatalogService": ("servicecatalog", "application/x-amz-json-1.1", "servicecatalog"),
    "AmazonEC2ContainerServiceV20141113": ("ecs", "application/x-amz-json-1.1", "ecs"),
    "CodeBuild_20161006": ("codebuild", "application/x-amz-json-1.1", "codebuild"),
    "AmazonSSM": ("ssm", "application/x-amz-json-1.1", "ssm"),
    "Logs_20140328": ("logs", "application/x-amz-json-1.1", "logs"),
    "DynamoDB_20120810": ("dynamodb", "application/x-amz-json-1.0", "dynamodb"),
    "AmazonSQS": ("sqs", "application/x-amz-json-1.0", "sqs"),
}
PARKING_NAME = "failures-parking"
"""A queue of this name holds parked messages; every other one dead letters."""
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass
class Call:
    service: str
    operation: str
    params: dict
    region: str
    access_key: str
    session_token: str | None
    started: float
    ended: float = 0.0
    accepted: bool = False
    request: Request | None = None
    """As it arrived."""

    @property
    def identity(self) -> str | None:
        """The token or job id that the call names."""
        names = rest.IDENTITIES.get(self.operation, ("taskToken", "jobId"))
        return next((self.params[name] for name in names if self.params.get(name)), None)


@dataclass
class DeadLetter:
    """A message that the dead-letter queue has stored."""

    queue_url: str
    body: str
    attributes: dict[str, str]
    group_id: str | None
    deduplication_id: str | None
    region: str


@dataclass
class Parked(DeadLetter):
    """A message that the parking queue has stored."""

    delay_s: int | None
    system_attributes: dict[str, str]


@dataclass
class Record:
    """What happened during one invocation."""

    script: dict[str, a.Scripted] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    """Calls of the failure APIs."""
    others: list[Call] = field(default_factory=list)
    """Calls of SQS and STS, and questions about a worker's log."""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    visibility: list[dict] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


class AwsEndpoint:
    def __init__(self) -> None:
        self.record = Record()
        self._server = Server(self._handle)
        self.url = f"http://127.0.0.1:{self._server.port}"

    def begin(self, script: dict[str, a.Scripted]) -> Record:
        """Starts a new record: all that follows is answered by `script`.

        Its keys are an identity (token or job id), else an operation's name, else `*`; for SQS
        and STS only the operation's name. A scripted list is consumed call by call.
        """
        copied = {key: list(value) if isinstance(value, list) else value for key, value in script.items()}
        self.record = Record(script=copied)
        return self.record

    def close(self) -> None:
        self._server.close()

    async def _handle(self, request: Request) -> Answer:
        record = self.record
        call = self._parse(request, record)
        if call is None:
            return Response(404, b"unknown operation")
        call.request = request
        reply = self._reply(call, record)
        if isinstance(reply, a.Reply) and call.service in rest.IN_XML:
            reply = a.as_xml(reply, call.service)
        is_other = call.service in ("sqs", "sts", "logs") or call.operation == "DescribeTaskDefinition"
        (record.others if is_other else record.calls).append(call)
        match reply:
            case a.Hang():
                await asyncio.sleep(600)
                return Cut()
            case a.CutConnection(half=half):
                call.ended = time.monotonic()
                return Partial() if half else Cut()
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        call.accepted = reply.accepts
        call.ended = time.monotonic()
        headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "request", **reply.headers}
        return Response(reply.status, reply.body, headers)

    def _parse(self, request: Request, record: Record) -> Call | None:
        if (presigned := rest.presigned(request, record.violations)) is not None:
            service, operation, params, region = presigned
            return Call(service, operation, params, region, "", None, time.monotonic())
        scope = _SCOPE.search(request.headers.get("authorization", ""))
        key, region, signed_service = scope.groups() if scope else ("", "", "")
        if scope is None:
            record.violations.append("a request without a SigV4 signature")
        common = (region, key, request.headers.get("x-amz-security-token"), time.monotonic())
        target = request.headers.get("x-amz-target")
        if target is None and (found := rest.parse(request, record.violations)) is not None:
            service, operation, params = found
            if scope and signed_service != service:
                record.violations.append(f"{operation}: signed for {signed_service}")
            return Call(service, operation, params, *common)
        if target is None:
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            operation = form.pop("Action", "")
            form.pop("Version", None)
            if operation != "AssumeRole":
                record.violations.append(f"an unknown call: {request.method} {request.path} {operation}")
                return None
            if "DurationSeconds" in form:
                form["DurationSeconds"] = int(form["DurationSeconds"])
            return Call("sts", operation, form, *common)
        prefix, _, operation = target.partition(".")
        service, content_type, signing_name = TARGETS.get(prefix, ("", "", ""))
        if not service or not models.has_operation(service, operation):
            record.violations.append(f"an unknown call: {target}")
            return None
        if request.headers.get("content-type", "").split(";")[0] != content_type:
            record.violations.append(f"{target}: content type {request.headers.get('content-type')}")
        if scope and signed_service != signing_name:
            record.violations.append(f"{target}: signed for {signed_service}")
        try:
            params = json.loads(request.body)
        except ValueError as broken:
            record.violations.append(f"{target}: the body is no JSON: {broken}")
            params = {}
        return Call(service, operation, params, *common)

    def _reply(self, call: Call, record: Record) -> a.Answer:
        broken = models.violations(call.service, call.operation, call.params)
        if broken:
            record.violations.extend(broken)
            return a.error("ValidationException", message="; ".join(broken))
        if call.service == "sqs":
            return self._sqs(call, record)
        scripted = self._scripted(call, record, call.identity)
        if scripted is not None:
            return scripted
        return assumed_role(call) if call.service == "sts" else a.ok(b"" if call.service == "swf" else b"{}")

    @staticmethod
    def _scripted(call: Call, record: Record, identity: str | None) -> a.Answer | None:
        for key in (identity, call.operation, "*" if call.service not in ("sqs", "sts") else None):
            if key is not None and key in record.script:
                scripted = record.script[key]
                if isinstance(scripted, list):
                    return scripted.pop(0) if len(scripted) > 1 else scripted[0]
                return scripted(call) if callable(scripted) else scripted
        return None

    def _sqs(self, call: Call, record: Record) -> a.Answer:
        params = call.params
        match call.operation:
            case "SendMessage":
                reply = self._scripted(call, record, None)
                stored, failed = self._send(call, record, [params], reply)
                if reply is not None and not (isinstance(reply, a.Reply) and reply.accepts):
                    return reply
                if failed:
                    return a.error(failed[0]["Code"], message=failed[0]["Message"])
                return reply or _json({"MessageId": "stored", "MD5OfMessageBody": stored[0]["MD5OfMessageBody"]})
            case "SendMessageBatch":
                entries = params["Entries"]
                broken = models.sqs_batch_violations(entries)
                if broken:
                    record.violations.extend(broken)
                    return a.error("BatchRequestTooLong", message="; ".join(broken))
                reply = self._scripted(call, record, None) or self._scripted_as(call, record, "SendMessage")
                stored, failed = self._send(call, record, entries, reply)
                if reply is not None and not (isinstance(reply, a.Reply) and reply.accepts):
                    return reply
                return reply or _json({"Successful": stored, "Failed": failed})
            case "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch":
                reply = self._scripted_as(call, record, "ChangeMessageVisibility")
                if reply is not None:
                    return reply
                entries = params.get("Entries", [params])
                for entry in entries:
                    record.visibility.append({**entry, "QueueUrl": params["QueueUrl"]})
                    if not 0 <= entry.get("VisibilityTimeout", -1) <= 43200:
                        record.violations.append(f"VisibilityTimeout: {entry.get('VisibilityTimeout')}")
                if "Entries" in params:
                    return _json({"Successful": [{"Id": e["Id"]} for e in entries], "Failed": []})
                return a.ok()
            case "GetQueueUrl":
                owner = params.get("QueueOwnerAWSAccountId", "111122223333")
                return _json({"QueueUrl": f"https://sqs.{call.region}.amazonaws.com/{owner}/{params['QueueName']}"})
        record.violations.append(f"an unexpected call: {call.operation}")
        return a.error("UnsupportedOperation")

    def _scripted_as(self, call: Call, record: Record, operation: str) -> a.Answer | None:
        scripted = record.script.get(operation)
        if isinstance(scripted, list):
            return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        return scripted(call) if callable(scripted) else scripted

    def _send(
        self, call: Call, record: Record, entries: list[dict], reply: a.Answer | None
    ) -> tuple[list[dict], list[dict]]:
        """Stores the entries that SQS would store; `refuse_bodies` in the script names those it must refuse."""
        stored: list[dict] = []
        failed: list[dict] = []
        queue_url = call.params["QueueUrl"]
        refused: set[str] = record.script.get("refuse_bodies", set())  # type: ignore[assignment]
        for entry in entries:
            answer = {"Id": entry.get("Id", "")}
            broken = models.sqs_message_violations(entry, queue_url.endswith(".fifo"))
            if broken:
                record.violations.extend(broken)
                failed.append({**answer, "SenderFault": True, "Code": "InvalidMessageContents", "Message": str(broken)})
                continue
            if entry["MessageBody"] in refused:
                failed.append({**answer, "SenderFault": False, "Code": "InternalError", "Message": "scripted"})
                continue
            if reply is None or (isinstance(reply, a.Reply) and reply.accepts):
                message = (
                    queue_url,
                    entry["MessageBody"],
                    {n: v["StringValue"] for n, v in (entry.get("MessageAttributes") or {}).items()},
                    entry.get("MessageGroupId"),
                    entry.get("MessageDeduplicationId"),
                    call.region,
                )
                if queue_url.endswith(PARKING_NAME):
                    system = {n: v["StringValue"] for n, v in (entry.get("MessageSystemAttributes") or {}).items()}
                    record.parked.append(Parked(*message, entry.get("DelaySeconds"), system))
                else:
                    record.dead_letters.append(DeadLetter(*message))
            digest = hashlib.md5(entry["MessageBody"].encode()).hexdigest()
            stored.append({**answer, "MessageId": "stored", "MD5OfMessageBody": digest})
        return stored, failed


def _json(document: dict) -> a.Reply:
    return a.Reply(200, json.dumps(document).encode(), accepts=True)


def assumed_access_key(account: str) -> str:
    """The access key that STS hands out for a role in `account`."""
    return f"ASIA{account}"


def assumed_role(call: Call) -> a.Reply:
    account = call.params["RoleArn"].split(":")[4]
    body = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
      <AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::{account}:assumed-role/r/s</Arn></AssumedRoleUser>
      <Credentials><AccessKeyId>{assumed_access_key(account)}</AccessKeyId><SecretAccessKey>assumed-secret</SecretAccessKey>
      <SessionToken>assumed-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
      </AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"""
    return a.Reply(200, body.encode(), {"content-type": "text/xml"}, accepts=True)


def sts_error(name: str, status: int = 403) -> a.Reply:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{name}</Code><Message>scripted</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
    return a.Reply(status, body.encode(), {"content-type": "text/xml"})
