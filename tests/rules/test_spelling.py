"""A name that matches nothing is refused when the file is read, not found out a month later."""

import pytest

from rules.spelling import feed, symbol, venue


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("BTCUSDT", "write BTC, or BTC-USDT-PERP"),
        ("ethusdc", "write ETH, or ETH-USDC-PERP"),
        ("BTCPERP", "write BTC, or BTC-USDC-PERP"),
        ("BTC-USDT", "write BTC, or BTC-USDT-PERP"),
        ("BTC/USDT", "write BTC, or BTC-USDT-PERP"),
        ("BTC_USDT", "write BTC, or BTC-USDT-PERP"),
        ("BTC-USDT-SWAP", "write BTC, or BTC-USDT-PERP"),
        ("BTC-PERP", "write BTC, or BTC-USDT-PERP"),
        ("bitcoin", "is called BTC here; write BTC"),
        ("XBT", "write BTC"),
        ("BTC, ETH", r"is one text; write a list: \[BTC, ETH\]"),
        ("BTC ETH SOL", r"write a list: \[BTC, ETH, SOL\]"),
        ("all", r'write "\*" for all'),
    ],
)
def test_a_venues_spelling_is_refused_with_ours(name: str, right: str) -> None:
    with pytest.raises(ValueError, match=right):
        symbol(name)


def test_our_names_pass() -> None:
    """Coins that end like a quote, coins that are one, contracts that expire, feeds, everything."""
    names = (
        "BTC",
        "btc",
        "USDT",
        "PYUSD",
        "1000PEPE",
        "BTC-USDT-PERP",
        "BTC-USDT-20260327",
        "binance.open_interest",
        "*",
    )

    assert names == tuple(map(symbol, names))


@pytest.mark.parametrize(("name", "right"), [("binanse", "binance"), ("okex", "okx"), ("Bibit", "bybit")])
def test_a_slip_of_the_finger_is_no_venue(name: str, right: str) -> None:
    with pytest.raises(ValueError, match=rf"did you mean {right}\?"):
        venue(name)


def test_venues_that_we_do_not_read_ourselves_pass() -> None:
    """DataMaxi+ brings them."""
    names = ("binance", "OKX", "bitget", "gate", "htx", "bitmex", "upbit", "binanceus", "*")

    assert names == tuple(map(venue, names))


def test_a_list_of_venues_in_one_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'binance, okx' is one text; write a list: \[binance, okx\]"):
        venue("binance, okx")


def test_a_venue_is_no_feed() -> None:
    """All feeds are called like okx.market: a venue's name alone would watch none of them."""
    assert ("okx.market", "*") == (feed("okx.market"), feed("*"))
    with pytest.raises(ValueError, match=r"no feed is called 'okx'; write okx\.market, or venues: okx for all"):
        feed("okx")
