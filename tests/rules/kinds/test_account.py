"""Balances, and margin ratios of positions."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.accounts import held, update
from tests.rules.market import NOON, S, rule, said
from tests.rules.test_spec import wrong

MINE = {"type": "account", "notify": "phone"}
USDT = MINE | {"coin": "usdt"}
RATIO = MINE | {"watch": "margin_ratio"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"type": "account", "coin": "USDT", "below": 5}, "notify", "name who is"),
        (MINE | {"below": 5}, "coin", "a balance is of one coin; coin: USDT"),
        (RATIO | {"coin": "USDT", "above": "80%"}, "coin", "a margin ratio is a position's"),
        (USDT, "", "give one limit; above: 80%"),
        (USDT | {"above": 5, "below": 3}, "", "give one limit"),
        (USDT | {"below": "lots"}, "below", "is not an amount"),
        (USDT | {"below": -1}, "below", "a limit is not below zero"),
        (RATIO | {"above": 80}, "above", "could mean 80% or 8000%"),
        (USDT | {"below": 500, "clear": 400}, "", "clear is beyond the limit"),
        (USDT | {"levels": {"warning": 5, "critical": 5}}, "", "critical is reached no later"),
        (USDT | {"below": 5, "balance": "all"}, "balance", "'available', 'frozen', 'isolated' or 'total'"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**fields)[where]


def test_a_balance_that_falls_is_told_and_one_that_is_not_said_holds_the_alert() -> None:
    engine = Engine([rule(**USDT, levels={"warning": "1k", "critical": 500}, clear=1_200)])
    coins: tuple[dict[str, float], ...] = (
        {"USDT": 1_000.0},
        {"USDT": 999.0},
        {"BTC": 9e9},
        {"USDT": 1.0},
        {"USDT": 1_200.0},
    )

    assert [[], ["fired"], [], ["escalated"], ["cleared"]] == [
        said(engine.observe(update(NOON + place * S, coins=one), NOON + place * S)) for place, one in enumerate(coins)
    ]


@pytest.mark.parametrize(("part", "value"), [("available", 10.0), ("frozen", 1.0), ("isolated", 1.0), ("total", 12.0)])
def test_each_part_of_a_balance_can_be_watched(part: str, value: float) -> None:
    (fired,) = Engine([rule(**USDT, above=0.5, balance=part)]).observe(update(coins={"USDT": 10.0}), NOON)

    assert value == fired.alert.value
    assert f"main: {value:g} USDT {part} (limit 0.5)" == say(fired.alert, NOON).headline
    assert f"{value:g} USDT" == say(fired.alert, NOON).peak


def test_each_account_has_its_own_alert() -> None:
    engine = Engine([rule(**USDT, below=5_000, accounts=["main", "hedge"])])
    fired = [engine.observe(update(account=account), NOON) for account in ("main", "hedge", "other")]

    assert [["fired"], ["fired"], []] == [said(one) for one in fired]
    assert fired[0][0].alert.is_private


def test_a_positions_margin_ratio_is_told_until_it_is_closed() -> None:
    engine = Engine([rule(**RATIO, above="80%", symbols="BTC")])
    positions = (
        held(0.8),
        held(0.9),
        None,
        held(0.95, position_id="2", symbol="ETH-USDT-PERP"),
        held(0.9, quantity=0.0),
    )
    out = [
        engine.observe(update(NOON + place * S, position=one), NOON + place * S) for place, one in enumerate(positions)
    ]

    assert [[], ["fired"], [], [], ["cleared"]] == [said(one) for one in out]
    assert "main: BTC-USDT-PERP: margin ratio 90% (limit 80%)" == say(out[1][0].alert, NOON).headline
    assert "main: BTC-USDT-PERP: closed (limit 80%)" == say(out[4][0].alert, NOON).headline


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (USDT | {"below": "10k"}, "r: when the available USDT is below 10,000 (warning), tells phone"),
        (RATIO | {"above": "80%"}, "r: when the margin ratio of a position is above 80% (warning), tells phone"),
    ],
)
def test_the_rule_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    assert sentence == describe(parse({"id": "r", **fields}))
