"""Lanes: their order, their pace, who waits for whom, and trouble of our own."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon import lane
from rules.alerts import Change, Severity
from rules.delivery import SinkPolicy
from sinks.base import Message, Receipt, Shows
from sinks.pace import UNPACED, Pace
from storage.claim import WhyMuted, never
from storage.database import Database, Held
from storage.deliveries import Delivery
from storage.journal import Journal
from storage.outbox import Glance, Outbox
from tests.chats import Reply, Slack, Slow, Telegram
from tests.daemon.decided import ETH, decide, hook_lane, telegram_lane
from tests.daemon.lanes import Clock, became, dispatching, locked, sinks_at, until
from tests.patience import PATIENCE_S
from tests.storage.episodes import HOUR_MS, NOW, Episode


async def test_a_lane_keeps_its_order(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Also when its head has to wait."""
    symbols = [f"C{number}-USDT-PERP" for number in range(6)]
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.extend([Reply(500), Reply(429, "", headers={"Retry-After": "1"})])
        for symbol in symbols:
            await decide(journal, "desk", symbol=symbol)
        async with dispatching(outbox, sinks, clock) as dispatch:
            async with asyncio.timeout(PATIENCE_S):
                while len(slack.shown) < len(symbols):
                    clock.now_ms += 2_000
                    dispatch.ring(["desk"])
                    await asyncio.sleep(0.01)
            await became(outbox, "desk", *["sent"] * 6)

    assert symbols == [next(symbol for symbol in symbols if symbol in text) for text in slack.texts]


async def test_a_hanging_sink_delays_nobody(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Everything arrives elsewhere while one chat has not answered the first."""
    async with Telegram() as telegram, Slack() as slack, sinks_at(telegram_lane(telegram), hook_lane(slack)) as sinks:
        telegram.moods.append(Slow())
        for number in range(5):
            await decide(journal, "phone", "desk", symbol=f"C{number}-USDT-PERP")
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            await slack.wait_for(lambda chat: len(chat.shown) == 5)
            await became(outbox, "phone", "sending", *["waiting"] * 4)
            telegram.release()
            await became(outbox, "phone", *["sent"] * 5)


async def test_a_chat_is_spoken_to_at_its_own_pace(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """A group takes a few at once and then one in four seconds; the waits are the lane's, on the house's clock."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        pace = sinks["phone"].pace
        for number in range(pace.burst + 3):
            await decide(journal, "phone", symbol=f"C{number}-USDT-PERP")
        async with dispatching(outbox, sinks, clock):
            await became(outbox, "phone", *["sent"] * (pace.burst + 3))

    assert pace.gap_ms / 1000 == pytest.approx(clock.slept_s[0])
    assert NOW + 3 * pace.gap_ms <= clock.now_ms


async def test_only_what_could_have_left_earlier_is_slow(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """A night that was asked for, or seconds for others like it, say nothing of a lane; its chat's own pace does."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        pace = sinks["phone"].pace
        clock.now_ms = NOW + HOUR_MS
        for number in range(pace.burst + 1):
            batch = Episode(f"C{number}-USDT-PERP").change(Change.FIRED, "phone", lasts_ms=2 * HOUR_MS)
            batch.notices = [replace(letter, due_ms=clock.now_ms) for letter in batch.notices]
            await journal.commit(batch, NOW)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await became(outbox, "phone", *["sent"] * (pace.burst + 1))
            *quick, slow = dispatch.status["phone"].lag_ms

    assert [0] * pace.burst == quick
    assert pace.gap_ms <= slow


async def test_a_clock_that_is_set_back_does_not_silence_a_lane(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """An hour back is not an hour's pause."""
    await decide(journal, "lane")
    await decide(journal, "lane", symbol=ETH)
    sink = Recording(Pace(1_000))
    async with dispatching(outbox, {"lane": sink}, clock):
        await became(outbox, "lane", "sent", "sent")
        clock.now_ms -= HOUR_MS
        await decide(journal, "lane", symbol="SOL-USDT-PERP")
        await became(outbox, "lane", "sent", "sent", "sent")

    assert max(clock.slept_s) <= 1.0


class Recording:
    """A sink that keeps what it is told, or fails as it is told."""

    can_edit = False
    shows = Shows.NEVER

    def __init__(self, pace: Pace = UNPACED, fails: Callable[[], None] = lambda: None) -> None:
        self.name = "lane"
        self.pace = pace
        self.messages: list[Message] = []
        self._fails = fails

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        self._fails()
        self.messages.append(message)
        return Receipt()

    async def aclose(self) -> None:
        """Nothing to let go of."""


# -- trouble of our own -----------------------------------------------------------------------------------------------


async def test_an_answer_is_written_down_however_long_the_database_takes(
    journal: Journal, outbox: Outbox, clock: Clock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A known outcome must not become a doubt, nor a second copy."""
    caplog.set_level(logging.INFO)
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(Slow())
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            async with locked(file):
                telegram.release()
                await until(lambda: len(clock.slept_s) >= 3)
            await became(outbox, "phone", "sent")

    assert 1 == len(telegram.requests)
    said = [record.getMessage() for record in caplog.records if record.name == "daemon.ledger"]
    assert ["lane waits for the database", "lane has the database again"] == said


class _LostAnswer(Outbox):
    """A database whose answer to one claim never comes, though it has done what it was asked to."""

    lost = 0

    async def claim(
        self,
        lane: str,
        now_ms: int,
        *,
        sink: SinkPolicy | None = None,
        why_muted: WhyMuted = never,
        room: int | None = None,
    ) -> Delivery | None:
        delivery = await super().claim(lane, now_ms, sink=sink, why_muted=why_muted, room=room)
        if delivery is not None and not self.lost:
            self.lost += 1
            raise Held("the connection was lost")
        return delivery


async def test_a_claim_whose_answer_was_lost_does_not_block_the_lane(
    journal: Journal, database: Database, clock: Clock
) -> None:
    """A server may commit and then be gone; what was claimed never left, so it leaves now, unlabelled."""
    outbox = _LostAnswer(database)
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        await decide(journal, "phone")
        dispatch.ring(["phone"])
        await until(lambda: outbox.lost == 1)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")

        (text,) = telegram.texts
        assert "repeat" not in text


class _Counted(Outbox):
    """How often a lane looks, and how often it claims, which keeps writers waiting."""

    glances = claims = 0

    async def glance(self, lane: str, now_ms: int) -> Glance:
        self.glances += 1
        return await super().glance(lane, now_ms)

    async def claim(
        self,
        lane: str,
        now_ms: int,
        *,
        sink: SinkPolicy | None = None,
        why_muted: WhyMuted = never,
        room: int | None = None,
    ) -> Delivery | None:
        self.claims += 1
        return await super().claim(lane, now_ms, sink=sink, why_muted=why_muted, room=room)


async def test_a_lane_with_nothing_to_do_only_looks(
    journal: Journal, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And finds what another process has written without ringing."""
    monkeypatch.setattr(lane, "LOOK_ANYWAY_S", 0.01)
    outbox, sink = _Counted(database), Recording()
    async with dispatching(outbox, {"lane": sink}, clock):
        await until(lambda: outbox.glances > 5)
        assert 1 == outbox.claims
        await decide(journal, "lane")
        await became(outbox, "lane", "sent")
        glances = outbox.glances
        await until(lambda: outbox.glances > glances + 5)

    assert 2 == outbox.claims


async def test_stopping_waits_for_what_is_on_its_way(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """It ends as sent; what has not begun waits for the next start."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(Slow())
        await decide(journal, "phone")
        await decide(journal, "phone", symbol=ETH)
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            asyncio.get_running_loop().call_later(0.05, telegram.release)
        await became(outbox, "phone", "sent", "waiting")

    assert 1 == len(telegram.requests)


async def test_a_bug_in_a_driver_is_raised(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """And its message stays marked as being sent, so that the next start knows that it may have left."""

    def fail() -> None:
        raise ZeroDivisionError("a bug of ours")

    await decide(journal, "lane", severity=Severity.CRITICAL)
    with pytest.raises(ExceptionGroup) as caught:
        async with dispatching(outbox, {"lane": Recording(fails=fail)}, clock):
            await became(outbox, "lane", "sending")

    assert caught.group_contains(ZeroDivisionError)
    await became(outbox, "lane", "sending")
