"""One program hears a bot, it obeys Telegram, and it never says the token."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.chat.api import BotApi
from daemon.chat.listening import Listener
from daemon.wire.telegram import Update
from sinks.post import Patience, open_session
from storage.bots import Lease
from storage.database import Database
from tests.chats import Telegram, Vanish, html_page, telegram_error, too_many
from tests.daemon.lanes import Clock, until


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


@asynccontextmanager
async def listening(
    phone: Telegram,
    file: Path,
    holder: str,
    heard: Callable[[Update], Awaitable[None]],
    *,
    api_url: str | None = None,
) -> AsyncIterator[Clock]:
    """A listener at work. The clock says how long it has slept."""
    clock = Clock(1_000_000)
    database = await Database.open(str(file), clock=clock, exclusive=False)
    async with open_session() as session:
        api = BotApi(session, phone.token, api_url or phone.url, Patience(connect_s=2.0, answer_s=2.0))
        listener = Listener("phone", api, Lease(database, "bot", holder), heard, sleep=clock.sleep)
        task = asyncio.create_task(listener.run())
        try:
            yield clock
        finally:
            task.cancel()
            await asyncio.wait({task})
            await database.close()
    if not task.cancelled():
        task.result()


class Heard(list[int]):
    """Numbers of updates."""

    async def hear(self, update: Update) -> None:
        self.append(update.update_id)


async def test_each_update_is_heard_once_also_across_a_restart(tmp_path: Path, phone: Telegram) -> None:
    heard = Heard()
    first = phone.writes("one")
    phone.happens(message={"message_id": "not a number"})
    async with listening(phone, tmp_path / "t.db", "a", heard.hear):
        await until(lambda: len(heard) == 2)
        third = phone.writes("three")
        await until(lambda: phone.asked_from == third + 1)  # so it is written down
    fourth = phone.writes("four")
    async with listening(phone, tmp_path / "t.db", "b", heard.hear):
        await until(lambda: len(heard) == 4)

    assert [first, first + 1, third, fourth] == heard


async def test_of_two_on_one_database_only_one_asks(tmp_path: Path, phone: Telegram) -> None:
    heard, other = Heard(), Heard()
    phone.writes("one")
    async with listening(phone, tmp_path / "t.db", "a", heard.hear):
        await until(lambda: len(heard) == 1)
        async with listening(phone, tmp_path / "t.db", "b", other.hear) as clock:
            await until(lambda: len(clock.slept_s) > 0)
            phone.writes("two")
            await until(lambda: len(heard) == 2)

    assert [] == other
    assert 10.0 == clock.slept_s[0]


async def test_of_two_with_their_own_databases_one_is_told_of_the_conflict(
    tmp_path: Path, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    caplog.set_level(logging.DEBUG)
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: phone.asking == 1)
        async with listening(phone, tmp_path / "u.db", "b", heard.hear):
            await until(lambda: len(clock.slept_s) > 0)

    assert 30.0 == clock.slept_s[0]
    errors = {getattr(record, "reason", "") for record in caplog.records if record.levelno == logging.ERROR}
    assert any("only one can" in str(reason) for reason in errors)
    assert phone.token.partition(":")[2] not in caplog.text


async def test_telegram_says_when_to_come_back(tmp_path: Path, phone: Telegram) -> None:
    heard = Heard()
    phone.writes("one")
    phone.moods_of["getUpdates"] = deque((too_many(34), html_page(502), Vanish(), telegram_error(401, "Unauthorized")))
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: len(heard) == 1)

    assert [34.0, 1.0, 2.0, 60.0] == clock.slept_s


async def test_without_a_network_it_asks_less_and_less_and_says_it_once(
    tmp_path: Path, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    caplog.set_level(logging.DEBUG)
    async with listening(phone, tmp_path / "t.db", "a", heard.hear, api_url="http://127.0.0.1:9") as clock:
        await until(lambda: len(clock.slept_s) >= 8)

    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == clock.slept_s[:8]
    said = [record for record in caplog.records if record.msg == "bot is not heard"]
    assert [logging.WARNING] == [record.levelno for record in said if record.levelno > logging.DEBUG]
    assert phone.token not in str([record.__dict__ for record in said])
