"""What is written down, as laws."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.keeping import OFF_PEG, PLACES_MAX, Keeping
from rules.events import Event, FeedHealth, FundingRate, MarkPrice, StablecoinQuote
from tests.storage.episodes import funding, liquidation

MINUTE_MS = 60_000


def mark(symbol: str = "BTC-USDT-PERP", *, venue: str = "okx") -> MarkPrice:
    return MarkPrice(venue=venue, symbol=symbol, price=60_000.0, at_ms=0, received_ms=0)


def quote(price: float, target: float | None = 1.0) -> StablecoinQuote:
    return StablecoinQuote(venue="defillama", coin="USDT", price=price, target=target, at_ms=0, received_ms=0)


FACTS: list[Event] = [
    liquidation(),
    FeedHealth(venue="okx", feed="okx.public", state="down", at_ms=0, received_ms=0),
    FundingRate(
        venue="okx", symbol="BTC-USDT-PERP", rate=0.0001, interval_h=8, is_settled=True, at_ms=0, received_ms=0
    ),
    quote(1.0 - OFF_PEG * 1.01),
    quote(1.0 + OFF_PEG * 1.01),
]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FACTS), st.integers(0, MINUTE_MS))))
def test_facts_are_always_kept(told: list[tuple[Event, int]]) -> None:
    """Liquidations, settled funding, feed health, coins off their peg: whatever the time."""
    keeping = Keeping(MINUTE_MS)

    assert [True] * len(told) == [keeping.keeps(event, at_ms) for event, at_ms in told]


def test_the_first_word_of_a_coin_that_is_back_at_its_peg_is_kept() -> None:
    """Without it a replay would not know when that was; what follows is a sample again."""
    keeping = Keeping(MINUTE_MS)
    prices = [1.0, 0.97, 0.98, 1.0, 1.0, 0.97, 1.0]

    kept = [keeping.keeps(quote(price), at_ms) for at_ms, price in enumerate(prices)]

    assert [True, True, True, True, False, True, True] == kept


@settings(deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1))
def test_levels_are_kept_once_in_a_while(gaps_ms: list[int]) -> None:
    """Two kept ones of one place are a sample apart, and no gap between samples is longer than it must be."""
    keeping, now_ms, kept = Keeping(MINUTE_MS), 0, []
    times = []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        times.append(now_ms)
        if keeping.keeps(mark(), now_ms):
            kept.append(now_ms)

    assert times[0] == kept[0]
    for earlier, later in pairwise(kept):
        assert later == next(at for at in times if at - earlier >= MINUTE_MS)


def test_places_and_types_are_sampled_apart() -> None:
    """A quiet coin is not hidden by a busy one."""
    keeping = Keeping(MINUTE_MS)
    events = [mark(), mark("ETH-USDT-PERP"), mark(venue="bybit"), funding(), quote(1.0), quote(1.0, None)]

    assert [True, True, True, True, True, False] == [keeping.keeps(event, 0) for event in events]


def test_a_clock_that_goes_back_costs_a_sample_not_an_hour() -> None:
    """What was kept in the future does not keep the present out."""
    keeping = Keeping(MINUTE_MS)
    assert keeping.keeps(mark(), 10 * MINUTE_MS)

    assert keeping.keeps(mark(), 0)


def test_memory_has_a_bound() -> None:
    """Beyond it everything may be kept once more."""
    keeping = Keeping(MINUTE_MS)
    for number in range(PLACES_MAX):
        keeping.keeps(mark(str(number)), 0)
    assert not keeping.keeps(mark("0"), 1)
    assert keeping.keeps(mark("one more"), 1)

    assert keeping.keeps(mark("0"), 2)
