"""What a coin's perpetuals paid over time, with its price (spec/000, `funding-rate-chart`)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import msgspec

from daemon.server.parameters import BadParameter, a_whole_number, one_of
from daemon.server.query import Query
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table, select
from daemon.server.timeframe import read_moment, to_ms
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, check_markets, echo
from daemon.server.tzone.markets import coin_named, is_named, read_markets, read_name, read_names
from daemon.upstream import exchanges
from daemon.upstream.cache import Answer, Unavailable
from daemon.upstream.pairs import UnknownContract
from daemon.upstream.records import FundingPoint

PATH = "/tzone_apis/services/futures/ws/funding-rate-chart"
FIELDS = ("timestamp", "funding_rate", "price", "source")
ALIASES = {"exchange": "source", "x": "timestamp", "y": "funding_rate", "price_overlay": "price"}
DAY_MS = 86_400_000
FIRST_MS = 1_546_300_800_000  # 2019-01-01: no exchange that we ask had paid funding on a perpetual of today before
MOST_SETTLEMENTS = 5_000  # of one contract
POINTS, MOST_POINTS = 30, 5_000
DAYS, MOST_DAYS = 1, 30
MOST_INSTRUMENTS = 25


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    coin: str
    markets: tuple[str, ...]
    instruments: tuple[str, ...]
    start_ms: int | None
    end_ms: int | None
    limit: int  # points
    aggregate: int  # days a point
    per_exchange: bool  # a series for each exchange after the documented two

    @property
    def bucket_ms(self) -> int:
        """The length of one point's time."""
        return self.aggregate * DAY_MS

    def range_ms(self, now_ms: int) -> tuple[int, int]:
        """The first moment of the first point, and the last moment of all; the first is later if nothing is asked for."""
        end_ms = now_ms if self.end_ms is None else min(self.end_ms, now_ms)
        first_ms = end_ms - end_ms % self.bucket_ms - (self.limit - 1) * self.bucket_ms
        if self.start_ms is not None:
            first_ms = max(first_ms, self.start_ms - self.start_ms % self.bucket_ms)
        return max(first_ms, FIRST_MS - FIRST_MS % self.bucket_ms), end_ms


def read(given: Mapping[str, object]) -> Own:
    """BTCUSDT and BTC both mean the coin; times are in seconds by the document, and in milliseconds if they are that large."""
    limit, aggregate = given.get("limit", POINTS), given.get("aggregate", DAYS)
    instruments = read_names("instruments", given.get("instruments"))
    if len(instruments) > MOST_INSTRUMENTS:
        raise BadParameter("too_long", "instruments", f"{len(instruments)} are too many: at most {MOST_INSTRUMENTS}")
    return Own(
        coin=coin_named(read_name("symbol", given.get("symbol"), "BTC")),
        markets=read_markets("exchanges", given.get("exchanges")),
        instruments=instruments,
        start_ms=_moment("start_time", given.get("start_time")),
        end_ms=_moment("end_time", given.get("end_time")),
        limit=a_whole_number("limit", limit, least=1, most=MOST_POINTS),
        aggregate=a_whole_number("aggregate", aggregate, least=1, most=MOST_DAYS),
        per_exchange=one_of("per_exchange", given.get("per_exchange", "false"), ("true", "false")) == "true",
    )


def check(sources: Sources, own: Own) -> None:
    """Exchanges that nobody answers for are refused by name."""
    check_markets(sources, own.markets, "exchanges")


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """A row for each exchange and bucket: the mean of its rates per 8 hours, and its last mark price."""
    first_ms, end_ms = own.range_ms(now_ms)
    if first_ms > end_ms:
        return Data(Table((), fields=FIELDS, aliases=ALIASES), now_ms)
    asks = [(market, name) for market in own.markets for name in own.instruments or (own.coin,)]
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_history(sources, own, market, name, first_ms, now_ms), name=f"funding of {market}")
            for market, name in asks
        ]
    rows: list[Row] = []
    reasons: list[str] = []
    answers: list[Answer[list[FundingPoint]]] = []
    unknown: list[str] = []
    answers_of_open = 0  # who has closed has everything, and nothing of it
    for (market, name), task in zip(asks, tasks, strict=True):
        result = task.result()
        if isinstance(result, UnknownContract):
            unknown.append(str(result))
            continue
        if isinstance(result, Unavailable):
            reasons.append(f"{market}: {result}")
            continue
        answers.append(result)
        answers_of_open += market in sources.market.venues
        if result.error is not None:
            reasons.append(f"{market}: {result.error}")
        source = exchanges.label(market, sources.market.provider)
        for at_ms, rate, price in buckets(result.value, own.bucket_ms, end_ms):
            fields = {"timestamp": at_ms, "funding_rate": rate, "price": price, "source": source}
            rows.append(kept.row((market, name, at_ms), fields))
        await asyncio.sleep(0)  # years of one exchange take some 10 ms
    if reasons and not answers_of_open:
        raise Unavailable("; ".join(reasons))
    if unknown and not answers_of_open:
        raise BadParameter("unknown_value", "instruments" if own.instruments else "symbol", unknown[0])
    newest = sorted({_timestamp(row) for row in rows})[-own.limit :]
    if newest:
        rows = sorted((row for row in rows if _timestamp(row) >= newest[0]), key=_timestamp)
    return Data(
        Table(rows, fields=FIELDS, aliases=ALIASES),
        at_ms=min(answer.at_ms for answer in answers),
        is_stale=any(answer.is_stale for answer in answers),
        error="; ".join(reasons) or None,
    )


def buckets(points: Sequence[FundingPoint], bucket_ms: int, end_ms: int) -> list[tuple[int, float, float | None]]:
    """(start, mean rate per 8 hours, last mark price) of each bucket in which something was paid, oldest first."""
    found: dict[int, list[FundingPoint]] = {}
    for point in points:
        if point.at_ms <= end_ms:
            found.setdefault(point.at_ms - point.at_ms % bucket_ms, []).append(point)
    if len(points) >= MOST_SETTLEMENTS and len(found) > 1:
        del found[min(found)]  # there may have been more in it than anyone told us
    return [
        (
            start_ms,
            round(fmean(point.rate_8h for point in paid), 12),
            next((point.mark_price for point in reversed(paid) if point.mark_price is not None), None),
        )
        for start_ms, paid in sorted(found.items())
    ]


def choose(table: Table, query: Query, now_ms: int) -> Selection:
    """Filter, search and cut the flat rows; make a point of each bucket's; sort and page the points."""
    flat = select(table, replace(query, sort_by=None, page=1, page_size=None), now_ms)
    points: dict[int, list[Row]] = {}
    for row in flat.rows:
        points.setdefault(_timestamp(row), []).append(row)
    merged = Table([Row(merge(at_ms, rows)) for at_ms, rows in points.items()], fields=FIELDS, aliases=ALIASES)
    order = Query(sort_by=query.sort_by, sort_order=query.sort_order, page=query.page, page_size=query.page_size)
    chosen = select(merged, order, now_ms)
    return Selection(chosen.rows, chosen.count, flat.processing_method)


def merge(at_ms: int, rows: Sequence[Row]) -> dict[str, Any]:
    """One point: the means over its exchanges."""
    by_source: dict[str, list[float]] = {}
    for row in rows:
        by_source.setdefault(str(row.fields["source"]), []).append(_number(row, "funding_rate"))
    prices = [_number(row, "price") for row in rows if row.fields["price"] is not None]
    rates = {source: round(fmean(values), 12) for source, values in by_source.items()}
    return {
        "timestamp": at_ms,
        "funding_rate": round(fmean(rates.values()), 12),
        "price": round(fmean(prices), 8) if prices else None,
        "source": list(rates),
        "rates": rates,
    }


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    del data
    own, query = params.own, params.query
    points = [row.fields for row in selection.rows]
    x = [point["timestamp"] for point in points]
    y = [point["funding_rate"] for point in points]
    prices = [point["price"] for point in points]
    by_source = _by_source(points)
    series: list[dict[str, Any]] = [
        {"name": "Funding Rate", "type": "line", "data": list(zip(x, y, strict=True))},
        {
            "name": "Price Overlay",
            "type": "line",
            "data": list(zip(x, prices, strict=True)),
            "y_axis": "Price",
            "color": "#ff6b6b",
            "yAxisIndex": 1,
        },
    ]
    if own.per_exchange:
        series += [{"name": source, "type": "line", "data": pairs} for source, pairs in by_source.items()]
    asked = echo(params, "symbol", "exchanges", "start_time", "end_time", "limit", "timeframe")
    return {
        "symbol": own.coin,
        "exchanges": own.markets,
        "x": x,
        "y": y,
        "price_overlay": prices,
        "sources": list(by_source),
        "y_axis": "Funding Rate",
        "x_axis": "DateTime",
        "title": f"Funding Rate History for {own.coin}",
        "series": series,
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": {**asked, "start_time": query.start_time, "end_time": query.end_time, "limit": own.limit},
    }


def _by_source(points: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for point in points:
        for source, rate in point["rates"].items():
            found.setdefault(source, []).append((point["timestamp"], rate))
    return found


async def _history(
    sources: Sources, own: Own, market: str, name: str, first_ms: int, now_ms: int
) -> Answer[list[FundingPoint]] | Unavailable | UnknownContract:
    """What one contract paid, or why nobody can say."""
    try:
        if own.instruments:  # these and no others, while a coin stands for its main perpetual
            contract = await sources.market.contract(market, name)
            if contract is None:  # the exchange has closed
                return Answer([], now_ms)
            if not is_named(contract, name):
                return UnknownContract(f"{market} has no contract '{name}'")
        end_ms = None if own.end_ms is None or own.end_ms >= now_ms else own.end_ms
        return await sources.market.funding_history(
            market, name, start_ms=first_ms, end_ms=end_ms, limit=MOST_SETTLEMENTS
        )
    except (Unavailable, UnknownContract) as exc:
        return exc


def _moment(name: str, value: object) -> int | None:
    return None if value is None else round(to_ms(read_moment(name, value)))


def _timestamp(row: Row) -> int:
    return round(_number(row, "timestamp"))


def _number(row: Row, name: str) -> float:
    value = row.fields[name]
    return value if isinstance(value, int | float) else 0.0


SPEC = Spec(
    path=PATH,
    about="what a coin's perpetuals paid over time, with its price",
    example="symbol=BTC&exchanges=binance,bybit&start_time=1640995200&end_time=1641081600&limit=100"
    '&filters={"source":"CoinDesk-binance"}&timeframe=7d&time_field=timestamp',
    own=frozenset(
        {"symbol", "exchanges", "instruments", "start_time", "end_time", "limit", "aggregate", "per_exchange"}
    ),
    read=read,
    load=load,
    envelope=envelope,
    choose=choose,
    check=check,
)
