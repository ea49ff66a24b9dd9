"""CoinGecko prices over REST: the second opinion on what a stablecoin is worth.

Facts: any number may be null; rows are named by id (tether), since many coins share a ticker; the rate limit is answered
with JSON or with plain text. CoinGecko knows no pegs, so the target is ours: coins in `DOLLAR_COINS` should be worth one.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import positive
from daemon.wire.trouble import brief
from rules.events import Event, StablecoinQuote

VENUE = "coingecko"
REST_URL = "https://api.coingecko.com/api/v3"
MARKETS = "/coins/markets"
PER_PAGE = 250

DOLLAR_COINS: Mapping[str, str] = {
    "USDT": "tether",
    "USDC": "usd-coin",
    "DAI": "dai",
    "USDS": "usds",
    "USDE": "ethena-usde",
    "USD1": "usd1-wlfi",
    "FDUSD": "first-digital-usd",
    "TUSD": "true-usd",
    "PYUSD": "paypal-usd",
    "RLUSD": "ripple-usd",
    "USDP": "paxos-standard",
    "GUSD": "gemini-dollar",
    "FRAX": "frax",
    "LUSD": "liquity-usd",
    "USDD": "usdd",
    "CRVUSD": "crvusd",
    "GHO": "gho",
}
"""Ticker -> CoinGecko's id, of coins that should be worth one dollar."""


class _Coin(msgspec.Struct, gc=False):
    id: str
    symbol: str = ""
    current_price: float | str | None = None
    market_cap: float | str | None = None
    last_updated: str | None = None


class _Status(msgspec.Struct, gc=False):
    error_code: int = 0
    error_message: str = ""


class _Failure(msgspec.Struct, gc=False):
    status: _Status | None = None
    error: str | None = None


_coins = msgspec.json.Decoder(list[_Coin])
_failure = msgspec.json.Decoder(_Failure)


def markets_query(ids: Sequence[str]) -> dict[str, str]:
    """The parameters of /coins/markets for these ids, at most 250 of them."""
    return {"vs_currency": "usd", "ids": ",".join(ids), "per_page": str(PER_PAGE), "page": "1"}


def decode_markets(body: bytes, received_ms: int, coins: Mapping[str, str] = DOLLAR_COINS) -> list[StablecoinQuote]:
    """One quote for each row with a price whose id is in `coins` (ticker -> id); other rows are somebody else's ticker."""
    tickers = {gecko_id: coin for coin, gecko_id in coins.items()}
    quotes = []
    for row in _read(body):
        coin = tickers.get(row.id)
        if coin is None:
            continue
        try:
            price, value = positive(row.current_price), positive(row.market_cap)
        except ValueError:
            continue
        if price is not None:
            quotes.append(
                StablecoinQuote(
                    venue=VENUE,
                    coin=coin,
                    price=price,
                    target=1.0 if coin in DOLLAR_COINS else None,
                    market_cap_usd=value,
                    at_ms=_ms(row.last_updated) or received_ms,
                    received_ms=received_ms,
                )
            )
    return quotes


def _ms(text: str | None) -> int | None:
    """2026-05-18T12:49:21.599Z -> ms; anything else -> None."""
    try:
        moment = datetime.fromisoformat(text or "")
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _read(body: bytes) -> list[_Coin]:
    try:
        return _coins.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"CoinGecko {_complaint(body)}: {brief(exc)}") from exc


def _complaint(body: bytes) -> str:
    try:
        failure = _failure.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return "sent an answer that cannot be read"
    if failure.status is not None:
        return f"refused with {failure.status.error_code} {failure.status.error_message}"
    return f"refused with {failure.error}" if failure.error else "sent an answer that cannot be read"


def encode_markets(events: Sequence[Event], coins: Mapping[str, str] = DOLLAR_COINS) -> bytes:
    """The answer to /coins/markets; coins without an id in `coins` are left out."""
    rows = [
        {
            "id": coins[event.coin],
            "symbol": event.coin.lower(),
            "name": event.coin,
            "image": None,
            "current_price": event.price,
            "market_cap": event.market_cap_usd,
            "market_cap_rank": None,
            "total_volume": None,
            "price_change_percentage_24h": None,
            "circulating_supply": None,
            "last_updated": _iso(event.at_ms),
        }
        for event in events
        if isinstance(event, StablecoinQuote) and event.coin in coins
    ]
    return msgspec.json.encode(rows)


def _iso(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
