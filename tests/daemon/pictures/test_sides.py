"""On which side of zero a picture stands: where its words say, though the rule asks only how far."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from daemon.pictures.chart import Limit
from daemon.pictures.composing import compose, sentence
from daemon.pictures.drawing import LINE, LOUD, draw
from daemon.pictures.layout import in_sight, reach
from daemon.pictures.memory import Memory, recalled
from daemon.pictures.series import values_of
from rules.alerts import Change, Severity
from rules.engine import Engine
from rules.events import Event
from storage.database import Database
from storage.journal import Batch, Journal
from tests.daemon.pictures.charts import chart, course, opened
from tests.daemon.pictures.life import M, T, address, lived, ruled, said
from tests.daemon.pictures.pasts import funding, read, shown
from tests.daemon.pictures.test_drawing import columns

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
S = 1_000


def prices(*values: float, step: int = M, **more: Any) -> list[Event]:
    first = T - (len(values) - 1) * step
    return [said("mark_price", first + at * step, price=price, **more) for at, price in enumerate(values)]


def interest(*coins: float) -> list[Event]:
    first = T - (len(coins) - 1) * M
    return [said("open_interest", first + at * M, oi_base=count, oi_usd=count * 1e6) for at, count in enumerate(coins)]


def quotes(*values: float) -> list[Event]:
    place = {"venue": "defillama", "symbol": None, "coin": "USDC"}
    first = T - (len(values) - 1) * M
    return [said("stablecoin_quote", first + at * M, price=price, **place) for at, price in enumerate(values)]


MOVE, OPEN = {"window": "3m", "above": "3%"}, {"window": "3m", "above": "5%"}
BASIS = {"type": "basis", "symbols": ["BTC"], "above": "0.5%"}
FALLS: dict[str, tuple[dict[str, Any], list[Event], float]] = {
    "shorts pay": ({"type": "funding", "symbols": ["BTC"], "above": "0.1%"}, funding(1e-4, 1e-4, -1.2e-3), -1.2e-3),
    "shorts pay, alone": (
        {"type": "funding", "symbols": ["BTC"], "above": "0.1%", "direction": "shorts_pay"},
        funding(1e-4, 1e-4, -1.2e-3),
        -1.2e-3,
    ),
    "a discount": (BASIS, prices(100.1, 100.1, 99.2, index_price=100.0), -0.008),
    "a discount, alone": (
        {**BASIS, "direction": "discount"},
        prices(100.1, 100.1, 99.2, index_price=100.0),
        -0.008,
    ),
    "a price": ({"type": "price_change", "symbols": ["BTC"], **MOVE}, prices(100, 100, 100, 100, 96.5), -0.035),
    "a price, alone": (
        {"type": "price_change", "symbols": ["BTC"], **MOVE, "direction": "down"},
        prices(100, 100, 100, 100, 96.5),
        -0.035,
    ),
    "positions": ({"type": "open_interest_change", **OPEN}, interest(100, 100, 100, 100, 94), -0.06),
    "positions of a large market": (
        {"type": "open_interest_change", **OPEN, "at_least": "$50m"},
        interest(100, 100, 100, 100, 94),
        -0.06,
    ),
    "a coin": ({"type": "depeg", "coins": ["USDC"], "depth": "1%"}, quotes(1.0, 0.999, 0.98), -0.02),
}


@pytest.mark.parametrize("name", FALLS)
async def test_what_falls_is_drawn_below_zero_beside_the_limit_that_it_passed(tmp_path: Path, name: str) -> None:
    fields, events, value = FALLS[name]
    rule = ruled(**fields)
    fired, found = await shown(tmp_path, rule, events)
    drawn = compose(found.look, fired.alert, found, None)
    limit = fields.get("above", fields.get("depth"))

    assert value == pytest.approx(found.points[-1][1])
    assert -value == pytest.approx(fired.alert.value)  # the rule itself goes on as it was
    assert drawn.is_falling
    assert drawn.limits[0].value == -rule.ladder.shown[0]  # type: ignore[operator]
    assert f"limit -{limit}" in sentence(found.look, fired.alert, drawn)
    assert ("alone" in name) is (drawn.mirrored == ())


async def test_what_rises_is_drawn_above_zero_whatever_it_was_before(tmp_path: Path) -> None:
    rule = ruled(type="price_change", symbols=["BTC"], **MOVE)
    fired, found = await shown(tmp_path, rule, prices(100, 100, 99, 98, 98, 102.5))
    drawn = compose(found.look, fired.alert, found, None)

    assert pytest.approx([-0.02, 3.5 / 99]) == [found.points[0][1], found.points[-1][1]]
    assert not drawn.is_falling
    assert ([Limit(0.03, WARNING)], [Limit(-0.03, WARNING)]) == (list(drawn.limits), list(drawn.mirrored))


async def test_the_end_of_a_fall_is_where_its_words_say(tmp_path: Path) -> None:
    """Longs pay again, a little; and what was told while the shorts paid stays below zero."""
    rule = ruled(type="funding", symbols=["BTC"], above="0.1%")
    *_, cleared = await lived(tmp_path, rule, funding(1e-4, 1e-4, -1.2e-3, -1.3e-3, 1.14e-4))
    found = await read(tmp_path, rule, cleared.alert, T)

    assert found is not None
    assert Change.CLEARED is cleared.change
    assert [1e-4, 1e-4, -1.2e-3, -1.3e-3, 1.14e-4] == [pytest.approx(value) for _, value in found.points]
    assert compose(found.look, cleared.alert, found, None).is_falling


async def test_what_time_decided_is_on_the_side_of_the_latest_value(tmp_path: Path) -> None:
    rule = ruled(**{"type": "funding", "symbols": ["BTC"], "above": "0.1%", "for": "3m"})
    (_, fired) = await lived(tmp_path, rule, funding(1e-4, -1.2e-3), ticks=[T + 3 * M])
    found = await read(tmp_path, rule, fired.alert, T + 3 * M)

    assert found is not None
    assert (T + 3 * M, -1.2e-3) == found.points[-1]


@pytest.mark.parametrize("direction", ["either", "down"])
async def test_what_is_remembered_falls_too(tmp_path: Path, direction: str) -> None:
    """A move within ten seconds is in no sample."""
    rule = ruled(type="price_change", symbols=["BTC"], window="10s", above="3%", direction=direction)
    events = prices(*[100.0] * 30, 99.5, 96.5, *[96.5] * 12, step=S)
    engine = Engine([Memory().attached(rule)])
    told = [one for event in events for one in engine.observe(event, event.received_ms)]
    database = await Database.open(address(tmp_path))
    try:
        await Journal(database).commit(Batch(events=events[::60], transitions=told), T)
        found = await values_of(database, rule, told[-1].alert, T, recalled(engine.trackers("r"), told[-1].alert))
    finally:
        await database.close()

    assert found is not None
    assert ["fired", "cleared"] == [one.change for one in told]
    assert pytest.approx([-0.035, 0.0]) == [of(value or 0.0 for _, value in found.points) for of in (min, max)]
    assert compose(found.look, told[-1].alert, found, None).is_falling


async def test_the_size_that_a_trader_wrote_is_drawn_as_a_size(tmp_path: Path) -> None:
    rule = ruled(type="expression", on="funding_rate", value="abs(rate_8h)", above="0.1%")
    fired, found = await shown(tmp_path, rule, funding(1e-4, 1e-4, -1.2e-3))
    drawn = compose(found.look, fired.alert, found, None)

    assert pytest.approx(1.2e-3) == found.points[-1][1]
    assert ((Limit(0.001, WARNING),), ()) == (drawn.limits, drawn.mirrored)


def seen(values: Sequence[float], limit: float) -> list[float]:
    """Which limits stand in the picture of a rule that looks both ways and fired below."""
    drawn = chart(
        course(lambda at: values[at], len(values)),
        limits=(Limit(-limit, WARNING), Limit(-2 * limit, CRITICAL), Limit(-limit / 2, None)),
        mirrored=(Limit(limit, WARNING), Limit(2 * limit, CRITICAL)),
        is_falling=True,
    )
    return [one.value for one in in_sight(drawn, *reach(drawn))]


def test_the_mildest_limit_of_the_other_side_is_seen_where_there_is_room() -> None:
    """All of them where the line went there, and none that could hardly be told from its counterpart."""
    assert [-1.0, -2.0, -0.5, 1.0] == seen([0.1, -1.2, -1.9], 1.0)
    assert [-1.0, -2.0, -0.5] == seen([-0.98, -0.99, -1.01], 1.0)
    assert [-1.0, -2.0, -0.5, 1.0, 2.0] == seen([-1.2, 2.1], 1.0)
    assert [-1.0, -2.0, -0.5] == seen([0.1, -1.2, -30.0], 1.0)


def test_a_line_that_changes_sides_has_the_colour_of_its_level_on_both() -> None:
    limits = {"limits": (Limit(0.001, WARNING),), "mirrored": (Limit(-0.001, WARNING),), "fired_ms": None}
    image = opened(draw(chart(course(lambda at: 0.0012 if at < 120 else 0.0 if at < 240 else -0.0013), **limits)))
    loud, quiet = columns(image, LOUD[WARNING], 160, 200), columns(image, LINE)
    below = columns(image, LOUD[WARNING], 590, 626)

    assert loud
    assert below
    assert max(loud) < min(below)
    assert max(loud) - 8 <= min(quiet) <= max(quiet) <= min(below) + 8
