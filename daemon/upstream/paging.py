"""History that comes in pages: asked page after page, and never for ever."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from daemon.supervisor import Transient

MOST_PAGES = 50


class Dated(Protocol):
    """A row of history."""

    @property
    def at_ms(self) -> int: ...


D = TypeVar("D", bound=Dated)


async def page_back(
    who: str,
    ask: Callable[[int], Awaitable[list[D]]],
    *,
    start_ms: int | None,
    end_ms: int,
    limit: int,
    rows: int,
) -> list[D]:
    """The newest `limit` rows between the two times, oldest first.

    `ask(end_ms)` gives a page of at most `rows` rows that end there: the next one ends a millisecond before its oldest.
    Transient if the pages do not get older, or if there is no end to them.
    """
    found: dict[int, D] = {}
    until_ms = end_ms
    for _ in range(MOST_PAGES):
        page = await ask(until_ms)
        new = [row for row in page if row.at_ms <= until_ms]
        found |= {row.at_ms: row for row in new if start_ms is None or row.at_ms >= start_ms}
        if len(page) < rows or len(found) >= limit:
            return _newest(found, limit)
        if not new:
            raise Transient(f"{who} sends the same page again and again; stopped asking")
        until_ms = min(row.at_ms for row in new) - 1
        if start_ms is not None and until_ms < start_ms:
            return _newest(found, limit)
    raise Transient(f"{who} has no end after {MOST_PAGES} pages; stopped asking")


async def page_forward(
    who: str, ask: Callable[[int], Awaitable[list[D]]], *, start_ms: int, end_ms: int, limit: int, rows: int
) -> list[D]:
    """The same for hosts that answer from `start_ms` on: the next page starts a millisecond after the newest row."""
    found: dict[int, D] = {}
    since_ms = start_ms
    for _ in range(MOST_PAGES):
        page = await ask(since_ms)
        new = [row for row in page if row.at_ms >= since_ms]
        found |= {row.at_ms: row for row in new if row.at_ms <= end_ms}
        if len(page) < rows:
            return _newest(found, limit)
        if not new:
            raise Transient(f"{who} sends the same page again and again; stopped asking")
        since_ms = max(row.at_ms for row in new) + 1
        if since_ms > end_ms:
            return _newest(found, limit)
    raise Transient(f"{who} has no end after {MOST_PAGES} pages; stopped asking")


def _newest(found: dict[int, D], limit: int) -> list[D]:
    return [found[at_ms] for at_ms in sorted(found)][-limit:] if limit > 0 else []
