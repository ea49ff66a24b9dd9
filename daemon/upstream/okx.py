"""OKX swaps over REST: every contract now, the history of one, and the liquidations of about a day."""

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
from daemon.wire import okx_market as wire
from daemon.wire.control import Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid
from daemon.wire.okx import REST_URL, VENUE
from daemon.wire.okx_contracts import INSTRUMENTS, decode_instruments, to_symbol
from daemon.wire.okx_contracts import Contract as Size
from rules.events import Liquidation

LIVE = REST_URL
BUDGET = Budget(weight=10, per_s=2)  # OKX allows 10 to 40 of each call in 2 s; together we stay below the lowest
SWAPS: Params = {"instType": "SWAP"}
USUAL_INTERVAL_H = 8.0
SIZES_FOR_MS = HOUR_MS
FULL_PAGE = 100
MARK_STEP_MS = 4 * HOUR_MS


class Okx:
    """Typed calls of www.okx.com. No key: everything here is public. `pair` is OKX's instId: BTC-USDT-SWAP."""

    venue = VENUE

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        del key  # public data needs none
        self._host = Host(http, base_url, budget=BUDGET)
        self._clock = clock
        self._sizes: dict[str, Size] = {}
        self._sizes_ms: int | None = None

    async def contracts(self) -> list[Contract]:
        """Every swap."""
        sizes = await self.sizes()
        (tickers, marks), (interest, funding) = await both(
            both(
                self._host.get(wire.TICKERS, wire.decode_tickers, SWAPS),
                self._host.get(wire.MARK_PRICE, wire.decode_marks, SWAPS),
            ),
            both(
                self._host.get(wire.OPEN_INTEREST, wire.decode_open_interest, SWAPS),
                self._host.get(wire.FUNDING_RATE, wire.decode_funding, {"instId": wire.ANY}),
            ),
        )
        by_mark = {row.inst_id: row for row in marks}
        by_interest = {row.inst_id: row for row in interest}
        by_funding = {row.inst_id: row for row in funding}
        found = []
        for ticker in tickers:
            name = ticker.inst_id
            try:
                symbol = to_symbol(name)
            except ValueError:
                continue
            parts = by_mark.get(name), by_interest.get(name), by_funding.get(name)
            found.append(_contract(symbol, ticker, *parts, sizes.get(name)))
        return found

    async def sizes(self) -> dict[str, Size]:
        """What one contract is worth, by instId; asked once an hour.

        Sizes hardly ever change: what was known stays known when they cannot be asked for again.
        """
        now_ms = self._clock()
        if self._sizes_ms is None or now_ms - self._sizes_ms > SIZES_FOR_MS:
            try:
                self._sizes = await self._host.get(INSTRUMENTS, decode_instruments, SWAPS)
            except (Transient, Unreadable):
                if self._sizes_ms is None:
                    raise
            self._sizes_ms = now_ms
        return self._sizes

    async def volume_2h(self, pair: str) -> float | None:
        """US dollars of the last two hours; the running five minutes are in it, with the 23 candles before."""
        if not _in_dollars(pair):
            return None
        params: Params = {"instId": pair, "bar": "5m", "limit": TWO_HOURS_OF_BARS}
        return two_hours(await self._host.get(wire.CANDLES, wire.decode_candles, params), self._clock())

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """What was traded in one swap (coins times the last price), with the row that says so."""

        def read(body: bytes) -> tuple[list[wire.Ticker], list[dict[str, Any]]]:
            return wire.decode_tickers(body), wire.decode_raw(body)

        rows, raw = await self._host.get(wire.TICKER, read, {"instId": pair})
        if not rows or not raw or not _in_dollars(pair):
            return None
        volume = times(rows[0].volume_base, rows[0].last)
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
        """The newest `limit` settlements, oldest first, with the mark price of the time; OKX keeps about three months."""
        until = self._clock() if end_ms is None else end_ms

        async def page(to_ms: int) -> list[Paid]:
            # `after`: what is older
            params: Params = {"instId": pair, "after": to_ms + 1, "limit": min(wire.FUNDING_ROWS, limit)}
            return await self._host.get(wire.FUNDING_HISTORY, wire.decode_funding_history, params)

        what = f"OKX's funding of {pair}"
        # hosts that serve older limits cut pages at 100: such a page must not end the history
        rows = min(FULL_PAGE, limit)
        paid = await page_back(what, page, start_ms=start_ms, end_ms=until, limit=limit, rows=rows)
        if not paid:
            return []
        bars = await self._history(
            wire.HISTORY_MARKS, pair, "4H", MARK_STEP_MS, paid[0].at_ms - MARK_STEP_MS, paid[-1].at_ms
        )
        return funding_points(paid, interval_h or USUAL_INTERVAL_H, opening_prices(bars))

    async def oi_price_history(
        self, pair: str, *, start_ms: int, end_ms: int, hours: bool = True, limit: int = 2_000
    ) -> list[OiPricePoint]:
        """Open interest and price, oldest first; OKX keeps hours for days, and days for months."""
        # its days begin at 16:00 UTC, unless they are asked for with `utc`
        step_ms, period, bar = (HOUR_MS, "1H", "1H") if hours else (DAY_MS, "1D", "1D")

        async def page(to_ms: int) -> list[InterestPoint]:
            params: Params = {
                "instId": pair,
                "period": period,
                "begin": start_ms,
                "end": to_ms + 1,
                "limit": wire.INTEREST_ROWS,
            }
            return await self._host.get(wire.INTEREST_HISTORY, wire.decode_interest_history, params)

        what = f"OKX's open interest of {pair}"
        points = await page_back(what, page, start_ms=start_ms, end_ms=end_ms, limit=limit, rows=wire.INTEREST_ROWS)
        if not points:
            return []
        bars = await self._history(wire.HISTORY_CANDLES, pair, bar, step_ms, points[0].at_ms, points[-1].at_ms)
        return oi_prices(points, {bar.at_ms: bar.close for bar in bars}, in_dollars=_in_dollars(pair))

    async def klines(
        self, pair: str, *, hours: bool = True, start_ms: int, end_ms: int, mark: bool = False
    ) -> list[Candle]:
        """Candles of an hour or a day (UTC), of trades or of the mark price, oldest first."""
        step_ms, bar = (HOUR_MS, "1H") if hours else (DAY_MS, "1Dutc")
        path = wire.HISTORY_MARKS if mark else wire.HISTORY_CANDLES
        return candles(await self._history(path, pair, bar, step_ms, start_ms, end_ms), in_dollars=_in_dollars(pair))

    async def liquidations(self, underlying: str, *, since_ms: int) -> list[Liquidation]:
        """Forced orders of an underlying (BTC-USDT) since then, oldest first, for what was missed while disconnected."""
        sizes = await self.sizes()
        found: set[Liquidation] = set()
        params: dict[str, str | int] = {**SWAPS, "uly": underlying, "state": "filled", "limit": wire.LIQUIDATION_ROWS}
        for _ in range(MOST_PAGES):
            page = await self._host.get(
                wire.LIQUIDATIONS, lambda body: wire.decode_liquidations(body, sizes, self._clock()), params
            )
            new = set(page) - found
            found |= new
            if not new or len(page) < wire.LIQUIDATION_ROWS or page[0].at_ms <= since_ms:
                return sorted((event for event in found if event.at_ms >= since_ms), key=lambda event: event.at_ms)
            params["after"] = page[0].at_ms
        raise Transient(f"OKX's liquidations of {underlying} have no end after {MOST_PAGES} pages; stopped asking")

    async def _history(self, path: str, pair: str, bar: str, step_ms: int, start_ms: int, end_ms: int) -> list[Bar]:
        mark = path == wire.HISTORY_MARKS

        async def page(to_ms: int) -> list[Bar]:
            params: Params = {"instId": pair, "bar": bar, "after": to_ms + 1, "limit": wire.HISTORY_ROWS}
            return await self._host.get(path, lambda body: wire.decode_candles(body, mark=mark), params)

        limit = (end_ms - start_ms) // step_ms + 1
        what = f"OKX's candles of {pair}"
        return await page_back(what, page, start_ms=start_ms, end_ms=end_ms, limit=limit, rows=wire.HISTORY_ROWS)


def _in_dollars(pair: str) -> bool:
    try:
        return is_in_dollars(to_symbol(pair))
    except ValueError:
        return False


def _contract(
    symbol: str,
    ticker: wire.Ticker,
    mark: wire.Mark | None,
    interest: wire.Interest | None,
    funding: wire.Funding | None,
    size: Size | None,
) -> Contract:
    price = mark.price if mark else None
    base, usd = _interest(interest, size, price, is_in_dollars(symbol))
    return Contract(
        venue=VENUE,
        symbol=symbol,
        pair=ticker.inst_id,
        kind="INVERSE" if (size.is_inverse if size else symbol.split("-")[1] == "USD") else "VANILLA",
        last=ticker.last,
        mark=price,
        funding_rate=funding.rate if funding else None,
        funding_interval_h=funding.interval_h if funding else None,
        next_funding_ms=funding.next_ms if funding else None,
        oi_base=base,
        oi_usd=usd,
        volume_24h_usd=times(ticker.volume_base, ticker.last) if is_in_dollars(symbol) else None,
        volume_24h_base=ticker.volume_base,
        at_ms=ticker.at_ms,
    )


def _interest(
    row: wire.Interest | None, size: Size | None, price: float | None, in_dollars: bool
) -> tuple[float | None, float | None]:
    """Open interest in coins and in US dollars; what the answer does not say is worked out from the contracts."""
    if row is None:
        return None, None
    base, usd = row.base, row.usd
    amount = times(row.contracts, size.size) if size else None
    if size is not None and size.is_inverse:
        usd = amount if usd is None else usd
        if base is None and amount is not None and price:
            base = amount / price
    elif base is None:
        base = amount
    if usd is None and in_dollars:
        usd = times(base, price)
    return base, usd
