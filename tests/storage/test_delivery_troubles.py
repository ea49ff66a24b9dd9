"""Whatever far ends do, and wherever we are killed: the same laws, and no message twice without a word about it."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.databases import EMPTY_TABLES, run
from tests.storage.laws import EVERY_TIME
from tests.storage.recipients import HOUR_MS
from tests.storage.troubles import TroubledMachine
from tests.storage.upheavals import UpheavalMachine

TestTroubles = pytest.mark.timeout(240)(TroubledMachine.TestCase)  # a day passes in each example
TestTroubles.settings = settings(EVERY_TIME, max_examples=6, stateful_step_count=20)

TestUpheavals = pytest.mark.timeout(240)(UpheavalMachine.TestCase)
TestUpheavals.settings = settings(EVERY_TIME, max_examples=6, stateful_step_count=20)


@pytest.mark.postgres
@pytest.mark.timeout(240)
def test_the_same_on_a_server(postgres_url: str) -> None:
    """Fewer stories, the same laws."""

    class OnServer(UpheavalMachine):
        def __init__(self) -> None:
            super().__init__()
            self.address = postgres_url
            self.run(run(postgres_url, EMPTY_TABLES))

    run_state_machine_as_test(OnServer, settings=settings(EVERY_TIME, max_examples=3, stateful_step_count=20))


def a_night() -> UpheavalMachine:
    """One in the morning in Berlin, and nothing has happened."""
    story = UpheavalMachine()
    story.open(day_ms=1_792_875_600_000, hours=2)
    return story


def fire(story: UpheavalMachine) -> None:
    story.decide(cooldown=0, count=1, kind="hot", momentary=False, step="fire", then_ms=2_500, which=1)


def test_an_escalation_that_overtakes_a_summary_takes_nobody_with_it() -> None:
    """The summary waited for its next try; those that it was to tell were told by nobody."""
    story = UpheavalMachine()
    story.open(day_ms=1_792_875_600_000, hours=12)
    story.spoil(lane="all", moods=["unreached"])
    story.decide(cooldown=0, count=5, kind="hot", momentary=False, step="fire", then_ms=2_000, which=1)
    story.decide(cooldown=0, count=1, kind="hot", momentary=False, step="worse", then_ms=0, which=0)
    story.teardown()


def test_a_sink_that_comes_back_in_the_night_has_a_new_digest() -> None:
    """Found by the machine: what it kept back was written to the digest that had been given up with it, and lost."""
    story = a_night()
    fire(story)
    for without in (("sleeper", "hermit"), ()):
        story.reload(without=without, is_routed=False, is_swapped=False, is_start=False)
    fire(story)
    story.teardown()


def test_a_night_that_comes_again_has_a_new_digest() -> None:
    """Found by the machine: the clock was set back behind the digest, which told nothing of what came then."""
    story = a_night()
    fire(story)
    story.wait(ms=8 * HOUR_MS)
    story.set_back(ms=2 * HOUR_MS)
    fire(story)
    story.teardown()
