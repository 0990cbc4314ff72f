"""Text as the contract counts it: UTF-16 code units, and a cut that is marked."""

from __future__ import annotations

import hashlib
import json

MARKER = "… [truncated]"

ASTRAL = "\U0001f525"
"""One character, two UTF-16 units, four bytes of UTF-8."""


def utf16_len(text: str) -> int:
    return len(text) + sum(c > "\uffff" for c in text)


def fingerprint(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def sha256_hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def assert_cut(actual: str, original: str, limit: int, slack: int = 1) -> None:
    """`actual` is `original`, cut on a character boundary, with the marker, within `limit`.

    A cut takes no more than it has to. `slack` is what a boundary may cost: one unit for a
    surrogate pair that must not be split, more where escapes of JSON count.
    """
    assert actual.endswith(MARKER), f"no marker at the end of …{actual[-40:]!r}"
    kept = actual[: -len(MARKER)]
    assert original.startswith(kept), "what is kept is not the beginning of the text"
    assert utf16_len(actual) <= limit, f"{utf16_len(actual)} units are above {limit}"
    assert utf16_len(actual) >= limit - slack, f"{utf16_len(actual)} units: cut by more than needed for {limit}"


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def same_json(left: str, right: str) -> bool:
    """Whether two texts are the same JSON value: blanks and escapes aside, order, duplicates and digits included."""

    def parse(text: str) -> object:
        return json.loads(
            text, object_pairs_hook=lambda pairs: ("object", pairs), parse_int=str, parse_float=str, strict=False
        )

    return parse(left) == parse(right)


def split_context(cause: str) -> dict[str, str]:
    """Takes a JSON cause apart: the members in their order, `message` and `externalExecutionId`
    as texts, `details` as the raw JSON that it is. Fails when the object is not compact."""
    decoder = json.JSONDecoder(strict=False)
    members: dict[str, str] = {}
    assert cause[0] == "{", f"not a JSON object: {cause[:40]!r}"
    at = 1
    while True:
        name, at = decoder.raw_decode(cause, at)
        assert cause[at] == ":", "the object is not compact"
        value_at = at + 1
        assert not cause[value_at].isspace(), "the object is not compact"
        value, at = decoder.raw_decode(cause, value_at)
        members[name] = cause[value_at:at] if name == "details" else value
        if cause[at] == "}":
            assert at + 1 == len(cause), "text after the object"
            return members
        assert cause[at] == ",", f"the object is not compact: {cause[at : at + 10]!r}"
        at += 1
