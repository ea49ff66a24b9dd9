"""Prices of several stablecoins over time, side by side (spec/001, `ws/comparative_price_timeseries`)."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from daemon.server.parameters import BadParameter, a_text, a_whole_number, shown
from daemon.server.query import Query
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table, select
from daemon.server.tzone.currencies import DOLLAR, read_currency
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, names_in
from daemon.server.tzone.parts import Parts
from daemon.server.tzone.periods import DAY_S
from daemon.server.tzone.pictures import PATIENCE_S, soon
from daemon.server.tzone.stablecoins import names_of
from daemon.upstream.cache import Answer, Unavailable
from daemon.upstream.records import DailyPrices, PricePoint, Stablecoin
from daemon.upstream.together import both, each

PATH = "/tzone_apis/services/stablecoins/ws/comparative_price_timeseries"
FIELDS = ("stablecoin", "time", "price")
ALIASES = {"timestamp": "time", "id": "stablecoin", "stablecoin_id": "stablecoin"}
NAMING = ("stablecoin", "id", "stablecoin_id")  # a filter on these says which series are wanted; others cut them
DEFAULT_IDS = ("tether", "usd-coin", "dai")
MOST_IDS = 25  # each is a question, of which CoinGecko answers five a minute without a key
DEFAULT_DAYS, MOST_DAYS = 7, 365  # CoinGecko tells no more without a paid key
LONGEST_ID = 128


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    ids: tuple[str, ...]  # CoinGecko's
    vs_currency: str
    days: int


def read(given: Mapping[str, object]) -> Own:
    """`interval` is deprecated in the document: any text will do, and changes nothing."""
    a_text("interval", given.get("interval") or "")
    ids = tuple(
        dict.fromkeys(name.lower() for name in names_in("stablecoin_ids", given.get("stablecoin_ids"), most=MOST_IDS))
    )
    for name in ids:
        _check(name)
    days = a_whole_number("days", given.get("days") or DEFAULT_DAYS, least=1, most=MOST_DAYS)
    return Own(ids or DEFAULT_IDS, read_currency(given), days)


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """CoinGecko's prices; where it has none, DefiLlama's price of each day, which are dollars. A flat table of points."""
    parts, market = Parts(now_ms), sources.market
    nothing: Answer[list[Stablecoin]] = Answer([], now_ms)
    troubles: dict[str, str] = {}

    async def chart(name: str) -> list[PricePoint] | None:
        try:
            points = parts.take(await market.coin_chart(name, own.vs_currency, own.days))
        except Unavailable as exc:
            troubles[name] = str(exc)
            return None
        if not points:
            troubles[name] = "CoinGecko has no prices"
        return points

    async def known() -> list[Stablecoin]:
        try:
            return (await soon(market.stablecoins(), nothing, PATIENCE_S)).value
        except Unavailable:  # only tickers and names in filters are lost
            return []

    charts, coins = await both(each(chart(name) for name in own.ids), known())
    points = {name: found for name, found in zip(own.ids, charts, strict=True) if found is not None}
    if troubles:
        points |= await _by_day(sources, own, troubles, parts, now_ms // 1_000)
    if not points:
        raise Unavailable("; ".join(f"{name}: {reason}" for name, reason in troubles.items()))
    hidden = {coin.gecko_id: {"stablecoin": names_of(coin)} for coin in coins if coin.gecko_id}
    rows = [
        kept.row(
            (name, point.at_ms),
            {"stablecoin": name, "time": point.at_ms // 1_000, "price": point.price},
            hidden.get(name, {}),
        )
        for name in own.ids
        for point in points.get(name, ())
    ]
    series = Table(
        [Row({"stablecoin": name}, hidden.get(name, {})) for name in own.ids], aliases=ALIASES, time_field=None
    )
    return parts.data(Table(rows, aliases=ALIASES, time_field="time", fields=FIELDS), {"series": series})


async def _by_day(
    sources: Sources, own: Own, troubles: Mapping[str, str], parts: Parts, now_s: int
) -> dict[str, list[PricePoint]]:
    """What DefiLlama has for ids that CoinGecko has not; in dollars only."""
    no_days: list[DailyPrices] = []
    days = no_days
    if own.vs_currency == DOLLAR:
        days = await parts.maybe("prices by day", sources.market.stablecoin_prices(), no_days)
    begin_s = now_s - own.days * DAY_S
    found = {}
    for name, reason in troubles.items():
        points = [PricePoint(day.at_s * 1_000, day.prices[name]) for day in days if _has(day, name, begin_s)]
        if points:
            found[name] = points
        parts.lacks(f"{name}: {reason}" + ("; these are DefiLlama's prices of each day" if points else ""))
    return found


def _has(day: DailyPrices, name: str, begin_s: int) -> bool:
    return day.at_s >= begin_s and name in day.prices


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed: points by stablecoin and in time, whatever order chose them; `count` is of points."""
    own, query = params.own, params.query
    wanted = Query(filters=tuple(one for one in query.filters if one.field in NAMING))
    names = select(data.extra["series"], wanted, frame.now_ms).rows
    series: dict[str, list[dict[str, object]]] = {cast(str, row.fields["stablecoin"]): [] for row in names}
    for row in selection.rows:
        point = {"time": row.fields["time"], "price": row.fields["price"]}
        series.setdefault(cast(str, row.fields["stablecoin"]), []).append(point)
    for points in series.values():
        points.sort(key=lambda point: cast(int, point["time"]))
    return {
        "y_axis": "Price based on 1 USD (0.98$-1.02$)"
        if own.vs_currency == DOLLAR
        else f"Price in {own.vs_currency.upper()}",
        "x_axis": "Time (unix timestamp)",
        "data_series": [{"stablecoin": name, "data": points} for name, points in series.items()],
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "timeframe_applied": applied(query, own.days),
        "query_params": {
            "stablecoin_ids": own.ids,
            "vs_currency": own.vs_currency,
            "days": own.days,
            "timeframe": None if query.timeframe is None else query.timeframe.text,
            "start_time": query.start_time,
            "end_time": query.end_time,
        },
    }


def applied(query: Query, days: int) -> str:
    """What has cut the series: a range of its own goes before a time frame, and that before the days that were fetched."""
    if query.start_time is not None or query.end_time is not None:
        return "custom"
    return f"{days}d" if query.timeframe is None else query.timeframe.text


def _check(name: str) -> None:
    if len(name) > LONGEST_ID or not all(sign.isalnum() or sign in "-_." for sign in name) or set(name) <= {"."}:
        raise BadParameter(
            "unknown_value",
            "stablecoin_ids",
            f"{shown(name)} is not an id of CoinGecko; write them like tether,usd-coin",
        )


SPEC = Spec(
    path=PATH,
    about="prices of several stablecoins over time",
    example='filters={"stablecoin":"tether"}&sort_by=price&sort_order=desc&page=1&page_size=10'
    "&start_time=1719878400000&end_time=1719882000000&timeframe=7d&time_field=time",
    own=frozenset({"stablecoin_ids", "vs_currency", "days", "interval"}),
    read=read,
    load=load,
    envelope=envelope,
)
