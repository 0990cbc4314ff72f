"""Checks requests against botocore's service models, and against the rules of SQS that no model holds."""

from __future__ import annotations

import re
from functools import cache

import botocore.session
from botocore.model import OperationModel, Shape

from .text import utf16_len

SQS_LIMIT_BYTES = 1_048_576
_SQS_NAME = re.compile(r"[A-Za-z0-9_.-]{1,256}")
_SQS_FIFO_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_SQS_REFUSED = re.compile("[^\x09\x0a\x0d\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def operation(service: str, name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


@cache
def has_operation(service: str, name: str) -> bool:
    return name in botocore.session.get_session().get_service_model(service).operation_names


def violations(service: str, name: str, params: dict) -> list[str]:
    """Everything in which `params` breaks the model of the operation; empty when it is sound."""
    found: list[str] = []
    if has_model(service):
        _check(operation(service, name).input_shape, params, name, found)
    return found


def answer_violations(service: str, name: str, answer: dict) -> list[str]:
    """Everything in which an answer of the suite's own fakes breaks the model; empty when AWS could have given it."""
    found: list[str] = []
    _check(operation(service, name).output_shape, answer, name, found)
    return found


def has_model(service: str) -> bool:
    """Whether AWS has published a model: of the answers to CloudFormation there is none, and `rest.py` checks them."""
    return service != "cloudformation-response"


_JSON_TYPES = {
    "structure": dict, "map": dict, "list": list, "string": str, "blob": str,
    "integer": int, "long": int, "boolean": bool, "timestamp": (int, float),
}  # fmt: skip


def _check(shape: Shape, value: object, where: str, found: list[str]) -> None:
    expected = _JSON_TYPES[shape.type_name]
    if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
        found.append(f"{where}: {type(value).__name__} instead of {shape.type_name}")
        return
    match shape.type_name:
        case "structure":
            for member in shape.required_members:
                if value.get(member) is None:
                    found.append(f"{where}.{member}: required")
            for member, item in value.items():
                if member not in shape.members:
                    found.append(f"{where}.{member}: no such member")
                elif item is not None:
                    _check(shape.members[member], item, f"{where}.{member}", found)
        case "map":
            for key, item in value.items():
                _check(shape.value, item, f"{where}.{key}", found)
        case "list":
            _check_range(shape, len(value), where, found)
            for index, item in enumerate(value):
                _check(shape.member, item, f"{where}[{index}]", found)
        case "string":
            _check_string(shape, value, where, found)
        case "integer" | "long":
            _check_range(shape, value, where, found)


def _check_range(shape: Shape, size: int, where: str, found: list[str]) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        found.append(f"{where}: {size} is below {low}")
    if high is not None and size > high:
        found.append(f"{where}: {size} is above {high}")


def _check_string(shape: Shape, value: str, where: str, found: list[str]) -> None:
    if any("\ud800" <= c <= "\udfff" for c in value):
        found.append(f"{where}: a lone surrogate")
        return
    # "Characters" may be either unit, so a value has to be within the limit by both.
    _check_range(shape, len(value), where + " (code points)", found)
    _check_range(shape, utf16_len(value), where + " (UTF-16 units)", found)
    if (enum := getattr(shape, "enum", None)) and value not in enum:
        found.append(f"{where}: not one of {enum}")
    pattern = shape.metadata.get("pattern")
    # Patterns with \p{…}, five-digit \u escapes or surrogates are not Python's; none of them guards what is tested here.
    if pattern and not any(odd in pattern for odd in (r"\p", r"\u1", r"\uD800")) and not re.fullmatch(pattern, value):
        found.append(f"{where}: does not match {pattern}")


def sqs_message_violations(entry: dict, fifo_queue: bool) -> list[str]:
    """The rules of SendMessage that SQS enforces and its model does not state."""
    found: list[str] = []
    body = entry.get("MessageBody") or ""
    attributes = entry.get("MessageAttributes") or {}
    if not body:
        found.append("MessageBody: empty")
    if _SQS_REFUSED.search(body):
        found.append("MessageBody: a character that SQS refuses")
    if len(attributes) > 10:
        found.append("MessageAttributes: more than 10")
    for name, attribute in attributes.items():
        value = attribute.get("StringValue")
        if not _SQS_NAME.fullmatch(name):
            found.append(f"MessageAttributes.{name}: name")
        if attribute.get("DataType") != "String" or not value:
            found.append(f"MessageAttributes.{name}: not a String with a value")
        elif _SQS_REFUSED.search(value):
            found.append(f"MessageAttributes.{name}: a character that SQS refuses")
    if (size := sqs_size(entry)) > SQS_LIMIT_BYTES:
        found.append(f"message of {size} bytes is above {SQS_LIMIT_BYTES}")
    group, dedup = entry.get("MessageGroupId"), entry.get("MessageDeduplicationId")
    if fifo_queue and not group:
        found.append("MessageGroupId: required by a FIFO queue")
    if fifo_queue and not dedup:
        found.append("MessageDeduplicationId: required by a FIFO queue")
    if not 0 <= (delay := entry.get("DelaySeconds") or 0) <= 900 or (fifo_queue and delay):
        found.append(f"DelaySeconds: {delay}")
    for name, attribute in (entry.get("MessageSystemAttributes") or {}).items():
        if name != "AWSTraceHeader" or attribute.get("DataType") != "String" or not attribute.get("StringValue"):
            found.append(f"MessageSystemAttributes.{name}: {attribute}")
    if not fifo_queue and dedup:
        found.append("MessageDeduplicationId: refused by a standard queue")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", dedup)):
        if value and not _SQS_FIFO_ID.fullmatch(value):
            found.append(f"{name}: {value!r}")
    return found


def sqs_size(entry: dict) -> int:
    """The bytes that count against the queue's limit: the body and each attribute's name, type and value."""
    size = len((entry.get("MessageBody") or "").encode("utf-8", "surrogatepass"))
    for name, attribute in (entry.get("MessageAttributes") or {}).items():
        texts = (name, attribute.get("DataType") or "", attribute.get("StringValue") or "")
        size += sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size


def sqs_batch_violations(entries: list[dict]) -> list[str]:
    found: list[str] = []
    ids = [entry.get("Id", "") for entry in entries]
    if not 1 <= len(entries) <= 10:
        found.append(f"{len(entries)} entries in a batch")
    if len(set(ids)) != len(ids):
        found.append("ids of a batch are not distinct")
    if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", i) for i in ids):
        found.append("an id of a batch is not well-formed")
    if sum(sqs_size(entry) for entry in entries) > SQS_LIMIT_BYTES:
        found.append("the batch is too long")
    return found
