"""SQLite without its thread, for stories in which one thing happens after the other anyway.

Each statement crosses to the thread and back five times, which takes longer than the statement: in stories of tens of
thousands of statements that is half of the time. The file, the statements and the transactions are the same.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from storage.database import Database
from storage.lines import FileLine, Line


def unthreaded(database: Database) -> Database:
    """It runs a statement where that is awaited, on all connections that it has and will have. A server stays as it is."""
    lines = database._lines
    keep = lines.keep

    def kept(line: Line) -> Line:
        if isinstance(line, FileLine):
            line._execute = partial(_at_once, line)  # type: ignore[method-assign]
        return keep(line)

    for line in list(lines._open):
        kept(line)
    lines.keep = kept  # type: ignore[method-assign,assignment]
    return database


async def _at_once(line: FileLine, work: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    if not line._running:
        raise ValueError("Connection closed")
    return work(*arguments, **named)
