"""Buttons give one result, bots have one listener, on both databases."""

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

import storage.migrations
from rules.alerts import Change, Severity
from storage.answers import Answer, Answers
from storage.bots import Lease
from storage.buttons import LAST_MS, Buttons, Panel
from storage.database import Database, normalise
from storage.journal import Journal
from storage.outbox import Outbox
from storage.retention import forget
from tests.databases import both
from tests.storage.episodes import NOW, Clock, Episode
from tests.storage.together import PHONE, alike, digest, summary


async def pressed_about(database: Database, episode_id: str) -> list[Panel]:
    return [one.panel for one in await Answers(database).of([episode_id])]


@both
async def test_the_first_press_counts_and_the_same_one_twice_is_one(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    panel = await acts.put("key", "phone", "episode")
    assert panel == await acts.put("key", "phone", "episode")

    first = await Answers(database).press(panel.token, "p1", "1h", "anna")
    second = await Answers(database).press(panel.token, "p2", "ack", "ben")
    again = await Answers(database).press(panel.token, "p1", "1h", "anna")

    assert first is not None
    assert ("p1", "1h", "anna", clock.now_ms) == (first.press, first.action, first.who, first.pressed_ms)
    assert first == second == again
    assert [first] == [one.panel for one in await Answers(database).of(["episode"])]
    assert None is await Answers(database).press("other", "p3", "ack", "ben")


@both
async def test_expired_buttons_take_no_press_and_are_forgotten(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    panel = await acts.put("key", "phone", "episode")
    clock.now_ms += LAST_MS

    late = await Answers(database).press(panel.token, "p1", "ack", "anna")

    assert late is not None
    assert None is late.press
    await forget(database, clock.now_ms + 2 * 86_400_000, days=1)
    assert None is await acts.find(panel.token)


@both
async def test_only_the_latest_message_is_the_newest(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    old = await acts.put("one", "phone", "episode")
    clock.now_ms += 1
    new = await acts.put("two", "phone", "episode")
    elsewhere = await acts.put("three", "desk", "episode")

    assert [False, True, True] == [await acts.is_newest(panel) for panel in (old, new, elsewhere)]


@both
async def test_a_message_about_several_knows_them_the_loudest_first(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    """Also after one of them has been told again by itself."""
    acts = Buttons(database)
    episodes, together = await summary(journal, outbox)
    await outbox.sent(together.key, "17", NOW)
    panel = await acts.put(together.key, "phone", None)
    worse = episodes[2]
    await journal.commit(worse.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL), NOW)
    alone = await outbox.claim("phone", NOW, sink=PHONE)
    assert alone is not None
    own = await acts.put(alone.key, "phone", worse.episode_id)

    about = [alert.episode_id for alert in await acts.about(panel)]

    assert worse.episode_id == about[0]
    assert {one.episode_id for one in episodes} == set(about)
    assert [worse.episode_id] == [alert.episode_id for alert in await acts.about(own)]
    assert [True, True] == [await acts.is_newest(one) for one in (panel, own)]


@both
async def test_a_message_that_did_not_leave_alone_is_answered_for_all_that_it_tells_later(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    """It failed by itself, and others like it came meanwhile; what was pressed is about what it told then."""
    acts, episodes = Buttons(database), [Episode(f"C{number}-USDT-PERP") for number in range(4)]
    await journal.commit(alike(episodes[0].change(Change.FIRED, "phone")), NOW)
    alone = await outbox.claim("phone", NOW, sink=PHONE)
    assert alone is not None
    first = await acts.put(alone.key, "phone", episodes[0].episode_id)
    await outbox.retry_at(alone.key, NOW + 1, "no route")
    for episode in episodes[1:]:
        await journal.commit(alike(episode.change(Change.FIRED, "phone")), NOW)
    together = await outbox.claim("phone", NOW + 1, sink=PHONE)
    assert together is not None
    assert (alone.key, 4) == (together.key, len(together.members))

    panel = await acts.put(together.key, "phone", None)
    await Answers(database).press(panel.token, "p1", "ack", "anna")
    again = await acts.put(together.key, "phone", episodes[0].episode_id)

    assert first.token == panel.token
    assert None is again.episode_id
    assert {one.episode_id for one in episodes} == {alert.episode_id for alert in await acts.about(again)}


@both
@pytest.mark.parametrize("told_together", [summary, digest])
async def test_a_press_on_a_message_about_several_is_found_by_each(
    database: Database, journal: Journal, outbox: Outbox, told_together: Any
) -> None:
    acts, other = Buttons(database), Episode("X-USDT-PERP")
    await journal.commit(other.change(Change.FIRED), NOW)
    episodes, together = await told_together(journal, outbox)
    names = [one.episode_id for one in episodes]
    panel = await acts.put(together.key, "phone", None)
    assert [[]] * len(names) == [await pressed_about(database, name) for name in names]

    pressed = await Answers(database).press(panel.token, "p1", "ack", "anna", "{}")

    assert pressed is not None
    assert [[pressed]] * len(names) == [await pressed_about(database, name) for name in names]
    assert [] == await pressed_about(database, other.episode_id)
    one_of_them = Answer(panel=pressed, episodes=frozenset(names[:1]))
    assert [one_of_them] == await Answers(database).of([names[0], other.episode_id])


@both
async def test_what_is_pressed_and_not_shown_is_found_by_the_next_run(database: Database, clock: Clock) -> None:
    """Newest first, of these lanes; not what has no place to be shown at, nor what is shown or has expired."""
    acts = Buttons(database)
    panels = [await acts.put(str(number), "phone", f"e{number}") for number in range(5)]
    elsewhere = await acts.put("5", "desk", "e5")
    for panel in (panels[1], panels[0], elsewhere, panels[2]):
        clock.now_ms += 1
        await Answers(database).press(panel.token, f"p{panel.key}", "ack", "anna", f'{{"number":{panel.key}}}')
    await Answers(database).press(panels[3].token, "p3", "ack", "anna", None)

    assert ["2", "0", "1"] == [panel.key for panel in await acts.unshown(["phone"], 10)]
    assert ["2", "5"] == [panel.key for panel in await acts.unshown(["phone", "desk"], 2)]
    clock.now_ms += 1
    await acts.shown(panels[1].token)
    await acts.shown(panels[4].token)
    left = await acts.unshown(["phone"], 10)
    assert [('{"number":2}', None), ('{"number":0}', None)] == [(panel.place, panel.shown_ms) for panel in left]
    shown, never = await acts.find(panels[1].token), await acts.find(panels[4].token)
    assert shown is not None
    assert never is not None
    assert (clock.now_ms, None) == (shown.shown_ms, never.shown_ms)
    clock.now_ms += LAST_MS
    assert [] == await acts.unshown(["phone"], 10)


@both
async def test_the_place_of_the_first_press_counts(database: Database) -> None:
    acts = Buttons(database)
    panel = await acts.put("key", "phone", "episode")
    await Answers(database).press(panel.token, "p1", "ack", "anna", "here")

    second = await Answers(database).press(panel.token, "p2", "ack", "ben", "there")

    assert second is not None
    assert "here" == second.place


@both
async def test_what_was_pressed_is_remembered_as_long_as_its_alert_fires(
    database: Database, journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """The next message about it says so, weeks later."""
    acts, episode = Buttons(database), Episode()
    await journal.commit(episode.change(Change.FIRED, "phone"), NOW)
    sent = await outbox.claim("phone", NOW)
    assert sent is not None
    await outbox.sent(sent.key, "17", NOW)
    panel = await acts.put(sent.key, "phone", episode.episode_id)
    await Answers(database).press(panel.token, "p1", "ack", "anna")

    await forget(database, clock.now_ms + 60 * 86_400_000, days=1)
    assert 1 == len(await pressed_about(database, episode.episode_id))
    await journal.commit(episode.change(Change.CLEARED), NOW)
    await forget(database, clock.now_ms + 60 * 86_400_000, days=1)
    assert [] == await pressed_about(database, episode.episode_id)


@both
async def test_what_older_programs_were_told_counts_as_shown(database_url: str) -> None:
    """They kept no place, so there is nothing that could be shown after an update."""

    def as_it_was(connection: Connection) -> None:
        config = Config(config_args={"path_separator": "os"})
        config.set_main_option("script_location", str(Path(storage.migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")

    engine = create_async_engine(normalise(database_url))
    async with engine.begin() as connection:
        await connection.run_sync(as_it_was)
        await connection.execute(
            text(
                "INSERT INTO buttons (token, key, lane, episode_id, created_ms, expires_ms, press, action, pressed_ms)"
                " VALUES ('00ff', 'key', 'phone', 'episode', 1, 9, 'p1', 'ack', 2)"
            )
        )
    await engine.dispose()

    database = await Database.open(database_url)
    kept = await Buttons(database).find("00ff")
    await database.close()

    assert kept is not None
    assert ("p1", 2, 2) == (kept.press, kept.pressed_ms, kept.shown_ms)


@both
async def test_a_bot_has_one_listener_until_its_lease_ends(database: Database, clock: Clock) -> None:
    mine, other = Lease(database, "bot", "a"), Lease(database, "bot", "b")

    assert 0 == await mine.take(1_000)
    assert None is await other.take(1_000)
    assert await mine.advance(9)
    assert await mine.advance(7)  # numbers may fall after a quiet week
    assert 7 == await mine.take(1_000)
    clock.now_ms += 999
    assert await mine.advance(8, 1_000)
    clock.now_ms += 999
    assert None is await other.take(1_000)
    clock.now_ms += 1
    assert 8 == await other.take(1_000)
    assert None is await mine.take(1_000)
    assert not await mine.advance(9, 1_000)
    assert 9 == await other.take(1_000)
    await other.leave()
    assert 9 == await mine.take(1_000)
