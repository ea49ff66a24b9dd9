"""One program hears a bot, it obeys Telegram, and it never says the token."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.chat.api import BotApi
from daemon.chat.listening import SHARED, Listener
from daemon.wire.telegram import Update
from sinks.post import open_session
from storage.bots import Lease
from storage.database import Database, Held
from tests.chats import Reply, Telegram, Vanish, html_page, telegram_error, too_many
from tests.daemon.lanes import Clock, locked, until
from tests.databases import with_tables
from tests.patience import PATIENCE_S, UNHURRIED

OK = Reply(200, '{"ok":true,"result":[]}')
CONFLICT = telegram_error(409, "Conflict: terminated by other getUpdates request")


@asynccontextmanager
async def listening(
    phone: Telegram,
    file: Path,
    holder: str,
    heard: Callable[[Update], Awaitable[None]],
    *,
    api_url: str | None = None,
    clock: Clock | None = None,
    sorry: Callable[[Update], Awaitable[None]] | None = None,
) -> AsyncIterator[Clock]:
    """A listener at work. The clock says how long it has slept."""
    clock = clock or Clock(1_000_000)
    database = await Database.open(str(file), clock=clock, exclusive=False)
    async with open_session() as session:
        api = BotApi(session, phone.token, api_url or phone.url, UNHURRIED)
        lease = Lease(database, "bot", holder)
        listener = Listener("phone", api, lease, heard, sorry=sorry, sleep=clock.sleep, clock_s=lambda: clock() / 1000)
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


async def test_after_a_quiet_week_updates_are_numbered_anew(tmp_path: Path, phone: Telegram) -> None:
    """By chance lower than before: what comes then is heard, and what came before is not heard again."""
    heard = Heard()
    first = phone.writes("one")
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: phone.asked_from == first + 1)
        clock.now_ms += 7 * 86_400_000
        phone.release_question()
        await until(lambda: phone.asked_from == 0)
        phone.happens(number=17, message={"message_id": 1, "date": 1, "chat": {"id": 1}})
        await until(lambda: phone.asked_from == 18)
        phone.happens(number=18, message={"message_id": 2, "date": 1, "chat": {"id": 1}})
        await until(lambda: phone.asked_from == 19)

    assert [first, 17, 18] == heard


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


async def test_of_two_with_their_own_databases_each_is_told_of_the_conflict_soon(
    tmp_path: Path, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """The question of the first is ended by that of the second; its next one, seconds later, ends the second's."""
    heard = Heard()
    caplog.set_level(logging.DEBUG)
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: phone.asking == 1)
        async with listening(phone, tmp_path / "u.db", "b", heard.hear) as other:
            await until(lambda: len(clock.slept_s) > 2 and len(other.slept_s) > 2)

    assert [[5.0, 30.0, 30.0]] * 2 == [clock.slept_s[:3], other.slept_s[:3]]
    errors = [getattr(record, "reason", "") for record in caplog.records if record.levelno == logging.ERROR]
    assert [SHARED] * 2 == errors
    assert phone.token.partition(":")[2] not in caplog.text


async def test_who_is_answered_nothing_at_once_asks_a_second_later(tmp_path: Path, phone: Telegram) -> None:
    """A proxy may not know how to wait; it is not asked a thousand times a second for that."""
    heard = Heard()
    phone.moods_of["getUpdates"] = deque((OK,) * 3)
    phone.writes("one")
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: len(heard) == 1)

    assert [1.0] * 3 == clock.slept_s


async def test_a_conflict_that_goes_on_is_said_once(
    tmp_path: Path, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """Two who ask for one bot's updates take turns, each heard for a moment; that the other has gone is said too."""
    heard = Heard()
    caplog.set_level(logging.INFO)
    phone.moods_of["getUpdates"] = deque((CONFLICT, OK) * 10)
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: phone.asking == 1)
        clock.now_ms += 300_000
        phone.writes("one")
        await until(lambda: len(heard) == 1)
        await until(lambda: phone.asking == 2)
        said = [(record.levelname, record.msg) for record in caplog.records]
        phone.moods_of["getUpdates"].append(CONFLICT)
        phone.writes("two")
        await until(lambda: len(heard) == 2 and phone.asking == 3)

    assert 2 == len(heard)
    conflicts = [wait_s for wait_s in clock.slept_s if wait_s > 1.0]
    assert [5.0, *[30.0] * 9, 5.0] == conflicts
    ours = [one for one in said if str(one[1]).startswith("bot is")]
    assert [("ERROR", "bot is not heard"), ("INFO", "bot is heard")] == ours
    assert 2 == sum(record.levelno == logging.ERROR for record in caplog.records)


async def test_who_dies_without_leaving_is_followed_when_the_lease_is_over(tmp_path: Path, phone: Telegram) -> None:
    """What it had dealt with is not heard again; what it was about is, and nothing is lost."""
    clock, before, after = Clock(1_000_000), Heard(), Heard()
    first, second, third = (phone.writes(text) for text in ("one", "two", "three"))
    file, stuck = str(tmp_path / "t.db"), asyncio.Event()

    async def hear(update: Update) -> None:
        await before.hear(update)
        if update.update_id == second:
            stuck.set()
            await asyncio.Event().wait()

    database = await Database.open(file, clock=clock, exclusive=False)
    async with open_session() as session:
        api = BotApi(session, phone.token, phone.url, UNHURRIED)
        dying = asyncio.create_task(Listener("phone", api, Lease(database, "bot", "a"), hear).once())
        await stuck.wait()
        dying.cancel()  # in the middle of it: nobody gives the lease back
        await asyncio.wait({dying})
    await database.close()
    died_ms = clock.now_ms
    async with listening(phone, tmp_path / "t.db", "b", after.hear, clock=clock):
        await until(lambda: len(after) == 2)

    assert [first, second] == before
    assert [second, third] == after
    assert [10.0] * 12 == clock.slept_s
    assert 120_000 == clock.now_ms - died_ms


async def test_who_was_believed_dead_stops_where_it_is(tmp_path: Path, phone: Telegram) -> None:
    """It took so long over one update that another process has the bot by now: the next is not its to hear."""
    clock, slow, other = Clock(1_000_000), Heard(), Heard()
    first, second = phone.writes("one"), phone.writes("two")
    began, may_end = asyncio.Event(), asyncio.Event()

    async def hear(update: Update) -> None:
        await slow.hear(update)
        began.set()
        await may_end.wait()

    async with listening(phone, tmp_path / "t.db", "a", hear, clock=clock):
        await began.wait()
        async with listening(phone, tmp_path / "t.db", "b", other.hear, clock=clock):
            await until(lambda: len(other) == 2)
            slept = len(clock.slept_s)
            may_end.set()
            await until(lambda: len(clock.slept_s) > slept)

            assert [first] == slow
            assert [first, second] == other


async def test_what_trips_us_up_is_passed_by_for_good(
    tmp_path: Path, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of ours costs one update, its asker is told, and it does not come again after a restart."""
    heard, sorry = Heard(), Heard()

    async def hear(update: Update) -> None:
        await heard.hear(update)
        if update.message is not None and update.message.text == "bad":
            raise KeyError("broken")

    async def apologise(update: Update) -> None:
        await sorry.hear(update)
        raise ValueError("here too")

    bad, good = phone.writes("bad"), phone.writes("good")
    async with listening(phone, tmp_path / "t.db", "a", hear, sorry=apologise):
        await until(lambda: phone.asked_from == good + 1)
    last = phone.writes("last")
    async with listening(phone, tmp_path / "t.db", "b", hear, sorry=apologise):
        await until(lambda: len(heard) == 3)

    assert [bad, good, last] == heard
    assert [bad] == sorry
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["update went wrong", "nobody was told what went wrong"] == [record.msg for record in errors]
    assert {bad} == {getattr(record, "update", None) for record in errors}
    assert all(record.exc_info for record in errors)


async def test_a_database_that_fails_is_no_bug(tmp_path: Path, phone: Telegram) -> None:
    """The same update is heard again, later, and nobody is told that it went wrong."""
    heard, sorry = Heard(), Heard()

    async def hear(update: Update) -> None:
        await heard.hear(update)
        if len(heard) < 3:
            raise Held("somebody writes")

    number = phone.writes("one")
    async with listening(phone, tmp_path / "t.db", "a", hear, sorry=sorry.hear) as clock:
        await until(lambda: len(heard) == 3)

    assert [number] * 3 == heard
    assert [1.0, 2.0] == clock.slept_s
    assert [] == sorry


async def test_telegram_says_when_to_come_back(tmp_path: Path, phone: Telegram) -> None:
    heard = Heard()
    phone.writes("one")
    phone.moods_of["getUpdates"] = deque((too_many(34), html_page(502), Vanish(), telegram_error(401, "Unauthorized")))
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: len(heard) == 1)

    assert [34.0, 1.0, 2.0, 60.0] == clock.slept_s


@pytest.mark.parametrize(
    "answer",
    [
        Reply(502, '{"ok":false,"description":"accès refusé"}', encoding="latin-1"),
        Reply(200, f'{{"ok":true,"result":{"[" * 5_000}{"]" * 5_000}}}'),
        Reply(200, '{"ok":true,"result":[{"update_id":"seven"}]}'),
    ],
    ids=["another encoding", "too deep", "no number"],
)
async def test_an_answer_that_nobody_can_read_is_asked_for_again(
    tmp_path: Path, phone: Telegram, answer: Reply
) -> None:
    """A proxy says what it likes, and in its own letters."""
    heard = Heard()
    phone.writes("one")
    phone.moods_of["getUpdates"] = deque((answer,))
    async with listening(phone, tmp_path / "t.db", "a", heard.hear) as clock:
        await until(lambda: len(heard) == 1)

    assert [1.0] == clock.slept_s


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


async def test_who_leaves_is_not_kept_by_a_locked_database(tmp_path: Path, phone: Telegram) -> None:
    """Somebody copies it just now; the lease ends by itself."""
    file = with_tables(tmp_path / "t.db")
    database = await Database.open(str(file), exclusive=False, patience_s=3 * PATIENCE_S)
    async with open_session() as session, locked(file):
        api = BotApi(session, phone.token, phone.url, UNHURRIED)
        leaving = asyncio.create_task(Listener("phone", api, Lease(database, "bot", "a"), Heard().hear).run())
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            leaving.cancel()
            await asyncio.wait({leaving})
            await database.close()
