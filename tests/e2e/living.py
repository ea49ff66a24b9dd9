"""A whole daemon in the test's own process: a House on real files, beside a Box and the loopback chats."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from daemon.clock import Clock, wall_ms
from daemon.config.load import load
from daemon.house import House
from daemon.simulator.box import Box
from daemon.sources.base import FeedStatus
from sinks.registry import Options
from tests.chats import Chat, JsonHook, Slack, Telegram
from tests.patience import PATIENCE_S


class Chats:
    """One receiver of each kind, each with a channel of its own."""

    def __init__(self) -> None:
        self.telegram, self.hook, self.bot, self.json = Telegram(), Slack(), Slack(), JsonHook()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for chat in self.all.values():
            await self._stack.enter_async_context(chat)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def all(self) -> dict[str, Chat]:
        return {"telegram": self.telegram, "hook": self.hook, "bot": self.bot, "json": self.json}

    def sinks(self) -> dict[str, dict[str, Any]]:
        """The `sinks:` section that reaches them, with words only: one request a message."""
        return {
            "telegram": {"url": self.telegram.address("4711"), "api_url": self.telegram.url, "picture": False},
            "hook": {"url": self.hook.hook_address, "api_url": self.hook.url},
            "bot": {"url": self.bot.bot_address, "api_url": self.bot.api_url, "picture": False},
            "json": {"url": self.json.address},
        }

    async def requests(self, count: int) -> None:
        """Wait until each was asked so often."""
        for chat in self.all.values():
            await chat.wait_for(lambda chat: len(chat.requests) >= count)


AT_ONCE = {"wait": "0s", "at_least": 1_000_000, "backlog": "0s"}  # each message by itself, however slow the machine is


def written(folder: Path, **sections: Any) -> list[Path]:
    """The configuration as files: the rules as a trader keeps them, the rest as an operator does."""
    for sink in sections.get("sinks", {}).values():
        sink.setdefault("group", AT_ONCE)
    rules, settings = folder / "rules.yaml", folder / "settings.yaml"
    rules.write_text(yaml.safe_dump({"rules": sections.pop("rules")}, sort_keys=False), encoding="utf-8")
    sections = {"server": {"port": 0, "tables": False}, "storage": {"url": str(folder / "tocsin.db")}} | sections
    settings.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
    return [rules, settings]


def addresses(box: Box, *names: str) -> dict[str, Any]:
    """The `sources:` section for these venues of the box."""
    every = box.sources_config()
    return {name: every[name] for name in names}


@asynccontextmanager
async def living(
    files: list[Path],
    *,
    clock: Clock = wall_ms,
    options: Options | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> AsyncIterator[House]:
    """The house, alive until the end of the block; then it stops as SIGTERM stops it."""
    async with AsyncExitStack() as stack:
        house = await House.open(load(files), stack, clock=clock, options=options, say=say)
        stop = asyncio.Event()
        life = asyncio.create_task(house.live(stop), name="house")
        try:
            yield house
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await life


async def until(condition: Callable[[], bool]) -> None:
    """For conditions that nobody announces: looked at again each time the loop has turned."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for, and the wait has a deadline
            await asyncio.sleep(0.005)


def feed(house: House, name: str) -> FeedStatus:
    """How this feed is doing; others may run beside it."""
    return next(status for status in house.feeds.statuses if status.name == name)
