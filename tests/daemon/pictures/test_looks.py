"""What can be seen of a condition."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.pictures.composing import limits_of
from daemon.pictures.looks import LOOKS_MAX, is_stored, is_sum, looks
from daemon.pictures.replay import measured
from daemon.pictures.series import decisive
from rules.alerts import Change
from rules.compiled import Rule
from rules.engine import Engine
from rules.tracker import Tracker
from tests.daemon.pictures.life import M, T, ruled, said
from tests.daemon.pictures.pasts import CASES, PERP


def condition(when: str, on: str = "mark_price", **more: Any) -> Rule:
    return ruled(type="expression", on=on, when=when, **more)


@pytest.mark.parametrize(
    ("when", "clear", "expected"),
    [
        ("price > 90000", None, [("price", [90_000.0])]),
        ("90000 <= price", "price < 89000", [("price", [90_000.0, 89_000.0])]),
        ("not price >= 90000", "price > 91000", [("price", [90_000.0, 91_000.0])]),
        ("price > 90000", "price < 91000 and venue == 'okx'", [("price", [90_000.0])]),  # a clear that never waits
        ("price > 90000", "change(price, 1m) < 0", [("price", [90_000.0])]),
        ("change(price,5m) <= -5% and price >= $9", "change( price, 5m ) > -2%",
            [("change(price, 5m)", [-0.05, -0.02]), ("price", [9.0])]),
        ("venue == 'okx' or price == 3 or price in [1, 2]", None, []),
        ("crossed_up(price, 2 * 50k, 15m)", "price < 99000", [("price", [100_000.0, 99_000.0])]),
        ("not crossed_down(price, 100, 15m)", None, []),
        ("price > index_price * 1.01", None, [("price - index_price * 1.01", [0.0])]),
        ("1 > 2 or price > 1 / 0", None, []),
        ("price > 3 and price > 3", None, [("price", [3.0])]),
        ("not (price < 3 or basis > 1%)", None, [("price", [3.0]), ("basis", [0.01])]),
    ],
)  # fmt: skip
def test_what_a_condition_compares_is_a_rule_of_its_own(
    when: str, clear: str | None, expected: list[tuple[str, list[float]]]
) -> None:
    """Its number, and its limit; the other limit is where it clears, if that is of the same number."""
    rule = condition(when, **({} if clear is None else {"clear": clear}))

    assert expected == [(one.facts["when"], [limit.value for limit in limits_of(one)]) for one in looks(rule)]


_SIGNS = st.sampled_from(["<", "<=", ">", ">="])


@settings(deadline=None)
@given(_SIGNS, st.booleans(), st.booleans(), st.integers(-3, 3), st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_the_number_is_beyond_its_limit_whenever_the_condition_holds(
    sign: str, is_turned: bool, is_negated: bool, limit: int, prices: list[int]
) -> None:
    """However the comparison is written."""
    text = f"{limit} {sign} price" if is_turned else f"price {sign} {limit}"
    rule = condition(f"not ({text})" if is_negated else text)
    (look,) = looks(rule)
    whole, part = Tracker(rule, PERP), Tracker(look, PERP)

    for number, price in enumerate(prices):
        event = said("mark_price", T + number, price=float(price))
        score = part.assess(event, event.received_ms, True)
        assert score is not None
        assert (score >= look.ladder.enters[0]) is (whole.assess(event, event.received_ms, True) == 1.0)
        assert score * look.ladder.sign == price


_PARTS = st.tuples(st.sampled_from(["price", "index_price"]), _SIGNS, st.integers(-2, 2), st.booleans())
_CONDITIONS = st.recursive(
    _PARTS.map(lambda part: f"{'not ' * part[3]}{part[0]} {part[1]} {part[2]}"),
    lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda one: f"({' '.join(one)})"),
    max_leaves=4,
)


@settings(deadline=None)
@given(_CONDITIONS, st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=20))
def test_the_number_that_is_shown_was_missing_just_before_it_fired(when: str, pairs: list[tuple[int, int]]) -> None:
    """However the condition is built, and whichever of its numbers moved."""
    rule = condition(when)
    events = [said("mark_price", T + n * M, price=one, index_price=two) for n, (one, two) in enumerate(pairs)]
    engine = Engine([rule])
    told = [one for event in events[1:] for one in engine.observe(event, event.received_ms)]
    fired = [one.alert.started_ms for one in told if one.change is Change.FIRED]
    for fired_ms in fired:
        look, points = decisive(
            [(look, measured(look, PERP, events[1:], 0, T + 99 * M)) for look in looks(rule)], fired_ms
        )
        beyond = [
            value is not None and value * look.ladder.sign >= look.ladder.enters[0]
            for at_ms, value in points
            if at_ms <= fired_ms
        ]
        assert beyond[-1]
        assert not any(beyond[-2:-1])


def test_events_that_the_rule_does_not_look_at_are_not_seen_either() -> None:
    (look,) = looks(condition("sum(notional_usd, 5m) > 3", "liquidation", where="side == 'long'"))
    assess = Tracker(look, PERP).assess

    assert [None, 7.0] == [
        assess(said("liquidation", T, side=side, notional_usd=7.0), T, True) for side in ("short", "long")
    ]


def test_of_a_long_condition_the_first_numbers_are_seen() -> None:
    found = looks(condition(" or ".join(f"price * {number} > 3" for number in range(1, 9))))

    assert LOOKS_MAX == len(found)
    assert "price * 1" == found[0].facts["when"]


@pytest.mark.parametrize("name", CASES)
def test_whatever_measures_a_number_is_looked_at_as_it_is(name: str) -> None:
    rule = ruled(**CASES[name][0])

    (look,) = looks(rule)

    assert rule == msgspec.structs.replace(look, measure=rule.measure, ladder=rule.ladder)  # but for its sign
    assert is_stored(rule)
    assert is_stored(look)


@pytest.mark.parametrize(
    ("on", "value", "expected"),
    [
        ("mark_price", "avg(price, 5m)", (True, False)),
        ("mark_price", "count(5m)", (False, True)),
        ("open_interest", "change(oi_usd, 15m)", (True, False)),
        ("open_interest", "change(oi_usd, 10s)", (False, False)),  # of two samples of a minute nobody knows that
        ("trade", "price", (False, False)),
        ("candle", "sum(volume, 5m)", (False, True)),
        ("liquidation", "sum(notional_usd, 5m)", (True, True)),
        ("liquidation", "notional_usd", (True, False)),
        ("feed_health", "count(state == 'down', 1h)", (True, True)),
    ],
)
def test_what_the_log_holds_enough_of_is_known(on: str, value: str, expected: tuple[bool, bool]) -> None:
    """Whether it can be replayed, and whether what was not heard is missing from it."""
    look = ruled(type="expression", on=on, value=value, above=0)

    assert expected == (is_stored(look), is_sum(look))
