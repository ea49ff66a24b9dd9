"""Which instruments somebody means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.selection import Selection

SYMBOLS = ["BTC-USDT-PERP", "BTC-USD-PERP", "BTC-USDT-20270326", "1000PEPE-USDT-PERP", "PEPE-USDT-PERP", "USDT"]
NAMES = ["BTC", "btc", "1000PEPE", "PEPE", "BTC-USDT-PERP", "BTC-USDT-20270326", "USDT", "*", "ETH"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BTC", ["BTC-USDT-PERP", "BTC-USD-PERP"]),
        (" btc ", ["BTC-USDT-PERP", "BTC-USD-PERP"]),
        ("BTC-USDT-20270326", ["BTC-USDT-20270326"]),
        ("PEPE", ["1000PEPE-USDT-PERP", "PEPE-USDT-PERP"]),
        ("1000PEPE", ["1000PEPE-USDT-PERP"]),
        ("USDT", ["USDT"]),
        ("*", SYMBOLS),
        ("ETH", []),
    ],
)
def test_a_coin_means_its_perpetuals_and_an_instrument_itself(name: str, expected: list[str]) -> None:
    selection = Selection.of([name])

    assert expected == [symbol for symbol in SYMBOLS if selection.matches(symbol)]


def test_one_inch_is_no_multiplied_coin() -> None:
    assert Selection.of(["1INCH"]).matches("1INCH-USDT-PERP")
    assert not Selection.of(["INCH"]).matches("1INCH-USDT-PERP")


@given(st.lists(st.sampled_from(NAMES)), st.lists(st.sampled_from(NAMES)), st.sampled_from(SYMBOLS))
def test_two_selections_together_are_either(left: list[str], right: list[str], symbol: str) -> None:
    one, other = Selection.of(left), Selection.of(right)

    assert (one | other).matches(symbol) is (one.matches(symbol) or other.matches(symbol))
