"""Units of values in the rule language."""

import pytest

from rules.events import EVENTS
from rules.formula import adds_up, said


@pytest.mark.parametrize(
    ("on", "text", "expected"),
    [
        ("funding_rate", "rate_8h", "0.05%"),
        ("funding_rate", "-abs(rate)", "0.05%"),
        ("funding_rate", "rate_8h - 0.0001", "0.05%"),
        ("funding_rate", "zscore(rate, 1d)", "0.0005"),
        ("open_interest", "change(oi_usd, 15m)", "0.05%"),
        ("open_interest", "oi_base * 2", "0.0005"),
        ("liquidation", "sum(notional_usd, 5m)", "$0"),
        ("mark_price", "avg(basis, 5m)", "0.05%"),
        ("mark_price", "basis / price", "0.0005"),
        ("mark_price", "abs(price / index_price - 1)", "0.05%"),
        ("mark_price", "price / index_price", "0.0005"),
        ("mark_price", "abs(price - avg(price, 30m)) / price", "0.05%"),
        ("ticker", "(ask - bid) / mid", "0.05%"),
        ("ticker", "(ask - bid) / bid_quantity", "0.0005"),
        ("trade", "sum(quantity * price, 1m)", "$0"),
        ("trade", "quantity * quantity", "0.0005"),
        ("mark_price", "price", "0.0005"),
        ("stablecoin_quote", "price", "0.0005"),
        ("stablecoin_quote", "market_cap_usd", "$0"),
        ("fear_greed", "index", "0.0005"),
        ("fear_greed", "this is no formula", "0.0005"),
    ],
)
def test_a_value_is_said_in_its_own_unit(on: str, text: str, expected: str) -> None:
    assert expected == said(text, EVENTS[on])(0.0005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count(5m)", True),
        ("2 * sum(oi_usd, 5m) / 3", True),
        ("min(1, count(price > 3, 5m))", True),
        ("avg(price, 5m)", False),
        ("rate_8h", False),
        ("((", False),
    ],
)
def test_sums_and_counts_need_every_event(text: str, expected: bool) -> None:
    assert expected is adds_up(text)
