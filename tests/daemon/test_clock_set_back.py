"""The wall clock is set back by an hour: what waits a moment goes on waiting a moment."""

import asyncio

import pytest

from rules.alerts import Severity
from storage.journal import Journal
from storage.notices import Words
from storage.outbox import Outbox
from tests.chats import Reply, Slack, Telegram
from tests.chats.telegram import too_many
from tests.daemon.decided import ETH, decide, hook_lane
from tests.daemon.lanes import Clock, became, dispatching, sinks_at
from tests.daemon.town import Home
from tests.patience import PATIENCE_S
from tests.storage.episodes import HOUR_MS, NOW


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
