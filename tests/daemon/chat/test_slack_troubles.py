"""Presses in Slack when something is broken: the database, the line, the chat, or we."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.chat.chats import Chats
from daemon.chat.presses import Presses
from daemon.chat.slack_api import SlackApi
from daemon.chat.slack_ear import ACKNOWLEDGE_S, AGAIN, BROKEN, SLOW, SlackEar
from daemon.chat.slack_voice import SlackVoice
from daemon.house import House
from sinks.post import open_session
from storage.answers import Answers
from storage.buttons import Buttons
from storage.database import Database
from storage.silences import Silences
from tests.chats import Reply, Slack, Slow, Vanish, html_page
from tests.chats.socket_mode import buttons, click
from tests.daemon.chat.desk import ANNA, BEN, answered, edited, last_line, noted, spoken
from tests.daemon.lanes import locked, until
from tests.daemon.town import Home, Venue
from tests.patience import PATIENCE_S, UNHURRIED


async def test_a_database_that_takes_nothing_asks_to_press_again(
    tmp_path: Path, venue: Venue, desk: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack is answered in time all the same, and the person is told while it lasts."""
    monkeypatch.setattr("daemon.chat.chats.SlackEar", SlackEar)
    monkeypatch.setitem(Database.open.__func__.__kwdefaults__, "patience_s", PATIENCE_S)  # type: ignore[attr-defined] # of a classmethod
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        async with locked(home.database):
            await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
            await noted(desk)
            assert 1 == len(desk.socket_mode.acknowledged)
        assert [] == await house.silences.listing()
        await edited(desk)  # the lock was gone before our patience
        silences = await house.silences.listing()

    assert [(ANNA, SLOW)] == desk.notes
    assert desk.socket_mode.acknowledged[0].took_s > ACKNOWLEDGE_S - 0.1  # else it would not be done first
    assert 1 == len(silences)


async def test_a_bug_of_ours_costs_one_press(
    tmp_path: Path, venue: Venue, desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, the person is told, and the next press is heard."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        async with house.database.writer() as connection:
            await connection.exec_driver_sql(
                "CREATE TRIGGER bug BEFORE UPDATE ON buttons BEGIN SELECT RAISE(ABORT, 'nobody thought of this'); END"
            )
        await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
        await noted(desk)
        async with house.database.writer() as connection:
            await connection.exec_driver_sql("DROP TRIGGER bug")
        await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
        await edited(desk)

    assert [(ANNA, BROKEN)] == desk.notes
    assert 2 == len(desk.socket_mode.acknowledged)
    (record,) = [one for one in caplog.records if one.msg == "press could not be dealt with"]
    assert record.exc_info


async def test_a_crash_between_press_and_edit_is_made_good(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Slack tells a press only once; the next run finds it in the database: one silence, and the message says it."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((Slow(takes=False),))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Snooze 4h", desk.shown[0])
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
    assert 0 == desk.shown[0].edits
    desk.release()

    async with home.living() as house:
        await edited(desk)
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert last_line(desk).startswith("snoozed by @anna until ")


async def test_a_press_that_was_written_down_and_not_done_is_done(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """A crash between the two; the next run does it, with the time of the press."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((Slow(takes=False),))
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Snooze 4h", desk.shown[0])
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
        async with house.database.writer() as connection:
            await connection.exec_driver_sql("DELETE FROM silences")
    desk.release()

    async with home.living() as house:
        await edited(desk)
        (silence,) = await house.silences.active(house.clock())

    assert "@anna (Slack)" == silence.author


async def test_a_crash_does_not_write_over_the_end(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """The alert cleared meanwhile: the message says that, and who did what, and is left alone."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((Slow(takes=False),))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
    desk.release()
    venue.prices["USDT"] = 1.0

    async with home.living() as house:
        await desk.wait_for(lambda chat: chat.texts[0].startswith("CLEARED"))
        async with asyncio.timeout(PATIENCE_S):
            while await Buttons(house.database).unshown(["desk"]):  # noqa: ASYNC110 - noted once the chat has it
                await asyncio.sleep(0.005)
        await desk.wait_for(lambda chat: chat.texts[0].startswith("CLEARED"))  # also if the press came after it

    assert desk.texts[0].startswith("CLEARED")
    assert "acknowledged by @anna, " in desk.texts[0]


async def test_a_busy_slack_is_waited_for(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """429: as long as it says; a lost answer: the same edit again."""
    home = Home(tmp_path, venue, sinks=answered(desk, picture=False))
    busy = Reply(429, '{"ok":false,"error":"ratelimited"}', headers={"Retry-After": "1"})
    desk.moods_of["chat.update"] = deque((busy, Vanish(after_taking=True)))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await desk.wait_for(lambda chat: sum(seen.path.endswith("chat.update") for seen in chat.requests) == 3)

    refused, taken, _ = (seen.at_s for seen in desk.requests if seen.path.endswith("chat.update"))
    assert 1.0 <= taken - refused
    assert [] == desk.notes
    assert 1 == sum("acknowledged by" in line for line in desk.texts[0].splitlines())


@pytest.mark.parametrize("word", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_an_edit_that_cannot_be_made_is_told_instead(
    tmp_path: Path, venue: Venue, desk: Slack, word: str
) -> None:
    """What was done stays done, and whoever pressed learns of it."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((Reply(200, json.dumps({"ok": False, "error": word})),))
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await noted(desk)
        (seen,) = await house.silences.acknowledged()

    assert "@anna (Slack)" == seen.who
    assert desk.notes[0][1].startswith("acknowledged by @anna, ")
    assert 0 == desk.shown[0].edits


async def test_blocks_that_slack_does_not_take_back_become_words(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Whatever they are: the buttons must go."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((Reply(200, '{"ok": false, "error": "invalid_blocks"}'),))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await edited(desk)

    assert [] == desk.shown[0].raw["blocks"]
    assert desk.texts[0].splitlines()[-1].startswith("acknowledged by @anna, ")


async def test_neither_token_nor_ticket_is_said(
    tmp_path: Path, venue: Venue, desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even by the library at its most talkative."""
    caplog.set_level(logging.DEBUG)
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque((html_page(502), Reply(200, desk.socket_mode.app_token)))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await edited(desk)
        await desk.socket_mode.says("no frame of ours: " + desk.socket_mode.app_token)
        await desk.socket_mode.drops()
        await until(lambda: any(one.msg == "bot is not heard" for one in caplog.records))

    ours = [record.__dict__ for record in caplog.records if record.name != "websockets.server"]  # that is the loopback
    said = f"{ours} {home.said}"
    assert [] == [
        secret for secret in ("ticket-", desk.token, desk.socket_mode.app_token, "/actions/") if secret in said
    ]


async def test_of_two_daemons_on_one_database_each_press_is_heard_by_one(
    tmp_path: Path, venue: Venue, desk: Slack
) -> None:
    """Whichever: there is one result, and whoever pressed at the other is told of it."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house, beside(house):
        await spoken(desk)
        await until(lambda: len(desk.socket_mode.live) == 2)
        value = {one["text"]["text"]: one["value"] for one in buttons(desk.shown[0])}
        late = click(value["Snooze 1h"], desk.shown[0], user=BEN, name="ben", when="77")
        await desk.socket_mode.brings(value["Snooze 4h"], desk.shown[0])
        await edited(desk)
        await desk.socket_mode.delivers(late, by=0)
        await noted(desk)
        await until(lambda: len(house.post.silences) == 1)  # of a press that the other has heard, perhaps
        silences = await house.silences.listing()

    assert ["@anna (Slack)"] == [one.author for one in silences]
    assert {0, 1} == {one.connection for one in desk.socket_mode.acknowledged}
    assert [(BEN, f"Done already: {last_line(desk)}")] == desk.notes


async def test_a_database_that_refuses_asks_to_press_again(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """At once, and nothing is half done."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        async with beside(house, patience_s=0.05):
            await until(lambda: len(desk.socket_mode.live) == 2)
            async with locked(home.database):
                await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
                await noted(desk)
            silences = await house.silences.listing()
            await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
            await edited(desk)

    assert [(ANNA, AGAIN)] == desk.notes
    assert [] == silences
    assert 2 == len(desk.socket_mode.acknowledged)


async def test_a_message_larger_than_any_of_ours_is_not_kept(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """What is pressed is done; the database is not filled by what a chat sends."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        (first, *_) = buttons(desk.shown[0])
        payload = click(first["value"], desk.shown[0], user=ANNA, name="anna", when="1")
        payload["message"]["text"] = "x" * 200_000
        await desk.socket_mode.delivers(payload)
        await noted(desk)
        (seen,) = await house.silences.acknowledged()
        panel = await Buttons(house.database).find(first["value"].partition(":")[2])

    assert "@anna (Slack)" == seen.who
    assert panel is not None and panel.place is None
    assert desk.notes[0][1].startswith("acknowledged by @anna, ")


async def test_a_chat_out_of_reach_is_told_later(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Whoever pressed is told at once that it is done; the message says it when it can."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque([html_page(503)] * 3)
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await noted(desk)
        before = desk.shown[0].edits
        async with presses_of(house, desk) as presses:
            await presses.make_good(["elsewhere"])
            assert 0 == desk.shown[0].edits
            await presses.make_good(["desk"])
            await presses.make_good(["desk"])

    assert 0 == before
    assert 1 == desk.shown[0].edits
    assert desk.notes == [(ANNA, last_line(desk))]


async def test_a_later_message_about_the_alert_leaves_the_earlier_one_alone(
    tmp_path: Path, venue: Venue, desk: Slack
) -> None:
    """It has been changed to say more since it was pressed."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    desk.moods_of["chat.update"] = deque([html_page(503)] * 3)
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await noted(desk)
        (standing,) = house.post.standings
        book = Buttons(house.database)
        home.clock.ahead_ms += 1_000
        await book.put("a later message", "desk", standing.episode_id)
        async with presses_of(house, desk) as presses:
            await presses.make_good(["desk"])
        left = await book.unshown(["desk"])

    assert 0 == desk.shown[0].edits
    assert [] == left


async def test_what_cannot_be_made_good_is_tried_once(
    tmp_path: Path, venue: Venue, desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    """What another program has written, or a bug of ours: with a traceback, and never again."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        token = buttons(desk.shown[0])[0]["value"].partition(":")[2]
        book = Buttons(house.database)
        await Answers(house.database).press(token, "1", "dance", "@anna", "{}")
        async with presses_of(house, desk) as presses:
            await presses.make_good(["desk"])
            await presses.make_good(["desk"])
        left = await book.unshown(["desk"])

    assert [] == left
    (record,) = [one for one in caplog.records if one.msg == "press could not be made good"]
    assert record.exc_info


@asynccontextmanager
async def presses_of(house: House, desk: Slack) -> AsyncIterator[Presses]:
    """Those of the house's Slack app, to look for what was not shown without waiting a minute."""
    async with open_session() as session:
        api = SlackApi(session, desk.token, desk.socket_mode.app_token, desk.api_url, UNHURRIED)
        book, voice = Buttons(house.database), SlackVoice("desk", api)
        yield Presses(book, Answers(house.database), house.silences, voice, house._facts(), house.clock, chat="Slack")


@asynccontextmanager
async def beside(house: House, *, patience_s: float = 5.0) -> AsyncIterator[None]:
    """The chats of another daemon on the same database."""
    place = house.config.storage.address
    database = await Database.open(place, clock=house.clock, exclusive=False, patience_s=patience_s)
    facts = replace(house._facts(), database=database, silences=Silences(database), heard=lambda: None)
    async with open_session() as session:
        task = asyncio.create_task(Chats(facts, session).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            await database.close()
