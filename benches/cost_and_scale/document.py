"""docs/cost-and-scale.md: its text is written by hand, what stands between two markers is computed."""

from __future__ import annotations

import re
from collections.abc import Callable

MARKED = re.compile(r"(<!-- computed: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)


def renewed(text: str, blocks: dict[str, Callable[[], str]]) -> str:
    """The document with each block as it is computed now. Each has its one place."""
    named = [match[2] for match in MARKED.finditer(text)]
    if sorted(named) != sorted(blocks):
        raise ValueError(f"the document has the blocks {sorted(named)}, computed are {sorted(blocks)}")
    return MARKED.sub(lambda match: f"{match[1]}\n{blocks[match[2]]()}\n\n{match[4]}", text)


def stale(text: str, blocks: dict[str, Callable[[], str]]) -> list[str]:
    """The blocks that are not as they are computed now."""
    now = {match[2]: match[3] for match in MARKED.finditer(renewed(text, blocks))}
    return [match[2] for match in MARKED.finditer(text) if match[3] != now[match[2]]]
