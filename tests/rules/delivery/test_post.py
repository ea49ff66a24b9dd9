"""Who is told, who is not and why, and who is told again."""

from typing import Any

import msgspec
import pytest

from rules.alerts import Change, Severity
from rules.delivery import Acknowledgement, Inhibition, Letter, Matchers, Policy, Post, Route, Silence, SinkPolicy
from rules.delivery.standing import Standing
from rules.spec import parse
from tests.rules.delivery.changes import Story

NOW, HOUR_MS = 1_790_000_000_000, 3_600_000


def post(*names: str, **more: object) -> Post:
    rules: list[dict[str, Any]] = [
        {"id": "hot", "type": "funding", "symbols": "*", "above": "0.05%", "labels": {"team": "desk"}},
        {"id": "cold", "type": "funding", "symbols": "*", "above": "0.05%", "repeat": "off"},
    ]
    compiled = {raw["id"]: parse(raw).compile() for raw in rules}
    sinks = {name: SinkPolicy(name=name, can_edit=True) for name in names or ("desk", "phone")}
    return Post(msgspec.structs.replace(Policy(sinks=sinks, rules=compiled), **more))


def told(letters: list[Letter]) -> list[tuple[str, str, str | None]]:
    return [(letter.sink, str(letter.change), letter.muted) for letter in letters]


def test_routes_name_the_sinks_and_the_first_that_matches_decides() -> None:
    """A rule's own names win, and where no route matches everybody is told."""
    routes = (
        Route(Matchers(severities=(Severity.CRITICAL,)), ("phone",)),
        Route(Matchers(labels={"team": "desk"}, symbols=("BTC",)), ("desk", "gone")),
    )
    asked = post(routes=routes)
    stories = [Story(), Story("ETH-USDT-PERP"), Story(rule="cold"), Story(notify=("desk",))]
    loud = Severity.CRITICAL

    assert [["desk"], ["desk", "phone"], ["desk", "phone"], ["desk"]] == [
        [letter.sink for letter in asked.take([story.tell(Change.FIRED, NOW + place)], NOW)]
        for place, story in enumerate(stories)
    ]
    assert ["phone"] == [
        letter.sink for letter in post(routes=routes).take([Story().tell(Change.FIRED, NOW, loud)], NOW)
    ]


def test_whoever_heard_the_beginning_hears_the_end() -> None:
    """Also where another level takes another route."""
    asked = post(routes=(Route(Matchers(severities=(Severity.CRITICAL,)), ("phone",)), Route(Matchers(), ("desk",))))
    story = Story()
    steps = [(Change.FIRED, Severity.WARNING), (Change.ESCALATED, Severity.CRITICAL), (Change.EASED, Severity.WARNING)]
    for change, severity in steps:
        asked.take([story.tell(change, NOW, severity)], NOW)

    assert {"desk", "phone"} == {letter.sink for letter in asked.take([story.tell(Change.CLEARED, NOW)], NOW)}
    assert [] == list(asked.standings)


def test_what_stays_critical_is_repeated_and_twice_as_seldom_each_time() -> None:
    """1 h, 2 h, 4 h, 8 h, 8 h; a warning is not, nor what says `repeat: off`."""
    asked, story = post("desk"), Story()
    asked.take([story.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    asked.take([Story(rule="cold").tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    asked.take([Story("ETH-USDT-PERP").tell(Change.FIRED, NOW, Severity.WARNING)], NOW)
    times, keys = [], set()
    for _ in range(5):
        at_ms = asked.next_ms()
        assert at_ms is not None
        times.append((at_ms - NOW) // HOUR_MS)
        (letter,) = asked.tick(at_ms)
        assert letter.change is Change.STILL
        keys.add(letter.key)

    assert [1, 3, 7, 15, 23] == times
    assert 5 == len(keys)


def test_what_has_eased_is_not_repeated_for_having_been_critical() -> None:
    asked, story = post("desk"), Story()
    asked.take([story.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    asked.take([story.tell(Change.EASED, NOW + 1, Severity.WARNING)], NOW + 1)

    assert [] == asked.tick(NOW + 2 * HOUR_MS)


def test_an_acknowledged_alert_is_not_repeated_until_it_gets_worse() -> None:
    """What somebody has seen was less."""
    asked, story = post("desk"), Story()
    asked.take([story.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    assert story.alert is not None
    ack = Acknowledgement(episode_id=story.alert.episode_id, who="anna", at_ms=NOW + 1)
    asked.hear([], [ack], NOW + 1)
    assert [] == asked.tick(NOW + HOUR_MS)
    assert None is asked.next_ms()
    asked.take([story.tell(Change.ESCALATED, NOW + 2 * HOUR_MS, Severity.CRITICAL)], NOW + 2 * HOUR_MS)

    assert [("desk", "still", None)] == told(asked.tick(NOW + 3 * HOUR_MS))


def silence(**more: object) -> Silence:
    values = {"silence_id": "s", "author": "anna", "created_ms": NOW, "until_ms": NOW + HOUR_MS, **more}
    return msgspec.convert(values, Silence)


def test_a_silence_says_who_and_until_when_and_its_end_is_told_once() -> None:
    """Of what still fires; over a restart, too."""
    asked, story, over = post("desk"), Story(), Story("ETH-USDT-PERP")
    asked.hear([silence(reason="expiry day")], [], NOW)
    muted = asked.take([story.tell(Change.FIRED, NOW), over.tell(Change.FIRED, NOW)], NOW)
    asked.take([over.tell(Change.CLEARED, NOW + 1)], NOW + 1)
    stored = msgspec.json.encode(asked.take_changed().standings)
    again = post("desk")
    again.restore(msgspec.json.decode(stored, type=list[Standing]))

    assert {"silenced by anna until 15:13Z: expiry day"} == {str(letter.muted) for letter in muted}
    assert [("desk", "still", None)] == told(again.hear([], [], NOW + HOUR_MS))
    assert [("desk", "still", None)] == told(asked.tick(NOW + HOUR_MS))
    assert ([], []) == (asked.tick(NOW + 2 * HOUR_MS), asked.hear([], [], NOW + 2 * HOUR_MS))


@pytest.mark.parametrize("is_heard_before", [False, True])
def test_what_somebody_has_seen_is_not_told_when_a_silence_ends(is_heard_before: bool) -> None:
    """By time or by hand, over a restart, too; but what got worse behind the silence is."""
    asked, seen, worse = post("desk"), Story(), Story("ETH-USDT-PERP")
    until = silence(until_ms=NOW + HOUR_MS)
    if not is_heard_before:
        asked.hear([until], [], NOW)
    asked.take([seen.tell(Change.FIRED, NOW), worse.tell(Change.FIRED, NOW)], NOW)
    assert seen.alert is not None and worse.alert is not None
    names = [seen.alert.episode_id, worse.alert.episode_id]
    acks = [Acknowledgement(episode_id=name, who="anna", at_ms=NOW + 1) for name in names]
    asked.hear([until], acks, NOW + 1)
    asked.take([worse.tell(Change.ESCALATED, NOW + 2, Severity.CRITICAL)], NOW + 2)
    stored = msgspec.json.encode(asked.take_changed().standings)
    again = post("desk")
    again.restore(msgspec.json.decode(stored, type=list[Standing]))
    by_hand, by_time = again.hear([], acks, NOW + 3), asked.tick(NOW + HOUR_MS)

    assert names[1:] == [letter.episode_id for letter in by_hand]
    assert names[1:] == [letter.episode_id for letter in by_time]
    assert [] == asked.tick(NOW + 2 * HOUR_MS - 1)


def test_a_silence_about_one_alert_ends_when_it_clears() -> None:
    """And is written down as ended."""
    asked, story = post("desk"), Story()
    asked.take([story.tell(Change.FIRED, NOW)], NOW)
    assert story.alert is not None
    asked.hear([silence(until_ms=None, episode_id=story.alert.episode_id)], [], NOW)
    escalated = asked.take([story.tell(Change.ESCALATED, NOW, Severity.CRITICAL)], NOW)
    cleared = asked.take([story.tell(Change.CLEARED, NOW)], NOW)

    assert ["silenced by anna until it clears", None] == [letter.muted for letter in (*escalated, *cleared)]
    assert ["s"] == asked.take_changed().lifted


def test_one_alert_keeps_others_quiet_and_what_outlasts_it_is_told() -> None:
    """Of the same symbol only."""
    mutes = Inhibition(when=Matchers(rules=("hot",)), mutes=Matchers(rules=("cold",)), same=("symbol",))
    asked, source, same, other = (
        post("desk", inhibitions=(mutes,)),
        Story(),
        Story(rule="cold"),
        Story("ETH-USDT-PERP", rule="cold"),
    )
    letters = asked.take([one.tell(Change.FIRED, NOW) for one in (source, same, other)], NOW)
    after = asked.take([source.tell(Change.CLEARED, NOW + 5)], NOW + 5)

    assert [None, "inhibited by hot", None] == [letter.muted for letter in letters]
    assert [("desk", "cleared", None), ("desk", "still", None)] == told(after)


def test_a_dead_feed_silences_what_depends_on_it() -> None:
    """By venue, and by what it carries."""
    mutes = Inhibition(when=Matchers(kinds=("feed_health",)), mutes=Matchers(kinds=("funding",)))
    asked = post("desk", inhibitions=(mutes,))
    feed = Story("-", venue="okx", rule="dead", kind="feed_health")
    asked.take([feed.tell(Change.FIRED, NOW, facts={"venue": "okx", "carries": ["funding_rate"]})], NOW)
    books = Story("--", venue="bybit", rule="books", kind="feed_health")
    asked.take([books.tell(Change.FIRED, NOW, facts={"venue": "bybit", "carries": ["book_update"]})], NOW)
    letters = asked.take([Story(venue=venue).tell(Change.FIRED, NOW) for venue in ("okx", "bybit")], NOW)

    assert ["inhibited by dead", None] == [letter.muted for letter in letters]


def test_what_outlasts_a_cooldown_is_told_once() -> None:
    """What ends before is not."""
    asked, story, short = post("desk"), Story(), Story("ETH-USDT-PERP")
    changes = [one.tell(Change.FIRED, NOW, muted="cooldown", muted_until_ms=NOW + 500) for one in (story, short)]
    asked.take(changes, NOW)
    asked.take([short.tell(Change.CLEARED, NOW + 1)], NOW + 1)

    assert NOW + 500 == asked.next_ms()
    assert [("desk", "still", None)] == told(asked.tick(NOW + 500))
    assert [] == asked.tick(NOW + 10 * HOUR_MS)
