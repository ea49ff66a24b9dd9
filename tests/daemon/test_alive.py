"""The line a day and the ping: once each, in the zone that was asked for, and no secret in a log."""

import logging
from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from daemon.alive import Alive, Vitals, vitals
from daemon.config.delivery import AliveConfig
from daemon.ledger import LaneStatus
from daemon.sources.base import FeedStatus
from rules.delivery.hours import next_ms
from sinks.post import open_session
from storage.database import Database
from storage.outbox import Outbox
from tests.daemon.lanes import Clock

NINE = time(9)
BERLIN = "Europe/Berlin"
WELL = Vitals(rules=14, alerts=3, lag_p99_ms=812, down=(("okx.public", 240_500),))


def wanted(**more: object) -> AliveConfig:
    return AliveConfig.model_validate({"tz": BERLIN, **more})


def alive(
    outbox: Outbox,
    session: object,
    clock: Clock,
    rung: list[str] | None = None,
    vitals: Callable[[], Vitals] = lambda: WELL,
) -> Alive:
    return Alive(
        outbox,
        session,  # type: ignore[arg-type]  # None where nothing is pinged
        wanted=lambda: None,
        sinks=lambda: ["desk", "phone"],
        vitals=vitals,
        ring=(rung if rung is not None else []).extend,
        clock=clock,
    )


def test_the_line_says_how_the_house_is() -> None:
    """In the words of somebody who is asked."""
    feeds = [
        FeedStatus(name="okx.public", venue="okx", since_ms=0, state="down"),
        FeedStatus(name="bybit.linear", venue="bybit", since_ms=0, state="up"),
    ]
    lanes = {"desk": LaneStatus(lag_ms=[100] * 99 + [800]), "phone": LaneStatus(disabled="blocked")}
    found = vitals(rules=14, alerts=1, feeds=feeds, lanes=lanes, now_ms=240_500)

    assert "alive; 14 rules; 1 alert; 99% of messages within 0.8 s; okx.public down 4m; sink phone dead" == found.line()
    refused = Vitals(rules=1, alerts=0, lag_p99_ms=None, mistakes=2).line()
    assert "alive; 1 rule; 0 alerts; the saved files have 2 mistakes, what ran before runs on" == refused
    held = Vitals(rules=1, alerts=0, lag_p99_ms=None, held="the disk is full").line()
    assert "alive; 1 rule; 0 alerts; nothing can be written down: the disk is full" == held
    assert "alive; 0 rules; 0 alerts" == Vitals(rules=0, alerts=0, lag_p99_ms=None).line()


async def test_it_is_said_once_a_day_also_over_a_restart(outbox: Outbox, clock: Clock, database: Database) -> None:
    """At nine by the clocks of Berlin; whoever starts at ten past says it, at eleven no more."""
    nine = clock.now_ms = next_ms(NINE, BERLIN, clock.now_ms)
    rung: list[str] = []
    for offset_ms in (-1, 0, 5_000, 600_000, 7_200_000):
        clock.now_ms = nine + offset_ms
        await alive(outbox, None, clock, rung).say(wanted(at="09:00"))  # a new one each time: nothing is remembered
        assert (0 if offset_ms < 0 else 2) == len(await outbox.listing())
    clock.now_ms = next_ms(NINE, BERLIN, nine) + 10
    await alive(outbox, None, clock).say(wanted(at="09:00", to="phone"))

    said = await outbox.listing()
    assert ["phone", "phone", "desk"] == [entry.lane for entry in said]
    assert {"alive; 14 rules; 3 alerts; 99% of messages within 0.8 s; okx.public down 4m"} == {
        entry.headline for entry in said
    }
    assert {"desk", "phone"} == set(rung)


async def test_the_watcher_is_asked_every_so_often(
    outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A watcher that is gone is said once, and not by its address."""
    caplog.set_level(logging.DEBUG)
    asked: list[str] = []
    answers = iter([200, 500, 500, 204])

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=next(answers))

    app = web.Application()
    app.router.add_get("/ping/s3cret", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/ping/s3cret"
        config = wanted(ping=SecretStr(address), every="30s")
        async with open_session() as session:
            watched = alive(outbox, session, clock)
            assert [30.0, 30.0] == [await watched.ping(config) for _ in range(2)]  # the second is too early
            assert 1 == len(asked)
            for _ in range(3):
                clock.now_ms += 30_000
                await watched.ping(config)
            await runner.cleanup()
            clock.now_ms += 30_000
            await watched.ping(config)
    finally:
        await runner.cleanup()

    assert 4 == len(asked)
    said = [
        (record.getMessage(), getattr(record, "reason", ""))
        for record in caplog.records
        if record.name == "daemon.alive"
    ]
    assert ("nobody hears that we are alive", "it answered 500") == said[0]
    assert ["nobody hears that we are alive", "the watcher hears us again", "nobody hears that we are alive"] == [
        words for words, _ in said
    ]
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    "mute",
    [
        Vitals(rules=1, alerts=0, lag_p99_ms=None, held="the disk is full", sinks=1),
        Vitals(rules=1, alerts=0, lag_p99_ms=None, dead=("desk",), sinks=1),
    ],
)
async def test_the_watcher_misses_us_while_nobody_would_hear_of_an_alert(
    outbox: Outbox, clock: Clock, mute: Vitals
) -> None:
    """The disk is full, or the only chat is gone: no ping, until it is mended."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/ping", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    state = [mute]
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        config = wanted(ping=SecretStr(f"http://127.0.0.1:{runner.addresses[0][1]}/ping"), every="30s")
        async with open_session() as session:
            watched = alive(outbox, session, clock, vitals=lambda: state[0])
            await watched.ping(config)
            assert [] == asked
            state[0] = WELL
            clock.now_ms += 30_000
            await watched.ping(config)
    finally:
        await runner.cleanup()

    assert ["/ping"] == asked
