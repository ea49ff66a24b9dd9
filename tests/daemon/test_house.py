"""A whole house on loopback: from a venue's answer to a chat, and through trouble."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from daemon.config.load import load
from daemon.house import House
from daemon.server.serve import PortTaken
from daemon.sources.registry import SOURCES
from rules.events import StablecoinQuote
from rules.selection import Selection
from sinks.registry import Options
from storage.trouble import StorageTrouble
from tests.chats import Slow, Telegram, telegram_error
from tests.daemon.lanes import PATIENT, became, locked, until
from tests.daemon.town import Home, Venue, cheap
from tests.patience import PATIENCE_S


async def test_a_price_becomes_a_message_and_the_end_changes_it(home: Home, venue: Venue, phone: Telegram) -> None:
    """Open, live, stop."""
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
        assert not phone.requests
        venue.prices["USDT"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        assert phone.texts[0].startswith("WARNING  ")
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await became(house.outbox, "phone", "sent", "sent")

    assert phone.texts[0].startswith("CLEARED  ")


async def test_what_a_client_wants_is_listened_to_without_a_reload(home: Home, venue: Venue) -> None:
    """By the same feed, which nobody stops."""
    home.write(rules=[cheap(symbols=["DAI"])])
    async with home.living() as house:
        before = house.feeds.statuses[0]
        await until(lambda: before.frames > 1)
        assert 0 == before.events
        house.demand.want([(StablecoinQuote, "defillama", Selection.of(["USDT"]))])
        await until(lambda: before.events > 0)

        assert before is house.feeds.statuses[0]
    assert [] == home.said


# -- trouble ----------------------------------------------------------------------------------------------------------


async def test_a_bug_in_a_driver_stops_the_house_loudly(
    home: Home, venue: Venue, phone: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided is written down; the message is uncertain at the next start."""
    home.write(rules=[cheap(severity="critical")])
    venue.prices["USDT"] = 0.97
    with monkeypatch.context() as patch:
        patch.setattr("sinks.telegram_request.to_html", lambda *_: 1 / 0)
        async with AsyncExitStack() as stack:
            house = await House.open(load([home.file]), stack, clock=home.clock, options=PATIENT)
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.timeout(PATIENCE_S):
                    await house.live(asyncio.Event())  # nobody stops it
    assert caught.group_contains(ZeroDivisionError)

    async with home.living() as house:
        await became(house.outbox, "phone", "sent")
    assert "(may be a repeat)" in phone.texts[0]


async def test_a_bug_in_a_source_stops_the_house_loudly(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lanes and the recorder end in good order first."""

    def fail(body: bytes, received_ms: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("daemon.wire.defillama.decode_stablecoins", fail)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=PATIENT)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(PATIENCE_S):
                await house.live(stop)
    assert caught.group_contains(ZeroDivisionError)


async def test_a_second_daemon_on_the_same_file_is_refused(home: Home) -> None:
    """With a sentence."""
    async with home.living(), AsyncExitStack() as stack:
        with pytest.raises(StorageTrouble, match=r"another Tocsin \(process \d+\) works with .*; stop it first"):
            await House.open(load([home.file]), stack)


async def test_a_port_that_is_taken_is_a_sentence(home: Home) -> None:
    """And everything that was opened before is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home.write(server={"port": taken.getsockname()[1]})
        with pytest.raises(PortTaken, match=r"127.0.0.1:\d+ is in use, perhaps by another Tocsin; set server.port"):
            async with AsyncExitStack() as stack:
                await House.open(load([home.file]), stack)
    home.write(server={"port": 0, "tables": False})
    async with home.living():
        pass


async def test_being_cancelled_is_clean_and_quick(
    home: Home, venue: Venue, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """The second signal: nobody waits for a chat that hangs, no task is left behind, and the message is uncertain."""
    phone.always = Slow()
    venue.prices["USDT"] = 0.97
    before = asyncio.all_tasks()
    async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=PATIENT)
        living = asyncio.create_task(house.live(asyncio.Event()), name="house")
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        living.cancel()
        with pytest.raises(asyncio.CancelledError):
            await living
    phone.release()
    phone.always = None
    await until(lambda: not [task for task in asyncio.all_tasks() - before if "aiohttp" not in repr(task)])
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio" or record.levelno >= logging.ERROR]
    async with home.living() as house:
        await became(house.outbox, "phone", "uncertain")


async def test_a_database_that_takes_nothing_does_not_keep_us_for_ever(
    home: Home, venue: Venue, impatient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first signal has a deadline of its own, and says what it costs."""
    monkeypatch.setattr("daemon.house.DRAIN_S", 0.2)
    async with locked_after(home) as house:
        venue.prices["USDT"] = 0.97
        await until(lambda: house.recorder.held_reason is not None)
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_database_that_takes_nothing_ends_the_wait_for_chats_too(
    home: Home, venue: Venue, phone: Telegram, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their answers could not be written down; whoever stops us would kill us after half a minute."""
    monkeypatch.setattr("daemon.house.DRAIN_S", 0.2)
    phone.always = Slow()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=Options())
        living = asyncio.create_task(house.live(stop), name="house")
        venue.prices["USDT"] = 0.97
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        async with locked(home.database):
            venue.prices["USDT"] = 1.0
            await until(lambda: house.recorder.held_reason is not None)
            stop.set()
            with pytest.raises(StorageTrouble, match="is locked by another process"):
                await living
            async with asyncio.timeout(PATIENCE_S):
                await stack.aclose()
    phone.release()


@asynccontextmanager
async def locked_after(home: Home) -> AsyncIterator[House]:
    """A house whose database is locked from its first breath to its last."""
    async with AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=PATIENT)
        await stack.enter_async_context(locked(home.database))
        stop = asyncio.Event()
        living = asyncio.create_task(house.live(stop), name="house")
        yield house
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(StorageTrouble, match=r"is locked by another process.*is not written down"):
                await living


def test_every_source_that_needs_no_key_is_known() -> None:
    """A house without a `sources` section runs them all."""
    assert {"binance", "bybit", "okx", "defillama", "coingecko"} <= set(SOURCES)


async def test_a_dead_only_sink_is_seen_by_an_operator(home: Home, venue: Venue, phone: Telegram) -> None:
    """In /healthz, on the page and in the log; the page must not say that all is well."""
    from daemon.server.health import health

    phone.always = telegram_error(403, "Forbidden: bot was blocked by the user")
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await until(lambda: house.dispatch is not None and house.dispatch.status["phone"].disabled is not None)
        report = health(house)

    assert "degraded" == report["status"]
    (lane,) = report["lanes"]
    assert ("dead", "Telegram (phone): 403, Forbidden: bot was blocked by the user") == (lane["state"], lane["held"])
