"""Bearer secrets: each that a case uses is issued here, and must never be seen where people read."""

from __future__ import annotations

import secrets as random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .function import Result

_RECENT = 50_000
_PART = 16
"""A secret of which this many characters are shown is a secret that leaked."""


class Secrets:
    issued: list[str] = []
    """Those of the case that runs; emptied between cases."""

    @classmethod
    def issue(cls, length: int = 48, prefix: str = "") -> str:
        """A new token of `length` characters, unlike any other text of the suite."""
        token = (prefix + random.token_hex(length // 2 + 1))[:length]
        return cls.register(token)

    @classmethod
    def register(cls, token: str) -> str:
        cls.issued.append(token)
        return token

    @classmethod
    def clear(cls) -> None:
        cls.issued.clear()

    @classmethod
    def assert_kept(cls, result: Result) -> None:
        places = {
            "the output": result.output,
            "the response": (result.raw_response or b"").decode("utf-8", "replace"),
            "the error": (result.raw_error or b"").decode("utf-8", "replace"),
            "the attributes": "\n".join(v for d in result.dead_letters + result.parked for v in d.attributes.values()),
        }
        for token in cls.issued[-_RECENT:]:
            if len(token) < _PART:
                continue
            for place, text in places.items():
                for part in (token[:_PART], token[-_PART:]):
                    at = text.find(part)
                    assert at < 0, f"a secret is in {place}: …{text[max(0, at - 200) : at + 20]!r}…"
