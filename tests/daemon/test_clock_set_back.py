"""The wall clock is set back by an hour: what waits a moment goes on waiting a moment, and a minute is a minute."""

import asyncio
from collections.abc import Callable

import pytest

from daemon.recorder import Recorder
from rules.alerts import Severity
from rules.delivery import Silence
from rules.events import Event
from storage.database import Database
from storage.journal import Journal
from storage.log import query_transitions
from storage.notices import Words
from storage.outbox import Outbox
from tests.chats import Reply, Slack, Telegram
from tests.chats.telegram import too_many
from tests.daemon.decided import ETH, decide, hook_lane
from tests.daemon.lanes import Clock, became, dispatching, sinks_at
from tests.daemon.test_recorder import HOT, Seen, rate, record, recorder_for, rows, sink
from tests.daemon.town import Home
from tests.patience import PATIENCE_S
from tests.storage.episodes import HOUR_MS, NOW, liquidation


@pytest.fixture
def journal(database: Database) -> Seen:
    return Seen(database)


@pytest.mark.parametrize("refusal", [Reply(429, "", headers={"Retry-After": "5"}), Reply(500)])
async def test_a_lane_that_was_to_come_back_in_seconds_does(
    journal: Journal, outbox: Outbox, clock: Clock, refusal: Reply
) -> None:
    """Whether the chat was busy, or could not be reached."""
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.append(refusal)
        await decide(journal, "desk", symbol=ETH)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await slack.wait_for(lambda chat: len(chat.requests) == 1)
            await became(outbox, "desk", "waiting")
            clock.now_ms -= HOUR_MS
            async with asyncio.timeout(PATIENCE_S):
                while not slack.shown:
                    dispatch.ring(["desk"])
                    await asyncio.sleep(0.01)
                    clock.now_ms += 1_000
            await became(outbox, "desk", "sent")

    assert clock.now_ms < NOW


async def test_what_an_earlier_run_left_waiting_leaves_in_time(home: Home, phone: Telegram) -> None:
    """The clock was set back while nobody ran."""
    phone.moods.append(too_many(30))
    async with home.living() as house:
        await house.outbox.say("phone", Words("hello"), Severity.WARNING)
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.requests) == 1)
        await became(house.outbox, "phone", "waiting")
    home.clock.ahead_ms -= HOUR_MS
    async with home.living() as house:
        home.clock.ahead_ms += 60_000
        assert house.dispatch is not None
        house.dispatch.ring(["phone"])
        await phone.wait_for(lambda chat: len(chat.shown) == 1)


SUM = {"id": "sum", "type": "liquidation", "window": "1m", "total": "$5m", "symbols": ["BTC"]}
MINUTE_MS = 60_000


async def passes(
    recorder: Recorder, clock: Clock, ms: int, events: Callable[[int], list[Event]] = lambda now_ms: []
) -> None:
    """So much time, in which the clock is read every half minute, and this is heard each time."""
    for _ in range(ms // 30_000):
        clock.now_ms += 30_000
        await record(recorder, events(clock.now_ms))


async def test_a_sum_over_a_minute_stays_one(journal: Seen, clock: Clock, database: Database) -> None:
    """A million every half minute is never five in one, however long the clock takes to come back."""
    recorder = recorder_for(journal, clock, SUM)

    def order(now_ms: int) -> list[Event]:
        return [liquidation(now_ms, quantity=1e6 / 60_000)]

    await passes(recorder, clock, 2 * MINUTE_MS, order)
    clock.now_ms -= HOUR_MS
    await record(recorder, [])
    await passes(recorder, clock, 10 * MINUTE_MS, order)
    assert [] == await query_transitions(database)
    await record(recorder, [liquidation(clock(), quantity=4e6 / 60_000)])

    assert ["fired"] == [one.change for one in await query_transitions(database)]


async def test_a_wait_ends_nearly_when_it_should(journal: Seen, clock: Clock, database: Database) -> None:
    """`for: 5m` takes half a minute more; and the times of decisions never go back."""
    recorder = recorder_for(journal, clock, HOT | {"for": "5m"})
    await record(recorder, [rate(0.06)])
    clock.now_ms -= HOUR_MS
    await record(recorder, [])
    await passes(recorder, clock, 5 * MINUTE_MS)
    assert ["pending"] == [one.change for one in await query_transitions(database)]
    await passes(recorder, clock, MINUTE_MS)
    assert ["pending", "fired"] == [one.change for one in await query_transitions(database)]
    await passes(recorder, clock, 12 * HOUR_MS)
    await record(recorder, [rate(0.01, clock())])

    assert [NOW, NOW + 5 * MINUTE_MS, clock()] == [one.at_ms for one in await query_transitions(database)]


async def test_a_clock_that_is_put_right_again_is_believed_at_once(
    journal: Seen, clock: Clock, database: Database
) -> None:
    recorder = recorder_for(journal, clock, HOT)
    await record(recorder, [rate(0.01)])
    clock.now_ms -= HOUR_MS
    await passes(recorder, clock, MINUTE_MS)
    clock.now_ms += HOUR_MS
    await record(recorder, [rate(0.06, clock())])

    assert [clock()] == [one.at_ms for one in await query_transitions(database)]


async def test_a_silence_lasts_by_the_clock_that_people_see(journal: Seen, clock: Clock, outbox: Outbox) -> None:
    """Begun after the clock was set back, it holds; and when it ends what still fires is told."""
    recorder = recorder_for(journal, clock, HOT, recipients=[sink("desk")])
    await record(recorder, [rate(0.01)])
    clock.now_ms -= HOUR_MS
    await record(recorder, [])
    until_ms = clock() + 10 * MINUTE_MS
    silence = Silence(silence_id="s", author="anna", created_ms=clock(), until_ms=until_ms)
    await recorder.hear([silence], [])
    await record(recorder, [rate(0.06, clock())])
    await passes(recorder, clock, 9 * MINUTE_MS)
    assert [("fired", "suppressed")] == [(change, status) for change, status, _ in (await rows(outbox))["desk"]]
    await passes(recorder, clock, MINUTE_MS)

    assert [("fired", "suppressed"), ("still", "waiting")] == [
        (change, status) for change, status, _ in (await rows(outbox))["desk"]
    ]
