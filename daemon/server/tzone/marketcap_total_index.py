"""The value of all stablecoins over time (spec/001, `ws/marketcap_total_index`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.server.rows import Kept
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, raw
from daemon.server.tzone.parts import Parts
from daemon.server.tzone.periods import DAY_S, PERIODS, RANGE, has_range, read_period
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import MarketCapPoint

PATH = "/tzone_apis/services/stablecoins/ws/marketcap_total_index"
FIELDS = ("timestamp", "marketcap")
ALIASES = {"time": "timestamp", "market_cap": "marketcap", "price": "marketcap", "latest_market_cap": "marketcap"}
LEAST_POINTS = 2  # a line needs two ends
HOURS_IN = 30  # days; longer periods are drawn by day
WHOLE = 0.1  # our own sum may differ so much from DefiLlama's total; else coins were missing from it


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    period: str
    is_whole: bool  # all of history: the client cuts it by a range of its own


def read(given: Mapping[str, object]) -> Own:
    """A range without a period is cut from all of history; with a period both hold."""
    return Own(read_period(given), has_range(given) and not given.get("period"))


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """DefiLlama's days, and our own hours where we have watched; ours alone if DefiLlama has nothing."""
    parts = Parts(now_ms)
    hours = [MarketCapPoint(at_ms // 1_000, usd) for at_ms, usd in sources.views.pegs.hourly_market_cap()]
    try:
        days = parts.take(await sources.market.stablecoin_charts())
    except Unavailable as exc:
        if not hours:
            raise
        days = []
        parts.lacks(f"days: {exc}")
    points = series(days, hours, own, now_ms // 1_000)
    if not points:
        parts.lacks("DefiLlama has no days, and we have not watched long enough")
    rows = [kept.row(point.at_s, {"timestamp": point.at_s, "marketcap": point.usd}) for point in points]
    latest = points[-1].usd if points else None
    table = Table(rows, aliases=ALIASES, fields=FIELDS)
    return parts.data(table, {"latest": latest}, extra_version=latest)


def series(
    days: Sequence[MarketCapPoint], hours: Sequence[MarketCapPoint], own: Own, now_s: int
) -> list[MarketCapPoint]:
    """Oldest first: a point a day, or our own points of the hour on days that we have watched."""
    if own.is_whole or PERIODS[own.period] <= HOURS_IN:
        total = days[-1].usd if days else None
        fine = [point for point in hours if total is None or abs(point.usd - total) <= WHOLE * total]
    else:
        fine = []
    watched = {point.at_s // DAY_S for point in fine}
    every = [point for point in days if point.at_s // DAY_S not in watched] + fine
    every.sort(key=lambda point: point.at_s)
    if own.is_whole:
        return every
    begin_s = now_s - PERIODS[own.period] * DAY_S
    inside = [point for point in every if point.at_s >= begin_s]
    return inside if len(inside) >= LEAST_POINTS else every[-LEAST_POINTS:]


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document; its `price` is the market value too."""
    latest = data.extra["latest"]
    return {
        "chart": {"x_label": "Time (unix timestamp)", "y_label": "Total Market Cap (USD)", "data": raw(selection)},
        "key_stats": {"latest_market_cap": latest, "price": latest, "controller": params.own.period},
        "count": selection.count,
        "adaptive_interval": frame.interval,
        "timestamp": frame.timestamp,
        "period": params.own.period,
    }


def moved(sources: Sources, own: Own) -> int:
    """When we last heard of a stablecoin."""
    del own
    return sources.views.pegs.version


SPEC = Spec(
    path=PATH,
    about="the value of all stablecoins over time",
    example='filters={"marketcap":">1000000000"}&sort_by=marketcap&sort_order=desc&page=1&page_size=10'
    "&start_time=1719878400000&end_time=1719882000000&time_field=timestamp",
    own=frozenset({"period", *RANGE}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
)
