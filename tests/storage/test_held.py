"""What the log holds, counted by place."""

from rules.events import FundingRate, MarkPrice
from storage.database import Database
from storage.held import Held, held_between
from storage.history import add_history
from tests.databases import both

pytestmark = both

T = 1_700_000_000_000
BTC = "BTC-USDT-PERP"


def price(at_ms: int, venue: str = "okx") -> MarkPrice:
    return MarkPrice(venue=venue, symbol=BTC, price=1.0, at_ms=at_ms, received_ms=at_ms)


async def test_it_is_counted_by_type_and_place_the_fullest_first(database: Database) -> None:
    """Both ends of the stretch belong to it, and what lies beyond them does not."""
    rate = FundingRate(venue="okx", symbol=BTC, rate=1e-4, interval_h=8, at_ms=T, received_ms=T)
    await add_history(database, [price(T - 1), price(T), price(T + 5), price(T + 9), price(T + 2, "bybit"), rate])

    assert [
        Held("mark_price", "okx", BTC, 2, T, T + 5),
        Held("funding_rate", "okx", BTC, 1, T, T),
        Held("mark_price", "bybit", BTC, 1, T + 2, T + 2),
    ] == await held_between(database, T, T + 5)


async def test_an_empty_log_holds_nothing(database: Database) -> None:
    assert [] == await held_between(database, 0, 2 * T)
