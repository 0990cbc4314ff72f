"""The event as it is published: within its limit, as JSON text. Pure: time and ids are given."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ._jsontext import dump
from ._text import MARKER, cut

#: How large an event may be, in bytes of UTF-8.
SIZE_MAX = 200_000


class TargetTooLarge(ValueError):
    """The target alone is larger than an event may be; a target is never cut."""


def rfc3339(seconds: float) -> str:
    """A time since the epoch as RFC 3339, in milliseconds."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def failure_event(target: Any, failure: dict[str, Any], *, id: str, source: str, time: str) -> str:
    """The text of a failure event: ``details``, then ``message``, then ``type`` and ``source`` are cut until
    it fits.
    """
    failure = dict(failure)
    event = {"version": "1", "id": id, "source": source, "time": time, "target": target, "failure": failure}
    if _size(event) > SIZE_MAX and "details" in failure:
        _cut_details(event, failure)
    for holder, member in ((failure, "message"), (failure, "type"), (event, "source")):
        excess = _size(event) - SIZE_MAX
        if excess > 0:
            holder[member] = cut(holder[member], max(_size(holder[member]) - excess, 0), _size)
    if _size(event) > SIZE_MAX:
        raise TargetTooLarge(f"the target is larger than an event may be ({SIZE_MAX} bytes)")
    return dump(event)


def command_event(
    target: Any,
    *,
    id: str,
    source: str,
    lease: dict[str, Any] | None = None,
    claim: dict[str, Any] | None = None,
) -> str:
    """The text of a lease or claim event."""
    event: dict[str, Any] = {"version": "1", "id": id, "source": source}
    if lease is not None:
        event["lease"] = lease
    if claim is not None:
        event["claim"] = claim
    event["target"] = target
    return dump(event)


def _size(value: Any) -> int:
    return len(dump(value).encode())


def _cut_details(event: dict[str, Any], failure: dict[str, Any]) -> None:
    """Details that are cut become a text that holds the start of their JSON; when there is no room for it
    they go.
    """
    excess = _size(event) - SIZE_MAX
    room = _size(failure["details"]) - excess
    text = failure["details"] if isinstance(failure["details"], str) else dump(failure["details"])
    if room > _size(MARKER):
        failure["details"] = cut(text, room, _size)
    else:
        del failure["details"]
