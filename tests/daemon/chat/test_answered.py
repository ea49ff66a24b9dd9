"""What was pressed counts for an alert until there is news of it."""

import pytest
from msgspec.structs import replace

from daemon.chat.answered import is_answered, meant, standing, stands, with_the_rest
from daemon.chat.deeds import Action, deed
from storage.answers import Answer
from tests.daemon.chat.test_deeds import HOUR_MS, momentary, on, over, pressed
from tests.storage.episodes import NOW

ONE, OTHER = on("okx"), on("bybit")
NAMES = frozenset({ONE.episode_id, OTHER.episode_id})


def answer(action: Action | str, **more: object) -> Answer:
    """Pressed now, about both."""
    panel = replace(pressed(Action.SEEN), action=str(action), token=f"{action}")
    return replace(Answer(panel=panel, episodes=NAMES), **more)


@pytest.mark.parametrize(
    ("given", "later_ms", "counts"),
    [
        (answer(Action.SEEN), 30 * 24 * HOUR_MS, True),
        (answer(Action.SEEN, worse=frozenset({OTHER.episode_id})), 0, True),
        (answer(Action.SEEN, worse=NAMES), 0, False),
        (answer(Action.HOUR, worse=NAMES), HOUR_MS - 1, True),  # quiet is quiet
        (answer(Action.HOUR), HOUR_MS, False),
        (answer(Action.MUTE), 24 * HOUR_MS - 1, True),
        (answer(Action.CLEAR), 30 * 24 * HOUR_MS, True),
        (answer(Action.CLEAR, lifted=NAMES), 0, False),
        (answer(Action.SEEN, episodes=frozenset({OTHER.episode_id})), 0, False),
        (answer("dance"), 0, False),  # another version may know it
    ],
)
def test_an_answer_stands_until_it_got_worse_or_the_silence_is_over(given: Answer, later_ms: int, counts: bool) -> None:
    assert counts == stands(given, ONE.episode_id, NOW + later_ms)


def test_all_that_can_be_answered_must_have_been() -> None:
    """By one press or by several; what is over needs no answer, and what is momentary cannot be acknowledged."""
    single = answer(Action.SEEN, episodes=frozenset({ONE.episode_id}))
    once = momentary("ETH-USDT-PERP")

    assert is_answered([ONE, OTHER, over()], [answer(Action.SEEN)], NOW)
    assert not is_answered([ONE, OTHER], [single], NOW)
    assert is_answered([ONE, over()], [single], NOW)
    assert is_answered([ONE, once], [single], NOW, Action.SEEN)
    assert not is_answered([ONE, once], [single], NOW, Action.HOUR)
    assert not is_answered([over()], [single], NOW)
    assert [] == standing([replace(single, worse=NAMES)], NOW)


def test_to_have_seen_what_somebody_had_seen_says_nothing_new() -> None:
    """Unless it got worse between the two; a snooze is about all."""
    first = answer(Action.SEEN, episodes=frozenset({ONE.episode_id}))
    later = [replace(answer(action), panel=replace(answer(action).panel, pressed_ms=NOW + 1)) for action in Action]
    by_action = {one.panel.action: one for one in later}
    seen, snoozed = by_action["ack"], by_action["1h"]
    worse = replace(first, worse=first.episodes)

    assert [OTHER] == meant(seen, [ONE, OTHER], [first, seen])
    assert [ONE, OTHER] == meant(seen, [ONE, OTHER], [worse, seen])
    assert [ONE, OTHER] == meant(snoozed, [ONE, OTHER], [first, snoozed])


def test_a_press_is_told_with_what_others_have_seen_since_its_message_was_sent() -> None:
    """What they had seen before stands in the message already; a snooze is about all of it."""
    before, since, mine = (
        answer(Action.SEEN, panel=replace(pressed(Action.SEEN), token=name, created_ms=NOW, pressed_ms=at_ms))
        for name, at_ms in (("b", NOW - 1), ("s", NOW + 1), ("m", NOW + 2))
    )
    snoozed = replace(mine, panel=replace(mine.panel, action=str(Action.HOUR)))
    worse = replace(since, worse=NAMES)

    assert [mine, since] == with_the_rest(mine, [before, since, mine])
    assert [mine] == with_the_rest(mine, [before, worse, mine])
    assert [snoozed] == with_the_rest(snoozed, [before, since, snoozed])


@pytest.mark.parametrize(
    ("said", "heard", "words"),
    [
        ("Telegram", "Telegram", "acknowledged by @anna, 14:13:20Z"),
        ("Telegram", "Slack", "acknowledged by @anna in Telegram, 14:13:20Z"),
        ("HTTP", "Slack", "acknowledged by @anna over HTTP, 14:13:20Z"),
        (None, "Slack", "acknowledged by @anna, 14:13:20Z"),  # an older program did not keep it
    ],
)
def test_another_chat_is_told_where_it_was_said(said: str | None, heard: str, words: str) -> None:
    assert words == deed(replace(pressed(Action.SEEN), chat=said), [ONE], NOW, chat=heard)
