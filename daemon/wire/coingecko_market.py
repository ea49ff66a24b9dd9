"""CoinGecko over REST, for tables and charts: the whole market, coins by id, price history, derivatives exchanges.

Facts: percents are out of 100 already; any number may be null; times are seconds in /global, milliseconds in charts; the
step of a chart depends on how many days are asked for; the rate limit is answered with JSON or with plain text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.numbers import number, positive, whole
from daemon.wire.rows import readable
from daemon.wire.trouble import brief

REST_URL = "https://api.coingecko.com/api/v3"
PRO_REST_URL = "https://pro-api.coingecko.com/api/v3"
GLOBAL = "/global"
MARKETS = "/coins/markets"
EXCHANGES = "/derivatives/exchanges"
PER_PAGE = 250
FEWEST = {  # parts of /coins/{id} that nobody needs and that make it long
    "localization": "false",
    "tickers": "false",
    "market_data": "false",
    "community_data": "false",
    "developer_data": "false",
    "sparkline": "false",
}

T = TypeVar("T")
_TOO_OFTEN = 429


class Global(msgspec.Struct, frozen=True):
    """All coins together; market values by currency, shares in percent out of 100 by ticker."""

    market_cap: Mapping[str, float | None]
    percent: Mapping[str, float | None]
    at_s: int


class Coin(msgspec.Struct, frozen=True, gc=False):
    """A coin; prices in the currency that was asked for, the change in percent out of 100."""

    id: str
    symbol: str  # in capitals
    name: str
    image: str | None = None
    price: float | None = None
    market_cap: float | None = None
    change_24h: float | None = None


class Price(msgspec.Struct, frozen=True, gc=False):
    """A price at one moment."""

    at_ms: int
    price: float


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A derivatives exchange; amounts in bitcoin."""

    id: str
    name: str
    image: str | None = None
    open_interest_btc: float | None = None
    volume_24h_btc: float | None = None


Number = float | str | None


class _Data(msgspec.Struct, gc=False):
    total_market_cap: dict[str, Number] = {}
    market_cap_percentage: dict[str, Number] = {}
    updated_at: int | str | None = None


class _Global(msgspec.Struct, gc=False):
    data: _Data


class _Coin(msgspec.Struct, gc=False):
    id: str
    symbol: str = ""
    name: str = ""
    image: str | dict[str, str | None] | None = None
    current_price: Number = None
    market_cap: Number = None
    price_change_percentage_24h: Number = None


class _Chart(msgspec.Struct, gc=False):
    prices: list[list[Number]]


class _Exchange(msgspec.Struct, gc=False):
    id: str
    name: str = ""
    image: str | None = None
    open_interest_btc: Number = None
    trade_volume_24h_btc: Number = None


class _Status(msgspec.Struct, gc=False):
    error_code: int = 0
    error_message: str = ""


class _Failure(msgspec.Struct, gc=False):
    status: _Status | None = None
    error: str | None = None


_global = msgspec.json.Decoder(_Global)
_coins = msgspec.json.Decoder(list[_Coin])
_coin = msgspec.json.Decoder(_Coin)
_chart = msgspec.json.Decoder(_Chart)
_exchanges = msgspec.json.Decoder(list[_Exchange])
_failure = msgspec.json.Decoder(_Failure)


def coin_path(coin_id: str) -> str:
    """/coins/{id}. ValueError for an id that would ask for something else."""
    return f"/coins/{_id(coin_id)}"


def chart_path(coin_id: str) -> str:
    """/coins/{id}/market_chart."""
    return f"/coins/{_id(coin_id)}/market_chart"


def _id(coin_id: str) -> str:
    if not coin_id or len(coin_id) > 128 or not all(sign.isalnum() or sign in "-_." for sign in coin_id):
        raise ValueError(f"'{brief(coin_id)}' is not an id of CoinGecko; write it like usd-coin")
    if set(coin_id) <= {"."}:
        raise ValueError(f"'{coin_id}' is not an id of CoinGecko; write it like usd-coin")
    return coin_id


def decode_global(body: bytes) -> Global:
    """The answer to /global."""
    data = _read(_global.decode, body).data
    return Global(_numbers(data.total_market_cap), _numbers(data.market_cap_percentage), whole(data.updated_at) or 0)


def encode_global(market: Global) -> bytes:
    """The same, the other way."""
    data = {
        "active_cryptocurrencies": 17_000,
        "markets": 1_400,
        "total_market_cap": market.market_cap,
        "market_cap_percentage": market.percent,
        "updated_at": market.at_s,
    }
    return msgspec.json.encode({"data": data})


def decode_markets(body: bytes) -> list[Coin]:
    """The answer to /coins/markets, in the order in which it came (the largest first)."""
    return readable(_read(_coins.decode, body), _read_coin)


def decode_coin(body: bytes) -> Coin:
    """The answer to /coins/{id}: a name and an image; the rest is not asked for."""
    row = _read(_coin.decode, body)
    return Coin(row.id, row.symbol.upper(), row.name, _image(row))


def _read_coin(row: _Coin) -> Coin:
    return Coin(
        id=row.id,
        symbol=row.symbol.upper(),
        name=row.name,
        image=_image(row),
        price=positive(row.current_price),
        market_cap=positive(row.market_cap),
        change_24h=number(row.price_change_percentage_24h),
    )


def _image(row: _Coin) -> str | None:
    image = row.image
    if isinstance(image, dict):
        image = image.get("large") or image.get("small") or image.get("thumb")
    return image if image and image.startswith(("https://", "http://")) else None


def encode_markets(coins: Sequence[Coin]) -> bytes:
    """The answer to /coins/markets."""
    rows = [
        {
            "id": coin.id,
            "symbol": coin.symbol.lower(),
            "name": coin.name,
            "image": coin.image,
            "current_price": coin.price,
            "market_cap": coin.market_cap,
            "market_cap_rank": place,
            "total_volume": None,
            "price_change_percentage_24h": coin.change_24h,
        }
        for place, coin in enumerate(coins, start=1)
    ]
    return msgspec.json.encode(rows)


def encode_coin(coin: Coin) -> bytes:
    """The answer to /coins/{id}."""
    image = dict.fromkeys(("thumb", "small", "large"), coin.image) if coin.image else {}
    return msgspec.json.encode({"id": coin.id, "symbol": coin.symbol.lower(), "name": coin.name, "image": image})


def decode_chart(body: bytes) -> list[Price]:
    """The answer to market_chart, oldest first; moments without a price are left out."""
    prices = readable(_read(_chart.decode, body).prices, _price)
    return sorted(prices, key=lambda price: price.at_ms)


def _price(row: list[Number]) -> Price | None:
    if len(row) < 2:
        return None
    at_ms, price = whole(row[0]), positive(row[1])
    return None if at_ms is None or price is None else Price(at_ms, price)


def encode_chart(prices: Sequence[Price]) -> bytes:
    """The answer to market_chart."""
    rows = [[price.at_ms, price.price] for price in prices]
    return msgspec.json.encode({"prices": rows, "market_caps": [], "total_volumes": []})


def decode_exchanges(body: bytes) -> list[Exchange]:
    """The answer to /derivatives/exchanges."""
    return readable(
        _read(_exchanges.decode, body),
        lambda row: Exchange(
            row.id, row.name, row.image, number(row.open_interest_btc), number(row.trade_volume_24h_btc)
        ),
    )


def encode_exchanges(exchanges: Sequence[Exchange]) -> bytes:
    """The same, the other way; the volume is text there."""
    rows = [
        {
            "id": row.id,
            "name": row.name,
            "image": row.image,
            "open_interest_btc": row.open_interest_btc,
            "trade_volume_24h_btc": None if row.volume_24h_btc is None else str(row.volume_24h_btc),
        }
        for row in exchanges
    ]
    return msgspec.json.encode(rows)


def _numbers(found: Mapping[str, Number]) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for name, value in found.items():
        try:
            numbers[name] = number(value)
        except ValueError:
            numbers[name] = None
    return numbers


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise _complaint(body, exc) from exc


def _complaint(body: bytes, exc: Exception) -> Unreadable:
    try:
        failure = _failure.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Unreadable(f"CoinGecko sent an answer that cannot be read: {brief(exc)}")
    if failure.status is not None:
        told = f"{failure.status.error_code} {brief(failure.status.error_message)}"
        if failure.status.error_code == _TOO_OFTEN:
            return Throttled(f"CoinGecko was asked too often: {told}")
        return Unreadable(f"CoinGecko refused: {told}")
    if failure.error:
        return Unreadable(f"CoinGecko refused: {brief(failure.error)}")
    return Unreadable(f"CoinGecko sent an answer that cannot be read: {brief(exc)}")
