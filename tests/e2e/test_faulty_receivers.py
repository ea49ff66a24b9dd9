"""A chat that refuses, fails, lies or hangs, beside one that is well: what arrives, in which order, and who waits."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from daemon.house import House
from daemon.simulator.box import Box
from sinks.post import Patience
from sinks.registry import Options
from storage.listing import Entry, Lane
from tests.chats import Chat, JsonHook, Mood, Slow, Telegram, Vanish, html_page, telegram_error, too_many
from tests.daemon.town import ShiftedClock
from tests.e2e.living import addresses, living, written
from tests.e2e.market import closed, quiet
from tests.patience import PATIENCE_S, UNHURRIED

RULE = {
    "id": "whale",
    "type": "liquidation",
    "symbols": ["BTC"],
    "levels": {"warning": "$1m", "critical": "$5m"},
}
# orders are told apart by their size in bitcoins, at 80,000: from 13 on a warning, from 63 on critical
PATIENT = Options(patience=UNHURRIED)
IMPATIENT = Options(patience=Patience(connect_s=10.0, answer_s=2.0))  # where one answer never comes, and others do


class Scene:
    """`sick` is the Telegram under test, `well` the json:// hook beside it."""

    def __init__(self, box: Box, sick: Telegram, well: JsonHook, house: House, clock: ShiftedClock) -> None:
        self.box, self.sick, self.well, self.house, self.clock = box, sick, well, house, clock

    async def orders(self, *quantities: float) -> None:
        await self.box.say("binance", [closed("binance", quantity) for quantity in quantities])

    async def rows(self, *statuses: str, attempts: int = 0) -> list[Entry]:
        """Wait until every message of the sick lane has come to one of these, tried at least so often; oldest first."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                rows = await self.house.outbox.listing(lane="sick")
                if rows and all(row.status in statuses and row.attempts >= attempts for row in rows):
                    return rows[::-1]
                await asyncio.sleep(0.01)

    async def lane(self) -> Lane:
        return next(lane for lane in await self.house.outbox.lanes() if lane.name == "sick")


def configured(folder: Path, box: Box, sick: Telegram, well: JsonHook) -> list[Path]:
    sinks = {
        "sick": {"url": sick.address("4711"), "api_url": sick.url, "picture": False},
        "well": {"url": well.address},
    }
    return written(folder, rules=[RULE], sources=addresses(box, "binance"), sinks=sinks)


@asynccontextmanager
async def scene(folder: Path, options: Options = PATIENT) -> AsyncIterator[Scene]:
    clock = ShiftedClock()
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet()))
        sick, well = await stack.enter_async_context(Telegram()), await stack.enter_async_context(JsonHook())
        files = configured(folder, box, sick, well)
        house = await stack.enter_async_context(living(files, clock=clock, options=options))
        await box.subscriptions("binance").until("!forceOrder@arr")
        yield Scene(box, sick, well, house, clock)


def quantities(chat: Chat) -> list[str]:
    """Which orders stand in the chat, in its order; a repeat has a mark."""
    found = []
    for shown in chat.texts:
        quantity = re.search(r"^quantity (\S+) BTC$", shown, re.MULTILINE)
        assert quantity is not None
        label = re.search(r"\(may be a repeat\) #[0-9a-f]{6}$", shown.splitlines()[0])
        found.append(f"{quantity[1]} again" if label else quantity[1])
    return found


async def test_429_holds_its_lane_for_as_long_as_it_says(tmp_path: Path) -> None:
    """It is no attempt, it is remembered in the database, and the chat beside it has everything meanwhile."""
    async with scene(tmp_path) as on:
        on.sick.moods.append(too_many(60))
        asked_ms = on.clock()
        await on.orders(20, 21, 22)
        await on.well.wait_for(lambda chat: len(chat.texts) == 3)
        async with asyncio.timeout(PATIENCE_S):
            while (held := await on.lane()).not_before_ms is None:  # noqa: ASYNC110 - it is in the database
                await asyncio.sleep(0.01)
        assert (1, []) == (len(on.sick.requests), on.sick.texts)
        on.clock.ahead_ms = 60_000
        assert on.house.dispatch is not None
        on.house.dispatch.ring(["sick"])
        rows = await on.rows("sent")

        assert ["20", "21", "22"] == quantities(on.sick) == quantities(on.well)
        assert held.not_before_ms >= asked_ms + 60_000
        assert "Telegram (sick): 429, Too Many Requests: retry after 60" == held.held_reason
        assert [0, 0, 0] == [row.attempts for row in rows]
        assert (await on.lane()).not_before_ms is None


async def test_500_is_tried_again_in_its_turn(tmp_path: Path) -> None:
    """It did not arrive, so the next try is no repeat; nothing overtakes it."""
    async with scene(tmp_path) as on:
        on.sick.moods.extend([telegram_error(500, "Internal Server Error"), html_page(503)])
        await on.orders(20, 22, 21)
        await on.well.wait_for(lambda chat: len(chat.texts) == 3)
        assert [] == on.sick.texts
        rows = await on.rows("sent")

        assert ["20", "22", "21"] == quantities(on.sick) == quantities(on.well)
        assert [2, 0, 0] == [row.attempts for row in rows]


async def test_403_stops_the_lane_and_is_told_on_the_other(tmp_path: Path) -> None:
    """What waits is kept; after a repair and a start it all arrives, and is no repeat."""
    async with Box(quiet()) as box, Telegram() as sick, JsonHook() as well:
        files = configured(tmp_path, box, sick, well)
        async with living(files, options=PATIENT) as house:
            on = Scene(box, sick, well, house, ShiftedClock())
            sick.always = telegram_error(403, "Forbidden: bot was blocked by the user")
            await box.subscriptions("binance").until("!forceOrder@arr")
            await on.orders(20, 21)
            await well.wait_for(lambda chat: len(chat.texts) == 3)
            waiting = await on.rows("waiting")
            assert (1, []) == (len(sick.requests), sick.texts)
        sick.always = None
        async with living(files, options=PATIENT) as house:
            rows = await Scene(box, sick, well, house, ShiftedClock()).rows("sent")

    assert (
        "WARNING  sink sick takes no more messages\n"
        "Telegram (sick): 403, Forbidden: bot was blocked by the user\n"
        "alerts for it wait; mend it or give it its new address, then: tocsin sinks test sick"
    ) == next(text for text in well.texts if "takes no more" in text)
    assert ["20", "21"] == quantities(sick)
    assert [row.key for row in waiting] == [row.key for row in rows]


LOST_ANSWERS = [
    pytest.param(html_page(200), [], "answered 200 with something that is not an answer", id="garbage"),
    pytest.param(html_page(502), [], "502", id="502"),
    pytest.param(Slow(), ["shown"], "no answer within 2 s", id="hangs"),
    pytest.param(Vanish(), ["shown"], "the connection broke before the answer came", id="hangs up"),
]


@pytest.mark.parametrize(("mood", "shown", "reason"), LOST_ANSWERS)
async def test_a_lost_answer_to_a_warning_is_left_and_listed(
    tmp_path: Path, mood: Mood, shown: list[str], reason: str
) -> None:
    """It may have arrived: a warning is not worth a second copy. The next message goes on."""
    async with scene(tmp_path, IMPATIENT if isinstance(mood, Slow) else PATIENT) as on:
        on.sick.moods.append(mood)
        await on.orders(20, 21)
        await on.well.wait_for(lambda chat: len(chat.texts) == 2)
        rows = await on.rows("sent", "uncertain")

        assert ["uncertain", "sent"] == [row.status for row in rows]
        assert [*(["20"] if shown else []), "21"] == quantities(on.sick)
        assert ["20", "21"] == quantities(on.well)
        assert reason in str(rows[0].reason)


@pytest.mark.parametrize(("mood", "shown", "reason"), LOST_ANSWERS)
async def test_a_lost_answer_to_a_critical_alert_is_sent_once_more_and_labelled(
    tmp_path: Path, mood: Mood, shown: list[str], reason: str
) -> None:
    """Never a third time, whatever becomes of the second."""
    async with scene(tmp_path, IMPATIENT if isinstance(mood, Slow) else PATIENT) as on:
        on.sick.moods.extend([mood, mood])
        await on.orders(80, 81)
        await on.well.wait_for(lambda chat: len(chat.texts) == 2)
        rows = await on.rows("sent", "uncertain")

        assert ["uncertain", "sent"] == [row.status for row in rows]
        assert [*(["80", "80 again"] if shown else []), "81"] == quantities(on.sick)
        assert ["80", "81"] == quantities(on.well)
        assert 3 == len(on.sick.requests)
        assert reason in str(rows[0].reason)


async def test_a_chat_that_never_answers_makes_nobody_wait(tmp_path: Path) -> None:
    """One message hangs, and stays on its way until its time is over; the other lane is through long before."""
    async with scene(tmp_path, IMPATIENT) as on:
        on.sick.always = Slow(takes=False)
        await on.orders(*range(20, 30))
        await on.well.wait_for(lambda chat: len(chat.texts) == 10)

        assert [str(number) for number in range(20, 30)] == quantities(on.well)
        assert [] == on.sick.texts
        assert {"waiting", "sending", "uncertain"} >= {row.status for row in await on.house.outbox.listing(lane="sick")}


async def test_a_chat_that_cannot_be_reached_is_tried_until_it_is_there(tmp_path: Path) -> None:
    """Refused connections are no doubt: nothing left, so nothing is a repeat."""
    async with Box(quiet()) as box, JsonHook() as well:
        async with Telegram() as gone:
            sick = gone
        async with living(configured(tmp_path, box, sick, well), options=PATIENT) as house:
            on = Scene(box, sick, well, house, ShiftedClock())
            await box.subscriptions("binance").until("!forceOrder@arr")
            await on.orders(80)
            await well.wait_for(lambda chat: len(chat.texts) == 1)
            (row,) = await on.rows("waiting", attempts=1)
            assert "could not connect" in str(row.reason)
            back = Telegram()
            back.port = int(sick.url.rpartition(":")[2])
            async with back:
                (row,) = await on.rows("sent")

                assert ["80"] == quantities(back)
                assert row.attempts >= 1
