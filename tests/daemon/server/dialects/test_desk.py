"""What every dialect's desk promises, whatever its channels are."""

import logging
from collections.abc import Sequence

import pytest

from daemon.bus import Bus
from daemon.server.dialects.channel import Channel, Newest
from daemon.wire import amberdata as wire
from rules.events import Event, Trade
from tests.daemon.server.dialects.booth import NOW, booth


def trade(venue: str = "binance", symbol: str = "BTC-USDT-PERP") -> Trade:
    return Trade(
        venue=venue, symbol=symbol, price=1.0, quantity=1.0, taker="buy", trade_id="1", at_ms=NOW, received_ms=NOW
    )


class Broken(Channel):
    """Our bug."""

    name = "broken"
    kinds = minded = frozenset((Trade,))

    def observe(self, event: Event) -> None:
        raise ZeroDivisionError("while observing")

    def write(self, event: Event) -> Sequence[bytes]:
        raise ZeroDivisionError("while writing")


async def test_a_channel_that_breaks_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once."""
    async with booth() as place, place.client() as client:
        place.dialects.desk.add(Broken())
        await client.subscribe(wire.TRADES, instrument="BTCUSDT", exchange="binance")
        await place.hear(trade(), trade(), trade())
        for _ in range(3):
            assert "params" in await client.hear()

    assert 1 == sum(record.levelno == logging.ERROR for record in caplog.records if record.name.startswith("daemon"))


async def test_the_desk_reads_its_mailbox() -> None:
    """And clients hear what was published."""
    bus = Bus()
    mailbox = bus.mailbox("dialects")
    async with booth() as place, place.client() as client:
        await client.subscribe(wire.TRADES, instrument="BTCUSDT", exchange="binance")
        await bus.publish([trade()])
        await bus.publish([trade()])
        while mailbox.waiting:
            await place.dialects.desk.hear(mailbox.take_now())

        assert [2, 2] == [len(await client.hear()) - 1 for _ in range(2)]


def test_the_newest_of_each_place_and_of_no_more_places_than_allowed() -> None:
    """The one that was silent for longest goes first."""
    newest: Newest[int] = Newest(most=2)
    for place, value in ((("a", "x"), 1), (("b", "x"), 2), (("a", "x"), 3), (("c", "y"), 4)):
        newest.keep(place, value)

    assert 2 == len(newest)
    assert [3, 4] == newest.of(None, None)
    assert [3] == newest.of("a", None) == newest.of(None, "x") == newest.of("a", "x")
    assert None is newest.get(("b", "x"))
