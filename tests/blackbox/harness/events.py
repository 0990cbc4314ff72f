"""Builders of input: failure events, envelopes and notices, as users and AWS send them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable

from .function import ACCOUNT, REGION
from .secrets import Secrets

KINDS = ("codepipeline-job", "codepipeline-third-party-job", "step-functions-task", "swf-activity-task")
SOURCE_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures"
PARKING_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures-parking"
FIFO_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures.fifo"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:failures"

# Targets. Each call makes a new identity.


def job_id() -> str:
    return str(uuid.uuid4())


def target(kind: str, **members: object) -> dict:
    """A target of one of the four kinds with a new identity; `members` add to it or replace."""
    identity: dict[str, object]
    match kind:
        case "codepipeline-job":
            identity = {"jobId": job_id()}
        case "codepipeline-third-party-job":
            identity = {"jobId": f"third-party-{uuid.uuid4()}", "clientToken": Secrets.issue()}
        case _:
            identity = {"taskToken": Secrets.issue(64)}
    return {"kind": kind, **identity, **members}


def sfn(**members: object) -> dict:
    return target("step-functions-task", **members)


def job(**members: object) -> dict:
    return target("codepipeline-job", **members)


def third_party(**members: object) -> dict:
    return target("codepipeline-third-party-job", **members)


def swf(**members: object) -> dict:
    return target("swf-activity-task", **members)


def identity(of: dict) -> str:
    """What the endpoint sees of a target: its token or job id."""
    return of.get("taskToken") or of["jobId"]


def event(of: dict | None = None, failure: object = None, **members: object) -> dict:
    document: dict = {"target": of if of is not None else sfn()}
    if failure is not None:
        document["failure"] = failure
    return {**document, **members}


def raw_event(of: dict, failure: str) -> str:
    """An event whose `failure` is this JSON text, to the byte."""
    return '{"target":%s,"failure":%s}' % (json.dumps(of), failure)


# Envelopes.


def text(content: object) -> str:
    """A body: text stays as it is, a value becomes JSON."""
    return content if isinstance(content, str) else json.dumps(content)


def sqs_record(
    content: object,
    *,
    message_id: str | None = None,
    receives: int = 1,
    group: str | None = None,
    queue: str = SOURCE_QUEUE,
    **attributes: str,
) -> dict:
    system = {
        "ApproximateReceiveCount": str(receives),
        "SentTimestamp": "1735689600000",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1735689600001",
        **attributes,
    }
    if group is not None:
        system |= {"MessageGroupId": group, "MessageDeduplicationId": "dedup", "SequenceNumber": "18849496460467696128"}
    return {
        "messageId": message_id or str(uuid.uuid4()),
        "receiptHandle": f"receipt-{uuid.uuid4()}",
        "body": text(content),
        "attributes": system,
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": queue,
        "awsRegion": REGION,
    }


def parked_record(content: object, **attributes: str) -> dict:
    """A record of the parking queue, as Lambda delivers it; `attributes` are those of the parked message, None leaves one out."""
    options = {name: attributes.pop(name) for name in ("message_id", "receives", "queue") if name in attributes}
    kept = {
        "PARKED_SINCE": "2026-11-20T10:00:00.250Z",
        "RETRY_ATTEMPTS": "4",
        "SOURCE_ARN": SOURCE_QUEUE,
        "SOURCE_MESSAGE_ID": "the-first-message",
        "SENT_AT": "1735689600000",
        "PUBLISHER": "AROAPUBLISHER:worker",
        **attributes,
    }
    record = sqs_record(content, **{"queue": PARKING_QUEUE, "SenderId": "AROARELAY:failure-relay", **options})
    record["messageAttributes"] = message_attributes({name: value for name, value in kept.items() if value is not None})
    return record


def message_attributes(attributes: dict[str, str]) -> dict:
    """Message attributes as Lambda shows them."""
    return {
        name: {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String"}
        for name, value in attributes.items()
    }


def sqs(*records: object) -> dict:
    """A batch. What is no record becomes the body of one."""
    return {"Records": [r if isinstance(r, dict) and "receiptHandle" in r else sqs_record(r) for r in records]}


def sns_notification(content: object, **members: object) -> dict:
    """What SNS writes into a queue without raw message delivery."""
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": TOPIC,
        "Subject": "worker failed",
        "Message": text(content),
        "Timestamp": "2025-01-01T00:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        **members,
    }


def sns_record(content: object, **members: object) -> dict:
    message = {
        "SignatureVersion": "1",
        "Timestamp": "2025-01-01T00:00:00.000Z",
        "Signature": "EXAMPLE",
        "SigningCertUrl": "EXAMPLE",
        "MessageId": str(uuid.uuid4()),
        "Message": text(content),
        "MessageAttributes": {},
        "Type": "Notification",
        "UnsubscribeUrl": "EXAMPLE",
        "TopicArn": TOPIC,
        "Subject": None,
        **members,
    }
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC}:21be56ed-a058-49f5-8c98-aedd2564c486",
        "Sns": message,
    }


def sns(*contents: object) -> dict:
    """An invocation by SNS."""
    return {"Records": [c if isinstance(c, dict) and "Sns" in c else sns_record(c) for c in contents]}


def eventbridge(detail: object, detail_type: str = "Worker Failed", source: str = "com.example.worker", **members: object) -> dict:
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": "2025-01-01T00:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
        **members,
    }


def cloudevent(data: object, **members: object) -> dict:
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/workers/render",
        "type": "com.example.worker.failed",
        "time": "2025-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
        **members,
    }


INNER = {"sns": sns_notification, "eventbridge": eventbridge, "cloudevent": cloudevent}
"""The envelopes that may be inside a body."""


def wrap(content: object, names: Iterable[str]) -> object:
    """Wraps content in inner envelopes; the first name is the outermost."""
    for name in reversed(list(names)):
        content = INNER[name](content)
    return content
