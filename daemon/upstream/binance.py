"""Binance USD-M futures over REST: every contract now, and the history of one."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from pydantic import SecretStr

from daemon.clock import Clock, wall_ms
from daemon.supervisor import Refused, Transient
from daemon.upstream.host import Host, Params
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget, Window
from daemon.upstream.paging import page_back, page_forward
from daemon.upstream.records import Candle, Contract, FundingPoint, OiPricePoint, VenueVolume
from daemon.upstream.series import (
    DAY_MS,
    HOUR_MS,
    TWO_HOURS_OF_BARS,
    candles,
    funding_points,
    is_in_dollars,
    oi_prices,
    opening_prices,
    times,
    two_hours,
)
from daemon.upstream.together import both, each
from daemon.wire import binance_market as wire
from daemon.wire.binance import REST_URL, USUAL_INTERVAL_H, VENUE, to_symbol
from daemon.wire.binance_rest import FUNDING_INFO, decode_funding_info
from daemon.wire.control import Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid

LIVE = REST_URL
BUDGET = Budget(weight=2_000, per_s=60)  # 2,400 a minute and address; others may share ours
STATISTICS = Budget(weight=800, per_s=300)  # /futures/data: 1,000 in 5 minutes
FUNDING = Budget(weight=300, per_s=300)  # fundingRate and fundingInfo together: 500, and a poller asks too
USED_HEADER = "X-MBX-USED-WEIGHT-1M"
INTERVALS_FOR_MS = HOUR_MS
FULL_PAGE = 100  # of funding: nobody wrote down what the host's own limit is, and a short page must not end a history
REFUSED_FOR_MS = HOUR_MS  # a pair that is closed for trading is not asked for again so soon


class Binance:
    """Typed calls of fapi.binance.com. No key: everything here is public."""

    venue = VENUE

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        del key  # public data needs none
        self._host = Host(http, base_url, budget=BUDGET, used_header=USED_HEADER)
        self._clock = clock
        now = asyncio.get_running_loop().time
        self._statistics, self._funding = Window(STATISTICS, now=now), Window(FUNDING, now=now)
        self._intervals: Mapping[str, float] = {}
        self._intervals_ms: int | None = None
        self._refused: dict[str, int] = {}  # pair -> not before

    async def contracts(self, *, interest_of: int = 50, also: Collection[str] = ()) -> list[Contract]:
        """Every contract. Open interest takes a call each: only of the `interest_of` most traded and of the pairs `also`."""
        intervals = await self.intervals_h()
        premiums, days = await both(
            self._host.get(wire.PREMIUM_INDEX, wire.decode_premium_index, weight=wire.PREMIUM_INDEX_WEIGHT),
            self._host.get(wire.DAY, wire.decode_days, weight=wire.DAY_WEIGHT),
        )
        traded = {day.pair: day for day in days}
        named = [premium for premium in premiums if _symbol(premium.pair) is not None]
        by_volume = sorted(named, key=lambda row: -_dollars(traded.get(row.pair)))
        wanted = {row.pair for row in by_volume[:interest_of]} | {row.pair for row in named if row.pair in also}
        interest = await self.open_interest(sorted(wanted))
        return [_contract(row, traded.get(row.pair), interest.get(row.pair), intervals) for row in named]

    async def open_interest(self, pairs: Sequence[str]) -> dict[str, float]:
        """Base coins by pair, one call each. A pair that Binance refuses is left out: it is closed for trading."""
        now_ms = self._clock()
        self._refused = {pair: until_ms for pair, until_ms in self._refused.items() if until_ms > now_ms}

        async def ask(pair: str) -> tuple[str, float | None]:
            try:
                row = await self._host.get(wire.OPEN_INTEREST, wire.decode_open_interest, {"symbol": pair})
            except Refused:
                self._refused[pair] = now_ms + REFUSED_FOR_MS
                return pair, None
            return pair, row.base

        found = await each(ask(pair) for pair in pairs if pair not in self._refused)
        return {pair: base for pair, base in found if base is not None}

    async def intervals_h(self) -> Mapping[str, float]:
        """Hours between settlements by our symbol, of those that differ from the usual 8; asked once an hour.

        They hardly ever change: what was known stays known when they cannot be asked for again.
        """
        now_ms = self._clock()
        if self._intervals_ms is None or now_ms - self._intervals_ms > INTERVALS_FOR_MS:
            try:
                await self._funding.take()
                self._intervals = await self._host.get(FUNDING_INFO, decode_funding_info)
            except (Transient, Unreadable):
                if self._intervals_ms is None:
                    raise
            self._intervals_ms = now_ms
        return self._intervals

    async def volume_2h(self, pair: str) -> float | None:
        """US dollars of the last two hours; the running five minutes are in it, with the 23 candles before."""
        if not _in_dollars(pair):
            return None
        bars = await self._bars(wire.KLINES, pair, "5m", TWO_HOURS_OF_BARS)
        return two_hours(bars, self._clock())

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """What was traded in one contract, with the row that says so."""
        row, raw = await self._host.get(
            wire.DAY, lambda body: (wire.decode_days(body), wire.decode_raw(body)), {"symbol": pair}
        )
        volume = row[0].volume_quote if row and _in_dollars(pair) else None
        return None if volume is None else VenueVolume(venue=VENUE, instrument=pair, volume_usd=volume, raw=raw)

    async def funding_history(
        self, pair: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 100
    ) -> list[FundingPoint]:
        """The newest `limit` settlements, oldest first, with the mark price of the time."""
        intervals = await self.intervals_h()
        interval_h = intervals.get(_symbol(pair) or "", USUAL_INTERVAL_H)
        until = self._clock() if end_ms is None else end_ms
        since = until - round((limit + 1) * interval_h * HOUR_MS) if start_ms is None else start_ms

        async def page(from_ms: int) -> list[Paid]:
            await self._funding.take()
            params: Params = {"symbol": pair, "startTime": from_ms, "endTime": until, "limit": wire.FUNDING_ROWS}
            return await self._host.get(wire.FUNDING_RATE, wire.decode_funding_rates, params)

        paid = await page_forward(
            f"Binance's funding of {pair}", page, start_ms=since, end_ms=until, limit=limit, rows=FULL_PAGE
        )
        marks: dict[int, float] = {}
        if any(row.mark is None for row in paid):  # old rows
            bars = await self._history(wire.MARK_KLINES, pair, "1h", HOUR_MS, paid[0].at_ms - HOUR_MS, paid[-1].at_ms)
            marks = opening_prices(bars)
        return funding_points(paid, interval_h, marks)

    async def oi_price_history(
        self, pair: str, *, start_ms: int, end_ms: int, hours: bool = True, limit: int = 2_000
    ) -> list[OiPricePoint]:
        """Open interest and price, oldest first. Binance keeps open interest for a month: older times have no points."""
        step_ms, period = (HOUR_MS, "1h") if hours else (DAY_MS, "1d")
        since = max(start_ms, self._clock() - wire.INTEREST_REACH_MS + step_ms)
        if since > end_ms:
            return []

        async def page(to_ms: int) -> list[InterestPoint]:
            await self._statistics.take()
            from_ms = max(since, to_ms - (wire.INTEREST_ROWS - 1) * step_ms)
            rows = wire.INTEREST_ROWS
            params: Params = {"symbol": pair, "period": period, "limit": rows, "startTime": from_ms, "endTime": to_ms}
            return await self._host.get(wire.INTEREST_HISTORY, wire.decode_interest_history, params, weight=0)

        points = await page_back(
            f"Binance's open interest of {pair}",
            page,
            start_ms=since,
            end_ms=end_ms,
            limit=limit,
            rows=wire.INTEREST_ROWS,
        )
        if not points:
            return []
        bars = await self._history(wire.KLINES, pair, period, step_ms, points[0].at_ms, points[-1].at_ms)
        # a point is a moment, a candle a stretch: the price of the moment is the one the candle began with
        return oi_prices(points, {bar.at_ms: bar.open for bar in bars}, in_dollars=_in_dollars(pair))

    async def klines(
        self, pair: str, *, hours: bool = True, start_ms: int, end_ms: int, mark: bool = False
    ) -> list[Candle]:
        """Candles of an hour or a day, of trades or of the mark price, oldest first."""
        step_ms, interval = (HOUR_MS, "1h") if hours else (DAY_MS, "1d")
        path = wire.MARK_KLINES if mark else wire.KLINES
        return candles(
            await self._history(path, pair, interval, step_ms, start_ms, end_ms), in_dollars=_in_dollars(pair)
        )

    async def _history(
        self, path: str, pair: str, interval: str, step_ms: int, start_ms: int, end_ms: int
    ) -> list[Bar]:
        async def page(from_ms: int) -> list[Bar]:
            rows = max(1, min(wire.KLINE_ROWS, (end_ms - from_ms) // step_ms + 1))
            return await self._bars(path, pair, interval, rows, startTime=from_ms, endTime=end_ms)

        return await page_forward(
            f"Binance's candles of {pair}",
            page,
            start_ms=start_ms,
            end_ms=end_ms,
            limit=(end_ms - start_ms) // step_ms + 1,
            rows=wire.KLINE_ROWS,
        )

    async def _bars(self, path: str, pair: str, interval: str, rows: int, **more: int) -> list[Bar]:
        mark = path == wire.MARK_KLINES
        params: Params = {"symbol": pair, "interval": interval, "limit": rows, **more}
        weight = wire.kline_weight(rows)
        return await self._host.get(path, lambda body: wire.decode_klines(body, mark=mark), params, weight=weight)


def _symbol(pair: str) -> str | None:
    try:
        return to_symbol(pair)
    except ValueError:
        return None


def _in_dollars(pair: str) -> bool:
    symbol = _symbol(pair)
    return symbol is not None and is_in_dollars(symbol)


def _dollars(day: wire.Day | None) -> float:
    return day.volume_quote or 0.0 if day is not None and _in_dollars(day.pair) else 0.0


def _contract(
    row: wire.Premium, day: wire.Day | None, interest: float | None, intervals_h: Mapping[str, float]
) -> Contract:
    symbol = to_symbol(row.pair)
    in_dollars = is_in_dollars(symbol)
    return Contract(
        venue=VENUE,
        symbol=symbol,
        pair=row.pair,
        kind="VANILLA",
        last=day.last if day else None,
        mark=row.mark,
        index=row.index,
        funding_rate=row.rate,
        funding_interval_h=intervals_h.get(symbol, USUAL_INTERVAL_H) if row.next_ms else None,
        next_funding_ms=row.next_ms,
        oi_base=interest,
        oi_usd=times(interest, row.mark) if in_dollars else None,
        volume_24h_usd=day.volume_quote if day and in_dollars else None,
        volume_24h_base=day.volume_base if day else None,
        at_ms=row.at_ms,
    )
