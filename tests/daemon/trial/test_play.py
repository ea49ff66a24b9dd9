"""A play's clock: what is said depends on what happens and when, never on how often somebody looks."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from daemon.trial.play import Play, Spoken
from rules.alerts import Change, Severity, Transition
from rules.delivery import Policy, SinkPolicy
from rules.events import FundingRate
from rules.spec import parse

T = 1_767_614_400_000
S, M = 1_000, 60_000
RULE = parse(
    {
        "id": "hot",
        "type": "funding",
        "symbols": "BTC",
        "levels": {"warning": "0.05%", "critical": "0.1%"},
        "clear": "0.03%",
        "for": "1m",
        "keep_firing_for": "30s",
        "cooldown": "5m",
    }
).compile()
POLICY = Policy(
    sinks={"desk": SinkPolicy(name="desk"), "loud": SinkPolicy(name="loud", min_severity=Severity.CRITICAL)},
    rules={"hot": RULE},
)
STEPS = st.lists(
    st.tuples(st.integers(0, 90_000), st.floats(-0.002, 0.002), st.sampled_from(["okx", "bybit", "binance", "gate"])),
    min_size=1,
    max_size=40,
)


def rate(value: float, at_ms: int, venue: str = "okx") -> FundingRate:
    return FundingRate(venue=venue, symbol="BTC-USDT-PERP", rate=value, interval_h=8.0, at_ms=at_ms, received_ms=at_ms)


def played(events: Sequence[FundingRate], looks: Sequence[int] = ()) -> tuple[list[str], list[Transition]]:
    """Messages and transitions; `looks` are moments at which somebody asks for all that is due before the next event."""
    spoken: list[Spoken] = []
    decided: list[Transition] = []
    play = Play([RULE], POLICY, decided=decided.append, spoken=spoken.append)
    waiting = sorted(looks)
    for event in events:
        while waiting and waiting[0] < event.received_ms:
            play.finish(waiting.pop(0))
        play.observe(event)
    play.finish(events[-1].received_ms + 30 * M)
    return [f"{one.at_ms - T} {one.sink} {one.text}" for one in spoken], decided


def stream(steps: Sequence[tuple[int, float, str]]) -> list[FundingRate]:
    at_ms, events = T, []
    for wait_ms, value, venue in steps:
        at_ms += wait_ms
        events.append(rate(value, at_ms, venue))
    return events


@given(STEPS, st.lists(st.integers(0, 3_600_000), max_size=20))
def test_looking_more_often_changes_nothing(steps: list[tuple[int, float, str]], looks: list[int]) -> None:
    """A tick between two events, at any moment, is as if it had not been."""
    events = stream(steps)

    assert played(events) == played(events, [T + look for look in looks])


@given(STEPS)
def test_fires_and_clears_take_turns_for_each_venue(steps: list[tuple[int, float, str]]) -> None:
    _, decided = played(stream(steps))
    for venue in ("okx", "bybit", "binance", "gate"):
        turns = [one.change for one in decided if one.alert.key["venue"] == venue]
        told = [change for change in turns if change in (Change.FIRED, Change.CLEARED)]

        assert [Change.FIRED, Change.CLEARED] * (len(told) // 2) + [Change.FIRED] * (len(told) % 2) == told


def test_a_wait_ends_at_its_own_moment_not_at_the_next_event() -> None:
    """`for` is a minute, and the next word comes an hour later."""
    messages, _ = played([rate(6e-4, T), rate(6e-4, T + 60 * M)])

    assert [f"{62 * S} desk WARNING"] == [message[: len(f"{62 * S} desk WARNING")] for message in messages]


def test_time_never_goes_back() -> None:
    play = Play([RULE], POLICY)
    play.observe(rate(1e-4, T + M))
    play.observe(rate(1e-4, T))

    assert T + M == play.now_ms
