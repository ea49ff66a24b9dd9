"""Fear and greed by day, from small answers on loopback."""

from daemon.upstream.alternative_me import AlternativeMe
from daemon.upstream.records import FearGreedDay
from daemon.wire import alternative_me as wire
from tests.daemon.upstream.far_end import far_end


async def test_dates_and_csv_are_never_asked_for() -> None:
    """date_format turns times into dates, and format=csv into something that nobody can read."""
    days = [wire.Day(39, "Fear", 1745193600), wire.Day(47, "Neutral", 1745280000, 6023)]
    async with far_end({wire.FEAR_GREED: wire.encode_days(days)}) as (end, http):
        found = await AlternativeMe(http, end.url).fear_greed(2)

    assert [
        FearGreedDay(value=47, classification="Neutral", at_s=1745280000, next_update_s=6023),
        FearGreedDay(value=39, classification="Fear", at_s=1745193600),
    ] == found
    assert [{"limit": "2", "format": "json"}] == end.queries(wire.FEAR_GREED)
