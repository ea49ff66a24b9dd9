"""Bybit perpetuals and futures over REST, linear and inverse: every contract now, and the history of one."""

from typing import Any

from pydantic import SecretStr

from daemon.clock import Clock, wall_ms
from daemon.supervisor import Transient
from daemon.upstream.host import Host, Params
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.paging import MOST_PAGES, page_back
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
from daemon.upstream.together import both
from daemon.wire import bybit_market as wire
from daemon.wire.bybit import REST_URL, VENUE
from daemon.wire.bybit_market import Category
from daemon.wire.bybit_symbols import read_name
from daemon.wire.bybit_tickers import USUAL_INTERVAL_H
from daemon.wire.history import Bar, InterestPoint, Paid

LIVE = REST_URL
BUDGET = Budget(weight=300, per_s=5)  # Bybit allows 600; a 403 bans the address for ten minutes
MARK_STEP_MS, MARK_INTERVAL = 4 * HOUR_MS, "240"  # settlements are at full four hours, but for hourly ones


class Bybit:
    """Typed calls of api.bybit.com. No key: everything here is public."""

    venue = VENUE

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        del key  # public data needs none
        self._host = Host(http, base_url, budget=BUDGET)
        self._clock = clock

    async def contracts(self) -> list[Contract]:
        """Every linear and inverse contract; open interest counts one side, or is marked as ambiguous."""
        linear, inverse = await both(self._tickers("linear"), self._tickers("inverse"))
        found = []
        for tickers in (linear, inverse):
            for row in tickers.rows:
                try:
                    found.append(_contract(row, tickers.category, tickers.at_ms or self._clock()))
                except ValueError:
                    continue  # a name that we cannot read
        return found

    async def volume_2h(self, pair: str) -> float | None:
        """US dollars of the last two hours; the running five minutes are in it, with the 23 candles before."""
        if not _in_dollars(pair):
            return None
        bars = await self._bars(wire.KLINE, pair, "5", TWO_HOURS_OF_BARS)
        return two_hours(bars, self._clock())

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """What was traded in one contract, with the row that says so."""

        def read(body: bytes) -> tuple[wire.Tickers, list[dict[str, Any]]]:
            return wire.decode_tickers(body), wire.decode_raw(body)

        tickers, raw = await self._host.get(wire.TICKERS, read, {"category": category_of(pair), "symbol": pair})
        if not tickers.rows or not raw or not _in_dollars(pair):
            return None
        volume = tickers.rows[0].volume_quote
        return None if volume is None else VenueVolume(venue=VENUE, instrument=pair, volume_usd=volume, raw=raw[0])

    async def funding_history(
        self,
        pair: str,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 100,
        interval_h: float | None = None,
    ) -> list[FundingPoint]:
        """The newest `limit` settlements, oldest first, with the mark price of the time.

        `interval_h`: what is known of the contract's interval, for gaps that do not show it.
        """
        until = self._clock() if end_ms is None else end_ms

        async def page(to_ms: int) -> list[Paid]:
            params: dict[str, str | int] = {
                "category": category_of(pair),
                "symbol": pair,
                "endTime": to_ms,
                "limit": min(wire.FUNDING_ROWS, limit),
            }
            if start_ms is not None:
                params["startTime"] = start_ms  # never without endTime: that is an error
            return await self._host.get(wire.FUNDING_HISTORY, wire.decode_funding_history, params)

        rows = min(wire.FUNDING_ROWS, limit)
        what = f"Bybit's funding of {pair}"
        paid = await page_back(what, page, start_ms=start_ms, end_ms=until, limit=limit, rows=rows)
        if not paid:
            return []
        bars = await self._history(
            wire.MARK_KLINE, pair, MARK_INTERVAL, MARK_STEP_MS, paid[0].at_ms - MARK_STEP_MS, paid[-1].at_ms
        )
        return funding_points(paid, interval_h or USUAL_INTERVAL_H, opening_prices(bars))

    async def oi_price_history(
        self, pair: str, *, start_ms: int, end_ms: int, hours: bool = True, limit: int = 2_000
    ) -> list[OiPricePoint]:
        """Open interest (one side wherever Bybit says so) and mark price, oldest first."""
        step_ms, period, interval = (HOUR_MS, "1h", "60") if hours else (DAY_MS, "1d", "D")
        points = await self._interest(pair, period, start_ms, end_ms, limit)
        if not points:
            return []
        bars = await self._history(wire.MARK_KLINE, pair, interval, step_ms, points[0].at_ms, points[-1].at_ms)
        # a point is a moment, a candle a stretch: the price of the moment is the one the candle began with
        return oi_prices(points, {bar.at_ms: bar.open for bar in bars}, in_dollars=_in_dollars(pair))

    async def klines(
        self, pair: str, *, hours: bool = True, start_ms: int, end_ms: int, mark: bool = False
    ) -> list[Candle]:
        """Candles of an hour or a day, of trades or of the mark price, oldest first."""
        step_ms, interval = (HOUR_MS, "60") if hours else (DAY_MS, "D")
        path = wire.MARK_KLINE if mark else wire.KLINE
        return candles(
            await self._history(path, pair, interval, step_ms, start_ms, end_ms), in_dollars=_in_dollars(pair)
        )

    async def _interest(self, pair: str, period: str, start_ms: int, end_ms: int, limit: int) -> list[InterestPoint]:
        """Pages by cursor, newest first, until there are enough or no more."""
        params: dict[str, str | int] = {
            "category": category_of(pair),
            "symbol": pair,
            "intervalTime": period,
            "startTime": start_ms,
            "endTime": end_ms,
            "limit": wire.INTEREST_ROWS,
        }
        found: dict[int, InterestPoint] = {}
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            points, cursor = await self._host.get(wire.OPEN_INTEREST, wire.decode_interest_history, params)
            found |= {point.at_ms: point for point in points if start_ms <= point.at_ms <= end_ms}
            if not points or not cursor or len(found) >= limit:
                return [found[at_ms] for at_ms in sorted(found)][-limit:]
            if cursor in seen:
                raise Transient(f"Bybit's open interest of {pair} sends the same page again and again; stopped asking")
            seen.add(cursor)
            params["cursor"] = cursor
        raise Transient(f"Bybit's open interest of {pair} has no end after {MOST_PAGES} pages; stopped asking")

    async def _history(
        self, path: str, pair: str, interval: str, step_ms: int, start_ms: int, end_ms: int
    ) -> list[Bar]:
        async def page(to_ms: int) -> list[Bar]:
            rows = max(1, min(wire.KLINE_ROWS, (to_ms - start_ms) // step_ms + 1))
            return await self._bars(path, pair, interval, rows, start=start_ms, end=to_ms)

        limit = (end_ms - start_ms) // step_ms + 1
        what = f"Bybit's candles of {pair}"
        return await page_back(what, page, start_ms=start_ms, end_ms=end_ms, limit=limit, rows=wire.KLINE_ROWS)

    async def _bars(self, path: str, pair: str, interval: str, rows: int, **more: int) -> list[Bar]:
        params: Params = {
            "category": category_of(pair),
            "symbol": pair,
            "interval": interval,
            "limit": rows,
            **more,
        }
        return await self._host.get(path, wire.decode_klines, params)

    async def _tickers(self, category: Category) -> wire.Tickers:
        return await self._host.get(wire.TICKERS, wire.decode_tickers, {"category": category})


def category_of(pair: str) -> Category:
    """BTCUSD is inverse; BTCUSDT, BTCPERP and BTC-26DEC25 are linear, and so is what we cannot name."""
    try:
        return "inverse" if read_name(pair).is_inverse else "linear"
    except ValueError:
        return "linear"


def _in_dollars(pair: str) -> bool:
    try:
        return read_name(pair).is_in_dollars
    except ValueError:
        return False


def _contract(row: wire.Ticker, category: Category, at_ms: int) -> Contract:
    symbol = read_name(row.pair).symbol
    in_dollars = is_in_dollars(symbol)
    base, quote = row.oi_base, row.oi_quote
    if quote is None:
        quote = times(base, row.mark)
    elif base is None and row.mark:
        base = quote / row.mark
    return Contract(
        venue=VENUE,
        symbol=symbol,
        pair=row.pair,
        kind="INVERSE" if category == "inverse" else "VANILLA",
        last=row.last,
        mark=row.mark,
        index=row.index,
        funding_rate=row.rate,
        funding_interval_h=row.interval_h or USUAL_INTERVAL_H if row.rate is not None else None,
        next_funding_ms=row.next_ms,
        oi_base=base,
        oi_usd=quote if in_dollars else None,
        volume_24h_usd=row.volume_quote if in_dollars else None,
        volume_24h_base=row.volume_base,
        at_ms=at_ms,
        is_oi_ambiguous=not row.is_one_sided and base is not None,
    )
