"""A chart beside an alert, from the venue's frames to the chats, and answered there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daemon.pictures import series
from daemon.pictures.studio import Studio
from daemon.simulator.box import Box
from rules.events import Event, Trade
from storage.log import query_events
from tests.chats import Chat, Shown, Slack, Telegram
from tests.chats.socket_mode import buttons
from tests.e2e.living import addresses, feed, living, until, written
from tests.e2e.market import Clock, closed, quiet, rate
from tests.patience import PATIENCE_S

RULE = {
    "id": "hot-funding",
    "type": "funding",
    "symbols": ["BTC"],
    "venues": ["binance"],
    "levels": {"warning": "0.05%", "critical": "0.1%"},
    "clear": "0.03%",
}


class Scene:
    """A house that is told rates, and the chats it tells."""

    def __init__(self, box: Box, clock: Clock, telegram: Telegram, slack: Slack, house: Any) -> None:
        self.box, self.clock, self.telegram, self.slack, self.house = box, clock, telegram, slack, house

    async def rates(self, *rates: float) -> None:
        """One a minute, each written down before the next."""
        for value in rates:
            before = len(await self._stored())
            await self.box.say("binance", [rate("binance", value, at_ms=self.clock())])
            while len(await self._stored()) == before:
                await until(lambda: True)
            self.clock.pass_s(60)

    async def say(self, *events: Event) -> None:
        """Each is heard before the next, and the clock stands still."""
        for event in events:
            before = self.house.recorder.events_seen
            await self.box.say("binance", [event])
            await until(lambda before=before: self.house.recorder.events_seen > before)  # type: ignore[misc]

    async def _stored(self) -> list[Any]:
        return await query_events(self.house.database, type="funding_rate", limit=1_000)


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine reads and draws slowly, and has its picture all the same."""
    monkeypatch.setattr(series, "PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr("daemon.house.Studio", partial(Studio, patience_s=PATIENCE_S))


@asynccontextmanager
async def scene(folder: Path, rule: dict[str, Any] = RULE, topic: str = "btcusdt@markPrice@1s") -> AsyncIterator[Scene]:
    """Telegram with people who may answer, and Slack with a bot's token."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet(), clock=clock))
        telegram = await stack.enter_async_context(Telegram())
        slack = await stack.enter_async_context(Slack())
        people = {"users": ["U0ANNA001"], "app_token": slack.socket_mode.app_token}
        sinks = {
            "phone": {"url": telegram.address(), "api_url": telegram.url, "answer": {"users": [1]}},
            "desk": {"url": slack.bot_address, "api_url": slack.api_url, "answer": people},
        }
        files = written(folder, rules=[rule], sources=addresses(box, "binance"), sinks=sinks)
        house = await stack.enter_async_context(living(files, clock=clock))
        await box.subscriptions("binance").until(topic)
        yield Scene(box, clock, telegram, slack, house)


def image(shown: Shown) -> Image.Image:
    """What is seen; it must be one."""
    assert shown.photo is not None
    found = Image.open(BytesIO(shown.photo))
    found.load()
    return found


async def is_illustrated(chat: Chat) -> None:
    """All that stands in the chat has its picture, whether it came along or later."""
    await until(lambda: bool(chat.shown) and all(shown.photo is not None for shown in chat.shown))


async def test_an_alert_is_shown_and_its_end_is_drawn(tmp_path: Path) -> None:
    """In both chats one message, its words and its picture those of the end."""
    async with scene(tmp_path) as on:
        await on.rates(0.0001, 0.0002, 0.0003, 0.0006)
        chats: tuple[Chat, ...] = (on.telegram, on.slack)
        for chat in chats:
            await is_illustrated(chat)
        first = [chat.shown[0].photo for chat in chats]
        assert image(on.telegram.shown[0]).size == image(on.slack.shown[0]).size
        await on.rates(0.0002)
        for chat, was in zip(chats, first, strict=True):
            await until(lambda chat=chat, was=was: chat.shown[0].photo != was)  # type: ignore[misc]

        for chat in chats:
            (shown,) = chat.shown
            assert shown.text.startswith("CLEARED")


async def test_what_is_shown_can_be_answered(tmp_path: Path) -> None:
    """The buttons are under the picture; who did what is written between, and the picture stays."""
    async with scene(tmp_path) as on:
        await on.rates(0.0001, 0.0002, 0.0006)
        await is_illustrated(on.telegram)
        press = on.telegram.presses("Acknowledge")
        await until(lambda: "acknowledged by @anna" in on.telegram.shown[0].text)

        (shown,) = on.telegram.shown
        assert [press] == [name for name, _ in on.telegram.notes]
        assert (True, []) == (shown.photo is not None, shown.buttons)
        assert shown.text.startswith("WARNING")


async def test_what_slack_shows_can_be_answered(tmp_path: Path) -> None:
    """The picture stays under what was pressed, and under all that comes later."""
    async with scene(tmp_path) as on:
        await on.rates(0.0001, 0.0002, 0.0006)
        await is_illustrated(on.slack)
        (shown,) = on.slack.shown
        first = shown.photo
        await on.slack.socket_mode.presses("Acknowledge", shown)
        await until(lambda: "acknowledged by @anna" in shown.text)
        assert (first, []) == (shown.photo, buttons(shown))
        await on.rates(0.0002)
        await until(lambda: shown.photo not in (first, None))

        assert shown.text.startswith("CLEARED")
        assert "image" not in {block["type"] for block in shown.raw["blocks"]}


async def test_a_first_value_has_no_past_to_draw(tmp_path: Path) -> None:
    """The words go as they are."""
    async with scene(tmp_path) as on:
        await on.rates(0.0006)
        await until(lambda: bool(on.telegram.shown) and bool(on.slack.shown))
        await on.rates(0.0012)
        await until(lambda: len(on.telegram.shown) == 2 and on.telegram.shown[1].photo is not None)

        assert on.telegram.shown[0].photo is None


CONDITION = {
    "id": "squeeze",
    "type": "expression",
    "on": "liquidation",
    "symbols": ["BTC"],
    "when": "count(5m) >= 3 and sum(notional_usd, 5m) >= $1m",
    "clear": "sum(notional_usd, 5m) < $0.2m",
}


async def test_a_condition_is_shown_by_the_number_that_made_it_hold(tmp_path: Path) -> None:
    """In both chats; whoever cannot see it is told which number it is."""
    async with scene(tmp_path, CONDITION, "!forceOrder@arr") as on:
        for number in range(4):
            await on.say(closed("binance", 1.0 + number, at_ms=on.clock()))
            on.clock.pass_s(60)
        await on.say(closed("binance", 20.0, at_ms=on.clock()))
        await is_illustrated(on.telegram)
        await is_illustrated(on.slack)
        (file,) = on.slack.files.files

        assert image(on.telegram.shown[0]).size == image(on.slack.shown[0]).size
        assert file.says == (
            "sum(notional_usd, 5m) of BTC-USDT-PERP on binance, 14:13:20 to 14:17:20 UTC: $80k to $2.4m, last $2.4m, limit $1m; "
            "one of 2 numbers that its condition compares"
        )


def trade(number: int, quantity: float, at_ms: int) -> Trade:
    return Trade(
        venue="binance",
        symbol="BTC-USDT-PERP",
        price=80_000.0,
        quantity=quantity,
        taker="sell",
        trade_id=str(number),
        at_ms=at_ms,
        received_ms=at_ms,
    )


async def test_trades_that_nobody_stores_are_shown(tmp_path: Path) -> None:
    """A minute's sum of them, as the rule itself added them up; also when it is over."""
    rule = {**CONDITION, "on": "trade", "when": "sum(quantity * price, 1m) >= $10m", "clear": "count(1m) < 2"}
    async with scene(tmp_path, rule, "btcusdt@trade") as on:
        for number in range(11):
            await on.say(trade(number, 1.0, on.clock()))
            on.clock.pass_s(20)
        await on.say(trade(11, 200.0, on.clock()))
        await is_illustrated(on.telegram)
        await is_illustrated(on.slack)
        first = on.telegram.shown[0].photo
        on.clock.pass_s(120)
        await until(lambda: on.telegram.shown[0].text.startswith("CLEARED"))
        await until(lambda: on.telegram.shown[0].photo != first)

        assert on.slack.files.files[0].says == (
            "sum(quantity * price, 1m) of BTC-USDT-PERP on binance, 14:13:20 to 14:17:00 UTC: "
            "$80k to $16.16m, last $16.16m, limit $10m"
        )


async def test_a_feed_that_was_dead_is_a_gap_in_the_picture(tmp_path: Path) -> None:
    """It was torn down for two minutes while the house was up: what was closed in them nobody knows."""
    rule = {
        "id": "cascade",
        "type": "liquidation",
        "symbols": ["BTC"],
        "window": "1m",
        "total": "$1m",
        "by": ["venue", "symbol"],
    }
    async with scene(tmp_path, rule, "!forceOrder@arr") as on:
        for number in range(4):
            await on.say(closed("binance", 1.0 + number, at_ms=on.clock()))
            on.clock.pass_s(60)
        on.box.misbehave("binance", "refuse")
        on.box.misbehave("binance", "drop")
        await until(lambda: feed(on.house, "binance.market").state == "down")
        on.clock.pass_s(120)
        on.box.behave("binance")
        await on.box.subscriptions("binance").until("!forceOrder@arr")
        await on.box.say("binance", [rate("binance", 0.0001, at_ms=on.clock())])  # something moves: it is not deaf
        await until(lambda: feed(on.house, "binance.market").state == "up")
        on.clock.pass_s(120)
        await on.say(closed("binance", 20.0, at_ms=on.clock()))
        await is_illustrated(on.slack)

        assert ", no data 14:17:20 to 14:20:20, " in f"{on.slack.files.files[0].says}, "
