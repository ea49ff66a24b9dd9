"""What Bybit in the box answers about inverse contracts, about the past of all, and about accounts."""

from aiohttp import web

from daemon.simulator.accounts import Accounts
from daemon.simulator.listings import INVERSE, LISTINGS, Listing
from daemon.simulator.past import Past
from daemon.simulator.queries import count, moment
from daemon.simulator.quoted import HOUR_MS
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import bybit_market as wire
from daemon.wire import bybit_rest
from daemon.wire.bybit_symbols import from_symbol

_MINUTE_MS = 60_000
_CANDLES_MS = {str(minutes): minutes * _MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {
    "D": 24 * HOUR_MS,
    "W": 168 * HOUR_MS,
}
_PERIODS_MS = {
    "5min": 5 * _MINUTE_MS, "15min": 15 * _MINUTE_MS, "30min": 30 * _MINUTE_MS, "1h": HOUR_MS, "4h": 4 * HOUR_MS,
    "1d": 24 * HOUR_MS,
}  # fmt: skip
_CATEGORIES: dict[str, wire.Category] = {"linear": "linear", "inverse": "inverse"}


class Tables:
    """Answers with both sides of the open interest, and one."""

    def __init__(self, world: World, past: Past) -> None:
        self._world, self._past = world, past
        self._accounts = Accounts(world, "bybit")
        self.linear = {from_symbol(listing.symbol): listing for listing in LISTINGS if listing.venue == "bybit"}
        self.inverse = {from_symbol(listing.symbol): listing for listing in INVERSE if listing.venue == "bybit"}

    def routes(self) -> list[web.RouteDef]:
        """Paths without the venue's prefix."""
        return [
            web.get(wire.KLINE, self._klines),
            web.get(wire.MARK_KLINE, self._klines),
            web.get(wire.OPEN_INTEREST, self._interest),
            web.get(bybit_rest.ACCOUNT_RATIO, self._ratios),
            web.get(bybit_rest.INSURANCE, self._insurance),
        ]

    @staticmethod
    def category(request: web.Request) -> wire.Category | None:
        """What kind of contracts is asked for."""
        return _CATEGORIES.get(request.query.get("category", ""))

    def listing(self, request: web.Request) -> Listing | None:
        """The contract that is asked for, if its category has it."""
        names = {"linear": self.linear, "inverse": self.inverse}.get(request.query.get("category", ""), {})
        return names.get(request.query.get("symbol", ""))

    def volumes(self, pair: str) -> tuple[float, float]:
        """What was traded in 24 hours of a linear contract: coins, dollars."""
        listing = self.linear[pair]
        base = self._past.day_volume(listing)
        return base, round(base * self._past.price(listing, self._past.now_ms), 2)

    def inverse_tickers(self, now_ms: int) -> wire.Tickers:
        """All inverse contracts."""
        return wire.Tickers(
            "inverse", [self._ticker(pair, listing, now_ms) for pair, listing in self.inverse.items()], now_ms
        )

    def _ticker(self, pair: str, listing: Listing, now_ms: int) -> wire.Ticker:
        price, base = self._past.price(listing, now_ms), self._past.base(listing, now_ms)
        traded = self._past.day_volume(listing)
        return wire.Ticker(
            pair=pair,
            last=price,
            mark=price,
            index=price,
            rate=round(self._world.rate_8h(listing.coin), 8),
            interval_h=float(listing.interval_h),
            next_ms=(now_ms // (listing.interval_h * HOUR_MS) + 1) * listing.interval_h * HOUR_MS,
            oi_base=base,
            oi_quote=float(round(base * price)),
            volume_base=traded,
            volume_quote=float(round(traded * price)),
        )

    async def _klines(self, request: web.Request) -> web.Response:
        query = request.query
        listing, step_ms = self.listing(request), _CANDLES_MS.get(query.get("interval", ""))
        if listing is None or step_ms is None:
            return self.refused("Symbol Invalid" if listing is None else "Invalid period!")
        bars = self._past.bars(
            listing,
            step_ms,
            start_ms=moment(query.get("start")),
            end_ms=moment(query.get("end")),
            limit=count(query.get("limit"), usual=200, most=wire.KLINE_ROWS),
            keep="newest",
            is_mark=request.path.endswith(wire.MARK_KLINE),
        )
        category: wire.Category = "inverse" if listing.is_inverse else "linear"
        return said(wire.encode_klines(query["symbol"], bars, self._past.now_ms, category))

    async def _interest(self, request: web.Request) -> web.Response:
        """Pages by cursor, which says where the next (older) page ends."""
        query = request.query
        listing, step_ms = self.listing(request), _PERIODS_MS.get(query.get("intervalTime", ""))
        if listing is None or step_ms is None:
            return self.refused("Symbol Invalid" if listing is None else "Invalid intervalTime")
        limit = count(query.get("limit"), usual=50, most=wire.INTEREST_ROWS)
        start_ms = moment(query.get("startTime"))
        end_ms = moment(query.get("cursor")) or moment(query.get("endTime"))
        points = self._past.interest(listing, step_ms, start_ms=start_ms, end_ms=end_ms, limit=limit)
        cursor = str(points[0].at_ms - 1) if len(points) == limit else ""
        category: wire.Category = "inverse" if listing.is_inverse else "linear"
        return said(wire.encode_interest_history(query["symbol"], points, self._past.now_ms, category, cursor))

    async def _ratios(self, request: web.Request) -> web.Response:
        listing = self.listing(request)
        if listing is None or request.query.get("period") != bybit_rest.RATIO_PERIOD:
            return self.refused("Symbol Invalid" if listing is None else "Invalid period!")
        rows = count(request.query.get("limit"), usual=50, most=500)
        events = self._accounts.ratios(listing.symbol, rows)
        return said(bybit_rest.encode_account_ratio(events, self._past.now_ms))

    async def _insurance(self, request: web.Request) -> web.Response:
        coin = request.query.get("coin")
        funds = [fund for fund in self._accounts.funds() if coin in (None, fund.coin)]
        return said(bybit_rest.encode_insurance(funds, self._past.now_ms))

    def refused(self, why: str) -> web.Response:
        """With status 200, as Bybit does."""
        return said(wire.encode_error(10001, why, self._past.now_ms))
