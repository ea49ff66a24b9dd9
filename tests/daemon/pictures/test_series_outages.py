"""What a picture claims of a time in which nobody watched: nothing."""

from pathlib import Path

import pytest

from tests.daemon.pictures.life import H, M, T, lived, ruled, said
from tests.daemon.pictures.pasts import CASES, read, samples, shown, summed, wide


async def test_a_house_that_was_just_started_claims_nothing_of_the_time_before(tmp_path: Path) -> None:
    """Samples came a minute before the first liquidation of anything: nothing is known of liquidations until then."""
    rule, events = summed(2, 1, 0, up_since=T - 4 * M, others=(3,))
    _, found = await shown(tmp_path, rule, events)

    assert (T - 3 * M, 0.0) == found.points[0]
    assert (T - 3 * M, T) == (found.begins_ms, found.ends_ms)


async def test_a_spread_begins_with_the_second_venue(tmp_path: Path) -> None:
    fields, events = CASES["funding_spread"]
    _, found = await shown(tmp_path, ruled(**fields), events)

    assert T - 2 * M == found.points[0][0] == found.begins_ms
    assert found.points[0][1] == pytest.approx(1e-4)


async def test_single_orders_begin_with_the_log_too(tmp_path: Path) -> None:
    fields, events = CASES["liquidation"]
    _, found = await shown(tmp_path, ruled(**fields), [*events[2:], *samples(T - 5 * H)])

    assert [(T - 50 * M, 1e4), (T, 2e6)] == list(found.points)
    assert T - 50 * M == found.begins_ms


async def test_the_only_order_stands_at_the_end_of_an_hour(tmp_path: Path) -> None:
    """It says that there was no other, if somebody listened."""
    fields, events = CASES["liquidation"]
    lone, first = events[3:], said("liquidation", T - 5 * H, side="short", notional_usd=1.0)
    _, found = await shown(tmp_path, ruled(**fields), [first, *lone, *samples(T - 5 * H)])

    assert ([(T, 2e6)], T - H, T) == (list(found.points), found.begins_ms, found.ends_ms)


async def test_an_outage_of_the_house_is_known_of_single_orders_too(tmp_path: Path) -> None:
    fields, events = CASES["liquidation"]
    up = [*samples(T - 5 * H, T - 50 * M), *samples(T - 20 * M)]
    first = said("liquidation", T - 5 * H, side="short", notional_usd=1.0)
    _, found = await shown(tmp_path, ruled(**fields), [first, *events[3:], *up])

    assert ((T - 50 * M, T - 20 * M),) == found.outages


async def test_the_only_order_of_a_house_that_was_just_started_is_no_picture(tmp_path: Path) -> None:
    fields, events = CASES["liquidation"]
    (fired,) = await lived(tmp_path, ruled(**fields), [*events[3:], *samples(T - 5 * H)])

    assert await read(tmp_path, ruled(**fields), fired.alert) is None


async def test_an_outage_of_the_house_is_a_gap_and_no_zero(tmp_path: Path) -> None:
    """Of half an hour, and of the five minutes after it in which the sum lacks what came in those."""
    rule, events = summed(100, 61, 28, 24, 0, 0, 0, up_since=T - 3 * H)
    events = [event for event in events if not T - 60 * M < event.received_ms < T - 30 * M]
    points = await wide(tmp_path, rule, events)
    at = dict(points)

    assert [None] == [value for at_ms, value in points if T - 60 * M < at_ms < T - 25 * M]
    assert (4e5, 4e5, 8e5) == (at[T - 60 * M], at[T - 25 * M], at[T - 24 * M])
    assert (0.0, 0.0, 4e5) == (at[T - 95 * M], at[T - 61 * M - 1], at[T - 61 * M])


async def test_a_quiet_market_is_zero_and_no_gap(tmp_path: Path) -> None:
    rule, events = summed(100, 0, 0, 0, up_since=T - 3 * H)

    assert None not in [value for _, value in await wide(tmp_path, rule, events)]


async def test_after_an_outage_that_reaches_into_the_picture_it_begins_later(tmp_path: Path) -> None:
    rule, events = summed(500, 0, 0, 0, up_since=T - 9 * H)
    events = [event for event in events if not T - 8 * H < event.received_ms < T - 20 * M]
    _, found = await shown(tmp_path, rule, events)

    assert (T - 15 * M, 0.0) == found.points[0]
    assert T - 15 * M == found.begins_ms


async def test_it_begins_between_two_samples_but_not_within_an_outage(tmp_path: Path) -> None:
    """Five minutes before the six hours began, the last sample came; and the next one half a minute or half an hour after.

    After the outage follow the five minutes of the rule.
    """
    begins_ms = T - 6 * H
    rule, events = summed(0, 0, 0, up_since=T)
    listening = said("liquidation", T - 9 * H, side="long", symbol="ETH-USDT-PERP", notional_usd=1.0)
    firsts = []
    for name, next_ms in (("up", begins_ms + 30_000), ("down", begins_ms + 30 * M)):
        folder = tmp_path / name
        folder.mkdir()
        up = [*samples(T - 9 * H, begins_ms - 5 * M), *samples(next_ms)]
        firsts.append((await wide(folder, rule, [listening, *events, *up]))[0])

    assert [(begins_ms, 0.0), (begins_ms + 35 * M, 0.0)] == firsts


async def test_a_coin_leaves_its_peg_in_a_step_and_not_in_a_slope(tmp_path: Path) -> None:
    """At the peg it is written down once an hour; what it would be loud in between was never measured."""
    depths = {180: 0.0, 120: 0.001, 60: 0.0, 3: 0.004, 2: 0.004, 1: 0.004, 0: 0.02}
    events = [
        said("stablecoin_quote", T - ago * M, venue="defillama", symbol=None, coin="USDC", price=1 - depth)
        for ago, depth in depths.items()
    ]
    points = dict(await wide(tmp_path, ruled(**CASES["depeg"][0]), events))

    assert points[T - 4 * M] == points[T - 60 * M] == pytest.approx(0.0)
    assert points[T - 61 * M] == points[T - 120 * M] == pytest.approx(-0.001)
    assert [T - 3 * M, T - 2 * M, T - M, T] == [at_ms for at_ms in points if at_ms >= T - 3 * M]
    assert None not in points.values()


async def test_samples_that_are_far_apart_are_no_outages(tmp_path: Path) -> None:
    """`sample_every: 15m`: a quarter of an hour without anything is usual then."""
    rule, events = summed(100, 0, 0, 0, up_since=T - 20 * M)

    assert None not in [value for _, value in await wide(tmp_path, rule, [*events, *samples(T - 6 * H, T, 15 * M)])]
