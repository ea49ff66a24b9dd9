"""What is played at length: each seed has its stories, and a story that breaks a law is told so that it can be kept."""

from io import StringIO
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.storage.at_length import play


class Steps(RuleBasedStateMachine):
    """Counts on; it is well as long as nobody says more than a hundred."""

    heard: ClassVar[list[int]] = []  # by all stories of all rounds

    @rule(number=st.integers(0, 1_000))
    def say(self, number: int) -> None:
        self.heard.append(number)


class Modest(Steps):
    @rule(number=st.integers(0, 1_000))
    def say(self, number: int) -> None:
        assert number <= 100, "too much"


def heard(first_seed: int) -> list[int]:
    Steps.heard.clear()
    assert [] == play({"steps": Steps}, examples=3, first_seed=first_seed, out=StringIO())
    return list(Steps.heard)


def test_a_seed_plays_the_same_stories_again_and_another_one_others() -> None:
    """Or nobody could look at a failure twice."""
    once = heard(7)

    assert once
    assert once == heard(7)
    assert once != heard(8)


def test_a_broken_law_is_told_with_its_smallest_story_and_how_to_see_it_again() -> None:
    """The lines of the story are those of a plain test; the rounds after it are played all the same."""
    said = StringIO()

    assert [7, 8] == play({"modest": Modest}, examples=30, first_seed=7, out=said)
    assert "modest    seed 7: 25 stories" in said.getvalue()
    assert 2 == said.getvalue().count("BROKEN")
    assert "AssertionError: too much" in said.getvalue()
    assert "state.say(number=101)" in said.getvalue()
    assert "again: make laws MACHINE=modest SEED=8 EXAMPLES=5" in said.getvalue()


def test_no_round_begins_when_the_time_is_over() -> None:
    """A round that runs is finished."""
    is_over = iter([False, True])
    said = StringIO()

    assert [] == play({"steps": Steps}, examples=100, first_seed=1, is_over=lambda: next(is_over), out=said)
    assert 1 == said.getvalue().count("stories")
