"""What is drawn of a condition, and of what the log does not hold."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from daemon.keeping import Keeping
from daemon.pictures.composing import limits_of
from daemon.pictures.memory import Memory, recalled
from daemon.pictures.series import Series, values_of
from rules.alerts import Change
from rules.engine import Engine
from rules.events import Event
from storage.database import Database
from storage.journal import Batch, Journal
from tests.daemon.pictures.life import H, M, T, lived, ruled, said
from tests.daemon.pictures.pasts import shown

S = 1_000
FLUSH = {
    "type": "expression",
    "on": "open_interest",
    "when": "change(oi_usd, 15m) <= -5% and oi_usd >= $100m",
    "clear": "change(oi_usd, 15m) > -2%",
}


def interest(*millions: float) -> list[Event]:
    """One a minute, the last one now."""
    count = len(millions)
    return [
        said("open_interest", T - (count - 1 - number) * M, oi_base=1.0, oi_usd=1e6 * one)
        for number, one in enumerate(millions)
    ]


async def test_open_interest_that_is_closed_in_bulk_is_seen_to_fall(tmp_path: Path) -> None:
    """What the rule compares, minute by minute, its limit, and where it clears."""
    _, found = await shown(tmp_path, ruled(**FLUSH), interest(*([200.0] * 40), 199, 195, 189))

    assert "change(oi_usd, 15m)" == found.look.facts["when"]
    assert [-0.05, -0.02] == [limit.value for limit in limits_of(found.look)]
    assert [0.0, -0.005, -0.025, -0.055] == [pytest.approx(value) for _, value in found.points[-4:]]
    assert [Change.FIRED] == [one.change for one in found.moments]
    assert (T, T) == (found.points[-1][0], found.ends_ms)


@pytest.mark.parametrize(
    ("when", "millions", "expected"),
    [
        ("change(oi_usd, 15m) <= -5% and oi_usd >= $100m", (*([200.0] * 40), 189), "change(oi_usd, 15m)"),
        ("oi_usd >= $100m and change(oi_usd, 15m) <= -5%", (*([200.0] * 40), 189), "change(oi_usd, 15m)"),
        ("change(oi_usd, 15m) <= -5% and oi_usd < $150m", (*([200.0] * 40), 189, 149), "oi_usd"),
        ("oi_usd > $900m or oi_usd < $100m", (*([200.0] * 40), 99), "oi_usd"),
        ("oi_usd > $900m or change(oi_usd, 15m) <= -5%", (*([200.0] * 40), 189), "change(oi_usd, 15m)"),
        ("oi_usd >= $150m and oi_base > 0", (*([100.0] * 40), 189), "oi_usd"),
        ("count(5m) > 3 and oi_usd > $150m", (*([100.0] * 40), 189), "oi_usd"),  # a count of samples is not known
    ],
)
async def test_the_number_that_was_still_missing_is_shown(
    tmp_path: Path, when: str, millions: Sequence[float], expected: str
) -> None:
    """Whichever way the condition is written."""
    _, found = await shown(tmp_path, ruled(**{**FLUSH, "when": when, "clear": "oi_base < 0"}), interest(*millions))

    assert expected == found.look.facts["when"]
    last = found.points[-1][1]
    assert last is not None
    assert last * found.look.ladder.sign >= found.look.ladder.enters[0]


async def test_of_numbers_that_came_to_hold_together_the_first_is_shown(tmp_path: Path) -> None:
    rule = ruled(**{**FLUSH, "when": "oi_usd > $150m and change(oi_usd, 15m) > 5%", "clear": "oi_usd < $1m"})
    _, found = await shown(tmp_path, rule, interest(*([100.0] * 40), 189))

    assert "oi_usd" == found.look.facts["when"]


async def test_what_was_told_of_a_condition_is_no_value_of_it(tmp_path: Path) -> None:
    """It was 1, for `it holds`; and stands in no picture."""
    rule = ruled(**{**FLUSH, "for": "3m"})
    events = interest(*([200.0] * 40), 189, 189, 189)
    (fired,) = [one for one in await lived(tmp_path, rule, events, ticks=[T + M]) if one.change is Change.FIRED]
    database = await Database.open(str(tmp_path / "tocsin.db"), exclusive=False, create=False)
    try:
        found = await values_of(database, rule, fired.alert, T + M)
    finally:
        await database.close()

    assert found is not None
    assert T + M == fired.alert.at_ms
    assert all(value is not None and value <= 0 for _, value in found.points)


class House:
    """An engine with a memory, and a log of what is kept, as the recorder leaves it."""

    def __init__(self, **fields: Any) -> None:
        self.rule = Memory().attached(ruled(**fields))
        self.engine, self.keeping = Engine([self.rule]), Keeping(60_000)
        self.batch = Batch(events=[], transitions=[])

    def hear(self, events: Sequence[Event]) -> None:
        for event in events:
            found = [*self.engine.tick(event.received_ms), *self.engine.observe(event, event.received_ms)]
            if self.keeping.keeps(event, event.received_ms) or found:
                self.batch.events.append(event)
            self.batch.transitions.extend(found)

    async def seen(self, folder: Path, until_ms: int = T) -> Series | None:
        """The picture of the latest change."""
        database = await Database.open(str(folder / "tocsin.db"))
        try:
            await Journal(database).commit(self.batch, T)
            alert = self.batch.transitions[-1].alert
            return await values_of(database, self.rule, alert, until_ms, recalled(self.engine.trackers("r"), alert))
        finally:
            await database.close()


def trades(begins_ms: int, ends_ms: int, every_ms: int, **fields: Any) -> list[Event]:
    return [
        said("trade", at_ms, trade_id=str(at_ms), **{"price": 50.0, "quantity": 1.0, **fields})
        for at_ms in range(begins_ms, ends_ms, every_ms)
    ]


async def test_a_sum_of_trades_is_drawn_though_none_of_them_is_stored(tmp_path: Path) -> None:
    """Of the burst each second, of the minutes before it each minute; and it stands at what was told."""
    house = House(type="expression", on="trade", value="sum(quantity, 10s)", above=20)
    house.hear([*trades(T - 30 * M, T - 6 * S, 2 * S), *trades(T - 6 * S, T + 1, 250)])
    found = await house.seen(tmp_path)

    assert found is not None
    assert 1 == len(house.batch.events)
    assert (5.0, house.batch.transitions[0].alert.value) == (found.points[0][1], 21.0)
    fired_ms = house.batch.transitions[0].alert.at_ms
    assert [21.0] == [value for at_ms, value in found.points if at_ms == fired_ms]
    assert {value for at_ms, value in found.points if at_ms < T - 7 * S} == {5.0}
    assert T - found.begins_ms == 2 * M


async def test_prices_of_the_moment_are_drawn(tmp_path: Path) -> None:
    house = House(type="expression", on="ticker", when="(ask - bid) / mid > 0.2%", clear="(ask - bid) / mid < 0.1%")
    house.hear([said("ticker", T - ago * 5 * S, bid=100.0, ask=100.02 + 0.5 * (ago < 3)) for ago in range(400, -1, -1)])
    found = await house.seen(tmp_path)

    assert found is not None
    assert [0.002, 0.001] == [limit.value for limit in limits_of(found.look)]
    assert [pytest.approx(0.0002, rel=0.01), pytest.approx(0.0052, rel=0.01)] == [
        found.points[0][1],
        found.points[-1][1],
    ]


async def test_closed_candles_are_drawn_one_by_one(tmp_path: Path) -> None:
    house = House(type="expression", on="candle", where="is_closed", value="volume", above=700)
    house.hear(
        [
            said("candle", T - ago * 30 * S, is_closed=ago % 2 == 0, volume=100.0 if ago else 800.0)
            for ago in range(80, -1, -1)
        ]
    )
    found = await house.seen(tmp_path)

    assert found is not None
    assert {M} == {two[0] - one[0] for one, two in pairwise(found.points)}
    assert [100.0, 100.0, 800.0] == [value for _, value in found.points[-3:]]


async def test_a_count_of_what_is_only_sampled_is_drawn_too(tmp_path: Path) -> None:
    """The log holds one of thirty."""
    house = House(type="expression", on="mark_price", when="count(price > 100, 1m) >= 5")
    house.hear([said("mark_price", T - ago * 2 * S, price=101.0 if ago < 5 else 99.0) for ago in range(900, -1, -1)])
    found = await house.seen(tmp_path)

    assert found is not None
    assert [1.0, 2.0, 3.0, 4.0, 5.0] == [
        value for at_ms, value in found.points if at_ms > T - 10 * S and at_ms % (2 * S) == T % (2 * S)
    ]


async def test_a_dead_feed_is_a_gap_in_what_is_remembered(tmp_path: Path) -> None:
    """And the sum is known again when its window has passed."""
    house = House(type="expression", on="trade", value="sum(quantity, 10s)", above=20)
    health = [
        said("feed_health", T - ago * S, symbol=None, feed="binance.public", state=state, carries=["trade"])
        for ago, state in ((60, "down"), (40, "up"))
    ]
    house.hear([*trades(T - 10 * M, T - 60 * S, 2 * S), *health, *trades(T - 39 * S, T - 6 * S, 2 * S)])
    house.hear(trades(T - 6 * S, T + 1, 250))
    found = await house.seen(tmp_path)

    assert found is not None
    assert {None} == {value for at_ms, value in found.points if T - 60 * S < at_ms < T - 30 * S}
    assert 0.0 not in [value for _, value in found.points]


async def test_after_a_restart_nothing_is_remembered_and_nothing_made_up(tmp_path: Path) -> None:
    house = House(type="expression", on="trade", value="sum(quantity, 10s)", above=20)
    house.hear(trades(T - 6 * S, T + 1, 250))
    house.engine = Engine([house.rule])

    assert await house.seen(tmp_path) is None


async def test_hours_later_the_fire_is_still_in_the_picture(tmp_path: Path) -> None:
    """Its second is folded into its minute by then."""
    house = House(type="expression", on="trade", value="price", above=100)
    house.hear([*trades(T - 3 * H, T - 2 * H, 10 * S), *trades(T - 2 * H, T, 10 * S, price=150.0)])
    house.hear(trades(T, T + 1, S))
    found = await house.seen(tmp_path)

    assert found is not None
    assert [Change.FIRED, Change.CLEARED] == [one.change for one in found.moments]
    assert [(T - 2 * H, 150.0)] == [point for point in found.points if point[0] == T - 2 * H]
    assert found.begins_ms < T - 2 * H - 30 * M
