"""The daemon is killed between a press and the word of it in the chat, and started again: done once, told once."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import wall_ms
from daemon.simulator.box import Box
from rules.delivery import Silence
from storage.outbox import Outbox
from storage.silences import Silences
from tests.chats import Slack, Slow, Telegram
from tests.e2e.ledger import looking
from tests.e2e.living import addresses, written
from tests.e2e.market import closed, quiet
from tests.e2e.process import Running, tocsin
from tests.patience import PATIENCE_S

RULE = {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"}
TOPIC = "!forceOrder@arr"


class AtTelegram:
    edits = "editMessageText"

    def __init__(self) -> None:
        self.chat = Telegram()

    def sink(self) -> dict[str, Any]:
        return {"url": self.chat.address(), "api_url": self.chat.url, "answer": {"users": [1]}, "picture": False}

    async def press(self, words: str) -> None:
        self.chat.presses(words)

    def says(self) -> str:
        """All of the first message."""
        return self.chat.texts[0]


class AtSlack:
    edits = "chat.update"

    def __init__(self) -> None:
        self.chat = Slack()

    def sink(self) -> dict[str, Any]:
        answer = {"users": ["U0ANNA001"], "app_token": self.chat.socket_mode.app_token}
        return {"url": self.chat.bot_address, "api_url": self.chat.api_url, "answer": answer, "picture": False}

    async def press(self, words: str) -> None:
        await self.chat.socket_mode.presses(words, self.chat.shown[0])

    def says(self) -> str:
        """All of the first message."""
        return json.dumps(self.chat.shown[0].raw["blocks"])


At = AtTelegram | AtSlack


class Scene:
    """A market, a chat, perhaps another, and a file that joins them."""

    def __init__(self, box: Box, at: "At", files: list[Path], database: str) -> None:
        self.box, self.at, self.chat, self.files, self.database = box, at, at.chat, files, database

    @asynccontextmanager
    async def daemon(self) -> AsyncIterator[Running]:
        async with tocsin("run", *(word for file in self.files for word in ("-c", file))) as daemon:
            await self.box.subscriptions("binance").until(TOPIC)
            yield daemon
            await daemon.dies()
            await self.box.subscriptions("binance").until_gone()

    async def order(self, quantity: float) -> None:
        await self.box.say("binance", [closed("binance", quantity, at_ms=wall_ms())])

    def asked(self, method: str) -> int:
        return sum(seen.path.endswith(f"/{method}") for seen in self.chat.requests)

    async def silences(self) -> list[Silence]:
        async with looking(self.database) as database:
            return await Silences(database).listing()

    async def kept_quiet(self, count: int = 1) -> list[str]:
        """Why messages were not sent, once there are so many."""
        async with asyncio.timeout(PATIENCE_S), looking(self.database) as database:
            while len(found := await Outbox(database).listing(("suppressed",))) < count:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        return [entry.reason or "" for entry in found]


@asynccontextmanager
async def scene(folder: Path, at: "At", *others: "At") -> AsyncIterator[Scene]:
    database = str(folder / "tocsin.db")
    async with Box(quiet()) as box, AsyncExitStack() as stack:
        for one in (at, *others):
            await stack.enter_async_context(one.chat)
        sinks = {"phone": at.sink()} | {f"other{number}": one.sink() for number, one in enumerate(others)}
        files = written(folder, rules=[RULE], sources=addresses(box, "binance"), sinks=sinks, storage={"url": database})
        yield Scene(box, at, files, database)


@pytest.mark.parametrize(
    ("at", "held", "takes"),
    [
        (AtTelegram, "answerCallbackQuery", True),  # the press is answered first, where the button goes on turning
        *((at, at.edits, takes) for at in (AtTelegram, AtSlack) for takes in (False, True)),
    ],
)
async def test_killed_between_press_and_edit_it_is_done_once_and_told_once(
    tmp_path: Path, at: "type[AtTelegram | AtSlack]", held: str, takes: bool
) -> None:
    """The next run changes the message at once, whatever became of the first try; the silence holds."""
    async with scene(tmp_path, at()) as on:
        on.chat.moods_of[held] = deque((Slow(takes=takes),))
        async with on.daemon():
            await on.order(20)
            await on.chat.wait_for(lambda chat: len(chat.shown) == 1)
            await on.at.press("Snooze 4h")
            await on.chat.wait_for(lambda _: on.asked(held) == 1)
            tried = on.asked(at.edits)
        on.chat.release()
        before, told_before = await on.silences(), on.at.says().count("snoozed by @anna until ")
        async with on.daemon():
            await on.chat.wait_for(lambda _: on.asked(at.edits) == tried + 1)
            await on.order(21)
            reasons = await on.kept_quiet()
        after = await on.silences()

    (silence,) = before
    assert (1, int(takes and held == at.edits)) == (len(on.chat.shown), told_before)
    assert 1 == on.at.says().count("snoozed by @anna until ")
    assert [silence] == after
    assert [True] == [reason.startswith(f"muted: silenced by {silence.author} until ") for reason in reasons]


@pytest.mark.parametrize(("at", "other"), [(AtTelegram, AtSlack), (AtSlack, AtTelegram)])
@pytest.mark.parametrize("takes", [False, True])
async def test_killed_between_a_press_and_the_other_chats_edit_both_tell_it(
    tmp_path: Path, at: type[At], other: type[At], takes: bool
) -> None:
    """Which messages do not say it yet was written down with the press: the next run changes them, and once is enough."""
    there = other()
    async with scene(tmp_path, at(), there) as on:
        there.chat.moods_of[there.edits] = deque((Slow(takes=takes),))
        async with on.daemon():
            await on.order(20)
            await on.chat.wait_for(lambda chat: len(chat.shown) == 1)
            await there.chat.wait_for(lambda chat: len(chat.shown) == 1)
            await on.at.press("Snooze 4h")
            await there.chat.wait_for(lambda chat: any(seen.path.endswith(there.edits) for seen in chat.requests))
        there.chat.release()
        before = there.says().count("snoozed by @anna in ")
        async with on.daemon():
            await there.chat.wait_for(lambda chat: sum(seen.path.endswith(there.edits) for seen in chat.requests) >= 2)
            await on.chat.wait_for(lambda _: "snoozed by @anna until " in on.at.says())
            await on.order(21)
            reasons = await on.kept_quiet(2)
        silences = await on.silences()

    assert (1, int(takes)) == (len(there.chat.shown), before)
    assert 1 == there.says().count("snoozed by @anna in ")
    assert 1 == on.at.says().count("snoozed by @anna until ")
    assert 1 == len(silences)
    assert [True, True] == [reason.startswith(f"muted: silenced by {silences[0].author} until ") for reason in reasons]
