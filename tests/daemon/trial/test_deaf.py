"""A rule that heard nothing says what is stored beside what it listens to."""

from typing import Any

import pytest

from daemon.trial.deaf import why_deaf, why_sparse
from rules.spec import parse
from storage.held import Held

RATES = Held("funding_rate", "bybit", "BTC-USDT-PERP", 9, 0, 1)
PRICES = Held("mark_price", "okx", "ETH-USDT-PERP", 5, 0, 1)


def why(rule: dict[str, Any], *held: Held, is_tracked: bool = False) -> str:
    spec = parse({"id": "x", **rule})
    return why_deaf(spec, spec.compile(), held, is_tracked=is_tracked)


FUNDING = {"type": "funding", "symbols": ["SOL", "BTC"], "venues": ["okx"], "above": "0.05%"}


def test_nothing_is_stored() -> None:
    assert "it listens to funding_rate, and nothing at all is stored" == why(FUNDING)


def test_other_types_are_stored() -> None:
    assert "it listens to funding_rate, and what is stored is mark_price" == why(FUNDING, PRICES, PRICES)


def test_other_places_are_stored() -> None:
    assert ("the funding_rate stored is that of bybit BTC-USDT-PERP, and it looks at BTC or SOL on okx") == why(
        FUNDING, PRICES, RATES
    )


def test_many_places_are_cut_short() -> None:
    many = [RATES._replace(symbol=f"C{number}") for number in range(6)]

    assert "bybit C0, bybit C1, bybit C2, bybit C3 and 2 more" in why(FUNDING, *many)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (FUNDING, "it listens to predicted rates, and those stored are settled; with `rate: settled` it would"),
        ({**FUNDING, "rate": "settled"}, "it listens to settled rates, and those stored are predicted"),
        ({"type": "funding_spread", "symbols": "BTC", "above": "1%"}, "it compares predicted rates of two venues"),
        (
            {"type": "expression", "on": "funding_rate", "where": "rate > 9%", "when": "rate > 1%"},
            "its `where` lets none of them through: rate > 9%",
        ),
        (
            {"type": "expression", "on": "funding_rate", "when": "change(rate, 15m) > 1%"},
            "it looks back 15m, and nothing here goes on for so long without a gap",
        ),
    ],
)
def test_what_is_stored_gives_it_no_value(rule: dict[str, Any], said: str) -> None:
    assert why(rule, RATES, is_tracked=True).startswith(said)


def test_a_price_without_its_index_says_nothing_of_the_basis() -> None:
    rule = {"type": "basis", "symbols": "ETH", "above": "1%"}

    assert "no price here has its `index_price` beside it" in why(rule, PRICES, is_tracked=True)


M = 60_000
OPEN = Held("open_interest", "okx", "BTC-USDT-PERP", 61, 0, 60 * M)
ORDERS = Held("liquidation", "okx", "BTC-USDT-PERP", 3, 0, 60 * M)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"type": "expression", "on": "open_interest", "when": "change(oi_usd, 10s) <= -5%"},
            "it looks back 10s, and open_interest is stored every 1m or so: what was in between is not there",
        ),
        ({"type": "expression", "on": "open_interest", "when": "change(oi_usd, 15m) <= -5%"}, ""),
        ({"type": "expression", "on": "open_interest", "when": "oi_usd <= $1m"}, ""),
        ({"type": "liquidation", "symbols": "*", "window": "1m", "total": "$1m"}, ""),
    ],
)
def test_samples_farther_apart_than_a_rule_looks_back_are_said(rule: dict[str, Any], said: str) -> None:
    """Nought fires of such a past would read as a calm rule; liquidations are all stored."""
    found = why_sparse(parse({"id": "x", **rule}).compile(), [OPEN, ORDERS])

    assert found.startswith(said)
    assert bool(said) is bool(found)
