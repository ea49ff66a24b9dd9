"""How far back a client wants to look."""

from daemon.server.tzone.periods import begin_s, has_range, read_period, span_s


def test_a_period_goes_by_its_name() -> None:
    """A day if nothing is said."""
    assert ["1d", "1y", "1d"] == [read_period(given) for given in ({}, {"period": "1Y"}, {"period": ""})]


def test_a_range_begins_in_seconds_whichever_unit_it_is_written_in() -> None:
    """A time frame has a length, unless start_time or end_time override it."""
    assert [1_719_878_400] * 2 == [begin_s({"start_time": text}) for text in ("1719878400000", "1719878400")]
    assert begin_s({"end_time": "5"}) is None
    assert 86_400 == span_s({"timeframe": "24h"})
    assert span_s({"timeframe": "24h", "end_time": "5"}) is None
    assert span_s({}) is None
    assert [False, True, True] == [
        has_range(given) for given in ({"page": "1"}, {"end_time": "5"}, {"timeframe": "1h"})
    ]
