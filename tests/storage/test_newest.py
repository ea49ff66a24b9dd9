"""What was said last of a coin, on both databases."""

from msgspec.structs import replace

from rules.events import AdlUpdate, Event, FundingRate, StablecoinQuote
from storage.database import Database
from storage.journal import Batch, Journal
from storage.newest import heard_last, newest_quotes, newest_rates
from tests.databases import both
from tests.storage.episodes import NOW, liquidation

pytestmark = both


def rate(venue: str, symbol: str, rate: float, at_ms: int, *, is_settled: bool = False) -> FundingRate:
    return FundingRate(
        venue=venue,
        symbol=symbol,
        rate=rate,
        interval_h=8.0,
        is_settled=is_settled,
        settles_at_ms=at_ms,
        at_ms=at_ms,
        received_ms=at_ms,
    )


async def test_of_each_venue_and_instrument_the_newest_prediction_counts(journal: Journal, database: Database) -> None:
    """Not what was paid, nor what is too old, nor other coins whose names are like it, in whatever order it came."""
    wanted = [rate("okx", "PEPE-USDT-PERP", 0.1, NOW), rate("binance", "1000PEPE-USDT-PERP", 0.2, NOW - 5)]
    events: list[Event] = [
        *wanted,
        rate("okx", "PEPE-USDT-PERP", 0.3, NOW - 1),  # imported later
        rate("okx", "PEPE-USDT-PERP", 0.4, NOW + 1, is_settled=True),
        rate("okx", "PEPECOIN-USDT-PERP", 0.5, NOW),
        rate("bybit", "PEPE-USDT-PERP", 0.6, NOW - 1_000),
        replace(liquidation(NOW), symbol="PEPE-USDT-PERP"),
    ]
    await journal.commit(Batch(events=events), NOW)

    found = await newest_rates(database, "PEPE", NOW - 999)

    assert {event.rate for event in wanted} == {event.rate for event in found}
    assert [] == await newest_rates(database, "%", NOW - 999)


async def test_of_each_source_the_newest_quote_counts(journal: Journal, database: Database) -> None:
    """However often another source has spoken since."""

    def quote(venue: str, price: float, at_ms: int, coin: str = "USDE") -> StablecoinQuote:
        return StablecoinQuote(
            venue=venue, coin=coin, price=price, target=1.0, market_cap_usd=None, at_ms=at_ms, received_ms=at_ms
        )

    often = [quote("defillama", 0.9 + number / 1_000, NOW - 99 + number) for number in range(99)]
    others = [quote("coingecko", 0.97, NOW - 900), quote("bybit", 0.96, NOW - 1_000), quote("okx", 0.9, NOW, "USDEX")]
    await journal.commit(Batch(events=[*often, *others]), NOW)

    found = await newest_quotes(database, "USDE", NOW - 999)

    assert {("defillama", often[-1].price), ("coingecko", 0.97)} == {(event.venue, event.price) for event in found}


async def test_what_was_heard_last_is_known_but_for_accounts(journal: Journal, database: Database) -> None:
    """Each place once; what a trader owns is nobody else's to guess."""
    account = AdlUpdate(
        venue="bybit", account="main", position_id="1", symbol="OWN-USDT-PERP", level=3, at_ms=NOW, received_ms=NOW
    )
    events: list[Event] = [
        rate("bybit", "OLD-USDT-PERP", 0.1, NOW),
        *(rate("okx", "BTC-USDT-PERP", 0.1, NOW + number) for number in range(9)),
        account,
    ]
    await journal.commit(Batch(events=events), NOW)

    assert {("okx", "BTC-USDT-PERP"), ("bybit", "OLD-USDT-PERP")} == await heard_last(database)
    assert {("okx", "BTC-USDT-PERP")} == await heard_last(database, limit=9)
