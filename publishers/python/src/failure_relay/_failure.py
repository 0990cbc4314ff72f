"""What: the ``failure`` of an error: its class, its text, the end of its stack and the chain of its causes."""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from ._secrets import Redactor
from ._text import cut, jsonable, text_of, utf16_units

TRACE_LINES_MAX = 20
TRACE_LINE_LENGTH_MAX = 500
CAUSES_MAX = 5

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def of_error(
    error: BaseException,
    redactor: Redactor,
    *,
    type: str | None = None,
    message: str | None = None,
    details: Any = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """The failure of an error; what is given counts in place of what the error tells, and empty is absent."""
    if details is None:
        trace = _cut_lines(_trace_of(error), redactor)
        causes = [redactor.text(cause) for cause in _causes(error)]
        details = {name: lines for name, lines in (("trace", trace), ("cause", causes)) if lines}
    else:
        details = redactor.value(jsonable(details))
    return _failure(
        redactor.text(text_of(type or "", _class_name(error))),
        redactor.text(text_of(message or "", "") or text_of(error, _class_name(error))),
        details,
        request_id,
    )


def of_interruption(
    type: str, message: str, frame: FrameType | None, redactor: Redactor, *, request_id: str | None = None
) -> dict[str, Any]:
    """The failure of a work that raised nothing: where it was is its trace."""
    frames = traceback.walk_stack(frame) if frame is not None else iter(())
    # `walk_stack` begins at the innermost frame.
    inward = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in frames][
        :TRACE_LINES_MAX
    ][::-1]
    trace = _cut_lines(_lines(inward), redactor)
    return _failure(type, redactor.text(message), {"trace": trace} if trace else {}, request_id)


def _failure(type: str, message: str, details: Any, request_id: str | None) -> dict[str, Any]:
    failure: dict[str, Any] = {"type": type, "message": message}
    if details not in ({}, None):
        failure["details"] = details
    if request_id:
        failure["externalExecutionId"] = request_id
    return failure


def _class_name(error: BaseException) -> str:
    return type(error).__name__


def _cut_lines(lines: Iterator[str], redactor: Redactor) -> list[str]:
    nearest = deque(lines, maxlen=TRACE_LINES_MAX)
    return [cut(redactor.text(line), TRACE_LINE_LENGTH_MAX, utf16_units) for line in nearest]


def _trace_of(error: BaseException) -> Iterator[str]:
    return _lines(list(deque(_places(error.__traceback__), maxlen=TRACE_LINES_MAX)))


def _places(trace: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    while trace is not None:
        code = trace.tb_frame.f_code
        yield code.co_filename, trace.tb_lineno, code.co_name
        trace = trace.tb_next


def _lines(places: list[tuple[str, int, str]]) -> Iterator[str]:
    """A line for each place and one for its source, as Python prints them; this package's own are left out."""
    for filename, line, name in places:
        if os.path.dirname(filename) == _PACKAGE:
            continue
        yield f'File "{filename}", line {line}, in {name}'
        source = _source_line(filename, line)
        if source:
            yield f"  {source}"


def _source_line(filename: str, line: int) -> str:
    # Imported here: a worker that does not fail has no need of it.
    import linecache

    try:
        return linecache.getline(filename, line).strip()
    except Exception:
        return ""


def _causes(error: BaseException) -> list[str]:
    """The chain of causes, the nearest first; a group is caused by its members too."""
    seen = {id(error)}
    causes: list[str] = []
    waiting = _direct_causes(error)
    while waiting and len(causes) < CAUSES_MAX:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            causes.append(f"{_class_name(cause)}: {text_of(cause, _class_name(cause))}")
            waiting = _direct_causes(cause) + waiting
    return causes


def _direct_causes(error: BaseException) -> list[BaseException]:
    implicit = None if error.__suppress_context__ else error.__context__
    cause = error.__cause__ if error.__cause__ is not None else implicit
    members = getattr(error, "exceptions", None)
    group = (
        [member for member in members if isinstance(member, BaseException)]
        if isinstance(members, tuple)
        else []
    )
    return ([cause] if cause is not None else []) + group
