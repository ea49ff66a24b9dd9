"""What a rule measured, read back from the log."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pictures import series
from daemon.pictures.chart import Point
from daemon.pictures.replay import its, measured
from daemon.pictures.series import is_shown
from daemon.pictures.thinning import thinned
from rules.alerts import Change
from rules.events import Event
from tests.daemon.pictures.life import D, H, M, T, lived, ruled, said
from tests.daemon.pictures.pasts import CASES, funding, read, samples, shown, summed

FALLS = ("price_change", "insurance_fund_change", "depeg")  # whose past falls, and whose limit is a size


@pytest.mark.parametrize("name", CASES)
async def test_the_latest_value_is_the_one_that_was_told(tmp_path: Path, name: str) -> None:
    """Whatever the kind measures: the replay comes to the same number as the engine did, and a fall is drawn as one."""
    fields, events = CASES[name]
    rule = ruled(**fields)
    events = [event for event in events if event is not None]
    fired = next(one for one in await lived(tmp_path, rule, events) if one.change is Change.FIRED)
    past = [
        event for event in sorted(events, key=lambda one: one.received_ms) if event.received_ms <= fired.alert.at_ms
    ]
    points = measured(rule, fired.alert.key, its(rule, fired.alert.key, past), 0, fired.alert.at_ms)
    found = await read(tmp_path, rule, fired.alert, fired.alert.at_ms)

    assert found is not None
    assert fired.alert.value * (-1 if name in FALLS else 1) == pytest.approx(found.points[-1][1])
    assert fired.alert.value == pytest.approx(points[-1][1])
    assert (fired.alert.at_ms, fired.alert.at_ms) == (found.points[-1][0], found.ends_ms)
    assert rule.is_momentary is found.is_stems
    assert [Change.FIRED] == [one.change for one in found.moments][:1]


async def test_only_its_own_instrument_venue_and_condition_count(tmp_path: Path) -> None:
    fields, events = CASES["funding"]
    _, found = await shown(tmp_path, ruled(**fields), events)

    assert [(T - 2 * M, 1e-4), (T - M, 2e-4), (T, 6e-4)] == list(found.points)
    assert T - 2 * M == found.begins_ms


async def test_a_sum_stands_still_and_falls_when_its_window_has_passed(tmp_path: Path) -> None:
    """Nothing comes, and still it changes: five minutes after each order."""
    rule, events = summed(45, 43, 4, 2, 0, up_since=T - 3 * H, up_until=T + 20 * M)
    fired = next(one for one in await lived(tmp_path, rule, events) if one.change is Change.FIRED)
    found = await read(tmp_path, rule, fired.alert, T + 9 * M)

    assert found is not None
    at = dict(found.points)
    told = {-45: 4e5, -43: 8e5, -40: 4e5, -38: 0.0, -4: 4e5, -2: 8e5, 0: 12e5, 1: 8e5, 3: 4e5, 5: 0.0}
    assert told == {ago: at.get(T + ago * M) for ago in told}
    assert (0.0, 4e5) == (at[T - 4 * M - 1], at[T - 2 * M - 1])
    assert (T + 9 * M, 0.0) == found.points[-1]


async def test_each_single_order_of_its_side_is_a_stem(tmp_path: Path) -> None:
    """As far back as there was one, and the house listened."""
    fields, events = CASES["liquidation"]
    _, found = await shown(tmp_path, ruled(**fields), [*events, *samples(T - 5 * H)])

    assert [(T - 200 * M, 1e4), (T - 50 * M, 1e4), (T, 2e6)] == list(found.points)
    assert (T - 210 * M, T) == (found.begins_ms, found.ends_ms)


async def test_a_falling_rule_is_shown_in_the_units_of_its_limits(tmp_path: Path) -> None:
    fields, events = CASES["long_short_ratio"]
    _, found = await shown(tmp_path, ruled(**fields), events)

    assert [2.2, 0.4] == [pytest.approx(found.points[0][1]), pytest.approx(found.points[-1][1])]


async def test_a_silence_is_a_gap(tmp_path: Path) -> None:
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    events = [*funding(1e-4, 2e-4, 1e-4, end=T - 60 * M), *funding(4e-4, 4e-4, 6e-4)]
    _, found = await shown(tmp_path, rule, events)

    assert [1e-4, 2e-4, 1e-4, None, 4e-4, 4e-4, 6e-4] == [value for _, value in found.points]


async def test_it_always_begins_before_it_fired(tmp_path: Path) -> None:
    """Three days ago, although a day is what is usually shown."""
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    events = funding(*([1e-4] * 20), *([6e-4] * 430), end=T, step=10 * M)
    fired = next(one for one in await lived(tmp_path, rule, events) if one.change is Change.FIRED)
    found = await read(tmp_path, rule, fired.alert, T)

    assert found is not None
    assert fired.alert.started_ms < T - 2 * D
    assert found.begins_ms < fired.alert.started_ms - H
    assert T == found.points[-1][0]


async def test_it_ends_soon_after_the_end(tmp_path: Path) -> None:
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    events = funding(*([1e-4] * 60), *([6e-4] * 30), *([1e-4] * 200), end=T)
    cleared = next(one for one in await lived(tmp_path, rule, events) if one.change is Change.CLEARED)
    found = await read(tmp_path, rule, cleared.alert, T)

    assert found is not None
    assert found.ends_ms == (cleared.alert.ended_ms or 0) + 30 * M
    assert found.points[-1][0] == found.ends_ms
    assert [Change.FIRED, Change.CLEARED] == [one.change for one in found.moments]


async def test_a_value_that_the_log_does_not_hold_but_was_told_is_shown(tmp_path: Path) -> None:
    """Time decided it, with `for`: no event is stored of that moment."""
    rule = ruled(**{"type": "funding", "symbols": ["BTC"], "above": "0.05%", "for": "3m"})
    events = funding(1e-4, 6e-4, end=T)
    transitions = await lived(tmp_path, rule, events, ticks=[T + 3 * M])
    fired = next(one for one in transitions if one.change is Change.FIRED)
    found = await read(tmp_path, rule, fired.alert, T + 3 * M)

    assert found is not None
    assert (T + 3 * M, 6e-4) == found.points[-1]


async def test_one_value_alone_is_no_picture(tmp_path: Path) -> None:
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    (fired,) = await lived(tmp_path, rule, funding(6e-4))

    assert await read(tmp_path, rule, fired.alert) is None


async def test_of_too_many_events_the_newest_count_once_their_windows_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the sum would begin too small."""
    monkeypatch.setattr(series, "EVENTS_MAX", 100)
    rule = ruled(type="liquidation", symbols=["BTC"], window="20m", total="$1m")
    events = [said("liquidation", T - ago * M, side="long", notional_usd=1e5) for ago in range(300, -1, -1)]
    fired = next(one for one in await lived(tmp_path, rule, events) if one.change is Change.FIRED)
    found = await read(tmp_path, rule, fired.alert)

    assert found is not None
    assert T - 79 * M == found.begins_ms
    assert {2e6} == {value for _, value in found.points if value is not None and value > 19.5e5}
    assert {19e5, 2e6} >= {value for _, value in found.points}


async def test_what_takes_too_long_to_read_is_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields, events = CASES["funding"]
    rule = ruled(**fields)
    (fired,) = await lived(tmp_path, rule, events)
    monkeypatch.setattr(series, "PATIENCE_S", 0.0)

    assert await read(tmp_path, rule, fired.alert) is None
    monkeypatch.undo()
    assert await read(tmp_path, rule, fired.alert) is not None


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"type": "feed_health", "for": "0s"}, said("feed_health", T, symbol=None, feed="okx.public", state="down")),
        ({"type": "expression", "on": "mark_price", "when": "venue == 'binance'"}, said("mark_price", T, price=4.0)),
        (
            {"type": "expression", "on": "fear_greed", "when": "index == 4 and not 1 > 2"},
            said("fear_greed", T, index=4),
        ),
        (
            {"type": "expression", "on": "adl_update", "value": "level", "above": 0, "notify": []},
            said("adl_update", T, account="main", position_id="1", level=4),
        ),
        (
            {"type": "adl", "level": 3, "notify": []},
            said("adl_update", T, account="main", position_id="1", level=4),
        ),
    ],
)
async def test_what_is_private_or_has_no_course_is_not_drawn(
    tmp_path: Path, fields: dict[str, Any], event: Event
) -> None:
    rule = ruled(**fields)
    transitions = await lived(tmp_path, rule, [event], ticks=[T + M])
    fired = next(one for one in transitions if one.change is Change.FIRED)

    assert not is_shown(rule, fired.alert)
    assert await read(tmp_path, rule, fired.alert) is None


async def test_a_rule_that_was_replaced_by_another_kind_draws_nothing(tmp_path: Path) -> None:
    fields, events = CASES["funding"]
    fired, _ = await shown(tmp_path, ruled(**fields), events)

    assert not is_shown(ruled(**CASES["basis"][0]), fired.alert)


@given(st.lists(st.none() | st.integers(-9, 9), min_size=10, max_size=40))
def test_thinning_keeps_the_extremes_the_gaps_and_the_end(values: list[int | None]) -> None:
    points: list[Point] = [(T + number * M, value) for number, value in enumerate(values)]
    found = thinned(points, points[0][0], points[-1][0], most=9)
    known = [value for value in values if value is not None]

    assert len(found) <= 11
    assert points[-1] == found[-1]
    assert all(one[0] <= two[0] for one, two in pairwise(found))
    assert {point for point in found if point[1] is not None} <= set(points)
    assert not known or (min(known), max(known)) == (
        min(value for _, value in found if value is not None),
        max(value for _, value in found if value is not None),
    )


def test_what_is_few_is_not_thinned() -> None:
    points: list[Point] = [(T, 1.0), (T + M, None), (T + H, 3.0)]

    assert points == thinned(points, T, T + H)


def test_a_gap_survives_thinning() -> None:
    points: list[Point] = [(T + number * M, None if number == 500 else 1.0) for number in range(1_000)]
    found = thinned(points, T, T + 999 * M)

    assert 1 == [value for _, value in found].count(None)
    assert None not in (found[0][1], found[-1][1])
