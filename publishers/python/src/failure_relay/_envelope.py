"""The envelopes that AWS wraps around an event: what is inside each of them, from the outermost inward."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._jsontext import load_object

#: How many envelopes are opened, the outermost counted.
DEPTH_MAX = 4


def layers(payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The payload, then what each envelope holds; the last one is what the names are looked for in.

    An object with a ``target`` object is a failure event, whatever else it holds, and is not opened. Where an
    envelope holds no object, the envelope itself is what there is.
    """
    yield payload
    layer: dict[str, Any] | None = payload
    for _ in range(DEPTH_MAX):
        layer = _content(layer) if layer is not None else None
        if layer is None:
            return
        yield layer


def _content(layer: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(layer.get("target"), dict):
        return None
    for content in (_only_record(layer), _sns_notification(layer), _event_bridge(layer), _cloud_event(layer)):
        if content is not None:
            return (
                content
                if isinstance(content, dict)
                else load_object(content)
                if isinstance(content, str)
                else None
            )
    return None


def _only_record(layer: dict[str, Any]) -> Any:
    """The content of ``Records`` with one record: an SQS body, an SNS message, else the record itself."""
    records = layer.get("Records")
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        return None
    record: dict[str, Any] = records[0]
    sns = record.get("Sns")
    if record.get("body") is not None:
        return record["body"]
    if isinstance(sns, dict) and sns.get("Message") is not None:
        return sns["Message"]
    return record


def _sns_notification(layer: dict[str, Any]) -> Any:
    message = layer.get("Message")
    return message if layer.get("Type") == "Notification" and isinstance(message, str) else None


def _event_bridge(layer: dict[str, Any]) -> Any:
    return layer.get("detail") if layer.get("detail-type") is not None else None


def _cloud_event(layer: dict[str, Any]) -> Any:
    return layer.get("data") if layer.get("specversion") is not None else None
