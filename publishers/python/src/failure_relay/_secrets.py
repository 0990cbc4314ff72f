"""Secrets taken out of text: those that are known by their value, and those that stand under a secret's name.

Task tokens, client tokens and their like are bearer secrets: whoever reads one can fail or complete the task.
None may stand in a failure's text, in a log line or in a ``repr``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from re import Pattern
from typing import Any
from urllib.parse import quote

from ._identity import token_names
from ._kinds import SECRET_SPELLINGS, spelling

REDACTED = "[redacted]"

#: A shorter secret is replaced only as a word of its own: hiding each of its letters would hide the text.
_LENGTH_MIN = 8

#: Parts of a secret are hidden from this length on: whoever cuts a token in a message shows its start.
_RUN_MIN = 32

#: How deep a payload or a text is searched for secrets.
_DEPTH_MAX = 20

# Texts, which `re` compiles when a failure first needs them and keeps: an import pays for none of them. What is
# repeated is bounded, because a worker's text may hold a million of anything.
#
# `"NAME": "value"` with quotes of either sort, escaped any number of times; or `"--NAME", "value"`.
_QUOTED_NAME = (
    r"""(?P<escape>\\{0,16})(?P<quote>["'])(?P<dashes>--)?(?P<name>(?:[\w-]|\\{1,16}u[0-9a-fA-F]{4}){2,90})(?P=escape)(?P=quote)"""
    r"""\s{0,20}(?P<separator>[:,])\s{0,20}(?P<escape2>\\{0,16})(?P<quote2>["'])"""
)
# `"name": "NAME", "value": "` as environments are listed, and `"value": "…", "name": "NAME"`.
_LISTED = (
    r"""\\{0,16}["']name\\{0,16}["']\s{0,20}:\s{0,20}\\{0,16}["'](?P<name>[\w-]{2,90})\\{0,16}["']\s{0,20},\s{0,20}"""
    r"""\\{0,16}["']value\\{0,16}["']\s{0,20}:\s{0,20}(?P<escape2>\\{0,16})(?P<quote2>["'])"""
)
_LISTED_BACKWARDS = (
    r"""(?P<before>\\{0,16}["']value\\{0,16}["']\s{0,20}:\s{0,20}(?P<escape>\\{0,16})["'])(?P<value>[^"'\\]+)"""
    r"""(?P<after>\\{0,16}["']\s{0,20},\s{0,20}\\{0,16}["']name\\{0,16}["']\s{0,20}:\s{0,20}\\{0,16}["'](?P<name>[\w-]{2,90})\\{0,16}["'])"""
)
_OPTION = r"""(?P<before>--(?P<name>[A-Za-z][\w-]{1,90})(?:=|\s{1,20}))(?P<value>(?!--)[^\s"',;]+|"[^"]*"|'[^']*')"""
_ASSIGNMENT = r"""(?P<before>\b(?P<name>[A-Za-z][\w-]{1,90})=)(?P<value>[^\s"',;&()\[\]]+|"[^"]*"|'[^']*')"""
_UNICODE_ESCAPE = r"\\{1,16}u([0-9a-fA-F]{4})"


class Redactor:
    """Replaces secrets in texts and JSON values. Its ``repr`` shows none."""

    __slots__ = ("_names", "_values")

    def __init__(self, environment: Mapping[str, str], *holders: Any) -> None:
        """Learns the names from the settings, and the values from the environment and from what holds
        secrets.

        ``holders`` are the target and the payload; a holder that is a text is a secret as a whole.
        """
        further = (spelling(name.rsplit("/", 1)[-1]) for name in token_names(environment))
        self._names: frozenset[str] = SECRET_SPELLINGS.union(further)
        values = {value for name, value in environment.items() if value and spelling(name) in self._names}
        for holder in holders:
            values.update([holder] if isinstance(holder, str) else self._values_in(holder, _DEPTH_MAX))
        # The longest first, so that a secret that is part of another leaves nothing of it.
        self._values: tuple[str, ...] = tuple(sorted(filter(None, values), key=len, reverse=True))

    def text(self, text: str) -> str:
        """A text without secrets."""
        for value in self._values:
            text = _without(value, text)
        return self._without_named(text)

    def value(self, value: Any) -> Any:
        """A JSON value without secrets in its texts, its members' names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._redacted_item(value, index) for index in range(len(value))]
        if isinstance(value, dict):
            listed = self._is_secret(value.get("name")) and "value" in value
            return {
                self.text(name): REDACTED if self._holds(name, member, listed) else self.value(member)
                for name, member in value.items()
            }
        return value

    def _redacted_item(self, items: list[Any], index: int) -> Any:
        """An item of a list, which may be the value after an option of a command line."""
        item, before = items[index], items[index - 1] if index else None
        option = isinstance(before, str) and before.startswith("--") and self._is_secret(before[2:])
        return (
            REDACTED if option and isinstance(item, str) and not item.startswith("--") else self.value(item)
        )

    def _holds(self, name: str, member: Any, listed: bool) -> bool:
        secret = self._is_secret(name) or (listed and name == "value")
        return secret and member is not None and member != "" and not isinstance(member, (dict, list))

    def _is_secret(self, name: Any) -> bool:
        return isinstance(name, str) and spelling(_unescaped(name)) in self._names

    def _values_in(self, value: Any, depth: int) -> Iterator[str]:
        """The texts that stand under a secret's name in a JSON value."""
        if depth and isinstance(value, Mapping):
            for name, member in value.items():
                if isinstance(member, str) and self._is_secret(name):
                    yield member
                yield from self._values_in(member, depth - 1)
        elif depth and isinstance(value, (list, tuple)):
            for item in value:
                yield from self._values_in(item, depth - 1)

    def _without_named(self, text: str) -> str:
        text = self._without_quoted(re.compile(_QUOTED_NAME), text)
        text = self._without_quoted(re.compile(_LISTED, re.IGNORECASE), text)
        for pattern in (_LISTED_BACKWARDS, _OPTION, _ASSIGNMENT):
            text = re.sub(pattern, self._replaced, text, flags=re.IGNORECASE)
        return text

    def _replaced(self, match: re.Match[str]) -> str:
        if not self._is_secret(match["name"]) or match["value"].strip("\"'") == REDACTED:
            return match.group()
        after: str = match.groupdict().get("after") or ""
        before: str = match["before"]
        return before + REDACTED + after

    def _without_quoted(self, pattern: Pattern[str], text: str) -> str:
        """The values that follow a match up to the quote that closes them, which is escaped as the opening
        one is.
        """
        parts, at = [], 0
        match = pattern.search(text)
        while match is not None:
            start = match.end()
            if self._is_secret(match["name"]) and _separates(match.groupdict()):
                parts += [text[at:start], REDACTED]
                at = _closing_quote(text, start, match["quote2"], len(match["escape2"]))
                match = pattern.search(text, at)
            else:
                # The quote that was opened may itself begin the next name.
                match = pattern.search(text, match.start() + 1)
        return "".join([*parts, text[at:]])


def _separates(groups: dict[str, str | None]) -> bool:
    """A member's name is followed by a colon, an option in a list by a comma."""
    return "separator" not in groups or (groups["separator"] == ",") == (groups["dashes"] is not None)


def _closing_quote(text: str, start: int, quote_mark: str, escapes: int) -> int:
    """Where the quote is that closes a value: the first with no more backslashes before it than the opening
    one had.
    """
    at = start
    while True:
        at = text.find(quote_mark, at)
        if at < 0:
            return len(text)
        backslashes = 0
        while backslashes <= escapes and at - backslashes > start and text[at - backslashes - 1] == "\\":
            backslashes += 1
        if backslashes <= escapes:
            return at - backslashes
        at += 1


def _unescaped(name: str) -> str:
    return re.sub(_UNICODE_ESCAPE, lambda match: chr(int(match[1], 16)), name)


def _without(secret: str, text: str) -> str:
    """A text without one secret, in whatever form JSON and URLs give it."""
    if len(secret) < _LENGTH_MIN:
        return re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", REDACTED, text)
    for form in _forms(secret):
        text = text.replace(form, REDACTED)
    if "\\u" in text:
        text = re.sub("".join(map(_escapable, secret)), REDACTED, text)
    return _without_runs(secret, text)


def _forms(secret: str) -> Iterable[str]:
    """As it is, and with ``/`` escaped, escaped twice, and percent-encoded."""
    forms = [secret, secret.replace("/", "\\/"), secret.replace("/", "\\\\/")]
    encodable = secret.encode("utf-8", "replace")
    return dict.fromkeys([*forms, quote(encodable, safe=""), quote(encodable)])


def _escapable(character: str) -> str:
    escaped = rf"\\{{1,16}}u{ord(character):04x}" if ord(character) < 0x10000 else ""
    plain = r"\\{0,16}/" if character == "/" else re.escape(character)
    return f"(?:{plain}|(?i:{escaped}))" if escaped else plain


def _without_runs(secret: str, text: str) -> str:
    """A text without long parts of a secret."""
    if len(secret) <= _RUN_MIN or len(text) < _RUN_MIN:
        return text
    runs = {secret[start : start + _RUN_MIN] for start in range(len(secret) - _RUN_MIN + 1)}
    parts, at, start = [], 0, 0
    while start <= len(text) - _RUN_MIN:
        if text[start : start + _RUN_MIN] not in runs:
            start += 1
            continue
        end = start + _RUN_MIN
        while end < len(text) and text[end - _RUN_MIN + 1 : end + 1] in runs:
            end += 1
        parts += [text[at:start], REDACTED]
        at = start = end
    return "".join([*parts, text[at:]])
