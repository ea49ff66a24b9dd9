"""Instruments in their exchanges' own spelling, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire.amberdata_names import USUAL, VENUES, is_name_of, to_name, to_symbol, to_venue

PAIRS = [
    ("binance", "BTCUSDT", "BTC-USDT-PERP"),
    ("binance", "BTCUSD_PERP", "BTC-USD-PERP"),
    ("binance", "1000PEPEUSDT", "1000PEPE-USDT-PERP"),
    ("binance", "BTCUSDT_260327", "BTC-USDT-20260327"),
    ("bybit", "BTCPERP", "BTC-USDC-PERP"),
    ("bybit", "BTCUSDT-26DEC25", "BTC-USDT-20251226"),
    ("okx", "BTC-USDT-SWAP", "BTC-USDT-PERP"),
    ("okx", "BTC-USD-260327", "BTC-USD-20260327"),
    ("deribit", "BTC-PERPETUAL", "BTC-USD-PERP"),
    ("deribit", "ETH_USDC-PERPETUAL", "ETH-USDC-PERP"),
    ("hyperliquid", "kPEPE", "1000PEPE-USDT-PERP"),
    ("gate", "BTC_USDT", "BTC-USDT-PERP"),
    ("htx", "BTC-USDT", "BTC-USDT-PERP"),
    ("bitget", "BTCUSDT", "BTC-USDT-PERP"),
]


@pytest.mark.parametrize(("venue", "name", "symbol"), PAIRS)
def test_names_are_the_exchanges_own(venue: str, name: str, symbol: str) -> None:
    """Both ways."""
    assert symbol == to_symbol(venue, name)
    assert name == to_name(venue, symbol)
    assert is_name_of(venue, name)


@given(
    st.sampled_from([venue for venue in VENUES if venue != "deribit"]),
    st.from_regex(r"[A-Z]{2,6}", fullmatch=True).filter(lambda base: not base.endswith(("USD", "BTC", "ETH", "EUR"))),
    st.sampled_from(["20260327", "20251226", "PERP"]),
)
def test_linear_contracts_come_back_as_they_went(venue: str, base: str, expiry: str) -> None:
    """Every venue of which we know the spelling; of some only that of perpetuals."""
    symbol = f"{base}-USDT-{'PERP' if venue in ('hyperliquid', 'bitget') else expiry}"

    assert symbol == to_symbol(venue, to_name(venue, symbol))


def test_the_example_of_each_exchange_is_one_of_its_names() -> None:
    """It stands in sentences."""
    assert set(VENUES) == set(USUAL)
    assert all(is_name_of(venue, name) for venue, name in USUAL.items())


def test_exchanges_have_older_names() -> None:
    """In any capitals; what nobody knows stays."""
    assert ("htx", "okx", "binance", "mtgox") == tuple(map(to_venue, ("Huobi", "okex", "BINANCE", "MtGox")))


@given(st.text(max_size=80))
def test_whatever_it_is_called_nothing_breaks(name: str) -> None:
    """A symbol or a ValueError."""
    for venue in (*VENUES, "mtgox"):
        is_name_of(venue, name)
    assert isinstance(to_name("binance", name), str)
