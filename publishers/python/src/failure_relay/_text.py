"""Text cut to a limit, and whatever a worker hands over made into JSON."""

from __future__ import annotations

import math
from typing import Any, Callable

MARKER = "… [truncated]"

#: A text is not read further than this: what is beyond could not be sent.
LENGTH_MAX = 400_000

_DEPTH_MAX = 50


def cut(text: str, size_max: int, size: Callable[[str], int]) -> str:
    """A text that is larger than the limit, cut between two characters so that with the marker it fits."""
    if size(text) <= size_max:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle] + MARKER) <= size_max:
            low = middle
        else:
            high = middle - 1
    return text[:low] + MARKER


def utf16_units(text: str) -> int:
    """How long a text is by the count of JavaScript and of the services."""
    return len(text) + sum(character > "\uffff" for character in text)


def text_of(value: Any, otherwise: str) -> str:
    """The text of an object; ``otherwise`` where it is empty or where the object fails to tell it."""
    try:
        text = str(value)[:LENGTH_MAX]
    except Exception:
        return otherwise
    return text or otherwise


def jsonable(value: Any, depth: int = _DEPTH_MAX) -> Any:  # noqa: PLR0911 one sort of value a line
    """A JSON value that says what the given one says, whatever that is."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)[:LENGTH_MAX]
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth and isinstance(value, dict):
        return {text_of(name, "?"): jsonable(member, depth - 1) for name, member in value.items()}
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item, depth - 1) for item in value]
    return text_of(value, type(value).__name__)
