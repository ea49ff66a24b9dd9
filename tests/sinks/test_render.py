"""What a trader reads."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.alerts import Alert, Change, Peak, Severity
from rules.sentences import Sentences
from sinks.base import Message, Moment, Notice
from sinks.render import render

NOON = 1_790_000_000_000 - 1_790_000_000_000 % 86_400_000 + 43_200_000  # 2026-09-21 12:00:00 UTC
ALERT = Alert(
    episode_id="e",
    rule_id="hot-funding",
    kind="funding",
    key={"venue": "binance", "symbol": "BTC-USDT-PERP"},
    severity=Severity.WARNING,
    is_firing=True,
    started_ms=NOON + 60_000,
    held_since_ms=NOON - 240_000,
    at_ms=NOON + 60_000,
    value=0.000812,
    peak=0.000975,
)
CALM = replace(ALERT, is_firing=False, ended_ms=NOON + 185_000, at_ms=NOON + 185_000)


def say(alert: Alert, now_ms: int) -> Sentences:
    return Sentences(
        "binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)",
        ("next settlement in 1h12m", "sent as 0.0406% per 4 h"),
        "0.0975% per 8 h",
    )


def said(
    change: Change, alert: Alert = ALERT, *, now_ms: int | None = None, label: str | None = None, **more: Any
) -> Message:
    notice = Notice(key="ab12cd34", change=change, alert=alert, created_ms=alert.at_ms)
    return render(replace(notice, **more), alert.at_ms if now_ms is None else now_ms, say=say, label=label)


def test_a_fired_alert() -> None:
    """Severity, the kind's words, how long it has held, the rule."""
    message = said(Change.FIRED)

    assert (
        Message(
            headline="WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)",
            lines=("held 5m, next settlement in 1h12m", "sent as 0.0406% per 4 h"),
            footer="rule hot-funding · 2026-09-21 12:01:00Z",
            severity=Severity.WARNING,
            change=Change.FIRED,
        )
        == message
    )


@pytest.mark.parametrize(
    ("change", "alert", "verdict"),
    [
        (Change.FIRED, ALERT, "WARNING  binance"),
        (Change.ESCALATED, replace(ALERT, severity=Severity.CRITICAL), "ESCALATED to CRITICAL  binance"),
        (Change.EASED, ALERT, "EASED to WARNING  binance"),
        (Change.CLEARED, CALM, "CLEARED  binance"),
    ],
)
def test_the_first_word_is_the_verdict(change: Change, alert: Alert, verdict: str) -> None:
    """What happened, in the place where the eye falls."""
    assert said(change, alert).headline.startswith(verdict)


@pytest.mark.parametrize(
    ("held_since_ms", "now_ms", "said_first"),
    [
        (NOON + 60_000, NOON + 62_000, "next settlement in 1h12m"),
        (NOON + 60_000, NOON + 120_000, "held 1m, next settlement in 1h12m"),
        (NOON + 50_000, NOON + 60_000, "held 10s, next settlement in 1h12m"),
    ],
)
def test_our_own_way_to_the_chat_is_not_said_as_holding(held_since_ms: int, now_ms: int, said_first: str) -> None:
    """Two seconds of gathering say nothing of the market; what a rule waited for does."""
    message = said(Change.FIRED, replace(ALERT, held_since_ms=held_since_ms), now_ms=now_ms)

    assert said_first == message.lines[0]


def test_a_change_says_since_when_and_the_peak() -> None:
    """An escalation is read without scrolling back to the first message."""
    message = said(Change.ESCALATED, replace(ALERT, at_ms=NOON + 120_000))

    assert "since 12:01:00Z, peak 0.0975% per 8 h" == message.lines[-1]


def test_what_fell_says_how_low_it_was() -> None:
    """A balance of 412 below a limit of 500 has no peak."""
    fallen = replace(CALM, threshold=500.0, peak=412.0, value=600.0)
    risen = replace(CALM, threshold=0.0005, peak=0.000975)

    assert said(Change.CLEARED, fallen, now_ms=CALM.at_ms).lines[0].endswith(", lowest 0.0975% per 8 h")
    assert said(Change.CLEARED, risen, now_ms=CALM.at_ms).lines[0].endswith(", peak 0.0975% per 8 h")


def test_a_cleared_alert_says_how_long_it_lasted() -> None:
    """And no longer that it holds."""
    message = said(Change.CLEARED, CALM)

    assert "lasted 2m5s, since 12:01:00Z, peak 0.0975% per 8 h" == message.lines[0]
    assert not [line for line in message.lines if "held" in line]


def test_a_fire_told_after_its_end_says_both() -> None:
    """Nobody should run to a screen for something that is over."""
    message = said(Change.FIRED, CALM)

    assert message.headline.startswith("WARNING, already over  binance")
    assert "fired 12:01:00Z, cleared 12:03:05Z, peak 0.0975% per 8 h" == message.lines[0]
    assert Change.CLEARED is message.change


def test_what_is_over_leads_with_its_peak() -> None:
    """Its end alone would read as an alert below its own limit; and it was critical."""
    worst = Peak(Severity.CRITICAL, 0.0012, 0.001, {"rate_8h": -0.0012})
    over = replace(CALM, facts={"rate_8h": 0.0001}, value=0.0001, peak=0.0012, threshold=0.0005, worst=worst)
    message = render(Notice(key="k", change=Change.FIRED, alert=over, created_ms=over.at_ms), over.at_ms)

    assert (
        "CRITICAL, already over  binance BTC-USDT-PERP: shorts pay longs 0.12% per 8 h (limit 0.1%)" == message.headline
    )
    assert ("fired 12:01:00Z, cleared 12:03:05Z",) == message.lines
    assert (Severity.CRITICAL, Change.CLEARED) == (message.severity, message.change)


def test_old_news_says_how_old_it_is() -> None:
    """A message from before an outage must not look fresh."""
    assert said(Change.FIRED, now_ms=ALERT.at_ms + 450_000).headline.startswith("delayed 7 min  WARNING  binance")
    assert said(Change.FIRED, now_ms=ALERT.at_ms + 60_000).headline.startswith("WARNING")


@pytest.mark.parametrize(
    ("late_s", "words"),
    [(61, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (11_100, "3 h 5 min"), (200_000, "2 days")],
)
def test_lateness_in_words(late_s: int, words: str) -> None:
    """As one would say it."""
    assert f"delayed {words}" == said(Change.FIRED, now_ms=ALERT.at_ms + late_s * 1000).headline.split("  ")[0]


def test_a_possible_repeat_is_labelled() -> None:
    """With a number, so that the two copies can be matched."""
    assert said(Change.FIRED, is_repeat=True).headline.endswith("(limit 0.05%) (may be a repeat) #ab12cd")


def test_the_label_stands_first() -> None:
    """A simulated alert must never be taken for a real one."""
    message = said(Change.FIRED, now_ms=ALERT.at_ms + 450_000, label="SIMULATED")

    assert message.headline.startswith("SIMULATED  delayed 7 min  WARNING")


def test_a_single_event_has_no_duration() -> None:
    """A liquidation happened; it does not hold, last or end."""
    message = said(Change.FIRED, replace(ALERT, is_momentary=True, ended_ms=ALERT.at_ms))

    assert ("next settlement in 1h12m", "sent as 0.0406% per 4 h") == message.lines
    assert message.headline.startswith("WARNING  ")


def test_merged_changes_are_told_in_order() -> None:
    """One message for what happened while the chat could not be reached; nobody was told that it was pending."""
    history = (
        Moment(Change.PENDING, Severity.WARNING, NOON + 30_000, 0.0008),
        Moment(Change.FIRED, Severity.WARNING, NOON + 60_000, 0.0008),
        Moment(Change.ESCALATED, Severity.CRITICAL, NOON + 90_000, 0.0012),
        Moment(Change.CLEARED, Severity.CRITICAL, NOON + 185_000, 0.0),
    )
    message = said(Change.FIRED, CALM, history=history, merged=3)

    assert ("in order: fired warning 12:01:00Z, escalated critical 12:01:30Z, cleared 12:03:05Z") == message.lines[-1]


def test_another_day_is_named() -> None:
    """`since 12:01` is wrong tomorrow."""
    message = said(Change.ESCALATED, now_ms=NOON + 86_400_000, created_ms=NOON + 86_400_000)

    assert "since 2026-09-21 12:01:00Z, peak 0.0975% per 8 h" == message.lines[-1]


@given(
    change=st.sampled_from(Change),
    ended_ms=st.none() | st.integers(NOON, NOON + 10**9),
    now_ms=st.integers(NOON - 10**9, NOON + 10**10),
    momentary=st.booleans(),
    details=st.lists(st.text(), max_size=2).map(tuple),
)
@settings(deadline=None)
def test_every_notice_has_words(
    change: Change, ended_ms: int | None, now_ms: int, momentary: bool, details: tuple[str, ...]
) -> None:
    """Whatever the clocks say: no empty lines, the rule's id, no exception."""
    alert = replace(ALERT, ended_ms=ended_ms, is_momentary=momentary)
    notice = Notice(key="k", change=change, alert=alert, created_ms=NOON, merged=2)
    message = render(notice, now_ms, say=lambda alert, now_ms: Sentences("x", details))

    assert all(message.lines)
    assert "hot-funding" in message.footer


def test_the_kinds_own_words_are_the_default() -> None:
    """Without a `say`, the rule's kind speaks."""
    facts: dict[str, object] = {"rate": 0.000812, "rate_8h": 0.000812, "interval_h": 8.0}
    notice = Notice(
        key="k", change=Change.FIRED, alert=replace(ALERT, facts=facts, threshold=0.0005), created_ms=ALERT.at_ms
    )

    assert (
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)"
        == render(notice, ALERT.at_ms).headline
    )


def test_told_again_says_that_it_still_fires() -> None:
    """And since when."""
    message = said(Change.STILL, now_ms=NOON + 3_660_000, created_ms=NOON + 3_660_000)

    assert message.headline.startswith("STILL WARNING  binance")
    assert "since 12:01:00Z, peak 0.0975% per 8 h" in message.lines
