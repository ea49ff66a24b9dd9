"""What keeps what quiet, when it ends, and how seldom anybody is told again."""

from typing import Any

import pytest

from rules.alerts import Change, Severity
from rules.delivery import Inhibition, Matchers, Policy, Post, SinkPolicy
from rules.spec import parse
from tests.rules.delivery.changes import Story
from tests.rules.delivery.test_post import HOUR_MS, NOW, post, silence, told

HOT, COLD = Matchers(rules=("hot",)), Matchers(rules=("cold",))


@pytest.mark.parametrize(
    "inhibitions",
    [
        (Inhibition(when=HOT, mutes=Matchers(kinds=("funding",))),),
        (Inhibition(when=HOT, mutes=COLD), Inhibition(when=COLD, mutes=HOT)),
    ],
)
def test_no_two_alerts_keep_each_other_quiet(inhibitions: tuple[Inhibition, ...]) -> None:
    """Nor one itself: what got worse in the first was hidden by the second, of which nobody had been told."""
    asked = post("desk", inhibitions=inhibitions)
    first, second = Story(), Story(rule="hot" if len(inhibitions) == 1 else "cold", number=1)
    letters = asked.take([first.tell(Change.FIRED, NOW), second.tell(Change.FIRED, NOW)], NOW)
    letters += asked.take([first.tell(Change.ESCALATED, NOW + 1, Severity.CRITICAL)], NOW + 1)

    assert [None, None, None] == [letter.muted for letter in letters]


def test_alerts_about_no_symbol_are_not_about_the_same_one() -> None:
    """An alert about everything agrees with nobody in what it is about."""
    asked = post("desk", inhibitions=(Inhibition(when=HOT, mutes=COLD, same=("symbol",)),))
    asked.take([Story("").tell(Change.FIRED, NOW)], NOW)

    assert [("desk", "fired", None)] == told(asked.take([Story("", rule="cold").tell(Change.FIRED, NOW)], NOW))


def test_what_has_eased_to_what_keeps_nobody_quiet_lets_others_speak() -> None:
    """It fires on, and is no reason any more."""
    loud = Matchers(rules=("hot",), severities=(Severity.CRITICAL,))
    asked, source = post("desk", inhibitions=(Inhibition(when=loud, mutes=COLD),)), Story()
    asked.take([source.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    kept = asked.take([Story(rule="cold").tell(Change.FIRED, NOW)], NOW)
    eased = asked.take([source.tell(Change.EASED, NOW + 1, Severity.WARNING)], NOW + 1)

    assert [("desk", "fired", "inhibited by hot")] == told(kept)
    assert [("desk", "eased", None), ("desk", "still", None)] == told(eased)


def test_what_was_told_before_a_silence_began_is_told_again_when_it_ends() -> None:
    """Whoever wanted quiet for an hour wants to know after it."""
    asked, story = post("desk"), Story(rule="cold")
    asked.take([story.tell(Change.FIRED, NOW)], NOW)
    asked.hear([silence(matchers=COLD, until_ms=NOW + HOUR_MS)], [], NOW + 1)

    assert [("desk", "still", None)] == told(asked.tick(NOW + HOUR_MS))
    assert [] == asked.hear([], [], NOW + HOUR_MS + 1)


def test_hearing_what_is_known_writes_nothing() -> None:
    """It is heard each second, and there may be thousands that something keeps quiet."""
    asked = post("desk", inhibitions=(Inhibition(when=HOT, mutes=COLD),))
    asked.take([Story().tell(Change.FIRED, NOW), Story(rule="cold").tell(Change.FIRED, NOW)], NOW)
    asked.take_changed()

    assert [] == asked.hear([], [], NOW + 1)
    assert not asked.take_changed()


def test_a_repeat_that_is_seldom_stays_as_seldom() -> None:
    """Whoever writes 12h is told each twelve hours: only what doubles ends at eight."""
    raw: dict[str, Any] = {"id": "slow", "type": "funding", "symbols": "*", "above": "0.05%", "repeat": "12h"}
    asked = Post(Policy(sinks={"desk": SinkPolicy(name="desk")}, rules={"slow": parse(raw).compile()}))
    asked.take([Story(rule="slow").tell(Change.FIRED, NOW)], NOW)
    times = []
    for _ in range(3):
        at_ms = asked.next_ms()
        assert at_ms is not None
        times.append((at_ms - NOW) // HOUR_MS)
        asked.tick(at_ms)

    assert [12, 24, 36] == times
