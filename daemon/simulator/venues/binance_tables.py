"""What Binance in the box answers about all contracts at once, and about their past."""

from aiohttp import web

from daemon.simulator.listings import LISTINGS
from daemon.simulator.past import MOST, Past
from daemon.simulator.queries import count, moment
from daemon.simulator.venues.asked import said
from daemon.wire import binance_market as wire
from daemon.wire.binance_symbols import from_symbol

_MINUTE_MS = 60_000
_STEPS_MS = {
    "1m": _MINUTE_MS, "5m": 5 * _MINUTE_MS, "15m": 15 * _MINUTE_MS, "30m": 30 * _MINUTE_MS, "1h": 60 * _MINUTE_MS,
    "2h": 120 * _MINUTE_MS, "4h": 240 * _MINUTE_MS, "6h": 360 * _MINUTE_MS, "12h": 720 * _MINUTE_MS, "1d": 1_440 * _MINUTE_MS,
}  # fmt: skip


class Tables:
    """Answers for `ticker/24hr`, candles, and open interest of the last month."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._listings = {from_symbol(listing.symbol): listing for listing in LISTINGS if listing.venue == "binance"}

    def routes(self) -> list[web.RouteDef]:
        """Paths without the venue's prefix."""
        return [
            web.get(wire.DAY, self._days),
            web.get(wire.KLINES, self._klines),
            web.get(wire.MARK_KLINES, self._klines),
            web.get(wire.INTEREST_HISTORY, self._interest),
        ]

    async def _days(self, request: web.Request) -> web.Response:
        pair, now_ms = request.query.get("symbol"), self._past.now_ms
        rows = []
        for name, listing in self._listings.items():
            if pair in (None, name):
                price, base = self._past.price(listing, now_ms), self._past.day_volume(listing)
                rows.append(wire.Day(name, price, base, round(base * price, 2), now_ms))
        return said(wire.encode_days(rows, pair), 200 if rows else 400)

    async def _klines(self, request: web.Request) -> web.Response:
        query = request.query
        listing, step_ms = self._listings.get(query.get("symbol", "")), _STEPS_MS.get(query.get("interval", ""))
        if listing is None or step_ms is None:
            return _refused(listing is None)
        bars = self._past.bars(
            listing,
            step_ms,
            start_ms=moment(query.get("startTime")),
            end_ms=moment(query.get("endTime")),
            limit=count(query.get("limit"), usual=500, most=MOST),
            keep="oldest" if "startTime" in query else "newest",
            is_mark=request.path.endswith(wire.MARK_KLINES),
        )
        return said(wire.encode_klines(bars, step_ms))

    async def _interest(self, request: web.Request) -> web.Response:
        query = request.query
        listing, step_ms = self._listings.get(query.get("symbol", "")), _STEPS_MS.get(query.get("period", ""))
        if listing is None or step_ms is None or step_ms < 5 * _MINUTE_MS:
            return _refused(listing is None)
        start_ms = moment(query.get("startTime"))
        if start_ms is not None and start_ms < self._past.now_ms - wire.INTEREST_REACH_MS:
            return said(wire.encode_error(-1130, "parameter 'startTime' is invalid."), 400)
        points = self._past.interest(
            listing,
            step_ms,
            start_ms=start_ms,
            end_ms=moment(query.get("endTime")),
            limit=count(query.get("limit"), usual=30, most=wire.INTEREST_ROWS),
        )
        reach_ms = self._past.now_ms - wire.INTEREST_REACH_MS
        kept = [point for point in points if point.at_ms >= reach_ms]
        return said(wire.encode_interest_history(query["symbol"], kept))


def _refused(is_symbol: bool) -> web.Response:
    body = wire.encode_error(-1121, "Invalid symbol.") if is_symbol else wire.encode_error(-1120, "Invalid interval.")
    return said(body, 400)
