"""Price and open interest of one contract over time, up to now (spec/000, `oi-price/chart`)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.server.parameters import BadParameter, a_number, one_of
from daemon.server.query import Query
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.timeframe import read_moment, read_timeframe, to_ms
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, check_markets, echo
from daemon.server.tzone.live import newest
from daemon.server.tzone.markets import coin_named, pair_of, read_markets, read_name
from daemon.upstream import exchanges, pairs
from daemon.upstream.cache import Answer, Unavailable
from daemon.upstream.pairs import UnknownContract
from daemon.upstream.records import Contract, OiPricePoint

PATH = "/tzone_apis/services/futures/ws/oi-price/chart"
FIELDS = ("timestamp", "price", "open_interest", "source")
ALIASES = {"x": "timestamp", "y_price": "price", "y_open_interest": "open_interest", "exchange": "source"}
TIMEFRAME = "1m"  # a month, here
PAGE_SIZE = 2_000
INTERVAL_S, LONGEST_INTERVAL_S = 10.0, 3_600.0
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MOST_POINTS = 2_000  # of a series; a longer one than that in hours is asked for in days
MOST_HOURS_MS = 83 * DAY_MS
KINDS = {"linear": ("VANILLA", "QUANTO"), "inverse": ("INVERSE",)}


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    symbol: str
    market: str
    category: str | None
    timeframe: str
    span_ms: int | None  # None: custom
    start_ms: int | None
    end_ms: int | None
    interval_s: float

    def range_ms(self, now_ms: int) -> tuple[int, int]:
        """First and last moment asked for; either bound overrides the time frame."""
        end_ms = now_ms if self.end_ms is None else self.end_ms
        if self.start_ms is not None:
            return self.start_ms, end_ms
        return max(0, end_ms - (self.span_ms or 0)), end_ms

    def is_hourly(self, now_ms: int) -> bool:
        """Hours while a series of them is short enough, else days."""
        start_ms, end_ms = self.range_ms(now_ms)
        return end_ms - start_ms <= MOST_HOURS_MS

    @property
    def applied(self) -> str:
        """The time frame that really counts."""
        return self.timeframe if self.start_ms is None and self.end_ms is None else "custom"


def read(given: Mapping[str, object]) -> Own:
    """In `timeframe` an m is a month; custom needs a start."""
    markets = read_markets("exchange", given.get("exchange"), ("bybit",))
    if len(markets) > 1:
        raise BadParameter("unknown_value", "exchange", "this chart is of one exchange, e.g. exchange=bybit")
    timeframe = read_timeframe(given.get("timeframe", TIMEFRAME), months=True)
    start, end = given.get("start_time"), given.get("end_time")
    symbol = read_name("symbol", given.get("symbol"), "BTCUSDT")
    if timeframe.span_ms is None and start is None:
        raise BadParameter("missing", "start_time", "timeframe=custom needs start_time, in milliseconds since 1970")
    category = given.get("category")
    return Own(
        symbol=symbol,
        market=markets[0],
        category=None if category is None else one_of("category", category, KINDS),
        timeframe=timeframe.text,
        span_ms=timeframe.span_ms,
        start_ms=None if start is None else round(to_ms(read_moment("start_time", start))),
        end_ms=None if end is None else round(to_ms(read_moment("end_time", end))),
        interval_s=float(
            a_number("interval", given.get("interval", INTERVAL_S), least=1, most=LONGEST_INTERVAL_S, example="10.0")
        ),
    )


def check(sources: Sources, own: Own) -> None:
    """An exchange that nobody answers for is refused by name."""
    check_markets(sources, (own.market,), "exchange")


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """The history that the upstream remembers, and the contract as it stands now if the range ends now."""
    market = sources.market
    if own.market not in market.venues:  # it has closed
        return _data([], None, own.symbol, sources, own, kept, Answer(None, now_ms))
    try:
        listed = await market.contracts(own.market, (coin_named(own.symbol),))
        contract: Contract | None = find(own, listed.value)
    except Unavailable as exc:
        listed = Answer([], now_ms, error=str(exc))
        contract = None
    except UnknownContract as exc:
        raise BadParameter("unknown_value", "symbol", str(exc)) from None
    start_ms, end_ms = own.range_ms(now_ms)
    hours = own.is_hourly(now_ms)
    until_ms = min(end_ms, now_ms)
    since_ms = max(start_ms, until_ms - MOST_POINTS * (HOUR_MS if hours else DAY_MS))
    name = own.symbol if contract is None else contract.pair
    current = None
    if contract is not None and start_ms <= now_ms <= end_ms:
        current = _current(newest(sources, contract))
    history: Answer[list[OiPricePoint]] = Answer([], now_ms)
    try:
        if since_ms <= until_ms:
            history = await market.oi_price_history(own.market, name, start_ms=since_ms, end_ms=until_ms, hours=hours)
    except Unavailable as exc:
        if current is None:
            raise
        history = Answer([], listed.at_ms, error=str(exc))
    except UnknownContract as exc:
        raise BadParameter("unknown_value", "symbol", str(exc)) from None
    whole: Answer[None] = Answer(
        None,
        min(history.at_ms, listed.at_ms),
        history.is_stale or (listed.is_stale and current is not None),
        "; ".join(dict.fromkeys(reason for reason in (history.error, listed.error) if reason is not None)) or None,
    )
    shown = own.symbol if contract is None else pair_of(contract.symbol, contract.pair)
    return _data(history.value, current, shown, sources, own, kept, whole)


def find(own: Own, contracts: list[Contract]) -> Contract:
    """The contract that is meant; UnknownContract if the exchange has none of that coin and category."""
    kinds = KINDS.get(own.category or "")
    return pairs.find(own.market, own.symbol, [row for row in contracts if kinds is None or row.kind in kinds])


def row(point: OiPricePoint, source: str) -> dict[str, Any]:
    """One point; open interest in US dollars, one side."""
    return {"timestamp": point.at_ms, "price": point.price, "open_interest": point.oi_usd, "source": source}


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document."""
    own, query = params.own, params.query
    points = [row.fields for row in selection.rows]
    x = [point["timestamp"] for point in points]
    prices, interests = [point["price"] for point in points], [point["open_interest"] for point in points]
    start_ms, end_ms = own.range_ms(frame.now_ms)
    asked = echo(params, "symbol", "exchange", "category", "timeframe", "start_time", "end_time")
    return {
        "x": x,
        "y_price": prices,
        "y_open_interest": interests,
        "sources": [point["source"] for point in points],
        "symbol": own.symbol,
        "y_axis_primary": "Price",
        "y_axis_secondary": "Open Interest",
        "x_axis": "DateTime",
        "title": f"Open Interest & Price Chart for {own.symbol}",
        "series": [
            _series("Price", list(zip(x, prices, strict=True)), 0, "#2563eb"),
            _series("Open Interest", list(zip(x, interests, strict=True)), 1, "#dc2626"),
        ],
        "count": selection.count,
        "markets": [own.market],
        "instruments": [data.extra["instrument"]],
        "data_source": data.extra["data_source"],
        "historical_included": data.extra["historical_included"],
        "timeframe_applied": own.applied,
        "timeframe_config": {
            "start_time": start_ms,
            "end_time": end_ms,
            "historical_interval": "hours" if own.is_hourly(frame.now_ms) else "days",
            "historical_limit": MOST_POINTS,
            "timeframe": own.applied,
        },
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "query_params": {
            **asked,
            "exchange": own.market,
            "timeframe": own.timeframe,
            "start_time": query.start_time,
            "end_time": query.end_time,
        },
    }


def _series(name: str, data: list[Any], axis: int, color: str) -> dict[str, Any]:
    return {"name": name, "type": "line", "data": data, "yAxisIndex": axis, "color": color}


def _current(contract: Contract) -> OiPricePoint | None:
    """The contract as a point, if it says enough."""
    price = contract.mark if contract.last is None else contract.last
    if price is None or contract.oi_usd is None or not contract.at_ms:
        return None
    return OiPricePoint(
        at_ms=contract.at_ms, price=price, oi_usd=contract.oi_usd, is_oi_ambiguous=contract.is_oi_ambiguous
    )


def _data(
    history: list[OiPricePoint],
    current: OiPricePoint | None,
    instrument: str,
    sources: Sources,
    own: Own,
    kept: Kept,
    whole: Answer[None],
) -> Data:
    provider = sources.market.provider
    source = exchanges.label(own.market, provider)
    rows: list[Row] = [kept.row(point.at_ms, row(point, source)) for point in history]
    last = history[-1] if history else None
    # one series never mixes open interest of one side with what may be of both
    if current is not None and (
        last is None or (current.at_ms > last.at_ms and current.is_oi_ambiguous == last.is_oi_ambiguous)
    ):
        rows.append(kept.row("now", row(current, source)))
    extra = {
        "instrument": instrument,
        "historical_included": bool(history),
        "data_source": data_source(own.market, provider, is_history=bool(history)),
    }
    return Data(
        Table(rows, fields=FIELDS, aliases=ALIASES),
        whole.at_ms,
        extra,
        tuple(extra.values()),
        is_stale=whole.is_stale,
        error=whole.error,
    )


def data_source(market: str, provider: str, *, is_history: bool) -> str:
    """Who was really asked."""
    name = "CoinDesk" if provider == "CoinDesk" else exchanges.title(market)
    if not is_history:
        return f"{name} REST API (latest only)"
    return "CoinDesk Historical OHLC+ API" if provider == "CoinDesk" else f"{name} REST API (open interest history)"


SPEC = Spec(
    path=PATH,
    about="price and open interest of one contract over time",
    example="symbol=BTCUSDT&exchange=bybit&category=linear&timeframe=3m&page_size=1000",
    own=frozenset({"symbol", "exchange", "category", "start_time", "end_time", "timeframe", "interval"}),
    read=read,
    load=load,
    envelope=envelope,
    defaults=Query(timeframe=read_timeframe(TIMEFRAME, months=True), page_size=PAGE_SIZE),
    months=True,
    check=check,
    base_s=lambda own: own.interval_s,
)
