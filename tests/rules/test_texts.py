"""A condition on a text that a field never is would never hold: it is a mistake where it is read."""

import pytest

from rules.events import EVENTS
from rules.expression import compile_condition
from rules.grammar import Mistake


@pytest.mark.parametrize(
    ("event", "text", "said"),
    [
        ("liquidation", "side == long", "a text stands in quotes; write side == 'long' (at character 9)"),
        ("liquidation", "side == 'buy'", "side is never 'buy'; it is 'long' or 'short' (at character 9)"),
        ("liquidation", "side in [sell, short]", "side is never 'sell'; it is 'long' or 'short' (at character 10)"),
        ("feed_health", "'dead' != state", "state is never 'dead'; it is 'up' or 'down' (at character 1)"),
        ("trade", "venue == 'Binance'", "venue is never 'Binance'; venues are written small: 'binance'"),
        ("mark_price", "symbol == 'BTC'", "symbol is never 'BTC'; write 'BTC-USDT-PERP', or symbols: [...] beside"),
        ("mark_price", "symbol in [ethusdc]", "symbol is never 'ethusdc'; write 'ETH-USDC-PERP'"),
    ],
)
def test_a_text_that_a_field_never_is_is_refused(event: str, text: str, said: str) -> None:
    with pytest.raises(Mistake) as caught:
        compile_condition(text, None, EVENTS[event])

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("liquidation", "side == 'long' and venue in [binance, kraken, Upbit]"),
        ("mark_price", "symbol != 'BTC-USDT-PERP' or symbol == 'BTC-USDT-20260327'"),
        ("adl_update", "symbol == '' or side == 'short'"),
        ("feed_health", "feed == 'okx.market' and reason != 'Maintenance'"),
        ("order_update", "side == 'BUY' and state == 'filled'"),
    ],
)
def test_a_text_that_may_come_is_not(event: str, text: str) -> None:
    """Other venues than ours, contracts that expire, what a venue writes as it likes."""
    assert compile_condition(text, None, EVENTS[event]).event is EVENTS[event]
