"""A poller tells the truth about each question, and the supervisor decides when to ask again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from daemon.sources.base import Wanted
from daemon.sources.poller import Poller, each
from daemon.sources.sieve import Sieve
from daemon.supervisor import Refused, Transient
from daemon.wire.control import Unreadable
from rules.events import Event, FeedHealth, FundingRate, StablecoinQuote
from rules.selection import Selection
from tests.daemon.sources.loopback import House, house, supervised, until
from tests.patience import PATIENCE_S

WANTED = Wanted([(StablecoinQuote, None, Selection(None)), (FundingRate, None, Selection(None))])
QUOTE = StablecoinQuote(venue="here", coin="USDT", price=1.0, at_ms=1, received_ms=1)
PAID = FundingRate(
    venue="here",
    symbol="BTC-USDT-PERP",
    rate=1e-4,
    interval_h=8,
    settles_at_ms=1,
    is_settled=True,
    at_ms=1,
    received_ms=1,
)


def poller(home: House, ask: Callable[[], Awaitable[Sequence[Event]]], every_ms: int = 20) -> Poller:
    return Poller(
        name="here.quotes",
        venue="here",
        context=home.context,
        sieve=Sieve(WANTED, (StablecoinQuote, FundingRate)),
        every_ms=every_ms,
        ask=ask,
        first_s=0,
    )


def scripted(*acts: Exception | Event) -> Callable[[], Awaitable[Sequence[Event]]]:
    """One act after another, the last one for ever."""
    waiting = list(acts)

    async def ask() -> Sequence[Event]:
        act = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(act, Exception):
            raise act
        return [act]

    return ask


async def test_a_failed_question_is_said_once_and_asked_again_at_once() -> None:
    """Not an interval later: the supervisor's wait is shorter than that."""
    async with house(WANTED) as home:
        asked = scripted(Transient("no route"), Transient("no route"), Unreadable("nonsense"), QUOTE)
        feed = poller(home, asked, every_ms=3_600_000)
        async with supervised(feed):
            await until(lambda: home.facts != [])

        assert [health.state for health in home.health] == ["down", "up"]
        assert (home.health[0].reason, feed.status.unreadable) == ("no route", 1)


async def test_a_feed_says_once_that_it_has_started() -> None:
    """An alert about a dead feed, remembered from before a restart, could not end otherwise."""
    async with house(WANTED) as home:
        feed = poller(home, scripted(QUOTE))
        async with supervised(feed):
            await until(lambda: len(home.facts) >= 3)

        said = [event for event in home.events if isinstance(event, FeedHealth)]
        assert [(health.state, health.carries) for health in said] == [("up", ("funding_rate", "stablecoin_quote"))]
        assert home.events[0] is said[0]


async def test_funding_that_was_paid_is_told_once_however_often_it_is_read() -> None:
    """Every poll brings the same latest row."""
    async with house(WANTED) as home:
        feed = poller(home, scripted(PAID))
        async with supervised(feed):
            await until(lambda: feed.status.frames >= 4)

        assert home.facts == [PAID]


async def test_more_wishes_are_asked_out_of_turn_and_fewer_are_not() -> None:
    """Nobody waits an hour for what is asked every hour."""
    wanted = Wanted([(StablecoinQuote, None, Selection.of(["USDT"]))])
    asked = 0

    async def ask() -> Sequence[Event]:
        nonlocal asked
        asked += 1
        return [QUOTE]

    async with house(wanted) as home:
        feed = poller(home, ask, every_ms=3_600_000)
        async with supervised(feed):
            await until(lambda: asked == 1)
            wanted.revise([])
            wanted.revise([(StablecoinQuote, None, Selection.of(["DAI"]))])
            await until(lambda: asked == 2)

        assert (home.health, feed.status.frames) == ([], 2)


async def test_a_question_whose_turn_comes_as_the_feed_ends_is_not_asked() -> None:
    """Nobody would cancel it, and the house would wait for its answer before it ends."""
    asked = 0

    async def ask() -> Sequence[Event]:
        nonlocal asked
        asked += 1
        return [QUOTE]

    async with house(WANTED) as home:
        feeding = asyncio.create_task(poller(home, ask).run(), name="feed")
        while not timetable_asks():  # noqa: ASYNC110 - the moment before it does is meant
            await asyncio.sleep(0)
        feeding.cancel()
        await asyncio.wait({feeding})
        for _ in range(10):
            await asyncio.sleep(0)

    assert 0 == asked


def timetable_asks() -> bool:
    """It is about to ask: its job is there, and has not begun."""
    return any(getattr(task.get_coro(), "__name__", "") == "run_coroutine_job" for task in asyncio.all_tasks())


async def test_our_bug_in_a_poll_stops_the_house() -> None:
    """It must not end in the scheduler's log."""
    async with house(WANTED) as home:
        feed = poller(home, scripted(ZeroDivisionError("ours")))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(feed.run(), PATIENCE_S)


async def test_many_questions_go_out_a_few_at_a_time_and_the_first_trouble_ends_them() -> None:
    """A venue with 700 contracts is not asked 700 things at once."""
    running, most, asked = 0, 0, 0

    async def ask(number: int) -> None:
        nonlocal running, most, asked
        running, asked = running + 1, asked + 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if number == 50:
            raise Refused("closed")

    with pytest.raises(Refused, match="closed"):
        await each(range(700), ask, at_once=4)

    assert most == 4
    assert asked < 100
