"""Tables of cases: each row opens with a sentence, which is the case's name."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def cases(names: str, rows: Iterable[tuple]) -> pytest.MarkDecorator:
    """Parametrizes a test with `rows`, whose first column is the sentence that names the case."""
    return pytest.mark.parametrize(names, [pytest.param(*row[1:], id=row[0]) for row in rows])
