"""A past that is brought in: once, in the order of time, wherever it was written."""

from rules.events import FundingRate, Liquidation, MarkPrice
from storage.database import Database
from storage.history import add_history
from storage.journal import Batch, Journal
from storage.log import events_in_time, stored_span
from tests.databases import both

pytestmark = both

T = 1_700_000_000_000
BTC = "BTC-USDT-PERP"


def price(at_ms: int, value: float = 1.0) -> MarkPrice:
    return MarkPrice(venue="okx", symbol=BTC, price=value, at_ms=at_ms, received_ms=at_ms)


async def times(database: Database, since_ms: int = 0, until_ms: int = 2 * T, chunk: int = 2) -> list[int]:
    found = events_in_time(database, {"mark_price"}, since_ms, until_ms, chunk=chunk)
    return [event.received_ms - T async for events in found for event in events]


async def test_the_same_twice_is_there_once(database: Database) -> None:
    """Whether it has a name of its own or is known by its time, and within one file, too."""
    settled = FundingRate(
        venue="okx", symbol=BTC, rate=1e-4, interval_h=8, settles_at_ms=T, is_settled=True, at_ms=T, received_ms=T
    )
    order = Liquidation(
        venue="okx",
        symbol=BTC,
        side="long",
        quantity=1,
        price=2,
        price_kind="fill",
        notional_usd=2,
        at_ms=T,
        received_ms=T,
    )
    past = [settled, order, price(T), price(T), price(T + 1)]

    assert 4 == await add_history(database, past)
    assert 0 == await add_history(database, past)
    assert 4 == (await stored_span(database, {"mark_price", "liquidation", "funding_rate"}, 0, 2 * T)).events


async def test_what_was_seen_live_is_not_doubled(database: Database) -> None:
    settled = FundingRate(
        venue="okx", symbol=BTC, rate=1e-4, interval_h=8, settles_at_ms=T, is_settled=True, at_ms=T, received_ms=T + 5
    )
    await Journal(database).commit(Batch(events=[settled]), T)

    assert 0 == await add_history(database, [settled])


async def test_more_than_a_statement_can_name_is_written(database: Database) -> None:
    past = [price(T + number) for number in range(1_234)]

    assert 1_234 == await add_history(database, past)
    assert 0 == await add_history(database, past)


async def test_events_come_in_the_order_of_time_however_they_were_written(database: Database) -> None:
    """Ties by arrival; chunks break anywhere."""
    await Journal(database).commit(Batch(events=[price(T + 3), price(T + 3), price(T + 5)]), T)
    await add_history(database, [price(T + 4), price(T + 1), price(T + 3)])

    for chunk in (1, 2, 3, 100):
        assert [1, 3, 3, 3, 4, 5] == await times(database, chunk=chunk)


async def test_a_stretch_includes_both_its_ends(database: Database) -> None:
    await add_history(database, [price(T + number) for number in range(5)])

    assert [1, 2, 3] == await times(database, T + 1, T + 3)
    assert (3, T + 1, T + 3) == tuple(await stored_span(database, {"mark_price"}, T + 1, T + 3))
    assert (0, None, None) == tuple(await stored_span(database, {"trade"}, 0, T))
