"""What one message about several changes of an alert says, and what keeps it back."""

from datetime import time

import pytest
from msgspec.structs import replace

from rules.alerts import Change, Severity
from rules.delivery import Letter, SinkPolicy
from rules.delivery.gather import KeepBack, Leave, Told, Unit, Verdict, Wait, Window, companions, judge, told_change
from rules.delivery.hours import Quiet
from rules.delivery.policy import Cap, Grouping
from tests.rules.delivery.changes import Story

NOW = 1_790_000_000_000
FIRED, ESCALATED, EASED, STILL, CLEARED = (
    Change.FIRED,
    Change.ESCALATED,
    Change.EASED,
    Change.STILL,
    Change.CLEARED,
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([FIRED, ESCALATED], FIRED),
        ([ESCALATED, EASED], EASED),
        ([ESCALATED, STILL], ESCALATED),  # that it got worse is more than that it goes on
        ([STILL], STILL),
        ([FIRED, ESCALATED, CLEARED], CLEARED),
    ],
)
def test_one_message_says_the_end_or_the_beginning_or_the_worst(changes: list[Change], says: Change) -> None:
    """In this order: whoever reads only the first word has read the right one."""
    story = Story()
    story.tell(FIRED, NOW, Severity.WARNING)
    alert = story.tell(CLEARED if CLEARED in changes else ESCALATED, NOW + 1).alert

    assert says is told_change(changes, alert)


@pytest.mark.parametrize(("changes", "says"), [([FIRED], FIRED), ([ESCALATED], CLEARED), ([STILL], CLEARED)])
def test_news_of_what_is_over_by_then_says_so(changes: list[Change], says: Change) -> None:
    """Whoever was not told before hears that it fired; the words say that it is over."""
    story = Story()
    story.tell(FIRED, NOW)

    assert says is told_change(changes, story.tell(CLEARED, NOW + 1).alert)


def test_a_momentary_alert_has_no_end() -> None:
    """What is repeated of it by hand is told as it was."""
    assert ESCALATED is told_change([ESCALATED], Story(is_momentary=True).tell(CLEARED, NOW).alert)


def letter(change: Change, *, is_urgent: bool = False) -> Letter:
    return Letter(
        key="a letter",
        sink="phone",
        change=change,
        severity=Severity.WARNING,
        created_ms=NOW,
        expires_ms=NOW,
        group="funding BTC",
        is_urgent=is_urgent,
    )


def in_the_night(told: Told, *, can_edit: bool) -> Verdict:
    """What becomes of the end of a warning at three in the morning."""
    three_ms = 1_789_959_600_000
    sink = SinkPolicy(name="phone", can_edit=can_edit, quiet=Quiet(starts=time(23), ends=time(7), zone="UTC"))
    story = Story()
    story.tell(FIRED, NOW)
    alert = story.tell(CLEARED, three_ms).alert
    return judge(Unit(letters=(letter(CLEARED),), alert=alert, told=told), sink, Window(), three_ms)


def test_an_edit_waits_for_the_morning_and_is_an_edit_then() -> None:
    """It needs no place in the digest: the message that it changes says it."""
    assert Wait(1_789_974_000_000) == in_the_night(Told.ALONE, can_edit=True)


@pytest.mark.parametrize(("told", "can_edit"), [(Told.TOGETHER, True), (Told.ALONE, False)])
def test_an_end_that_is_no_edit_stands_in_the_digest(told: Told, can_edit: bool) -> None:
    """Where nothing can be changed, or what was told stands among others."""
    verdict = in_the_night(told, can_edit=can_edit)

    assert isinstance(verdict, KeepBack)
    assert ("quiet hours until 07:00Z", 1_789_974_000_000) == (verdict.reason, verdict.digest.due_ms)


@pytest.mark.parametrize("is_urgent", [True, False])
def test_what_is_urgent_is_told_beyond_a_cap(is_urgent: bool) -> None:
    """As it is told in the night."""
    sink = SinkPolicy(name="phone", cap=Cap(0, 3_600_000))
    unit = Unit(letters=(letter(FIRED, is_urgent=is_urgent),), alert=Story().tell(FIRED, NOW).alert)

    assert is_urgent is isinstance(judge(unit, sink, Window(), NOW), Leave)


@pytest.mark.parametrize(("change", "together"), [(FIRED, 1), (CLEARED, 4)])
def test_a_silence_keeps_news_out_of_a_summary_and_no_end(change: Change, together: int) -> None:
    """Whoever was told of them is told their ends, at once as ever."""
    stories = [Story(number=number) for number in range(4)]
    for story in stories:
        story.tell(FIRED, NOW)
    told = Told.TOGETHER if change is CLEARED else Told.NOTHING
    first, *others = (
        Unit(letters=(letter(change),), alert=story.tell(change, NOW).alert, told=told) for story in stories
    )

    assert together == len(companions(first, others, SinkPolicy(name="phone"), lambda alert: True))


def test_feeds_that_go_down_together_are_one_piece_of_news() -> None:
    """The network is gone: that is one message, and not one for each feed. Coins are told apart."""

    def groups(kind: str, *keys: dict[str, str]) -> set[str]:
        alert = Story(kind=kind).tell(FIRED, NOW).alert
        return {Grouping().key(replace(alert, key=key)) for key in keys}

    assert 1 == len(groups("feed_health", {"venue": "okx", "feed": "okx.market"}, {"venue": "bybit", "feed": "b.m"}))
    assert 2 == len(groups("funding", {"venue": "okx", "symbol": "A-B-PERP"}, {"venue": "okx", "symbol": "C-B-PERP"}))
