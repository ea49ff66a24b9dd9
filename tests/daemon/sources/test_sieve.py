"""Only what is wanted passes, and each fact that may be counted once passes once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sources.sieve import REMEMBER_FLEETING, Once, Sieve
from daemon.sources.wanted import Wanted
from rules.events import Event, FundingRate, Liquidation, MarkPrice, Trade
from rules.selection import Selection

ALL = Selection(None)


def liquidation(price: float, at_ms: int = 0) -> Liquidation:
    return Liquidation(
        venue="bybit",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=1.0,
        price=price,
        price_kind="bankruptcy",
        notional_usd=price,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def mark(symbol: str = "BTC-USDT-PERP", venue: str = "bybit") -> MarkPrice:
    return MarkPrice(venue=venue, symbol=symbol, price=1.0, at_ms=0, received_ms=0)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0]), max_size=5), max_size=8))
def test_each_fact_passes_as_often_as_the_fullest_frame_said_it(frames: list[list[float]]) -> None:
    """Equal rows in one frame are different positions; the same frame again is an echo."""
    once = Once()
    kept = [event for frame in frames for event in once.keep([liquidation(price) for price in frame], 0)]

    for price in (1.0, 2.0, 3.0):
        fullest = max((frame.count(price) for frame in frames), default=0)
        assert fullest == len([event for event in kept if isinstance(event, Liquidation) and event.price == price])


def test_the_memory_is_bounded_by_size_and_by_time() -> None:
    """A cascade must not make it grow, and after two days nobody replays a frame."""
    once = Once(remember_ms=1000, remember_facts=10)
    for price in range(100):
        once.keep([liquidation(float(price))], received_ms=0)
    assert len(once) == 10

    once.keep([liquidation(500.0)], received_ms=5000)
    assert len(once) == 1


def test_an_echo_keeps_a_fact_in_memory() -> None:
    """What is still being repeated must not be forgotten first."""
    once = Once(remember_facts=2)
    for price in (1.0, 2.0, 1.0, 3.0):
        once.keep([liquidation(price)], received_ms=0)

    assert list(once.keep([liquidation(1.0)], received_ms=0)) == []


def test_facts_without_a_name_pass_as_often_as_they_come() -> None:
    """A mark price that is said twice is harmless."""
    events: list[Event] = [mark(), mark()]

    assert events == Once().keep(events, 0)


def test_a_wish_for_one_venue_is_not_a_wish_for_another() -> None:
    """One connection of a vendor carries many venues."""
    wanted = Wanted([(MarkPrice, "bybit", Selection.of(["BTC"])), (MarkPrice, None, Selection.of(["ETH"]))])
    sieve = Sieve(wanted, (MarkPrice,))
    events = [mark(), mark(venue="okx"), mark("ETH-USDT-PERP", "okx"), liquidation(1.0)]

    assert [event.place for event in sieve.keep(events, 0)] == [("bybit", "BTC-USDT-PERP"), ("okx", "ETH-USDT-PERP")]


def test_wishes_add_up() -> None:
    """Two rules on one venue; everything beside something is everything."""
    some = Wanted([(FundingRate, None, Selection.of(["BTC"])), (FundingRate, "okx", Selection.of(["ETH"]))])
    more = Wanted([(FundingRate, None, Selection.of(["BTC"])), (FundingRate, "okx", ALL)])

    assert Selection.of(["BTC", "ETH"]) == some.selection(FundingRate, venue="okx")
    assert Selection.of(["BTC"]) == some.selection(FundingRate, venue="bybit")
    assert more.selection(FundingRate, venue="okx") == ALL
    assert some.selection(MarkPrice, venue="okx") is None


def trade(number: int) -> Trade:
    return Trade(
        venue="bybit",
        symbol="BTC-USDT-PERP",
        price=1.0,
        quantity=1.0,
        taker="buy",
        trade_id=str(number),
        at_ms=0,
        received_ms=0,
    )


def test_trades_do_not_push_rare_facts_out_of_memory() -> None:
    """There are thousands a minute; a liquidation must be known again after two days."""
    once = Once()
    sieve = Sieve(Wanted([(Trade, None, ALL), (Liquidation, None, ALL)]), (Trade, Liquidation), once)
    sieve.keep([liquidation(1.0)], 0)
    for number in range(REMEMBER_FLEETING + 10):
        sieve.keep([trade(number)], 0)

    assert 1 == len(once)
    assert [] == list(sieve.keep([liquidation(1.0)], 0))
    assert [] == list(sieve.keep([trade(REMEMBER_FLEETING)], 0))
