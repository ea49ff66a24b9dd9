"""History in pages: whole, without repeats, and never for ever."""

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.supervisor import Transient
from daemon.upstream.paging import MOST_PAGES, page_back, page_forward
from daemon.wire.history import Paid

times = st.sets(st.integers(0, 200), max_size=60)


def back(history: set[int], rows: int) -> Callable[[int], Awaitable[list[Paid]]]:
    async def ask(end_ms: int) -> list[Paid]:
        older = sorted(at_ms for at_ms in history if at_ms <= end_ms)
        return [Paid(at_ms, 0.0) for at_ms in older[-rows:]]

    return ask


def forward(history: set[int], rows: int) -> Callable[[int], Awaitable[list[Paid]]]:
    async def ask(start_ms: int) -> list[Paid]:
        newer = sorted(at_ms for at_ms in history if at_ms >= start_ms)
        return [Paid(at_ms, 0.0) for at_ms in newer[:rows]]

    return ask


@settings(deadline=None)
@given(times, st.integers(2, 10), st.integers(0, 200), st.integers(0, 200), st.integers(1, 60))
async def test_pages_together_are_the_history(history: set[int], rows: int, one: int, other: int, limit: int) -> None:
    """From either end, whatever the size of a page, the newest `limit` rows of the range come out in order."""
    start, end = min(one, other), max(one, other)
    expected = sorted(at_ms for at_ms in history if start <= at_ms <= end)[-limit:]

    found = await page_back("it", back(history, rows), start_ms=start, end_ms=end, limit=limit, rows=rows)
    assert expected == [row.at_ms for row in found]
    found = await page_forward("it", forward(history, rows), start_ms=start, end_ms=end, limit=limit, rows=rows)
    assert expected == [row.at_ms for row in found]


async def test_a_page_that_never_ends_stops_with_a_sentence() -> None:
    """A host that gives a page whatever it is asked for."""
    asked = 0

    async def ask(at_ms: int) -> list[Paid]:
        nonlocal asked
        asked += 1
        return [Paid(at_ms, 0.0)]

    with pytest.raises(Transient, match="it has no end after 50 pages"):
        await page_back("it", ask, start_ms=None, end_ms=1_000, limit=1_000, rows=1)
    with pytest.raises(Transient, match="it has no end after 50 pages"):
        await page_forward("it", ask, start_ms=0, end_ms=1_000, limit=1_000, rows=1)

    assert 2 * MOST_PAGES == asked


async def test_a_page_that_repeats_itself_stops_at_once() -> None:
    """A host that does not heed where it is asked to begin."""

    async def ask(at_ms: int) -> list[Paid]:
        return [Paid(500, 0.0)]

    with pytest.raises(Transient, match="same page again and again"):
        await page_back("it", ask, start_ms=None, end_ms=1_000, limit=1_000, rows=1)
    with pytest.raises(Transient, match="same page again and again"):
        await page_forward("it", ask, start_ms=0, end_ms=1_000, limit=1_000, rows=1)
