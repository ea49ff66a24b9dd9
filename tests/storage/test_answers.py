"""One answer counts, in whichever chat, on both databases; and which messages do not tell it yet is known."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from rules.alerts import Alert, Change, Severity
from rules.delivery import SinkPolicy
from storage.answers import Answer, Answers
from storage.behind import EPISODES_MAX, Behind
from storage.buttons import LAST_MS, Buttons, Panel
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from storage.silences import Silences
from tests.databases import both
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW, Clock, Episode
from tests.storage.together import PHONE, SLEEPER, summary

DESK = replace(PHONE, name="desk")
ROUNDS = 12


def all_answered(alerts: Sequence[Alert], answers: Sequence[Answer]) -> bool:
    """Until it got worse."""
    return all(any(alert.episode_id in one.episodes - one.worse for one in answers) for alert in alerts)


async def press(database: Database, panel: Panel, name: str, **more: Any) -> Panel:
    pressed = await Answers(database).press(
        panel.token, f"{name} {panel.token}", "ack", name, "{}", chat="Slack", is_done=all_answered, **more
    )
    assert pressed is not None
    return pressed


async def sent(database: Database, episode: Episode, *sinks: SinkPolicy) -> list[Panel]:
    """It fires, and each of these chats has a message with buttons."""
    await Journal(database).commit(episode.change(Change.FIRED, *(sink.name for sink in sinks)), NOW)
    outbox, panels = Outbox(database), []
    for sink in sinks:
        delivery = await outbox.claim(sink.name, NOW, sink=sink)
        assert delivery is not None
        panels.append(await Buttons(database).put(delivery.key, sink.name, episode.episode_id))
        await outbox.sent(delivery.key, f"{sink.name}/17", NOW)
    return panels


@both
async def test_of_two_chats_that_are_pressed_at_the_same_moment_one_counts(database: Database) -> None:
    """Each time; and the other message knows that it must say so."""
    for number in range(ROUNDS):
        episode = Episode(f"C{number}-USDT-PERP")
        panels = await sent(database, episode, PHONE, DESK)

        pressed = await asyncio.gather(*(press(database, panel, panel.lane) for panel in panels))

        (answer,) = await Answers(database).of([episode.episode_id])
        assert [answer.panel] == [panel for panel in pressed if panel.press is not None]
        (other,) = [sink for sink in (PHONE, DESK) if sink.name != answer.panel.lane]
        lag = await Behind(database).next(other, NOW)
        assert lag is not None and lag.delivery is not None
        assert (episode.episode_id, f"{other.name}/17") == (lag.episode_id, lag.delivery.edits)
        await Behind(database).done(lag)


@both
async def test_a_summary_and_the_alerts_in_it_may_be_pressed_at_the_same_moment(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    """Nobody waits for ever for the other, and each alert has one answer, or one and the summary's."""
    for number in range(ROUNDS):
        names = [f"C{number}{letter}-USDT-PERP" for letter in "ABCD"]
        episodes, together = await summary(journal, outbox, names=names)
        await outbox.sent(together.key, "17", NOW)
        book = Buttons(database)
        panels = [await book.put(together.key, "phone", None)]
        panels += [await book.put(f"{one.episode_id} alone", "desk", one.episode_id) for one in episodes]

        async with asyncio.timeout(PATIENCE_S):
            pressed = await asyncio.gather(*(press(database, panel, panel.lane) for panel in panels))

        answers = await Answers(database).of([one.episode_id for one in episodes])
        counted = Counter(name for one in answers for name in one.episodes)
        assert {one.episode_id for one in episodes} == set(counted)
        singles = Counter(one.panel.episode_id for one in answers if one.panel.episode_id is not None)
        assert set(singles.values()) <= {1}
        assert len(answers) == sum(panel.press is not None for panel in pressed)


@both
async def test_an_acknowledgement_without_a_button_counts_like_one(database: Database) -> None:
    """Given at the same moment as a press there is one; and none is new after a press that is not done yet."""
    for number in range(ROUNDS):
        episode = Episode(f"C{number}-USDT-PERP")
        (panel,) = await sent(database, episode, PHONE)

        (seen, is_new), pressed = await asyncio.gather(
            Answers(database).acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP"),
            press(database, panel, "anna"),
        )

        assert seen is not None
        assert is_new == (pressed.press is None)
        assert ("operator" if is_new else "anna (Slack)") == seen.who
        (answer,) = await Answers(database).of([episode.episode_id])
        assert ("HTTP" if is_new else "Slack") == answer.panel.chat


@both
async def test_what_got_worse_or_is_silenced_no_more_is_known(
    database: Database, journal: Journal, outbox: Outbox
) -> None:
    episodes, together = await summary(journal, outbox)
    await outbox.sent(together.key, "17", NOW)
    panel = await Buttons(database).put(together.key, "phone", None)
    pressed = await press(database, panel, "anna")
    acts, names = Silences(database), [one.episode_id for one in episodes]
    named = {f"{number}{panel.token}": name for number, name in enumerate(names[:2])}
    await acts.add_all(named | {"other": names[2]}, author="anna", until_ms=None)
    await acts.end(f"1{panel.token}", "anna")
    await acts.end("other", "anna")
    await journal.commit(episodes[3].change(Change.ESCALATED, at_ms=NOW + 1), NOW + 1)

    (answer,) = await Answers(database).of(names)

    assert (
        Answer(panel=pressed, episodes=frozenset(names), worse=frozenset({names[3]}), lifted=frozenset({names[1]}))
        == answer
    )


@both
async def test_a_press_in_vain_keeps_its_place_until_there_is_news(
    database: Database, journal: Journal, clock: Clock
) -> None:
    """It is found by the next run until it is shown; once the alert got worse the same buttons count."""
    episode, book = Episode(), Buttons(database)
    first, second = await sent(database, episode, PHONE, DESK)
    await press(database, first, "anna")

    vain = await press(database, second, "ben")
    assert (None, "{}") == (vain.press, vain.place)
    assert [vain] == await book.unshown([second.lane])
    await book.shown(second.token)
    assert [] == await book.unshown([second.lane])

    await journal.commit(episode.change(Change.ESCALATED, at_ms=NOW + 5), NOW + 5)
    clock.now_ms = NOW + 6
    anew = await press(database, second, "ben")
    assert ("ben", None) == (anew.who, anew.shown_ms)
    assert [anew] == await book.unshown([second.lane])
    clock.now_ms = NOW + LAST_MS
    assert [] == await book.unshown([second.lane])


@both
async def test_a_message_behind_is_changed_when_nobody_sleeps_and_nothing_is_to_leave(
    database: Database, journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """The first of an alert and its latest; what was answered while that was done is done next."""
    episode, behind, answers = Episode(), Behind(database), Answers(database)
    await sent(database, episode, PHONE)
    assert None is await behind.next(PHONE, NOW)
    await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")

    assert None is await behind.next(SLEEPER, NOW)
    assert None is await behind.next(DESK, NOW)
    await journal.commit(episode.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL, at_ms=NOW + 1), NOW + 1)
    assert None is await behind.next(PHONE, NOW + 1)
    worse = await outbox.claim("phone", NOW + 1, sink=PHONE)
    assert worse is not None
    assert None is await behind.next(PHONE, NOW + 1)
    await outbox.sent(worse.key, "phone/18", NOW + 1)
    lag = await behind.next(PHONE, NOW + 1)

    assert lag is not None and lag.delivery is not None
    assert ("phone/17", "phone/18") == (lag.delivery.edits, lag.delivery.edits_too)
    assert (worse.key, Change.ESCALATED) == (lag.delivery.key, lag.delivery.change)
    clock.now_ms = NOW + 2
    await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")
    await behind.done(lag)
    again = await behind.next(PHONE, NOW + 2)
    assert again is not None
    await behind.done(again)
    assert None is await behind.next(PHONE, NOW + 2)


@both
async def test_what_cannot_be_changed_is_behind_no_more(database: Database, journal: Journal, outbox: Outbox) -> None:
    """It was told by a summary, has cleared, or stands where no message is ever changed."""
    behind, answers, cleared = Behind(database), Answers(database), Episode()
    episodes, together = await summary(journal, outbox)
    await outbox.sent(together.key, "16", NOW)
    await sent(database, cleared, PHONE, DESK)
    for episode in (episodes[0], cleared):
        await Buttons(database).put(f"{episode.episode_id} own", "phone", episode.episode_id)
        await Buttons(database).put(f"{episode.episode_id} too", "desk", episode.episode_id)
        await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")
    fixed = await behind.next(replace(DESK, can_edit=False), NOW)
    await journal.commit(cleared.change(Change.CLEARED), NOW)

    assert fixed is not None
    assert None is fixed.delivery
    for _ in range(2):
        lag = await behind.next(PHONE, NOW)
        assert lag is not None
        assert None is lag.delivery
        await behind.done(lag)
    assert None is await behind.next(PHONE, NOW)


@both
async def test_those_that_sleep_do_not_stand_before_what_may_be_told(database: Database) -> None:
    """A hundred warnings are behind at night; the critical one after them is changed all the same."""
    behind, answers = Behind(database), Answers(database)
    mild = [Episode(f"C{number}-USDT-PERP") for number in range(EPISODES_MAX)]
    for episode in mild:
        await sent(database, episode, PHONE)
        await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")
    loud = Episode("SOL-USDT-PERP")
    await Journal(database).commit(loud.change(Change.FIRED, "phone", severity=Severity.CRITICAL), NOW)
    delivery = await Outbox(database).claim("phone", NOW, sink=PHONE)
    assert delivery is not None
    await Buttons(database).put(delivery.key, "phone", loud.episode_id)
    await Outbox(database).sent(delivery.key, "phone/99", NOW)
    await answers.acknowledge(loud.episode_id, "operator", action="ack", chat="HTTP")

    lag = await behind.next(SLEEPER, NOW)

    assert lag is not None
    assert loud.episode_id == lag.episode_id


@both
async def test_a_press_is_no_loser_to_a_message_that_catches_up(database: Database) -> None:
    """Both change the same buttons, and take them in one order."""
    behind, answers, buttons = Behind(database), Answers(database), Buttons(database)
    for number in range(ROUNDS):
        episode = Episode(f"C{number}-USDT-PERP")
        (panel,) = await sent(database, episode, PHONE)
        for other in range(8):
            await buttons.put(f"{episode.episode_id} {other}", "phone", episode.episode_id)
        await answers.acknowledge(episode.episode_id, "operator", action="ack", chat="HTTP")
        lag = await behind.next(PHONE, NOW)
        assert lag is not None

        pressed, *_ = await asyncio.gather(press(database, panel, "anna"), *(behind.done(lag) for _ in range(4)))

        assert pressed is not None
        assert panel.token == pressed.token


@both
async def test_behind_an_escalation_a_clock_that_is_set_back_makes_no_answer_older(
    database: Database, journal: Journal, clock: Clock
) -> None:
    """Neither a press nor an acknowledgement without one: what was seen is what had happened by then."""
    episodes = [Episode("C0-USDT-PERP"), Episode("C1-USDT-PERP")]
    panels = []
    for one in episodes:
        panels += await sent(database, one, PHONE)
        await journal.commit(one.change(Change.ESCALATED, at_ms=NOW + 5), NOW + 5)
    clock.now_ms = NOW - 3_600_000

    pressed = await press(database, panels[0], "anna", is_lasting=True)
    await Silences(database).acknowledge_all([episodes[0].episode_id], "anna", at_ms=pressed.pressed_ms or 0)
    seen, is_new = await Answers(database).acknowledge(episodes[1].episode_id, "ben", action="ack", chat="HTTP")
    answers = await Answers(database).of([one.episode_id for one in episodes])

    assert [frozenset(), frozenset()] == [one.worse for one in answers]
    acknowledged = await Silences(database).acknowledgements([one.episode_id for one in episodes])
    assert [NOW + 5] * 2 == [one.at_ms for one in acknowledged.values()]
    assert seen is not None and (is_new, "ben") == (True, seen.who)


@both
async def test_an_answer_at_the_same_moment_is_not_lost_to_a_message_that_catches_up(
    database: Database, clock: Clock
) -> None:
    """Or at an earlier one, after the clock was set back: whoever has told the first has not told the second."""
    episode, behind, buttons = Episode(), Behind(database), Buttons(database)
    panels = await sent(database, episode, PHONE, DESK)
    await press(database, panels[1], "ben")
    for earlier_ms in (0, 3_600_000):
        clock.now_ms = NOW - earlier_ms
        lag = await behind.next(PHONE, NOW)
        assert lag is not None
        other = await buttons.put(f"other {earlier_ms}", "desk", episode.episode_id)
        await Answers(database).press(other.token, f"{earlier_ms}", "1h", "anna", "{}", chat="Slack")
        await behind.done(lag)
        again = await behind.next(PHONE, NOW)
        assert again is not None and again.behind_ms > lag.behind_ms
