"""One symbol language: every venue's spelling leads to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.instruments import Instrument, coin_of, from_dashed, from_packed, parse

COINS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=10)


@given(COINS, st.sampled_from(["USDT", "USDC", "USD"]), st.sampled_from(["PERP", "20270326"]))
def test_our_own_spelling_reads_back(base: str, quote: str, expiry: str) -> None:
    instrument = Instrument(base, quote, expiry)

    assert instrument == parse(str(instrument))
    assert (expiry == "PERP") is instrument.is_perpetual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTCUSDT", "BTC-USDT-PERP"),
        ("BTCUSDC", "BTC-USDC-PERP"),
        ("1000PEPEUSDT", "1000PEPE-USDT-PERP"),
        ("BTCUSDT_260327", "BTC-USDT-20260327"),
        ("BTCUSD_PERP", "BTC-USD-PERP"),
        ("BNBUSD_PERP", "BNB-USD-PERP"),
        ("SHIBUSD_PERP", "SHIB-USD-PERP"),
        ("BTCBUSD_210129", "BTC-BUSD-20210129"),
        ("BTCUSDT-26DEC25", "BTC-USDT-20251226"),
        ("ETHBTC", "ETH-BTC-PERP"),
        ("USDCUSDT", "USDC-USDT-PERP"),
        ("btcusdt", "BTC-USDT-PERP"),
    ],
)
def test_packed_spellings(text: str, expected: str) -> None:
    """Binance and Bybit write the pair without a sign between."""
    assert expected == str(from_packed(text))


def test_bybit_drops_the_quote_of_its_usdc_contracts() -> None:
    assert "BTC-USDC-PERP" == str(from_packed("BTCPERP", default_quote="USDC"))
    assert "BTC-USDC-20251226" == str(from_packed("BTC-26DEC25", default_quote="USDC"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BTC-USDT-SWAP", "BTC-USDT-PERP"),
        ("BTC-USD-SWAP", "BTC-USD-PERP"),
        ("BTC-USD-260327", "BTC-USD-20260327"),
        ("BTC-USDT", "BTC-USDT-PERP"),
    ],
)
def test_dashed_spellings(text: str, expected: str) -> None:
    """OKX."""
    assert expected == str(from_dashed(text))


@pytest.mark.parametrize("text", ["", "BTC", "USDT", "BTC USDT!", "BTCXYZ", "-", "_"])
def test_a_packed_spelling_without_a_known_quote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an instrument of this venue|no quote coin we know"):
        from_packed(text)


@pytest.mark.parametrize("text", ["", "BTC", "--", "BTC--SWAP", "A-B-C-D"])
def test_a_dashed_spelling_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an instrument of this venue"):
        from_dashed(text)


@pytest.mark.parametrize("text", ["", "BTC", "BTC-USDT", "BTC-USDT-PERP-X", "--"])
def test_our_spelling_has_three_parts(text: str) -> None:
    with pytest.raises(ValueError, match="write it like BTC-USDT-PERP"):
        parse(text)


@pytest.mark.parametrize(
    ("symbol", "coin"),
    [
        ("1000PEPE-USDT-PERP", "PEPE"),
        ("1000000MOG-USDT-PERP", "MOG"),
        ("1MBABYDOGE-USDT-PERP", "BABYDOGE"),
        ("1INCH-USDT-PERP", "1INCH"),
        ("BTC-USDT-PERP", "BTC"),
        ("USDT", "USDT"),
        ("1000-USDT-PERP", "1000"),
        ("100X-USDT-PERP", "100X"),
    ],
)
def test_a_multiplier_is_no_part_of_the_coin(symbol: str, coin: str) -> None:
    assert coin == coin_of(symbol)
