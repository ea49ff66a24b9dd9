"""Sinks that leave the file and come back while alerts fire."""

import msgspec

from rules.alerts import Change, Severity
from rules.delivery import Letter, Matchers, Post, Silence, SinkPolicy
from tests.rules.delivery.changes import Story
from tests.rules.delivery.test_post import HOUR_MS, NOW, post

SILENCE = Silence(silence_id="s", matchers=Matchers(rules=("hot",)), author="anna", created_ms=NOW, until_ms=NOW + 5)


def use(asked: Post, *names: str, at_ms: int) -> list[Letter]:
    """The file names these sinks now."""
    sinks = {name: SinkPolicy(name=name, can_edit=True) for name in names}
    return asked.use(msgspec.structs.replace(asked.policy, sinks=sinks), at_ms)


def told(letters: list[Letter]) -> list[tuple[str, str]]:
    return [(letter.sink, str(letter.change)) for letter in letters]


def test_nobody_waits_for_a_repeat_to_a_sink_that_is_gone() -> None:
    """The machine found the whole daemon waiting for it, for ever."""
    asked, story = post("desk", "phone"), Story()
    asked.take([story.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    use(asked, "desk", at_ms=NOW + 1)

    assert [("desk", "still")] == told(asked.tick(NOW + HOUR_MS))
    assert NOW + 3 * HOUR_MS == asked.next_ms()


def test_whoever_comes_back_hears_what_was_to_be_repeated_meanwhile() -> None:
    """Once, and then in its own time again."""
    asked, story = post("desk", "phone"), Story()
    asked.take([story.tell(Change.FIRED, NOW, Severity.CRITICAL)], NOW)
    use(asked, "desk", at_ms=NOW + 1)
    asked.tick(NOW + HOUR_MS)

    assert [] == use(asked, "desk", "phone", at_ms=NOW + 2 * HOUR_MS)
    assert [("phone", "still")] == told(asked.tick(NOW + 2 * HOUR_MS))
    assert [] == asked.tick(NOW + 2 * HOUR_MS + 1)


def test_a_cooldown_that_ends_without_its_sink_is_told_when_the_sink_is_back() -> None:
    """It was quiet there, and the alert still fires."""
    asked, story = post("desk", "phone"), Story(rule="cold")
    asked.take([story.tell(Change.FIRED, NOW, muted="cooldown", muted_until_ms=NOW + 10)], NOW)
    use(asked, "desk", at_ms=NOW + 1)

    assert [("desk", "still")] == told(asked.tick(NOW + 10))
    assert [] == told(use(asked, "desk", "phone", at_ms=NOW + 20))
    assert [("phone", "still")] == told(asked.tick(NOW + 20))


def test_a_silence_that_ends_without_its_sink_is_told_when_the_sink_is_back() -> None:
    """Whoever was not told because of what is over is told that it still fires."""
    asked, story = post("desk", "phone"), Story()
    asked.hear([SILENCE], [], NOW)
    asked.take([story.tell(Change.FIRED, NOW)], NOW)
    use(asked, "desk", at_ms=NOW + 1)

    assert [("desk", "still")] == told(asked.tick(NOW + 5))
    assert [("phone", "still")] == told(use(asked, "desk", "phone", at_ms=NOW + 6))
    assert [] == asked.hear([], [], NOW + 7)
