"""CoinGecko markets, read and written."""

import json

import pytest

from daemon.wire import coingecko
from daemon.wire.control import Unreadable
from rules.events import StablecoinQuote

NOW = 1_800_000_000_000
TETHER = {
    "id": "tether", "symbol": "usdt", "name": "Tether", "current_price": 0.9998, "market_cap": 183727681018,
    "last_updated": "2026-05-18T12:49:21.599Z",
}  # fmt: skip


def quotes(*rows: dict[str, object]) -> list[StablecoinQuote]:
    """The quotes in an answer."""
    return coingecko.decode_markets(json.dumps(list(rows)).encode(), NOW)


def test_a_quote_with_its_own_time() -> None:
    """The target is ours: CoinGecko knows no pegs."""
    expected = StablecoinQuote(
        venue="coingecko", coin="USDT", price=0.9998, target=1.0, market_cap_usd=183727681018.0,
        at_ms=1779108561599, received_ms=NOW,
    )  # fmt: skip

    assert [expected] == quotes(TETHER)
    assert [expected] == coingecko.decode_markets(coingecko.encode_markets([expected]), NOW)


def test_coingecko_any_number_may_be_null() -> None:
    """No price, no quote; no market value, a quote without one."""
    assert [] == quotes({**TETHER, "current_price": None})
    assert [None] == [quote.market_cap_usd for quote in quotes({**TETHER, "market_cap": None})]
    assert [NOW] == [quote.at_ms for quote in quotes({**TETHER, "last_updated": None})]


def test_coingecko_ids_name_the_coin_and_tickers_do_not() -> None:
    """Bridged copies share the ticker."""
    assert [] == quotes({**TETHER, "id": "bridged-tether-somewhere"})


def test_coingecko_rate_limit_is_json_or_plain_text() -> None:
    """Both are told in its own words where there are any."""
    limited = b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit"}}'
    with pytest.raises(Unreadable, match="429 You've exceeded"):
        coingecko.decode_markets(limited, NOW)
    for body in (b"Throttled", b"", b"{}", b'{"error":"coin not found"}', b"[5]", b"\xff"):
        with pytest.raises(Unreadable, match="CoinGecko"):
            coingecko.decode_markets(body, NOW)


def test_the_query_asks_by_id() -> None:
    """In dollars."""
    assert {"vs_currency": "usd", "ids": "tether,dai", "per_page": "250", "page": "1"} == coingecko.markets_query(
        ["tether", "dai"]
    )
