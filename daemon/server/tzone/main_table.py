"""Stablecoins by value, with their prices and changes (spec/001, `ws/main_table`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.currencies import DOLLAR, implied_rate, official_rate, read_currency
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, headers, raw
from daemon.server.tzone.parts import Parts
from daemon.server.tzone.stablecoins import alive, names_of
from daemon.upstream.records import CoinInfo, DailyRates, Stablecoin
from daemon.upstream.together import both

PATH = "/tzone_apis/services/stablecoins/ws/main_table"
HEADERS = headers(
    ("rank", "Rank"),
    ("name", "Name"),
    ("logo", "Logo"),
    ("price", "Price"),
    ("24h_change_percent", "24h Change (%)"),
    ("market_cap", "Market Cap"),
)
FIELDS = ("rank", "name", "logo", "price", "24h_change_percent", "market_cap", "symbol", "stablecoin")
ALIASES = {"change_24h_percent": "24h_change_percent", "change_24h": "24h_change_percent", "marketcap": "market_cap"}


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    vs_currency: str


def read(given: Mapping[str, object]) -> Own:
    """The currency of prices and market values."""
    return Own(read_currency(given))


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """Coins and values are DefiLlama's; prices, changes and pictures CoinGecko's, which the table can do without."""
    parts, market = Parts(now_ms), sources.market
    coins = alive(parts.take(await market.stablecoins()))
    ids = [coin.gecko_id for coin in coins if coin.gecko_id]
    no_prices: list[CoinInfo] = []
    no_rates: list[DailyRates] = []
    if not coins:
        parts.lacks("DefiLlama lists no stablecoins")
    prices, rates = no_prices, no_rates
    if own.vs_currency == DOLLAR:
        prices = await parts.maybe("prices", market.coins(ids, DOLLAR), no_prices)
    else:
        prices, rates = await both(
            parts.maybe("prices", market.coins(ids, own.vs_currency), no_prices),
            parts.maybe("exchange rates", market.fx_rates(), no_rates),
        )
    by_id = {info.id: info for info in prices}
    rate = official_rate(own.vs_currency, rates) or implied_rate(coins, by_id)
    if rate is None and coins:
        parts.lacks(f"nobody says what a dollar is in {own.vs_currency}")
    return parts.data(Table(rows(coins, by_id, rate, kept), aliases=ALIASES, time_field=None, fields=FIELDS))


def rows(coins: Sequence[Stablecoin], prices: Mapping[str, CoinInfo], rate: float | None, kept: Kept) -> list[Row]:
    """Largest first. `rate` is what one US dollar is in the table's currency; amounts are dollars already, whatever the peg."""
    found = []
    for rank, coin in enumerate(coins, start=1):
        info = prices.get(coin.gecko_id or "")
        price = None if info is None else info.price
        fields: dict[str, Any] = {
            "rank": rank,
            "name": coin.name,
            "logo": None if info is None else info.image,
            "price": _times(coin.price, rate) if price is None else price,
            "24h_change_percent": None if info is None else info.change_24h_percent,
            "market_cap": _times(coin.circulating_usd, rate),
        }
        found.append(kept.row(coin.id, fields, {"symbol": coin.symbol, "stablecoin": names_of(coin)}))
    return found


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    return {
        "headers": HEADERS,
        "rows": raw(selection),
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "vs_currency": params.own.vs_currency,
    }


def _times(amount: float | None, rate: float | None) -> float | None:
    return None if amount is None or rate is None else amount * rate


SPEC = Spec(
    path=PATH,
    about="stablecoins by value, with prices and 24-hour changes",
    example='filters={"name":"Tether"}&sort_by=market_cap&sort_order=desc&page=1&page_size=10',
    own=frozenset({"vs_currency"}),
    read=read,
    load=load,
    envelope=envelope,
)
