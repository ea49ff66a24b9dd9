"""When nobody listened, by what the feeds have said of themselves."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daemon.pictures.gaps import down, merged, starts, unheard, without
from rules.events import Event, FeedHealth
from tests.daemon.pictures.life import H, M, T, ruled, said
from tests.daemon.pictures.pasts import funding, samples, shown, wide

SUMS = {"type": "liquidation", "symbols": ["BTC"], "window": "5m", "total": "$1m", "by": ["venue", "symbol"]}
SUM = ruled(**SUMS)


def feed(ago: float, state: str, venue: str = "binance", name: str = "market", **more: object) -> FeedHealth:
    """So many minutes ago."""
    event = said(
        "feed_health", T - round(ago * M), symbol=None, venue=venue, feed=f"{venue}.{name}", state=state, **more
    )
    assert isinstance(event, FeedHealth)
    return event


def dead(begins: float, ends: float, **more: object) -> list[FeedHealth]:
    return [feed(begins, "down", **more), feed(ends, "up", **more)]  # type: ignore[arg-type]


def orders(*agos: float, **more: object) -> list[Event]:
    """Of $0.4m each: three within five minutes are enough."""
    return [said("liquidation", T - round(ago * M), side="long", notional_usd=4e5, **more) for ago in agos]


_FEEDS = [("binance", "market"), ("binance", "public"), ("okx", "public")]


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from(_FEEDS), st.sampled_from(["up", "down"])), max_size=20))
def test_nobody_is_heard_while_each_venue_has_a_feed_that_is_down(
    changes: list[tuple[int, tuple[str, str], str]],
) -> None:
    """At each moment, looked at one by one; a venue that said nothing yet was up."""
    said_so = [feed(ago, state, *which) for ago, which, state in sorted(changes, key=lambda one: -one[0])]
    found = down(said_so, T)
    venues = {one.venue for one in said_so}

    for ago in [*range(60, 0, -1)]:
        at_ms = T - ago * M + M // 2
        latest = {(one.venue, one.feed): one.state for one in said_so if one.received_ms <= at_ms}
        is_dead = bool(venues) and all((venue, "down") in {(v, s) for (v, _), s in latest.items()} for venue in venues)
        assert is_dead is any(one <= at_ms < two for one, two in found)


async def test_only_the_feeds_that_bring_its_events_count(tmp_path: Path) -> None:
    """Of its venue; and one that names none brings all of them."""
    others = [*dead(50, 40, carries=["trade"]), *dead(30, 20, venue="okx", carries=["liquidation"])]
    both = [*dead(25, 22, carries=["trade", "liquidation"]), *dead(9, 8)]
    points = await wide(tmp_path, SUM, [*orders(175, 2, 1, 0), *samples(T - 3 * H), *others, *both])

    assert [T - 25 * M + 1, T - 9 * M + 1] == [at_ms for at_ms, value in points if value is None]


def test_what_is_still_down_is_down_until_the_end_and_beyond() -> None:
    assert [(T - 9 * M, T + 1)] == down([feed(9, "down")], T)


def test_feeds_that_are_up_once_more_tell_of_a_start() -> None:
    """Within a minute of each other. A rule of one venue waits for its last feed, any other for the first one."""
    first = [feed(90, "up"), feed(90, "up", "okx", "public"), feed(80, "down"), feed(70, "up")]
    again = [feed(50, "up", "okx", "public"), feed(49.5, "up"), feed(49, "up", "binance", "other")]
    bringing = [one for one in [*first, *again] if one.venue == "binance"]

    assert [(T - 50 * M, round(T - 49.5 * M))] == starts([*first, *again], bringing, is_one_venue=True)
    assert [(T - 50 * M, T - 50 * M)] == starts([*first, *again], again, is_one_venue=False)
    assert [(T - 50 * M, T - 50 * M)] == starts([*first, *again], [], is_one_venue=True)


async def test_a_house_that_was_started_anew_has_heard_nothing_meanwhile(tmp_path: Path) -> None:
    """For four minutes: too short for a silence to be noticed, but its feeds say that they are up again."""
    up = [feed(170, "up"), feed(56, "up")]
    house = [one for one in samples(T - 3 * H) if not T - 60 * M < one.received_ms < T - 56 * M]
    points = await wide(tmp_path, SUM, [*orders(175, 63, 48, 2, 1, 0), *house, *up])
    at = dict(points)

    assert [None] == [value for at_ms, value in points if T - 60 * M < at_ms < T - 51 * M]
    assert (4e5, 0.0, 4e5) == (at[T - 60 * M], at[T - 51 * M], at[T - 48 * M])


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 30))))
def test_merged_stretches_do_not_meet_and_cover_the_same(pairs: list[tuple[int, int]]) -> None:
    outages = [(begins, begins + length) for begins, length in pairs]
    found = merged(outages)

    assert all(one[1] < two[0] for one, two in pairwise(found))
    assert {at for one, two in outages for at in range(one, two)} == {
        at for one, two in found for at in range(one, two)
    }


@given(st.integers(1, 60), st.integers(1, 30), st.lists(st.integers(0, 60)))
def test_nothing_is_claimed_of_a_sum_before_it_is_whole_again(begins: int, lasted: int, told: Sequence[int]) -> None:
    """Or was said, if that was earlier. Before and after, everything stays as it was."""
    outage = T - begins * M, T - begins * M + lasted * M
    points: list[tuple[int, float | None]] = [(T - ago * M, float(ago)) for ago in range(70, -1, -1)]
    unknown = unheard(SUM, [outage], [T - ago * M for ago in told])
    ((since_ms, until_ms),) = unknown
    found = without(points, unknown, SUM)
    known = {at_ms: value for at_ms, value in found if value is not None}

    assert outage[1] <= until_ms <= outage[1] + 5 * M
    assert not [at_ms for at_ms in known if since_ms < at_ms < until_ms]
    assert {point for point in points if not since_ms < point[0] < until_ms} <= set(found)


def test_a_blink_does_not_take_a_days_sum_away_for_a_day() -> None:
    """Less than a hundredth of its window is a gap of its own, and no more."""
    day = ruled(**{**SUMS, "window": "1d"})
    blink, hour = (T - 20 * H, T - 20 * H + 5_000), (T - 20 * H, T - 19 * H)

    assert [blink] == unheard(day, [blink], [])
    assert [(hour[0], hour[1] + 24 * H)] == unheard(day, [hour], [])
    assert [(blink[0], blink[1] + 5 * M)] == unheard(SUM, [blink], [])


async def test_a_dead_feed_is_a_gap_though_prices_go_on(tmp_path: Path) -> None:
    """Four minutes, which no silence would tell. What came before stands until then; the sum is whole five minutes after."""
    events = [*orders(63, 48, 2, 1, 0), *samples(T - 3 * H), *dead(60, 56), feed(170, "up")]
    points = await wide(tmp_path, ruled(**SUMS), [*orders(175), *events])
    at = dict(points)

    assert [None] == [value for at_ms, value in points if T - 60 * M < at_ms < T - 51 * M]
    assert (4e5, 0.0, 4e5) == (at[T - 60 * M], at[T - 51 * M], at[T - 48 * M])


async def test_what_was_said_soon_after_an_outage_is_shown(tmp_path: Path) -> None:
    """Two minutes after it, three orders were enough: what came during the outage would only have made it more."""
    events = [*orders(175, 40, 2, 1, 0), *samples(T - 3 * H), *dead(9, 3)]
    _, found = await shown(tmp_path, ruled(**SUMS), events)

    assert [(T, 12e5)] == [point for point in found.points if point[0] > T - 9 * M and point[1] is not None]


async def test_a_rule_over_several_venues_goes_on_while_one_is_heard(tmp_path: Path) -> None:
    rule = ruled(**{**SUMS, "by": ["symbol"]})
    events = [*orders(175), *orders(62, 2, 1, 0, venue="okx"), *samples(T - 3 * H)]
    both_up = [feed(170, "up"), feed(170, "up", "okx", "public")]
    gaps = []
    for name, outages in (("one", dead(60, 50)), ("both", [*dead(60, 50), *dead(58, 55, venue="okx", name="public")])):
        (tmp_path / name).mkdir()
        points = await wide(tmp_path / name, rule, [*events, *both_up, *outages])
        gaps.append([at_ms for at_ms, value in points if value is None])

    assert [[], [T - 58 * M + 1]] == gaps


async def test_of_single_orders_it_is_known_when_nobody_could_hear_them(tmp_path: Path) -> None:
    """Not when the feed was still down by then: somebody has heard this one."""
    rule = ruled(type="liquidation", symbols=["BTC"], at_least="$1m")
    large = said("liquidation", T, side="long", notional_usd=2e6)
    outages = []
    for name, health in (("up", dead(60, 56)), ("down", [feed(80, "down")])):
        (tmp_path / name).mkdir()
        _, found = await shown(tmp_path / name, rule, [*orders(90, 0.1), large, *samples(T - 5 * H), *health])
        outages.append(found.outages)

    assert [((T - 60 * M, T - 56 * M),), ((T - 80 * M, T + 1),)] == outages


async def test_a_level_is_not_drawn_across_a_dead_feed(tmp_path: Path) -> None:
    """Three minutes of funding were never heard: too short for a silence to be noticed."""
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    rates = [*funding(1e-4, 1e-4, 1e-4, end=T - 6 * M), *funding(2e-4, 2e-4, 6e-4)]
    values = []
    for name, health in (("up", []), ("down", dead(5.5, 2.5, carries=["funding_rate"]))):
        (tmp_path / name).mkdir()
        _, found = await shown(tmp_path / name, rule, [*rates, *health])
        values.append([value for _, value in found.points])

    assert [1e-4, 1e-4, 1e-4, 2e-4, 2e-4, 6e-4] == values[0]
    assert [1e-4, 1e-4, 1e-4, None, 2e-4, 2e-4, 6e-4] == values[1]


async def test_what_another_source_brought_meanwhile_is_drawn(tmp_path: Path) -> None:
    rule = ruled(type="funding", symbols=["BTC"], above="0.05%")
    _, found = await shown(tmp_path, rule, [*funding(1e-4, 1e-4, 1e-4, 1e-4, 6e-4), *dead(3.5, 0.5)])

    assert [1e-4, 1e-4, 1e-4, 1e-4, 6e-4] == [value for _, value in found.points]


async def test_how_often_a_feed_broke_is_a_number_like_any_other(tmp_path: Path) -> None:
    rule = ruled(type="expression", on="feed_health", value="count(state == 'down', 1h)", above=2)
    events = [one for ago in (40, 30, 1) for one in dead(ago, ago - 0.5)]
    _, found = await shown(tmp_path, rule, [*dead(150, 149), *events, *samples(T - 3 * H)])

    assert 3.0 == found.points[-1][1]
    assert {0.0, 1.0, 2.0, 3.0} == {value for _, value in found.points}
