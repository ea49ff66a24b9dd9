"""Who is told first where one message speaks of several alerts."""

from collections.abc import Iterable, Sequence
from math import inf, nan
from typing import Any

import pytest
from msgspec.structs import replace

from rules.alerts import Alert, Change, Peak, Severity
from rules.delivery.letters import Member
from rules.delivery.ranking import KINDS, excess, loudest_first, shown
from rules.engine import Engine
from rules.kinds import KINDS as ALL_KINDS
from tests.rules.market import NOON, alert, feed, funding, hot, order, rule

LEVELS = {"levels": {"warning": "0.05%", "critical": "0.1%"}}
VENUES = ("binance", "bybit", "okx", "hyperliquid", "gate", "bitget", "htx")


def members(*alerts: Alert) -> list[Member]:
    return [Member(one, (Change.FIRED,), one.started_ms) for one in alerts]


def ranked(*alerts: Alert) -> list[Alert]:
    return [one.alert for one in loudest_first(members(*alerts))]


def rates(*values: float, **more: Any) -> list[Alert]:
    """Funding alerts that fired one after the other, each at a venue of its own."""
    engine = Engine([hot(**more)])
    places = zip(values, VENUES, strict=False)
    return [alert(engine, funding(rate, NOON + at, venue=venue)) for at, (rate, venue) in enumerate(places)]


def orders(*sizes: float) -> list[Alert]:
    engine = Engine([rule(type="liquidation", at_least="$1m")])
    return [alert(engine, order(size, NOON + at)) for at, size in enumerate(sizes)]


def values(alerts: Iterable[Alert]) -> Sequence[float]:
    return [one.value for one in alerts]


def test_the_farthest_beyond_its_limit_is_the_largest() -> None:
    """Not the one that came first, and whoever pays."""
    found = rates(0.00061, -0.0007, 0.0008, 0.000703, -0.00094)

    assert [0.00094, 0.0008, 0.000703, 0.0007, 0.00061] == values(ranked(*found))


def test_each_is_held_against_its_own_limit() -> None:
    """0.3% is less than 0.25% to whoever drew the line at 0.29%."""
    low, high = rates(0.0025)[0], rates(0.003, above="0.29%")[0]

    assert [low, high] == ranked(high, low)


def test_the_louder_go_first_however_small() -> None:
    engine = Engine([hot(**LEVELS)])
    mild = alert(engine, funding(0.00099))
    loud = alert(engine, funding(0.00101, venue="okx"))

    assert [loud, mild] == ranked(mild, loud)


def test_percent_is_not_compared_with_dollars() -> None:
    """Kind by kind, each with its largest first."""
    (mild, hot_one), whales = rates(0.0006, 0.9), orders(2e6, 5e6)
    dead = alert(Engine([rule(type="feed_health", for_="0s")]), feed("down"))

    assert [whales[1], whales[0], hot_one, mild, dead] == ranked(mild, dead, whales[0], hot_one, whales[1])


def test_what_happened_in_one_moment_is_over_in_the_morning() -> None:
    """It is news when it is fresh, and stands behind what still fires when it was kept back."""
    (still,), (whale,) = rates(0.0006), orders(5e6)
    firing = members(still, whale)

    assert [whale, still] == [one.alert for one in loudest_first(firing)]
    assert [still, whale] == [one.alert for one in loudest_first(firing, is_late=True)]


def test_every_kind_has_its_place() -> None:
    assert sorted(ALL_KINDS) == sorted(KINDS)


def test_what_falls_is_the_larger_the_lower_it_is() -> None:
    (mild,) = rates(0.0006)
    low, lower = (
        replace(mild, kind="long_short_ratio", value=value, peak=value, threshold=0.5, worst=None)
        for value in (0.4, 0.1)
    )

    assert [lower, low] == ranked(low, lower)


@pytest.mark.parametrize(
    ("value", "limit", "peak", "expected"),
    [
        (15.0, 10.0, 15.0, 0.5),
        (5.0, 10.0, 5.0, 0.5),
        (-3.0, -2.0, -3.0, 0.5),
        (3.0, 0.0, 3.0, 3.0),
        (10.0, 10.0, 10.0, 0.0),
        (3.0, None, 3.0, 0.0),
        (nan, 3.0, nan, 0.0),
        (inf, 3.0, inf, 0.0),
    ],
)
def test_the_excess_is_a_part_of_the_limit(value: float, limit: float | None, peak: float, expected: float) -> None:
    """Above or below it, and whatever an older program has left there."""
    (fired,) = rates(0.0006)

    assert expected == excess(replace(fired, value=value, threshold=limit, peak=peak))


def test_what_is_over_stands_behind_what_still_fires_with_its_peak() -> None:
    """Of the same severity; an alert that was critical meanwhile is told as critical."""
    engine = Engine([hot(**LEVELS)])
    ended = [funding(rate, NOON + at) for at, rate in enumerate((0.0006, 0.0099, 0.0001))]
    over = alert(engine, *ended)
    milder = alert(engine, funding(0.0009, venue="okx"), funding(0.0, venue="okx"))
    firing = alert(engine, funding(0.0006, venue="bybit"))

    assert [over, firing, milder] == ranked(milder, firing, over)
    assert (Severity.CRITICAL, 0.0099, 0.001) == (shown(over).severity, shown(over).value, shown(over).threshold)


def test_what_has_eased_is_told_as_the_worst_it_was() -> None:
    engine = Engine([hot(**LEVELS)])
    eased = alert(engine, *(funding(rate, NOON + at) for at, rate in enumerate((0.002, 0.0006))))
    still = alert(engine, *(funding(rate, NOON + at, venue="okx") for at, rate in enumerate((0.0006, 0.002))))

    assert (Severity.WARNING, Severity.CRITICAL) == (eased.severity, shown(eased).severity)
    assert still is shown(still)


def test_an_alert_of_an_older_program_is_told_as_it_stands() -> None:
    (fired,) = rates(0.0006)
    ended = replace(fired, worst=None, ended_ms=NOON, is_firing=False)

    assert ended is shown(ended)


def test_the_order_is_the_same_however_they_come() -> None:
    """Of equals the oldest goes first, then by name."""
    found = [
        replace(one, value=0.0006, worst=Peak(one.severity, 0.0006, 0.0005, one.facts)) for one in rates(*[0.0006] * 5)
    ]

    assert found == ranked(*reversed(found))
