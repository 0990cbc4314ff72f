"""The one logger, ``failure_relay``. A worker is never disturbed by what its log handlers do."""

from __future__ import annotations

import logging

logger = logging.getLogger("failure_relay")


def tell(level: int, text: str, *values: object) -> None:
    """Writes one line. A filter or handler that raises is none of the worker's business."""
    try:
        logger.log(level, text, *values)
    except Exception:
        return
