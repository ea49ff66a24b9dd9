"""What is remembered because the log does not hold it."""

import gc
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pictures import memory
from daemon.pictures.looks import looks
from daemon.pictures.memory import COARSE_MAX, FINE_MAX, Course, Memory, recalled, remembered, unstored
from daemon.pictures.replay import measured
from rules.alerts import Alert, Change
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import Event
from tests.daemon.pictures.life import H, M, T, ruled, said
from tests.daemon.pictures.pasts import PERP

S = 1_000
BUSY = {"type": "expression", "on": "trade", "when": "sum(quantity, 1m) >= 6 and price < 100", "clear": "price > 200"}


def trades(*quantities: float, price: float = 50.0, every: int = 20 * S, symbol: str = PERP["symbol"]) -> list[Event]:
    count = len(quantities)
    return [
        said("trade", T - (count - 1 - number) * every, quantity=one, price=price, trade_id=str(number), symbol=symbol)
        for number, one in enumerate(quantities)
    ]


def fired(engine: Engine, events: list[Event]) -> Alert:
    found = [one for event in events for one in engine.observe(event, event.received_ms)]
    return next(one.alert for one in found if one.change is Change.FIRED)


def seen(engine: Engine, alert: Alert, rule: Rule) -> list[list[tuple[int, float | None]]]:
    """What is recalled of each number of it."""
    found = recalled(engine.trackers("r"), alert)
    return [remembered(found, look, 0, T) for look in looks(rule)]


@given(st.lists(st.tuples(st.integers(0, 90_000), st.none() | st.integers(-99, 99)), min_size=1, max_size=400))
def test_the_lowest_and_the_highest_of_each_stretch_are_kept(steps: list[tuple[int, float | None]]) -> None:
    """And where nothing was known. Nothing is made up, nothing out of order, and there is an end to it."""
    course, at_ms, noted = Course(), T, {}
    for step_ms, value in steps:
        at_ms += step_ms
        course.note(at_ms, value)
        noted[at_ms] = value  # of one moment what was said last
    points = course.points()
    known = [value for value in noted.values() if value is not None]

    assert {point for point in points if point[1] is not None} <= set(noted.items())
    assert points == sorted(points, key=lambda point: point[0])
    assert (
        [min(known), max(known)]
        == [
            min(value for _, value in points if value is not None),
            max(value for _, value in points if value is not None),
        ]
        if known
        else all(value is None for _, value in points)
    )
    assert (at_ms, noted[at_ms]) == points[-1]
    assert len(points) <= 2.5 * (FINE_MAX + COARSE_MAX)


def test_a_week_of_trades_takes_as_much_room_as_six_hours() -> None:
    course, size = Course(), 2 * (FINE_MAX + FINE_MAX // 4 + COARSE_MAX + COARSE_MAX // 4)
    for second in range(7 * 86_400):
        course.note(T + second * S, float(second % 97))
    points = course.points()

    assert size >= len(points)
    assert points[0][0] <= T + 7 * 86_400 * S - 6 * H
    assert [96.0 - 0.0] == [max(value for _, value in points if value is not None)]


def test_what_is_handed_to_the_thread_does_not_move_any_more() -> None:
    course = Course()
    course.note(T, 1.0)
    course.note(T + S, 2.0)
    copy = course.copied()
    course.note(T + S, 3.0)
    course.note(T + 2 * S, 4.0)

    assert [(T, 1.0), (T + S, 2.0)] == copy.points()
    assert [(T, 1.0), (T + S, 3.0), (T + 2 * S, 4.0)] == course.points()


def test_what_is_no_number_is_a_gap() -> None:
    course = Course()
    for number, value in enumerate((1.0, inf, 2.0)):
        course.note(T + number, value)

    assert [(T, 1.0), (T + 1, None), (T + 2, 2.0)] == course.points()


def test_it_remembers_what_a_replay_of_everything_would_tell() -> None:
    """Both numbers of the condition, by the windows that the rule itself has filled."""
    rule = ruled(**BUSY)
    engine, events = Engine([Memory().attached(rule)]), trades(1, 2, 3, 4, 5)
    alert = fired(engine, events)
    engine.tick(T + 5 * S)

    assert [measured(look, PERP, events, 0, T)[-5:] for look in looks(rule)][1] == seen(engine, alert, rule)[1]
    assert [1.0, 3.0, 6.0, 9.0, 12.0] == [
        value for at_ms, value in seen(engine, alert, rule)[0] if at_ms in {one.received_ms for one in events}
    ]


def test_a_sum_falls_though_nothing_comes() -> None:
    """The engine asks again while it fires, and its answers are noted."""
    rule = ruled(**{**BUSY, "when": "sum(quantity, 1m) >= 6"})
    engine = Engine([Memory().attached(rule)])
    alert = fired(engine, trades(3, 4))
    engine.tick(T + 3 * M)
    ((*_, last),) = [remembered(recalled(engine.trackers("r"), alert), look, 0, T + 3 * M) for look in looks(rule)]

    assert (T + 3 * M, 0.0) == last


def test_a_rule_decides_the_same_with_and_without_a_memory() -> None:
    events = trades(1, 2, 3, 4, 0.5, 0.1, 9, 9, every=25 * S)
    told = [
        [(one.change, one.alert.value, one.alert.facts) for event in events for one in engine.observe(event, event.received_ms)]
        for engine in (Engine([ruled(**BUSY)]), Engine([Memory().attached(ruled(**BUSY))]))
    ]  # fmt: skip

    assert told[0] == told[1]
    assert told[0]


def test_what_a_start_reads_again_is_no_memory() -> None:
    """The log has one trade of many: it fills the windows, and is not what the rule saw then."""
    rule, events = ruled(**BUSY), trades(9, 1)
    engine = Engine([Memory(since_ms=T).attached(rule)])
    engine.warm(events[0], events[0].received_ms)
    alert = fired(engine, events[1:])

    assert [[(T, 10.0)], [(T, 50.0)]] == seen(engine, alert, rule)


def test_a_reload_that_moves_the_limit_forgets_nothing() -> None:
    rule, memory_, events = ruled(**BUSY), Memory(), trades(1, 2, 3, 4)
    engine = Engine([memory_.attached(rule)])
    alert = fired(engine, events)
    before = seen(engine, alert, rule)
    moved = ruled(**{**BUSY, "when": "sum(quantity, 1m) >= 5 and price < 90"})
    engine.swap([memory_.attached(moved)], T)
    engine.observe(trades(1)[0], T)

    assert before[0][-1] != seen(engine, alert, moved)[0][-1]
    for was, now in zip(before, seen(engine, alert, moved), strict=True):
        assert was[:-1] == now[: len(was) - 1]


def test_what_chooses_other_events_begins_anew() -> None:
    rule, memory_ = ruled(**BUSY), Memory()
    engine = Engine([memory_.attached(rule)])
    alert = fired(engine, trades(1, 2, 3, 4))
    other = ruled(**BUSY, where="taker == 'sell'")
    engine.swap([memory_.attached(other)], T)
    engine.observe(said("trade", T, quantity=1.0, taker="sell", trade_id="s"), T)

    assert [1, 1] == [len(one) - one.count((T, None)) for one in seen(engine, alert, other)]


def test_there_are_so_many_numbers_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came first is kept; a rule that is gone makes room."""
    monkeypatch.setattr(memory, "COURSES_MAX", 3)
    rule, memory_ = ruled(**BUSY), Memory()
    engine = Engine([memory_.attached(rule)])
    coins = ("BTC", "ETH", "SOL")
    alerts = [fired(engine, trades(9, symbol=f"{coin}-USDT-PERP")) for coin in coins]

    assert [2, 1, 0] == [len(recalled(engine.trackers("r"), alert)) for alert in alerts]
    engine.swap([], T)
    engine.tick(T + 2 * M)  # what waited for its time is let go then
    gc.collect()
    engine.swap([memory_.attached(rule)], T)
    alert = fired(engine, trades(9, symbol="SOL-USDT-PERP"))
    assert 2 == len(recalled(engine.trackers("r"), alert))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "funding", "symbols": ["BTC"], "above": "0.05%"},
        {"type": "expression", "on": "trade", "when": "taker == 'buy'"},
        {"type": "expression", "on": "adl_update", "value": "level", "above": 0, "notify": []},
        {"type": "expression", "on": "liquidation", "when": "count(5m) > 3"},
    ],
)
def test_what_is_stored_or_private_or_no_number_is_not_remembered(fields: dict[str, object]) -> None:
    rule = ruled(**fields)

    assert [] == unstored(rule)
    assert rule is Memory().attached(rule)
