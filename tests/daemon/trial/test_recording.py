"""A past that is being made: what the venues say is written down, and nothing else happens."""

import asyncio
from pathlib import Path

from daemon.bus import Bus
from daemon.clock import wall_ms
from daemon.config.load import load
from daemon.keeping import Keeping
from daemon.simulator.box import Box
from daemon.trial.recording import Recording, record
from daemon.wishes import Wish
from rules.events import FundingRate, Liquidation, MarkPrice, StablecoinQuote, Trade
from rules.selection import Selection
from storage.database import Database
from storage.log import Logged, query_events, query_transitions
from tests.daemon.trial.files import HOT, written
from tests.e2e.living import addresses
from tests.e2e.market import quiet, rate
from tests.patience import PATIENCE_S

T = 1_767_614_400_000


def price(at_ms: int, venue: str = "okx") -> MarkPrice:
    return MarkPrice(venue=venue, symbol="BTC-USDT-PERP", price=1.0, at_ms=at_ms, received_ms=at_ms)


async def test_levels_are_sampled_and_facts_are_kept(tmp_path: Path) -> None:
    database = await Database.open(str(tmp_path / "past.db"))
    bus, stop = Bus(), asyncio.Event()
    mailbox = bus.mailbox("recording")
    order = Liquidation(
        venue="okx",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=1,
        price=2,
        price_kind="fill",
        notional_usd=2,
        at_ms=T,
        received_ms=T,
    )
    trade = Trade(
        venue="okx",
        symbol="BTC-USDT-PERP",
        price=1.0,
        quantity=1.0,
        taker="buy",
        trade_id="1",
        at_ms=T,
        received_ms=T,
    )
    quotes = [
        StablecoinQuote(venue="defillama", coin="USDC", price=1.0, target=1.0, at_ms=at_ms, received_ms=at_ms)
        for at_ms in (T, T + 1_000)
    ]
    recording = Recording(database, Keeping(1_000, quotes_every_ms=1_000), clock=lambda: T)
    try:
        await bus.publish([price(T), price(T + 400), price(T + 1_000), order, order, trade, *quotes])
        stop.set()
        await recording.run(mailbox, stop)
        found = await query_events(database)
    finally:
        await database.close()

    assert ["liquidation", "mark_price", "mark_price", "stablecoin_quote", "stablecoin_quote"] == sorted(
        logged.type for logged in found
    )


async def test_the_sources_of_a_configuration_fill_a_database(tmp_path: Path) -> None:
    """Over the venue's own protocol; the rule that would fire on it is not even looked at."""
    async with Box(quiet()) as box, asyncio.timeout(PATIENCE_S):
        config = load([written(tmp_path, rules=[HOT], sources=addresses(box, "binance"))], environ={})
        stop, opened = asyncio.Event(), asyncio.get_running_loop().create_future()
        wanted: frozenset[Wish] = frozenset({(FundingRate, None, Selection.of(["BTC"]))})
        past = str(tmp_path / "past.db")
        task = asyncio.create_task(
            record(config, past, wanted, every_ms=0, keep_ms=86_400_000, stop=stop, begun=opened.set_result)
        )
        database = await opened
        found: list[Logged] = []
        while not any(rates_of(logged) == 0.002 for logged in found):  # nobody announces a row
            await box.say("binance", [rate("binance", 0.002, at_ms=wall_ms())])
            await asyncio.sleep(0.02)
            found = await query_events(database, type="funding_rate")
        transitions = await query_transitions(database)
        stop.set()

        assert len(found) <= await task
        assert {"BTC-USDT-PERP"} == {logged.symbol for logged in found}
        assert [] == transitions


def rates_of(logged: Logged) -> float:
    event = logged.event
    assert isinstance(event, FundingRate)
    return event.rate
