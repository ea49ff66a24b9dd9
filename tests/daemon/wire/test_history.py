"""Candles of any venue, and what is left out of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire.history import Bar, bars_of
from daemon.wire.rows import readable, written

cells = st.one_of(st.none(), st.text(max_size=6), st.integers(-5, 5), st.floats())


@settings(deadline=None)
@given(st.lists(st.lists(cells, max_size=9), max_size=6))
def test_any_rows_give_candles_or_nothing(rows: list[list[int | float | str | None]]) -> None:
    """Never a traceback, always in order, always with prices above zero."""
    bars = bars_of(rows, base=5, quote=7)

    assert sorted(bar.at_ms for bar in bars) == [bar.at_ms for bar in bars]
    assert all(min(bar.open, bar.high, bar.low, bar.close) > 0 for bar in bars)


def test_columns_are_found_by_their_place() -> None:
    """Which differs by venue."""
    row = ["7", "1", "4", "0.5", "2", "10", "99", "15"]

    assert [Bar(7, 1.0, 4.0, 0.5, 2.0, 10.0, 15.0)] == bars_of([row], base=5, quote=7)
    assert [Bar(7, 1.0, 4.0, 0.5, 2.0, 99.0, 10.0)] == bars_of([row], base=6, quote=5)
    assert [Bar(7, 1.0, 4.0, 0.5, 2.0)] == bars_of([row[:5]], base=5, quote=7)


def test_a_row_that_cannot_be_read_is_left_out() -> None:
    """And so is one for which there is nothing to say."""

    def read(text: str) -> int | None:
        return int(text) or None

    assert [1, 3] == readable(["1", "two", "0", "3"], read)
    assert ["", "0.0000005"] == [written(None), written(5e-07)]
