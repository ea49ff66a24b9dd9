"""Feeds follow the wishes while they run, and are built anew only when they are set differently."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from pydantic import BaseModel

from daemon.clock import wall_ms
from daemon.feeds import UNHEARD, Feeds
from daemon.sources.configs import CONFIGS
from daemon.sources.registry import KEY_FREE
from daemon.sources.timetable import Timetable
from daemon.supervisor import Supervisor
from daemon.upstream.http import Http
from daemon.wire import binance_rest as wire
from daemon.wishes import Wish
from rules.events import Event, FeedHealth, FundingRate, StablecoinQuote
from rules.selection import Selection
from tests.daemon.lanes import until
from tests.daemon.sources.loopback import rest
from tests.daemon.town import FEED, Venue
from tests.patience import PATIENCE_S

ALL: frozenset[Wish] = frozenset({(StablecoinQuote, None, Selection(None))})
SOME: frozenset[Wish] = frozenset({(StablecoinQuote, "defillama", Selection(frozenset({"DAI"})))})
NOTHING: frozenset[Wish] = frozenset()


@asynccontextmanager
async def feeds_to(told: list[Event]) -> AsyncIterator[Feeds]:
    async def publish(events: Sequence[Event]) -> None:
        told.extend(events)

    async with Http(clock=wall_ms) as http, Timetable() as timetable:
        feeds = Feeds(publish=publish, http=http, timetable=timetable, clock=wall_ms)
        yield feeds
        await feeds.stop()


def defillama(venue: Venue) -> dict[str, BaseModel]:
    return {"defillama": CONFIGS["defillama"].model_validate({"rest_url": venue.url, "every": "50ms"})}


async def test_the_same_wishes_leave_feeds_alone() -> None:
    """A reload that changes a threshold costs no reconnect."""
    told: list[Event] = []
    async with Venue(USDT=1.0, DAI=1.0) as venue, feeds_to(told) as feeds:
        await feeds.use(ALL, defillama(venue))
        (before,) = feeds.statuses
        await until(lambda: before.events > 0)
        await feeds.use(frozenset(ALL), defillama(venue))
        assert before is feeds.statuses[0]


async def test_other_wishes_leave_feeds_alone_too() -> None:
    """What they bring is what is wanted now."""
    told: list[Event] = []
    async with Venue(USDT=1.0, DAI=1.0) as venue, feeds_to(told) as feeds:
        await feeds.use(ALL, defillama(venue))
        (before,) = feeds.statuses
        await until(lambda: before.events > 0)
        await feeds.use(SOME, defillama(venue))
        assert before is feeds.statuses[0]
        told.clear()
        await until(lambda: any(isinstance(event, StablecoinQuote) for event in told))

    assert {"DAI"} == {event.coin for event in told if isinstance(event, StablecoinQuote)}


async def test_other_settings_build_that_source_anew_and_no_other() -> None:
    """An address may have changed."""
    told: list[Event] = []
    async with Venue(USDT=1.0) as venue, rest({}) as host, feeds_to(told) as feeds:
        gecko = {"coingecko": CONFIGS["coingecko"].model_validate({"rest_url": host.url})}
        await feeds.use(ALL, {**defillama(venue), **gecko})
        llama, gecko_before = feeds.statuses
        changed = CONFIGS["coingecko"].model_validate({"rest_url": host.url, "every": "7m"})
        await feeds.use(ALL, {**defillama(venue), "coingecko": changed})

        assert llama is feeds.statuses[0]
        assert gecko_before.name == feeds.statuses[1].name
        assert gecko_before is not feeds.statuses[1]


async def test_feeds_that_follow_other_wishes_count_nothing_twice() -> None:
    """Settled funding is asked for nine hours back; neither a reload nor a restart may make it news again."""
    now_ms = wall_ms()
    paid = [
        FundingRate(
            venue="binance", symbol=symbol, rate=1e-4, interval_h=8.0, settles_at_ms=now_ms, is_settled=True,
            at_ms=now_ms, received_ms=now_ms,
        )
        for symbol in ("BTC-USDT-PERP", "ETH-USDT-PERP")
    ]  # fmt: skip
    told: list[Event] = []
    answers = {wire.FUNDING_INFO: wire.encode_funding_info({}), wire.FUNDING_RATE: wire.encode_funding_rates(paid)}
    async with rest(answers) as host, feeds_to(told) as feeds:
        source = {"ws_url": "ws://127.0.0.1:1", "rest_url": host.url, "settled_funding_every": "20ms"}
        sources = {"binance": CONFIGS["binance"].model_validate(source)}
        feeds.once.remember([(paid[0].once_key or "", now_ms)])  # counted before the restart
        for coins in (["BTC", "ETH"], ["BTC", "ETH", "SOL"]):  # a reload adds a wish
            await feeds.use(frozenset({(FundingRate, "binance", Selection.of(coins))}), sources)
            settled = next(one for one in feeds.statuses if one.name == "binance.settled_funding")
            await until(lambda settled=settled: settled.frames >= 2)  # type: ignore[misc]

    assert ["ETH-USDT-PERP"] == [event.symbol for event in told if isinstance(event, FundingRate)]


async def test_nothing_wished_is_nothing_asked() -> None:
    """And nothing is wrong with that."""
    told: list[Event] = []
    async with Venue(USDT=1.0) as venue, feeds_to(told) as feeds:
        await feeds.use(NOTHING, defillama(venue))
        assert [] == feeds.statuses
        await feeds.use(ALL, defillama(venue))
        await until(lambda: len(told) > 0)
        await feeds.use(NOTHING, defillama(venue))
        asked = venue.asked
        assert [] == feeds.statuses
        assert not feeds.trouble.done()
    assert asked == venue.asked


async def test_a_feed_that_nobody_listens_to_any_more_is_not_down_for_ever() -> None:
    """An alert about it could never end; feeds that go on speak for themselves."""
    told: list[Event] = []
    async with Venue(USDT=1.0) as venue, feeds_to(told) as feeds:
        venue.is_down = True
        await feeds.use(ALL, defillama(venue), believed_down=[("okx", "okx.public"), ("defillama", FEED)])
        assert [("okx.public", "up", UNHEARD)] == [
            (one.feed, one.state, one.reason) for one in told if isinstance(one, FeedHealth)
        ]
        await until(lambda: feeds.statuses[0].state == "down")
        told.clear()
        await feeds.use(NOTHING, defillama(venue))

    assert [(FEED, "up", UNHEARD)] == [(one.feed, one.state, one.reason) for one in told if isinstance(one, FeedHealth)]


@pytest.mark.parametrize("how", ["a person saves a file", "something else is wanted"])
async def test_a_feed_that_was_refused_is_tried_again_without_a_restart(
    how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A key is enabled an hour later, a firewall forgets us; until then the feed is down, and says why."""
    monkeypatch.setattr("daemon.feeds.Supervisor", partial(Supervisor, nudged_s=0.0))
    told: list[Event] = []
    async with Venue(USDT=1.0, DAI=1.0) as venue, feeds_to(told) as feeds:
        venue.refuses = True
        await feeds.use(ALL, defillama(venue))
        (status,) = feeds.statuses
        await until(lambda: status.state == "down")
        assert "refused us (401)" in (status.last_error or "")
        assert ["down"] == [event.state for event in told if isinstance(event, FeedHealth)]
        venue.refuses = False
        await feeds.use(ALL, defillama(venue))
        assert 1 == venue.asked  # nothing has changed, so nobody is asked
        if how == "a person saves a file":
            feeds.try_again()
        else:
            await feeds.use(SOME, defillama(venue))
        await until(lambda: status.state == "up")

    assert ["down", "up"] == [event.state for event in told if isinstance(event, FeedHealth)]
    assert 1 == sum(record.levelno >= logging.ERROR for record in caplog.records)


async def test_a_bug_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house looks at `trouble`."""

    def fail(body: bytes, received_ms: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("daemon.wire.defillama.decode_stablecoins", fail)
    async with Venue(USDT=1.0) as venue, feeds_to([]) as feeds:
        await feeds.use(ALL, defillama(venue))
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(PATIENCE_S):
                await feeds.trouble

    assert caught.group_contains(ZeroDivisionError)


async def test_stopping_twice_is_stopping() -> None:
    """Whoever closes the house need not know."""
    async with Venue(USDT=1.0) as venue, feeds_to([]) as feeds:
        await feeds.use(ALL, defillama(venue))
        await feeds.stop()
        await feeds.stop()


def test_key_free_sources_need_no_settings() -> None:
    """They are what runs without a `sources` section."""
    for name in KEY_FREE:
        CONFIGS[name]()
