"""People press buttons in Slack: conversations with a house that lives, over a loopback Slack with a socket."""

from pathlib import Path

from daemon.chat.slack_ear import NO_COMMANDS, SLOW
from storage.buttons import LAST_MS
from tests.chats import Slack
from tests.chats.socket_mode import buttons
from tests.daemon.chat.desk import ANNA, BEN, STRANGER, answered, edited, last_line, noted, offered, spoken
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue


async def test_a_press_is_done_acknowledged_and_written_under_the_message(
    tmp_path: Path, venue: Venue, desk: Slack
) -> None:
    """In this order: what Slack is told has happened, has happened."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        before, words = desk.shown[0].raw["blocks"], offered(desk)
        envelope = await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
        await until(lambda: len(desk.socket_mode.acknowledged) == 1)
        (silence,) = await house.silences.active(house.clock())
        await edited(desk)
        await until(lambda: len(house.post.silences) == 1)

    (acknowledged,) = desk.socket_mode.acknowledged
    assert ["Acknowledge", "Snooze 1h", "Snooze 4h", "Until it clears", "Mute USDT 24h"] == words
    assert (envelope, None) == (acknowledged.envelope_id, acknowledged.payload)
    assert ("cheap",) == silence.matchers.rules
    assert "@anna (Slack)" == silence.author
    assert last_line(desk).startswith("snoozed by @anna until ")
    assert before[:-1] == desk.shown[0].raw["blocks"][:-1]
    assert desk.texts[0].endswith(last_line(desk))
    assert [] == desk.notes
    assert not [seen for seen in desk.requests if seen.path.startswith("/actions")]


async def test_what_is_muted_is_not_told_again(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """The next message about the coin stays away; another coin's comes."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Mute USDT", desk.shown[0])
        await edited(desk)
        await until(lambda: len(house.post.silences) == 1)
        venue.prices["USDT"] = 1.0
        await edited(desk, times=2)  # it cleared: the muted message is still brought to its end
        venue.prices["USDT"] = 0.96
        await until(lambda: len(house.post.standings) == 1)
        venue.prices["DAI"] = 0.9
        await desk.wait_for(lambda chat: any("DAI" in text for text in chat.texts))

    assert 2 == len(desk.shown)
    assert desk.texts[0].startswith("CLEARED")
    assert "USDT muted by @anna until " in desk.texts[0]
    assert "DAI" in desk.texts[1]


async def test_each_button_does_what_it_says(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    venue.prices |= {"USDC": 0.97, "DAI": 0.97, "FRAX": 0.97}
    home = Home(tmp_path, venue, sinks=answered(desk, group={"wait": "0s", "at_least": 9}))
    async with home.living() as house:
        await spoken(desk, 4)
        for shown, words in zip(desk.shown, ("Acknowledge", "Snooze 4h", "Until", "Mute"), strict=True):
            await desk.socket_mode.presses(words, shown, user=BEN, name="ben")
        await desk.wait_for(lambda chat: sum(shown.edits for shown in chat.shown) == 4)
        (seen,) = await house.silences.acknowledged()
        silences = await house.silences.active(house.clock())

    assert "@ben (Slack)" == seen.who
    assert last_line(desk).startswith("acknowledged by @ben, ")
    meant = {one.episode_id or str(one.matchers): one.until_ms for one in silences}
    assert 3 == len(meant)
    assert 1 == sum(until_ms is None for until_ms in meant.values())
    assert 1 == sum(name.startswith("symbol ") for name in meant)
    assert 1 == sum(name.startswith("rule cheap, symbol ") for name in meant)


async def test_a_stranger_is_refused_and_nothing_happens(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Alone with it, at once, and without a word to the others."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        await desk.socket_mode.presses("Mute", desk.shown[0], user=STRANGER, name="anna")
        await noted(desk)
        silences = await house.silences.listing()

    assert [] == silences
    assert [(STRANGER, "You are not on the list of those who may answer here.")] == desk.notes
    assert 0 == desk.shown[0].edits
    assert 1 == len(desk.socket_mode.acknowledged)


async def test_a_press_after_expiry_says_so(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        home.clock.ahead_ms += LAST_MS
        await desk.socket_mode.presses("Snooze 1h", desk.shown[0])
        await noted(desk)
        for number, value in enumerate(("1h:00ff", "1h:' OR 1=1", "x" * 2000, ""), 2):
            await desk.socket_mode.brings(value, desk.shown[0])
            await noted(desk, number)
        silences = await house.silences.listing()

    assert [] == silences
    assert [True, True, False, False, False] == ["have expired" in note for _, note in desk.notes]
    assert 0 == desk.shown[0].edits


async def test_a_press_on_what_has_cleared_says_so(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Somebody had the old message on the screen."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living():
        await spoken(desk)
        value = buttons(desk.shown[0])[0]["value"]
        venue.prices["USDT"] = 1.0
        await edited(desk)
        await desk.socket_mode.brings(value, desk.shown[0])
        await noted(desk)

    assert [(ANNA, "This alert has cleared already.")] == desk.notes
    assert 1 == desk.shown[0].edits
    assert [] == buttons(desk.shown[0])


async def test_two_who_press_at_once_get_one_result(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """The one sees the message change, the other is told who was first."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        value = {one["text"]["text"]: one["value"] for one in buttons(desk.shown[0])}
        await desk.socket_mode.brings(value["Snooze 4h"], desk.shown[0])
        await desk.socket_mode.brings(value["Snooze 1h"], desk.shown[0], user=BEN, name="ben")
        await noted(desk)
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert 2 == len(desk.socket_mode.acknowledged)
    first = silences[0].author.removesuffix(" (Slack)")
    ((other, note),) = desk.notes
    assert {"@anna": BEN, "@ben": ANNA}[first] == other
    assert note == f"Done already: {last_line(desk)}"
    assert f"snoozed by {first} " in note


async def test_an_envelope_that_comes_twice_is_one_press(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Nobody is told that somebody else, who is the same, was first."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living() as house:
        await spoken(desk)
        value = buttons(desk.shown[0])[1]["value"]
        await desk.socket_mode.brings(value, desk.shown[0], times=2)
        await until(lambda: len(desk.socket_mode.acknowledged) == 2)
        await desk.wait_for(lambda chat: chat.shown[0].edits >= 1)
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert [] == [note for _, note in desk.notes if note != SLOW]  # which this machine may be


async def test_what_was_done_stays_in_the_message_and_goes_on_with_it(
    tmp_path: Path, venue: Venue, desk: Slack
) -> None:
    """An alert that clears takes its buttons away, and keeps the line that tells who has seen it."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await edited(desk)
        venue.prices["USDT"] = 1.0
        await edited(desk, times=2)

    assert desk.texts[0].startswith("CLEARED")
    assert "acknowledged by @anna, " in desk.texts[0]
    assert [] == buttons(desk.shown[0])


async def test_names_and_words_of_strangers_do_nothing(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Whoever may press may still be called anything; a channel is not shouted at."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living():
        await spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0], name="<!channel>&\n" * 50)
        await edited(desk)
        await desk.socket_mode.brings("ack:" + "0" * 16, desk.shown[0], user=STRANGER, name="<!here>" * 10_000)
        await noted(desk)

    block = desk.shown[0].raw["blocks"][-1]["elements"][0]
    assert "plain_text" == block["type"]
    assert "acknowledged by @<!channel>" in block["text"]
    assert "<!" not in desk.shown[0].raw["text"]


async def test_a_press_in_an_app_without_a_message_is_acknowledged(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """And so is whatever else comes: shortcuts, commands, what we cannot read."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living():
        await spoken(desk)
        mode = desk.socket_mode
        await mode.delivers({"type": "shortcut", "user": {"id": ANNA}})
        await mode.delivers({"type": "view_submission"})
        await mode.delivers({"type": "block_actions", "user": {"id": ANNA}, "actions": [{"type": "button"}]})
        await mode.delivers({"type": "block_actions", "user": "nobody", "actions": 7})
        await mode.delivers({"type": "event_callback"}, kind="events_api")
        await mode.delivers({"command": "/mute"}, kind="slash_commands", accepts=True)
        await mode.delivers(None, kind="something_new")
        await until(lambda: len(mode.acknowledged) == 7)

    said = [one.payload for one in desk.socket_mode.acknowledged if one.payload is not None]
    assert [{"text": NO_COMMANDS}] == said
    assert [] == desk.notes
    assert [] == desk.socket_mode.strange


async def test_a_webhook_has_no_buttons_and_nobody_listens(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    home = Home(tmp_path, venue, sinks={"desk": {"url": desk.hook_address, "api_url": desk.url}})
    async with home.living():
        await desk.wait_for(lambda chat: len(chat.shown) == 1)

    assert [] == buttons(desk.shown[0])
    assert 0 == desk.socket_mode.opened


async def test_a_reload_adds_a_person_without_a_new_socket(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    """Slack keeps no press for later, so nobody is deaf for a moment without need."""
    home = Home(tmp_path, venue, sinks=answered(desk))
    async with home.living():
        await spoken(desk)
        sinks = answered(desk)
        sinks["desk"]["answer"]["users"].append(STRANGER)
        home.write(sinks=sinks)
        await until(lambda: len(home.said) == 1)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0], user=STRANGER, name="eve")
        await edited(desk)

    assert last_line(desk).startswith("acknowledged by @eve, ")
    assert 1 == desk.socket_mode.opened
