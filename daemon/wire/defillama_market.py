"""DefiLlama stablecoins over REST, for tables and charts: every coin by chain, market values and prices by day.

Facts: in /stablecoins every amount is US dollars already, old ones at today's price; in /stablecoin/{id} amounts are
units of the coin. An amount is a map with one key, the peg; an empty map means that there is no record, and not zero.
`date` is text in the charts and a number in prices; the last row of a chart is live. Prices by day are keyed by
CoinGecko's ids, and may be null. An unknown coin or chain is answered with 404 and text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, positive, whole
from daemon.wire.rows import readable
from daemon.wire.trouble import brief

REST_URL = "https://stablecoins.llama.fi"
STABLECOINS = "/stablecoins"  # ?includePrices=true: no longer read, still documented
PRICES = "/stablecoinprices"
RATES = "/rates"
ALL = "all"

T = TypeVar("T")
Number = float | str | None
Amount = dict[str, Number]


class OnChain(msgspec.Struct, frozen=True, gc=False):
    """What of a coin is on one chain, in US dollars; None: no record."""

    usd: float | None = None
    prev_day_usd: float | None = None


class Coin(msgspec.Struct, frozen=True, kw_only=True):
    """A stablecoin; amounts in US dollars, at today's price."""

    id: str
    name: str
    symbol: str
    peg_type: str  # peggedUSD, peggedEUR, peggedVAR
    gecko_id: str | None = None
    price: float | None = None
    usd: float | None = None
    prev_day_usd: float | None = None
    chains: Mapping[str, OnChain] = {}
    is_gone: bool = False
    is_yield_bearing: bool = False


class DayValue(msgspec.Struct, frozen=True):
    """Market value of all coins on one day in US dollars, by peg."""

    at_s: int
    usd: Mapping[str, float]


class DayPrices(msgspec.Struct, frozen=True):
    """Prices or exchange rates of one day, by id or by currency."""

    at_s: int
    prices: Mapping[str, float]


class Supply(msgspec.Struct, frozen=True, gc=False):
    """How many units of a coin there were."""

    at_s: int
    units: float


class _OnChain(msgspec.Struct, gc=False):
    current: Amount | None = None
    circulating_prev_day: Amount | None = msgspec.field(name="circulatingPrevDay", default=None)


class _Coin(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    id: str | int = ""
    name: str = ""
    gecko_id: str | None = msgspec.field(name="gecko_id", default=None)
    peg_type: str = ""
    price: Number = None
    circulating: Amount | None = None
    circulating_prev_day: Amount | None = None
    chain_circulating: dict[str, _OnChain] | None = None
    yield_bearing: bool | None = None
    delisted: bool | None = None
    dead_from: object = None


class _Coins(msgspec.Struct, gc=False, rename="camel"):
    pegged_assets: list[_Coin]


class _DayValue(msgspec.Struct, gc=False):
    date: int | str
    usd: Amount | None = msgspec.field(name="totalCirculatingUSD", default=None)


class _DayPrices(msgspec.Struct, gc=False):
    date: int | str
    prices: Amount | None = None
    rates: Amount | None = None


class _Token(msgspec.Struct, gc=False):
    date: int | str
    circulating: Amount | None = None


class _History(msgspec.Struct, gc=False, rename="camel"):
    peg_type: str = ""
    tokens: list[_Token] = msgspec.field(default_factory=list)


_coins = msgspec.json.Decoder(_Coins)
_values = msgspec.json.Decoder(list[_DayValue])
_prices = msgspec.json.Decoder(list[_DayPrices])
_history = msgspec.json.Decoder(_History)


def charts_path(chain: str = ALL) -> str:
    """/stablecoincharts/all, or of one chain by DefiLlama's label: Ethereum, BSC."""
    return f"/stablecoincharts/{quote(chain, safe='')}"


def coin_path(coin_id: str) -> str:
    """/stablecoin/{id}; the id is a number. ValueError for anything else."""
    if not coin_id.isdecimal():
        raise ValueError(f"'{brief(coin_id)}' is not an id of DefiLlama; it is a number, like 1 for Tether")
    return f"/stablecoin/{coin_id}"


def decode_stablecoins(body: bytes) -> list[Coin]:
    """Every coin, also dead and unpriced ones; the caller chooses."""
    return readable(_read(_coins.decode, body).pegged_assets, _coin)


def _coin(row: _Coin) -> Coin:
    chains = {
        label: OnChain(_amount(chain.current, row.peg_type), _amount(chain.circulating_prev_day, row.peg_type))
        for label, chain in (row.chain_circulating or {}).items()
    }
    return Coin(
        id=str(row.id),
        name=row.name,
        symbol=row.symbol.strip(),
        peg_type=row.peg_type,
        gecko_id=row.gecko_id or None,
        price=positive(row.price),
        usd=_amount(row.circulating, row.peg_type),
        prev_day_usd=_amount(row.circulating_prev_day, row.peg_type),
        chains=chains,
        is_gone=bool(row.delisted or row.dead_from),
        is_yield_bearing=bool(row.yield_bearing),
    )


def _amount(amounts: Amount | None, peg: str) -> float | None:
    return number((amounts or {}).get(peg))


def encode_stablecoins(coins: Sequence[Coin]) -> bytes:
    """The answer to /stablecoins, largest first."""
    rows = []
    for coin in sorted(coins, key=lambda coin: -(coin.usd or 0.0)):
        row: dict[str, object] = {
            "id": coin.id,
            "name": coin.name,
            "symbol": coin.symbol,
            "gecko_id": coin.gecko_id,
            "pegType": coin.peg_type,
            "priceSource": "defillama",
            "pegMechanism": "fiat-backed",
            "circulating": _amounts(coin.usd, coin.peg_type),
            "circulatingPrevDay": _amounts(coin.prev_day_usd, coin.peg_type),
            "circulatingPrevWeek": {},
            "circulatingPrevMonth": {},
            "chainCirculating": {
                label: {
                    "current": _amounts(chain.usd, coin.peg_type),
                    "circulatingPrevDay": _amounts(chain.prev_day_usd, coin.peg_type),
                    "circulatingPrevWeek": {},
                    "circulatingPrevMonth": {},
                }
                for label, chain in coin.chains.items()
            },
            "chains": list(coin.chains),
            "price": coin.price,
        }
        if coin.is_gone:
            row["delisted"] = True
        if coin.is_yield_bearing:
            row["yieldBearing"] = True
        rows.append(row)
    return msgspec.json.encode({"peggedAssets": rows, "chains": []})


def _amounts(value: float | None, peg: str) -> dict[str, float]:
    return {} if value is None else {peg: value}


def decode_charts(body: bytes) -> list[DayValue]:
    """Market value by day, oldest first; days without a record are left out."""
    return sorted(readable(_read(_values.decode, body), _day_value), key=lambda day: day.at_s)


def _day_value(row: _DayValue) -> DayValue | None:
    at_s = whole(row.date)
    usd = {peg: value for peg, text in (row.usd or {}).items() if (value := number(text)) is not None}
    return None if at_s is None or not usd else DayValue(at_s, usd)


def encode_charts(days: Sequence[DayValue]) -> bytes:
    """The answer to /stablecoincharts."""
    rows = [
        {
            "date": str(day.at_s),
            "totalCirculating": day.usd,
            "totalUnreleased": {},
            "totalCirculatingUSD": day.usd,
            "totalMintedUSD": {},
            "totalBridgedToUSD": {},
        }
        for day in days
    ]
    return msgspec.json.encode(rows)


def decode_prices(body: bytes) -> list[DayPrices]:
    """The last prices of each day in US dollars by CoinGecko id, oldest first; what is null is left out."""
    days = readable(_read(_prices.decode, body), lambda row: _day_prices(row.date, row.prices))
    return sorted(days, key=lambda day: day.at_s)


def decode_rates(body: bytes) -> list[DayPrices]:
    """Units of each currency for one US dollar, by day, oldest first."""
    days = readable(_read(_prices.decode, body), lambda row: _day_prices(row.date, row.rates))
    return sorted((day for found in days if (day := _per_dollar(found))), key=lambda day: day.at_s)


def _day_prices(date: int | str, found: Amount | None) -> DayPrices | None:
    at_s = whole(date)
    prices = {}
    for name, text in (found or {}).items():
        try:
            price = positive(text)
        except ValueError:
            continue
        if price is not None:
            prices[name] = price
    return None if at_s is None else DayPrices(at_s, prices)


def _per_dollar(day: DayPrices) -> DayPrices | None:
    """The answer does not name its base: divide by the dollar, and see by the yen (100 or so) which way round it is."""
    dollar, yen = day.prices.get("USD", 1.0), day.prices.get("JPY")
    rates = {name.upper(): rate / dollar for name, rate in day.prices.items()}
    if yen is not None and yen / dollar < 1.0:
        rates = {name: 1.0 / rate for name, rate in rates.items()}
    return DayPrices(day.at_s, rates) if rates else None


def encode_prices(days: Sequence[DayPrices]) -> bytes:
    """The answer to /stablecoinprices."""
    return msgspec.json.encode([{"date": day.at_s, "prices": day.prices} for day in days])


def encode_rates(days: Sequence[DayPrices]) -> bytes:
    """The answer to /rates."""
    return msgspec.json.encode([{"date": day.at_s, "rates": day.prices} for day in days])


def decode_supply(body: bytes) -> list[Supply]:
    """Units of one coin by day, oldest first: not US dollars."""
    history = _read(_history.decode, body)

    def supply(row: _Token) -> Supply | None:
        at_s, units = whole(row.date), _amount(row.circulating, history.peg_type)
        return None if at_s is None or units is None else Supply(at_s, units)

    return sorted(readable(history.tokens, supply), key=lambda point: point.at_s)


def encode_supply(coin: Coin, points: Sequence[Supply]) -> bytes:
    """The answer to /stablecoin/{id}, without its chains."""
    tokens = [{"date": point.at_s, "circulating": {coin.peg_type: point.units}} for point in points]
    row: dict[str, object] = {
        "id": coin.id,
        "name": coin.name,
        "symbol": coin.symbol,
        "gecko_id": coin.gecko_id,
        "pegType": coin.peg_type,
        "price": coin.price,
        "currentChainBalances": {},
        "chainBalances": {},
        "tokens": tokens,
    }
    return msgspec.json.encode(row)


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"DefiLlama sent an answer that cannot be read: {brief(exc)}") from exc
