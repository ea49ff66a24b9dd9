"""The exchanges beyond the three tell of the same market."""

import pytest

from daemon.simulator.elsewhere import Elsewhere
from daemon.simulator.listings import ELSEWHERE
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.instruments import coin_of, parse
from tests.daemon.simulator.far_end import Clock, forced, opened

_CALM = "market: {liquidations_per_minute: 0}"


def _told(venue: Elsewhere, now_ms: int, *events: Event) -> list[Event]:
    return venue.told({"bybit": list(events)}, now_ms)


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_prices_rates_and_sizes_are_the_worlds(name: str) -> None:
    async with opened(_CALM, Clock()) as box:
        venue = box.venues[name]
        assert isinstance(venue, Elsewhere)
        events = list(venue.latest.values())
        bitcoin = box.world.price("BTC")

    marks = [event for event in events if isinstance(event, MarkPrice)]
    assert {name} == {event.place[0] for event in events}
    assert all(str(parse(event.symbol)) == event.symbol for event in marks)
    assert all(abs(e.price / bitcoin - 1) < 0.001 for e in marks if e.symbol in ("BTC-USDT-PERP", "BTC-USD-PERP"))
    rates = [event for event in events if isinstance(event, FundingRate)]
    assert all(abs(event.rate_8h) < 0.001 for event in rates)
    interests = {event.symbol: event for event in events if isinstance(event, OpenInterest)}
    assert all(1e6 < (event.oi_usd or 0.0) < 1e10 for event in interests.values())


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_each_kind_of_news_has_its_pace(name: str) -> None:
    """Prices every second, rates every three, open interest every five."""
    clock = Clock()
    async with opened(_CALM, clock) as box:
        venue = box.venues[name]
        assert isinstance(venue, Elsewhere)
        kinds: list[set[type[Event]]] = []
        for _ in range(5):
            clock.now_ms += 1_000
            kinds.append({type(event) for event in _told(venue, clock.now_ms)})

    price: set[type[Event]] = {MarkPrice}
    assert [price, price, price | {FundingRate}, price, price | {OpenInterest}] == kinds


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_some_of_what_is_closed_by_force_is_closed_here_too(name: str) -> None:
    """The same coin and side, in whole lots; at Hyperliquid nobody is told."""
    async with opened(_CALM, Clock()) as box:
        venue = box.venues[name]
        assert isinstance(venue, Elsewhere)
        orders = [forced("bybit", 2.0, at_ms=number) for number in range(40)]
        told = [event for event in _told(venue, box.world.now_ms, *orders) if isinstance(event, Liquidation)]

    assert (0 < len(told) < 40) or name == "hyperliquid"
    assert {"BTC"} >= {coin_of(event.symbol) for event in told}
    assert all(event.side == "long" and abs(event.notional_usd / 34_000 - 1) < 0.05 for event in told)
    assert all(abs(event.quantity * event.price / event.notional_usd - 1) < 1e-9 for event in told)


async def test_a_coin_that_is_not_listed_here_is_not_liquidated_here() -> None:
    async with opened(_CALM, Clock()) as box:
        venue = box.venues["deribit"]
        assert isinstance(venue, Elsewhere)
        orders = [forced("bybit", 1e6, 0.1, symbol="DOGE-USDT-PERP", at_ms=number) for number in range(20)]

        assert [] == [event for event in _told(venue, box.world.now_ms, *orders) if isinstance(event, Liquidation)]
