"""CoinGecko's answers for tables and charts, read and written."""

import pytest

from daemon.wire import coingecko_market as wire
from daemon.wire.control import Throttled, Unreadable
from tests.daemon.wire.recorded import sample

SAMPLES = "coingecko_v3_samples.json"


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our client reads."""
    market = wire.Global({"usd": 1.0, "eur": None}, {"btc": 57.95}, 5)
    coins = [wire.Coin("tether", "USDT", "Tether", "https://x/t.png", 1.0, 2.0, -0.5), wire.Coin("x", "X", "X")]
    prices = [wire.Price(1, 2.0), wire.Price(2, 3.0)]
    exchanges = [wire.Exchange("b", "B", "https://b", 1.0, 2.5), wire.Exchange("c", "C")]

    assert market == wire.decode_global(wire.encode_global(market))
    assert coins == wire.decode_markets(wire.encode_markets(coins))
    assert wire.Coin("x", "X", "X", "https://x") == wire.decode_coin(
        wire.encode_coin(wire.Coin("x", "X", "X", "https://x"))
    )
    assert prices == wire.decode_chart(wire.encode_chart(prices))
    assert exchanges == wire.decode_exchanges(wire.encode_exchanges(exchanges))


def test_the_vendors_own_samples_are_read() -> None:
    """Percents out of 100, seconds in /global, milliseconds in charts."""
    market = wire.decode_global(sample(SAMPLES, "GET /global"))
    (coin,) = wire.decode_markets(sample(SAMPLES, "GET /coins/markets"))
    prices = wire.decode_chart(sample(SAMPLES, "GET /coins/bitcoin/market_chart"))

    assert (2621040321355.0405, 57.9539332566265, 1779878351) == (
        market.market_cap["usd"],
        market.percent["btc"],
        market.at_s,
    )
    assert ("BTC", 77671.0, -0.95302) == (coin.symbol, coin.price, coin.change_24h)
    assert wire.Price(1779027899041, 77953.82550382407) == prices[0]


def test_a_broken_share_spoils_only_itself() -> None:
    """The others are known."""
    found = wire.decode_global(b'{"data":{"market_cap_percentage":{"btc":"soon","eth":"9.5"}}}')

    assert {"btc": None, "eth": 9.5} == found.percent


def test_refusals_are_told_in_coingeckos_words() -> None:
    """With a status, with an error, or in plain text."""
    with pytest.raises(Throttled, match="429"):
        wire.decode_markets(b'{"status":{"error_code":429,"error_message":"exceeded"}}')
    with pytest.raises(Unreadable, match="coin not found"):
        wire.decode_markets(b'{"error":"coin not found"}')
    with pytest.raises(Unreadable, match="cannot be read"):
        wire.decode_markets(b"Throttled")
