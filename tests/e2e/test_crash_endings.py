"""The daemon is killed around the end of what told several alerts, and started again: the end is told, and once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daemon.clock import wall_ms
from tests.chats import Slow
from tests.chats.socket_mode import buttons
from tests.daemon.town import Home, Venue
from tests.e2e.later import NEVER
from tests.e2e.ledger import looking
from tests.e2e.process import Running, tocsin
from tests.e2e.test_crash_presses import AtSlack, AtTelegram
from tests.patience import PATIENCE_S

COINS = ("USDT", "USDC", "DAI", "FRAX")
AHEAD_S = 2 * 3_600  # the night is over
OVER = "all cleared by "
AT = AtTelegram | AtSlack
both_chats = pytest.mark.parametrize("at", [AtTelegram, AtSlack])
_UNFINISHED = text("SELECT count(*) FROM outbox WHERE status IN ('waiting', 'sending') OR over_ms >= 0")


class Scene:
    """A venue, a chat, and a house of which every life may be another process."""

    def __init__(self, home: Home, venue: Venue, at: AT) -> None:
        self.home, self.venue, self.at, self.chat = home, venue, at, at.chat
        self.ahead_s = 0

    def daemon(self, point: str = "", count: int = 1) -> AbstractAsyncContextManager[Running]:
        """One life; with a point it ends there by itself."""
        if not (point or self.ahead_s):
            return tocsin("run", "-c", self.home.file)
        return tocsin(str(self.ahead_s), point or NEVER, str(count), self.home.file, module="tests.e2e.later")

    async def told(self, count: int) -> None:
        await self.chat.wait_for(lambda chat: len(chat.shown) == count)

    def asked(self, method: str) -> int:
        return sum(seen.path.endswith(f"/{method}") for seen in self.chat.requests)

    def priced(self, price: float, *coins: str) -> None:
        self.venue.prices |= dict.fromkeys(coins or COINS, price)

    def offered(self) -> list[dict[str, Any]]:
        """What can be pressed under the first message."""
        return self.chat.shown[0].buttons or buttons(self.chat.shown[0])

    async def pressed(self) -> None:
        """Somebody has seen them all, and the message says so."""
        if isinstance(self.at, AtSlack):
            await self.at.chat.socket_mode.socket()
        await self.at.press("Acknowledge")
        await self.chat.wait_for(lambda _: "4 alerts acknowledged by @anna" in self.at.says())

    async def rests(self) -> None:
        """Until all that was decided is told, and everything told that is over says so."""
        async with asyncio.timeout(PATIENCE_S), looking(str(self.home.database)) as database:
            while True:
                async with database.reader() as connection:
                    if not (await connection.execute(_UNFINISHED)).scalar():
                        return
                await asyncio.sleep(0.02)

    async def goes_on(self) -> list[str]:
        """Start again, and let what is left be done; something else fires and ends. What was told before that."""
        async with self.daemon() as daemon:
            await self.rests()
            count = len(self.chat.shown)
            self.priced(0.97, "USDT")
            await self.told(count + 1)
            self.priced(1.0)
            await self.chat.wait_for(lambda chat: chat.shown[count].edits >= 1)
            await self.rests()
            assert 0 == await daemon.stops()
        assert count + 1 == len(self.chat.shown)
        return self.chat.texts[:count]


@asynccontextmanager
async def scene(folder: Path, at: AT, **more: Any) -> AsyncIterator[Scene]:
    async with Venue(**dict.fromkeys(COINS, 0.97)) as venue, at.chat:
        sink = at.sink() | {"group": {"wait": "0s", "by": ["kind"]}, "picture": False} | more
        yield Scene(Home(folder, venue, sinks={"phone": sink}), venue, at)


@both_chats
@pytest.mark.parametrize(
    ("point", "is_pressed"), [("after-end", False), ("after-edit", True), ("after-catching-up", False)]
)
async def test_killed_at_the_end_of_a_summary_it_is_told_once(
    tmp_path: Path, at: type[AT], point: str, is_pressed: bool
) -> None:
    """Whether the next run changes it first, again, or finds it done."""
    async with scene(tmp_path, at()) as on:
        async with on.daemon(point) as daemon:
            await on.told(1)
            if is_pressed:
                await on.pressed()
            on.priced(1.0)
            assert -9 == await daemon.ends()
        before, edits = on.at.says().count(OVER), on.asked(on.at.edits)
        told = await on.goes_on()

    assert int(point != "after-end") == before
    assert (1, []) == (on.at.says().count(OVER), on.offered())
    assert int(is_pressed) == on.at.says().count("4 alerts acknowledged by @anna")
    assert ["WARNING, already over  4 expression alerts", "CLEARED  4 expression alerts"] == [
        one[: one.index(" alerts") + len(" alerts")] for one in told
    ]
    assert int(is_pressed) + int(point != "after-end") == edits
    again = on.asked(on.at.edits) - edits - 1  # and that of what fired afterwards
    assert is_pressed or int(point != "after-catching-up") == again


@pytest.mark.parametrize(("at", "takes"), [(AtTelegram, False), (AtSlack, True)])
async def test_killed_while_the_end_of_a_summary_hangs_it_is_told_once(
    tmp_path: Path, at: type[AT], takes: bool
) -> None:
    """Nobody knows whether the chat has taken it; twice is once."""
    async with scene(tmp_path, at()) as on:
        async with on.daemon() as daemon:
            await on.told(1)
            on.chat.moods_of[on.at.edits] = deque((Slow(takes=takes),))
            on.priced(1.0)
            await on.chat.wait_for(lambda _: on.asked(on.at.edits) == 1)
            await daemon.dies()
        on.chat.release()
        before = on.at.says().count(OVER)
        told = await on.goes_on()

    assert int(takes) == before
    assert (1, []) == (on.at.says().count(OVER), on.offered())
    assert 2 == len(told)
    assert 2 == on.asked(on.at.edits) - 1


@pytest.mark.parametrize(
    ("at", "takes", "point"),
    [(AtSlack, False, "after-end"), (AtTelegram, True, "after-end"), (AtSlack, True, "after-edit")],
)
async def test_killed_while_the_word_of_a_press_hangs_and_all_is_over_both_are_told(
    tmp_path: Path, at: type[AT], takes: bool, point: str
) -> None:
    """Pressed, and before the message could say so everything ended, and then the house."""
    async with scene(tmp_path, at()) as on:
        async with on.daemon(point) as daemon:
            await on.told(1)
            on.chat.moods_of[on.at.edits] = deque((Slow(takes=takes),))
            if isinstance(on.at, AtSlack):
                await on.at.chat.socket_mode.socket()
            await on.at.press("Acknowledge")
            await on.chat.wait_for(lambda _: on.asked(on.at.edits) == 1)
            on.priced(1.0)
            assert -9 == await daemon.ends()
        on.chat.release()
        told = await on.goes_on()

    assert (1, []) == (on.at.says().count(OVER), on.offered())
    assert 1 == on.at.says().count("4 alerts acknowledged by @anna")
    assert 2 == len(told)


@pytest.mark.parametrize(
    ("at", "point", "is_pressed"),
    [(AtTelegram, "after-end", True), (AtSlack, "after-edit", False), (AtTelegram, "hangs", True)],
)
async def test_killed_at_the_end_of_a_nights_digest_it_is_told_once(
    tmp_path: Path, at: type[AT], point: str, is_pressed: bool
) -> None:
    """Killed in the night as well: what was kept back is told in the morning, and that it is over once."""
    now = datetime.fromtimestamp(wall_ms() / 1000, UTC)
    begins, ends = now - timedelta(hours=1), now + timedelta(hours=1)
    quiet = {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}", "tz": "UTC"}
    async with scene(tmp_path, at(), quiet=quiet) as on:
        async with on.daemon("after-commit") as night:
            assert -9 == await night.ends()
        assert [] == on.chat.shown
        on.ahead_s = AHEAD_S
        async with on.daemon(point if point != "hangs" else "") as daemon:
            await on.told(1)
            if is_pressed:
                await on.pressed()
            if point == "hangs":
                on.chat.moods_of[on.at.edits] = deque((Slow(takes=False),))
            tried = on.asked(on.at.edits)
            on.priced(1.0)
            if point == "hangs":
                await on.chat.wait_for(lambda _: on.asked(on.at.edits) == tried + 1)
                await daemon.dies()
            assert -9 == await daemon.ends()
        on.chat.release()
        before = on.at.says().count(OVER)
        told = await on.goes_on()

    assert int(point == "after-edit") == before
    assert (1, []) == (on.at.says().count(OVER), on.offered())
    assert int(is_pressed) == on.at.says().count("4 alerts acknowledged by @anna")
    assert 2 == len(told)
    assert told[1].startswith("CLEARED  4 expression alerts")
