"""One alert in Telegram and in Slack: whoever answers it, wherever, there is one result, and both chats tell it."""

from collections import deque
from pathlib import Path
from typing import Any

import pytest

from daemon.house import House
from rules.alerts import Change, Severity
from tests.chats import Slack, Slow, Telegram, html_page
from tests.chats.socket_mode import buttons
from tests.daemon.chat import desk as at_slack
from tests.daemon.chat.desk import BEN, edited, last_line, noted, offered
from tests.daemon.lanes import until
from tests.daemon.server.api.asking import ask
from tests.daemon.town import Home, Venue, at_phone
from tests.storage.episodes import Episode

ANNA = 1
COINS = ("USDT", "USDC", "DAI", "FRAX")
HOUR_MS = 3_600_000
FACTS: dict[str, object] = {"rate_8h": 0.0008}


def answered(phone: Telegram, desk: Slack, **more: Any) -> dict[str, Any]:
    """The sinks of a house whose alerts can be answered in both; in words only, so that edits can be counted."""
    return {
        "phone": at_phone(phone, answer={"users": [ANNA]}, picture=False, **more),
        **at_slack.answered(desk, **more),
    }


async def told(phone: Telegram, desk: Slack, count: int = 1) -> None:
    """So many messages stand in each, and both are heard."""
    await phone.wait_for(lambda chat: len(chat.shown) == count)
    await at_slack.spoken(desk, count)


async def happens(house: House, episode: Episode, change: Change, severity: Severity = Severity.WARNING) -> None:
    """It is decided now."""
    found = episode.change(change, at_ms=house.clock(), severity=severity, facts=FACTS).transitions
    await house.recorder.decide(lambda engine, at_ms: found)


def value_of(desk: Slack, words: str, number: int = 0) -> str:
    """What this button brings back, also after it has gone."""
    (value,) = (one["value"] for one in buttons(desk.shown[number]) if one["text"]["text"].startswith(words))
    return str(value)


@pytest.mark.parametrize(
    ("words", "line"),
    [("Acknowledge", "acknowledged by @anna"), ("Snooze 4h", "snoozed by @anna"), ("Mute", "USDT muted by @anna")],
)
async def test_what_is_answered_in_one_chat_is_told_in_the_other(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack, words: str, line: str
) -> None:
    """The other message loses its buttons too, and says where that was."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living():
        await told(phone, desk)
        phone.presses(words)
        await edited(desk)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert ([], []) == (phone.shown[0].buttons, buttons(desk.shown[0]))
    assert f"{line} in Telegram" in desk.texts[0]
    assert phone.texts[0].splitlines()[-1].startswith(line)
    assert "in Telegram" not in phone.texts[0]
    assert [] == desk.notes


async def test_what_is_answered_in_slack_is_told_in_telegram(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living():
        await told(phone, desk)
        await desk.socket_mode.presses("Until", desk.shown[0], user=BEN, name="ben")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await edited(desk)

    assert "snoozed by @ben in Slack until it clears" in phone.texts[0]
    assert [] == phone.shown[0].buttons
    assert "snoozed by @ben until it clears" == last_line(desk)


@pytest.mark.parametrize("first", ["Acknowledge", "Snooze 1h"])
@pytest.mark.parametrize("second", ["Acknowledge", "Snooze 4h", "Mute"])
async def test_who_presses_later_in_the_other_chat_is_told_who_was_first(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack, first: str, second: str
) -> None:
    """Whatever it was, as under one message; and their own message says what counts."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living() as house:
        await told(phone, desk)
        value = value_of(desk, second)
        desk.moods_of["chat.update"] = deque((Slow(takes=False),))  # so long the buttons stay
        phone.presses(first)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
        await desk.socket_mode.brings(value, desk.shown[0], user=BEN, name="ben")
        await noted(desk)
        await edited(desk)
        seen, silences = await house.silences.acknowledged(), await house.silences.listing()
        desk.release()

    whole = phone.texts[0].splitlines()[-1]
    assert [(BEN, f"Done already: {last_line(desk)}")] == desk.notes
    assert last_line(desk) == whole.replace("@anna", "@anna in Telegram")
    assert ["@anna (Telegram)"] == [one.who for one in seen] + [one.author for one in silences]


@pytest.mark.usefixtures("no_grace")
async def test_the_other_chat_is_told_after_a_crash(tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack) -> None:
    """The house went down between the press and the other chat's edit: the next run makes it."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    desk.moods_of["chat.update"] = deque((Slow(takes=False),))
    async with home.living():
        await told(phone, desk)
        phone.presses("Acknowledge")
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
    assert 0 == desk.shown[0].edits
    desk.release()

    async with home.living():
        await edited(desk)

    assert [] == buttons(desk.shown[0])
    assert 1 == desk.texts[0].count("acknowledged by @anna in Telegram, ")


async def test_a_chat_out_of_reach_is_told_later(tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack) -> None:
    """It is asked again after a minute, and not all the time."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    desk.moods_of["chat.update"] = deque((html_page(503),))
    async with home.living() as house:
        await told(phone, desk)
        phone.presses("Acknowledge")
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        before = desk.shown[0].edits
        home.clock.ahead_ms += 120_000
        assert house.dispatch is not None
        house.dispatch.ring(["desk"])
        await edited(desk)

    assert 0 == before
    assert "acknowledged by @anna in Telegram, " in desk.texts[0]
    assert 2 == sum(seen.path.endswith("chat.update") for seen in desk.requests)


async def test_a_press_in_vain_is_shown_after_a_crash(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    """A summary is changed by nobody but whoever presses it: the next run finds where that was."""
    venue.prices |= dict.fromkeys(COINS, 0.97)
    home = Home(tmp_path, venue, sinks=answered(phone, desk, group={"wait": "0s", "by": ["kind"]}))
    desk.moods_of["chat.update"] = deque((Slow(takes=False),))
    async with home.living():
        await told(phone, desk)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await desk.socket_mode.presses("Snooze 1h", desk.shown[0], user=BEN, name="ben")
        await desk.wait_for(lambda chat: any(seen.path.endswith("chat.update") for seen in chat.requests))
    assert 0 == desk.shown[0].edits
    desk.release()

    async with home.living() as house:
        await edited(desk)
        silences = await house.silences.listing()

    assert [] == silences
    assert last_line(desk).startswith("4 alerts acknowledged by @anna in Telegram, ")
    assert [] == buttons(desk.shown[0])


@pytest.mark.parametrize("pressed", [0, 1], ids=["the first", "the reply"])
async def test_all_messages_of_an_alert_tell_what_was_said_to_one(
    tmp_path: Path, phone: Telegram, desk: Slack, pressed: int
) -> None:
    """The one that told it first, and the reply that told that it got worse, in both chats."""
    home = Home(tmp_path, None, sinks=answered(phone, desk))
    async with home.living() as house:
        episode = Episode(started_ms=house.clock())
        await happens(house, episode, Change.FIRED)
        await told(phone, desk)
        await happens(house, episode, Change.ESCALATED, Severity.CRITICAL)
        await told(phone, desk, 2)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await edited(desk)
        phone.presses("Acknowledge", shown=phone.shown[pressed])
        await phone.wait_for(lambda chat: all("acknowledged by @anna, " in text for text in chat.texts))
        await desk.wait_for(lambda chat: all("acknowledged by @anna in Telegram, " in text for text in chat.texts))

    assert ([], []) == (phone.shown[0].buttons, phone.shown[1].buttons)
    assert ([], []) == (offered(desk, 0), offered(desk, 1))
    assert [1, 1] == [text.count("acknowledged by @anna") for text in phone.texts]


async def test_what_got_worse_can_be_answered_anew_in_any_chat(tmp_path: Path, phone: Telegram, desk: Slack) -> None:
    """And the one who did so last counts."""
    home = Home(tmp_path, None, sinks=answered(phone, desk))
    async with home.living() as house:
        episode = Episode(started_ms=house.clock())
        await happens(house, episode, Change.FIRED)
        await told(phone, desk)
        phone.presses("Acknowledge")
        await edited(desk)
        home.clock.ahead_ms += 60_000
        await happens(house, episode, Change.ESCALATED, Severity.CRITICAL)
        await told(phone, desk, 2)
        could = offered(desk, 1)
        home.clock.ahead_ms += 60_000
        await desk.socket_mode.presses("Acknowledge", desk.shown[1], user=BEN, name="ben")
        await phone.wait_for(lambda chat: all("acknowledged by @ben in Slack" in text for text in chat.texts))
        (seen,) = await house.silences.acknowledged()

    assert "Acknowledge" in could
    assert "@ben (Slack)" == seen.who
    assert all("acknowledged by @anna, " in text for text in phone.texts)
    assert [[], []] == [shown.buttons for shown in phone.shown]


async def test_what_only_eases_is_not_asked_again(tmp_path: Path, phone: Telegram, desk: Slack) -> None:
    home = Home(tmp_path, None, sinks=answered(phone, desk))
    async with home.living() as house:
        episode = Episode(started_ms=house.clock())
        await happens(house, episode, Change.FIRED, Severity.CRITICAL)
        await told(phone, desk)
        phone.presses("Acknowledge")
        await edited(desk)
        await happens(house, episode, Change.EASED)
        await phone.wait_for(lambda chat: chat.texts[0].startswith("EASED"))
        await edited(desk, times=2)

    assert ([], []) == (phone.shown[0].buttons, buttons(desk.shown[0]))
    assert "acknowledged by @anna, " in phone.texts[0]
    assert "acknowledged by @anna in Telegram, " in desk.texts[0]


async def test_a_message_that_comes_late_offers_nothing_that_was_answered(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    """Slack was down when the alert was told and answered in Telegram."""
    desk.always = html_page(503)
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        desk.always = None
        await desk.wait_for(lambda chat: len(chat.shown) == 1)

    assert [] == buttons(desk.shown[0])
    assert "acknowledged by @anna in Telegram, " in desk.texts[0]


async def test_when_the_silence_ends_it_can_be_answered_anew(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    """Ended by hand in one chat, it is told again in both, and asked again."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living() as house:
        await told(phone, desk)
        await desk.socket_mode.presses("Snooze 4h", desk.shown[0], user=BEN, name="ben")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await until(lambda: len(house.post.silences) == 1)
        phone.writes("/unmute")
        await phone.wait_for(lambda chat: any(text.startswith("STILL") for text in chat.texts[1:]))
        await desk.wait_for(lambda chat: len(chat.shown) == 2)
        still = next(shown for shown in phone.shown if shown.text.startswith("STILL") and shown is not phone.shown[0])
        phone.presses("Acknowledge", shown=still)
        await desk.wait_for(lambda chat: all("acknowledged by @anna in Telegram, " in text for text in chat.texts))
        (seen,) = await house.silences.acknowledged()

    assert "snoozed" not in still.text  # nobody waits until then any more
    assert "@anna (Telegram)" == seen.who
    assert ([], []) == (offered(desk, 0), offered(desk, 1))


async def test_what_was_acknowledged_over_http_is_told_in_the_chats(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living() as house:
        await told(phone, desk)
        value = value_of(desk, "Acknowledge")
        (standing,) = house.post.standings
        path = f"/api/alerts/{standing.episode_id}/ack"
        _, first = await ask(house, path, "POST", json={})
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await edited(desk)
        await desk.socket_mode.brings(value, desk.shown[0], user=BEN, name="ben")
        await noted(desk)
        _, again = await ask(house, path, "POST", json={})

    assert (True, False) == (first["is_new"], again["is_new"])
    assert "operator" == again["alert"]["acknowledged"]["who"]
    assert "acknowledged by operator over HTTP, " in phone.texts[0]
    assert ([], []) == (phone.shown[0].buttons, buttons(desk.shown[0]))
    ((_, note),) = desk.notes
    assert note.startswith("Done already: acknowledged by operator over HTTP, ")


async def test_what_was_acknowledged_in_a_chat_is_not_new_over_http(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living() as house:
        await told(phone, desk)
        phone.presses("Acknowledge")
        await edited(desk)
        (standing,) = house.post.standings
        _, answer = await ask(house, f"/api/alerts/{standing.episode_id}/ack", "POST", json={})

    assert (False, "@anna (Telegram)") == (answer["is_new"], answer["alert"]["acknowledged"]["who"])
    assert "HTTP" not in desk.texts[0]


async def test_of_a_summary_only_what_nobody_has_seen_is_counted(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    """One of four was acknowledged by itself, in the other chat."""
    venue.prices |= dict.fromkeys(COINS, 0.97)
    sinks = answered(phone, desk, group={"wait": "0s", "by": ["kind"]})
    sinks["desk"]["group"] = {"wait": "0s", "at_least": 9}
    home = Home(tmp_path, venue, sinks=sinks)
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await at_slack.spoken(desk, 4)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0], user=BEN, name="ben")
        await edited(desk)
        could = [one["text"] for one in phone.shown[0].buttons]
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        await desk.wait_for(lambda chat: sum("by @anna in Telegram" in text for text in chat.texts) == 3)
        seen = await house.silences.acknowledged()

    assert "Acknowledge" in could
    mine, theirs = phone.texts[0].splitlines()[-1].split("; ")
    assert mine.startswith("3 alerts acknowledged by @anna, ")
    assert theirs.startswith("1 alert acknowledged by @ben in Slack, ")
    assert ["@anna (Telegram)"] * 3 + ["@ben (Slack)"] == sorted(one.who for one in seen)
    assert "acknowledged by @ben, " in desk.texts[0]
    assert [[], [], [], []] == [offered(desk, number) for number in range(4)]


async def test_both_press_at_once_and_one_of_them_counts(
    tmp_path: Path, venue: Venue, phone: Telegram, desk: Slack
) -> None:
    """Whoever it is, both messages name the same."""
    home = Home(tmp_path, venue, sinks=answered(phone, desk))
    async with home.living() as house:
        await told(phone, desk)
        phone.presses("Acknowledge")
        await desk.socket_mode.presses("Acknowledge", desk.shown[0], user=BEN, name="ben")
        await phone.wait_for(lambda chat: len(chat.notes) == 1 and not chat.shown[0].buttons)
        await desk.wait_for(lambda chat: not buttons(chat.shown[0]))
        (seen,) = await house.silences.acknowledged()

    first = seen.who.partition(" ")[0]
    ((_, note),) = phone.notes
    assert f"acknowledged by {first}" in phone.texts[0]
    assert f"acknowledged by {first}" in desk.texts[0]
    assert f"acknowledged by {first}" in note
    assert ({"@anna": False, "@ben": True}[first], True) == (note.startswith("Done already: "), first in note)
