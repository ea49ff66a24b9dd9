"""The daemon is killed at each point between a frame and a chat's answer, started again, and counted at the chat."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.simulator.box import Box
from tests.chats import Chat, JsonHook, Slow, Telegram
from tests.e2e.ledger import Line, balances, copies, free, lines, looking, settled
from tests.e2e.living import addresses, living, until, written
from tests.e2e.market import closed, quiet
from tests.e2e.process import Running, tocsin

RULE = {
    "id": "whale",
    "type": "liquidation",
    "symbols": ["BTC"],
    "levels": {"warning": "$1m", "critical": "$5m"},
}
WARNING, CRITICAL = 20.0, 80.0  # bitcoins at 80,000
TOPIC = "!forceOrder@arr"
POINTS = ["before-commit", "after-commit", "after-claim", "after-answer", "after-note"]


class Scene:
    """The market, one chat, and the files that join them."""

    def __init__(self, box: Box, chat: Telegram, files: list[Path], url: str) -> None:
        self.box, self.chat, self.files, self.url = box, chat, files, url

    async def order(self, quantity: float) -> None:
        await self.box.subscriptions("binance").until(TOPIC)
        await self.box.say("binance", [closed("binance", quantity)])

    async def forget(self, daemon: Running) -> None:
        """The daemon was killed; wait until the market and the database have noticed."""
        await daemon.dies()
        await self.box.subscriptions("binance").until_gone()
        if self.url.startswith("postgres"):
            await free(self.url)

    async def decided(self) -> list[Line]:
        async with looking(self.url) as database:
            return await lines(database)

    async def delivered(self) -> list[Line]:
        """Start again, here and without a fuse; let everything be finished, and stop."""
        async with living(self.files):
            return await settled(self.url)


@asynccontextmanager
async def scene(folder: Path, url: str) -> AsyncIterator[Scene]:
    async with Box(quiet()) as box, Telegram() as chat:
        sinks = {"phone": {"url": chat.address("4711"), "api_url": chat.url, "picture": False}}
        files = written(folder, rules=[RULE], sources=addresses(box, "binance"), sinks=sinks, storage={"url": url})
        yield Scene(box, chat, files, url)


def doomed(point: str, count: int, files: list[Path]) -> Any:
    """The daemon with a fuse."""
    return tocsin(point, str(count), *files, module="tests.e2e.crashing")


@pytest.mark.parametrize(
    ("database_url", "point"),
    [*(("sqlite", point) for point in ("before-commit", "after-commit", "after-note")),
     pytest.param("postgres", "after-commit", marks=pytest.mark.postgres)],
    indirect=["database_url"],
)  # fmt: skip
async def test_killed_where_there_is_no_doubt_everything_arrives_once(
    tmp_path: Path, database_url: str, point: str
) -> None:
    """Either it was not decided and nobody is told, or it is told exactly once, and never called a repeat."""
    async with scene(tmp_path, database_url) as on:
        async with doomed(point, 1, on.files) as daemon:
            await on.order(CRITICAL)
            assert -9 == await daemon.ends()
            await on.forget(daemon)
        before, at_the_chat = await on.decided(), len(on.chat.texts)
        after = await on.delivered()

        assert {"before-commit": (0, 0), "after-commit": (1, 0), "after-note": (1, 1)}[point] == (
            len(before),
            at_the_chat,
        )
        assert [line.key for line in before] == [line.key for line in after]
        assert [[False]] * len(after) == [copies(line, on.chat) for line in after]
        balances(after, {"phone": on.chat})


@pytest.mark.parametrize(
    ("database_url", "point", "quantity"),
    [
        ("sqlite", "after-claim", CRITICAL),
        ("sqlite", "after-claim", WARNING),
        ("sqlite", "after-answer", CRITICAL),
        ("sqlite", "after-answer", WARNING),
        pytest.param("postgres", "after-answer", CRITICAL, marks=pytest.mark.postgres),
    ],
    indirect=["database_url"],
)
async def test_killed_while_it_is_sent_the_loud_is_repeated_and_the_rest_left(
    tmp_path: Path, database_url: str, point: str, quantity: float
) -> None:
    """Nobody can know whether it arrived: what is critical goes once more, labelled; the rest is kept as uncertain."""
    async with scene(tmp_path, database_url) as on:
        async with doomed(point, 1, on.files) as daemon:
            await on.order(quantity)
            assert -9 == await daemon.ends()
            await on.forget(daemon)
        assert (1 if point == "after-answer" else 0) == len(on.chat.texts)
        (line,) = await on.delivered()

        first = [False] if point == "after-answer" else []
        expected = ("sent", [*first, True]) if quantity == CRITICAL else ("uncertain", first)
        assert expected == (line.status, copies(line, on.chat))
        balances([line], {"phone": on.chat})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("quantity", [CRITICAL, WARNING])
async def test_killed_after_the_chat_took_it_and_before_it_answered(
    tmp_path: Path, database_url: str, quantity: float
) -> None:
    """The message stands in the chat already; only its label makes the second one bearable."""
    async with scene(tmp_path, database_url) as on:
        on.chat.moods.append(Slow())
        async with tocsin("run", *(word for file in on.files for word in ("-c", file))) as daemon:
            await on.order(quantity)
            await on.chat.wait_for(lambda chat: len(chat.texts) == 1)
            await on.forget(daemon)
        on.chat.release()
        (line,) = await on.delivered()

        expected = ("sent", [False, True]) if quantity == CRITICAL else ("uncertain", [False])
        assert expected == (line.status, copies(line, on.chat))
        balances([line], {"phone": on.chat})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("seed", "kills"), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 2)])
async def test_killed_at_random_in_a_burst(tmp_path: Path, database_url: str, seed: int, kills: int) -> None:
    """Many orders, two lanes, and if there are two kills, a life in between that could finish what hung."""
    dice = random.Random(seed)
    quantities = [float(number) for number in range(13, 113)]
    dice.shuffle(quantities)
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet()))
        chats: dict[str, Chat] = {name: await stack.enter_async_context(JsonHook()) for name in ("desk", "phone")}
        sinks = {name: {"url": chat.address} for name, chat in chats.items() if isinstance(chat, JsonHook)}
        files = written(
            tmp_path, rules=[RULE], sources=addresses(box, "binance"), sinks=sinks, storage={"url": database_url}
        )
        on = Scene(box, Telegram(), files, database_url)
        for life in range(kills):
            orders = quantities[life * 50 : life * 50 + 50]
            before = {name: len(chat.requests) for name, chat in chats.items()}
            enough = dice.randint(2, 30)

            def is_time(before: dict[str, int] = before, enough: int = enough) -> bool:
                since = [len(chat.requests) - before[name] for name, chat in chats.items()]
                return min(since) >= 2 and sum(since) >= enough  # so that no message is cut off twice

            async with tocsin("run", *(word for file in files for word in ("-c", file))) as daemon:
                saying = asyncio.create_task(burst(on, orders, dice.choice((1, 5, 50))), name="burst")
                await until(is_time)
                await on.forget(daemon)
                saying.cancel()
                await asyncio.wait({saying})
        decided = await on.delivered()

        assert len(decided) >= 8
        balances(decided, chats)


async def burst(on: Scene, quantities: list[float], at_once: int) -> None:
    """Say them in groups, one group after the other."""
    await on.box.subscriptions("binance").until(TOPIC)
    for start in range(0, len(quantities), at_once):
        group = quantities[start : start + at_once]
        await on.box.say("binance", [closed("binance", quantity) for quantity in group])
        await asyncio.sleep(0)
