"""JSON as text: compact, in UTF-8 with as few escapes as SQS allows, and valid whatever a text holds."""

from __future__ import annotations

import json
import re
from typing import Any

# Lone surrogates cannot be written in UTF-8; U+FFFE and U+FFFF are refused by SQS.
_NOT_SENDABLE = "[\ud800-\udfff\ufffe\uffff]"


def dump(value: Any) -> str:
    """The JSON text of a value. Raises what ``json.dumps`` raises for a value that is not JSON, NaN included."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return re.sub(_NOT_SENDABLE, lambda match: f"\\u{ord(match.group()):04x}", text)


def load_object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text holds, or ``None``. A byte order mark before it is read past."""
    try:
        value = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
