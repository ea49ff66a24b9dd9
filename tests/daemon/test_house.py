"""A whole house on loopback: from a venue's answer to a chat, through restarts, reloads and trouble."""

import asyncio
import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.house import House
from daemon.server.serve import PortTaken
from daemon.sources.registry import SOURCES
from rules.alerts import Severity
from rules.events import StablecoinQuote
from rules.selection import Selection
from storage.database import Database
from storage.log import query_transitions
from storage.notices import Words
from storage.outbox import Outbox
from storage.trouble import StorageTrouble
from tests.chats import Reply, Slack, Slow, Telegram, telegram_error
from tests.daemon.lanes import became, locked, until
from tests.daemon.town import FEED, QUICK, Home, Venue, cheap

HOUR_MS = 3_600_000


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(USDT=1.0) as venue:
        yield venue


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


@pytest.fixture
async def desk() -> AsyncIterator[Slack]:
    async with Slack() as desk:
        yield desk


def at_phone(phone: Telegram, **more: object) -> dict[str, object]:
    return {"url": phone.address(), "api_url": phone.url, "group": {"wait": "0s"}, **more}


def at_desk(desk: Slack, **more: object) -> dict[str, object]:
    return {"url": desk.hook_address, "api_url": desk.url, "group": {"wait": "0s"}, **more}


@pytest.fixture
def home(tmp_path: Path, venue: Venue, phone: Telegram) -> Home:
    return Home(tmp_path, venue, sinks={"phone": at_phone(phone)})


async def changes(house: House) -> list[tuple[str, str, str]]:
    return [(one.rule_id, one.change, one.reason) for one in await query_transitions(house.database)]


# -- life -------------------------------------------------------------------------------------------------------------


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


async def test_a_restart_remembers_what_fires(home: Home, venue: Venue, phone: Telegram) -> None:
    """It does not fire twice, and the end finds its first message."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 3)
        assert 1 == len(list(house.engine.firing()))
        assert 1 == len(phone.requests)
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert 1 == len(phone.shown)


async def test_time_away_does_not_count(home: Home, venue: Venue, phone: Telegram) -> None:
    """`for: 10m`, an hour of which nobody watched, is not over."""
    home.write(rules=[cheap() | {"for": "10m"}])
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await until(lambda: house.recorder.transitions_seen == 1)
    home.clock.ahead_ms += HOUR_MS
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 3)
        assert [("cheap", "pending", "first")] == await changes(house)
        home.clock.ahead_ms += 601_000
        await phone.wait_for(lambda chat: len(chat.shown) == 1)


async def test_a_rule_removed_while_we_were_away_ends_its_episode(home: Home, venue: Venue, phone: Telegram) -> None:
    """Nobody waits for an end that never comes."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    home.write(rules=[cheap("other", below=0.5)])
    async with home.living() as house:
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        assert ("cheap", "cleared", "rule_removed") == (await changes(house))[-1]


async def test_windows_are_warm_after_a_restart(home: Home, venue: Venue, phone: Telegram) -> None:
    """A fall of which the beginning was seen before the restart; and of two rules on one event the longer window counts."""
    fall = cheap("fall", when="change(price, 1h) < -0.02")
    short = cheap("short", when="change(price, 1m) < -0.5")
    home.write(rules=[fall, short])
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
    home.clock.ahead_ms += HOUR_MS + 60_000
    venue.prices["USDT"] = 0.97
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)


async def test_a_feed_that_was_down_before_a_restart_may_come_back(home: Home, venue: Venue, phone: Telegram) -> None:
    """Its alert ends when it is up, or when nobody listens to it any more."""
    venue.is_down = True
    health = {"id": "feeds", "type": "feed_health", "for": "0s"}
    home.write(rules=[health, cheap()])
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
    home.write(sources={})
    async with home.living():
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert FEED in phone.texts[0]


# -- lanes over restarts ----------------------------------------------------------------------------------------------


async def interrupted(home: Home, **lanes: Severity) -> None:
    """A run that was killed while each of these lanes had a message under way."""
    database = await Database.open(str(home.database))
    outbox = Outbox(database)
    for lane, severity in lanes.items():
        await outbox.say(lane, Words(f"for {lane}"), severity)
        assert await outbox.claim(lane, home.clock()) is not None
    await database.close()


async def test_what_was_cut_off_follows_the_policy_of_its_own_sink(home: Home, phone: Telegram, desk: Slack) -> None:
    """The desk repeats warnings and drops what is critical, the phone the other way round, a lane that is gone is dead."""
    home.write(
        sinks={
            "phone": at_phone(phone),
            "desk": at_desk(desk, uncertain={"warning": "repeat", "critical": "drop"}),
            "bell": at_desk(desk, uncertain={"critical": "drop"}),
        }
    )
    await interrupted(
        home, phone=Severity.CRITICAL, desk=Severity.WARNING, bell=Severity.CRITICAL, gone=Severity.CRITICAL
    )
    async with home.living() as house:
        (phoned,) = await became(house.outbox, "phone", "sent")
        await became(house.outbox, "desk", "sent")
        await became(house.outbox, "bell", "uncertain")
        (gone,) = await became(house.outbox, "gone", "dead")
        assert ["bell", "desk", "phone"] == [lane.name for lane in await house.outbox.lanes()]

    assert [f"for phone (may be a repeat) #{phoned.key[:6]}"] == phone.texts
    assert "its sink is no longer in the configuration" in (gone.reason or "")


async def test_a_dead_sink_gets_a_try_at_the_next_start(home: Home, phone: Telegram, desk: Slack) -> None:
    """Somebody has unblocked the bot; its address is the same. A pause that was asked for is kept all the same."""
    home.write(sinks={"phone": at_phone(phone), "desk": at_desk(desk)})
    database = await Database.open(str(home.database))
    outbox = Outbox(database)
    for lane in ("phone", "desk"):
        await outbox.say(lane, Words("hello"), Severity.WARNING)
        assert await outbox.claim(lane, home.clock()) is not None
    (waits, mends) = (await outbox.listing(lane="desk"))[0].key, (await outbox.listing(lane="phone"))[0].key
    await outbox.disable_lane("phone", "bot was blocked", key=mends)
    await outbox.hold_lane("desk", home.clock() + HOUR_MS, "429", key=waits)
    await database.close()
    async with home.living() as house:
        await became(house.outbox, "phone", "sent")
        await became(house.outbox, "desk", "waiting")


# -- reload -----------------------------------------------------------------------------------------------------------


async def test_saved_rules_are_used_at_once(home: Home, venue: Venue, phone: Telegram) -> None:
    """What fired under a removed rule ends; feeds go on when they bring what the new rules need, too."""
    venue.prices["USDT"] = 0.97
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "sent")
        before = house.feeds.statuses[0]
        home.write(rules=[cheap("cheaper", below=0.98)])
        await phone.wait_for(lambda chat: len(chat.shown) == 2 and chat.shown[0].edits == 1)
        assert before is house.feeds.statuses[0]
        assert ["cheaper"] == list(house.rules)

        home.write(rules=[cheap("dai", below=0.98, symbols=["DAI"])])
        venue.prices["DAI"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        await until(lambda: len(home.said) == 2)
        assert before is house.feeds.statuses[0]

    assert ["files were read again" in text for text in home.said] == [True, True]
    assert "+ rule cheaper" in home.said[0]


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


async def test_a_broken_file_changes_nothing_and_is_said_once(home: Home, venue: Venue, phone: Telegram) -> None:
    """Every mistake, the old rules stay, and the next right file counts."""
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
        good = home.file.read_text()
        home.write_text(good.replace("price < 0.99", "prize < 0.99"))
        await until(lambda: len(home.said) == 1)
        home.write_text(good.replace("price < 0.99", "prize < 0.99") + "\n")
        venue.prices["USDT"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        assert ["cheap"] == list(house.rules)
        home.write(rules=[cheap("again")])
        await until(lambda: "again" in house.rules)

    assert "mistakes; what ran goes on running" in home.said[0]
    assert "tocsin.yaml:" in home.said[0]
    assert 2 == len(home.said)


async def test_sinks_are_exchanged_while_it_runs(home: Home, venue: Venue, phone: Telegram, desk: Slack) -> None:
    """The new one is told, what waits for the old one is dead, and sections that need a start wait for it."""
    async with home.living() as house:
        phone.always = Reply(503)
        await house.outbox.say("phone", Words("never arrives"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) > 0)
        home.write(sinks={"desk": at_desk(desk)}, label="LATER", sources={})
        await until(lambda: len(home.said) == 1)
        home.write(rules=[cheap("another")])
        await until(lambda: len(home.said) == 2)
        await became(house.outbox, "phone", "dead")
        venue.prices["USDT"] = 0.97
        await desk.wait_for(lambda chat: len(chat.shown) == 1)

        assert (None, ["defillama"]) == (house.config.label, list(house.config.sources or {}))
    assert desk.texts[0].startswith("WARNING")


async def test_a_message_that_hangs_during_a_reload_does_not_block_its_lane(
    home: Home, venue: Venue, phone: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cut off: uncertain, and the lane goes on."""
    monkeypatch.setattr("daemon.desk.GRACE_S", 0.05)
    async with home.living() as house:
        phone.moods.append(Slow())
        await house.outbox.say("phone", Words("hangs"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        home.write(sinks={"phone": at_phone(phone, late_after="5m")})
        await until(lambda: len(home.said) == 1)
        venue.prices["USDT"] = 0.97
        await became(house.outbox, "phone", "uncertain", "sent")


async def test_a_reload_waits_for_the_database(
    home: Home, impatient: None, desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """And the house does not fall over it."""
    async with home.living() as house:
        async with locked(home.database):
            home.write(sinks={"desk": at_desk(desk)})
            await until(lambda: "desk" in house.config.sinks)
            waits = {"reload waits", "the database cannot take what was decided; feeds wait"}
            await until(lambda: any(record.getMessage() in waits for record in caplog.records))
        await until(lambda: len(home.said) == 1)
        await house.outbox.say("desk", Words("hello"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["desk"])
        await became(house.outbox, "desk", "sent")


# -- trouble ----------------------------------------------------------------------------------------------------------


async def test_a_bug_in_a_driver_stops_the_house_loudly(
    home: Home, venue: Venue, phone: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided is written down; the message is uncertain at the next start."""
    home.write(rules=[cheap(severity="critical")])
    venue.prices["USDT"] = 0.97
    with monkeypatch.context() as patch:
        patch.setattr("sinks.telegram.to_html", lambda message: 1 / 0)
        async with AsyncExitStack() as stack:
            house = await House.open(load([home.file]), stack, clock=home.clock, options=QUICK)
            with pytest.raises(ExceptionGroup) as caught:
                async with asyncio.timeout(10):
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
        house = await House.open(load([home.file]), stack, clock=home.clock, options=QUICK)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10):
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
    async with asyncio.timeout(5), AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=QUICK)
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


@asynccontextmanager
async def locked_after(home: Home) -> AsyncIterator[House]:
    """A house whose database is locked from its first breath to its last."""
    async with AsyncExitStack() as stack:
        house = await House.open(load([home.file]), stack, clock=home.clock, options=QUICK)
        await stack.enter_async_context(locked(home.database))
        stop = asyncio.Event()
        living = asyncio.create_task(house.live(stop), name="house")
        yield house
        stop.set()
        async with asyncio.timeout(5):
            with pytest.raises(StorageTrouble, match=r"is locked by another process.*is not written down"):
                await living


async def test_the_chores_take_no_offence_at_a_locked_database(
    home: Home, venue: Venue, impatient: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They have time, and the recorder says it loudly enough."""
    monkeypatch.setattr("daemon.house.EXPIRE_EVERY_S", 0.05)
    monkeypatch.setattr("daemon.house.FORGET_EVERY_S", 0.05)
    async with home.living() as house:
        async with locked(home.database):
            venue.prices["USDT"] = 0.97
            await until(lambda: house.recorder.held_reason is not None)
            assert "is locked by another process" in (house.recorder.held_reason or "")
        await until(lambda: house.recorder.held_reason is None)
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


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
