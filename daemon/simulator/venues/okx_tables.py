"""What OKX in the box answers about all swaps at once, their past, positions that were closed, and accounts."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from aiohttp import web

from daemon.simulator.accounts import Accounts
from daemon.simulator.listings import INVERSE, LISTINGS, Listing
from daemon.simulator.past import Past
from daemon.simulator.queries import count, moment
from daemon.simulator.quoted import HOUR_MS
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import okx_market as wire
from daemon.wire import okx_rest
from daemon.wire.okx_contracts import Contract, from_symbol
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

T = TypeVar("T")
Latest = Mapping[tuple[type[Event], tuple[str, str]], Event]

_MINUTE_MS = 60_000
_STEPS_MS = {
    "1m": _MINUTE_MS, "5m": 5 * _MINUTE_MS, "15m": 15 * _MINUTE_MS, "30m": 30 * _MINUTE_MS, "1H": HOUR_MS, "2H": 2 * HOUR_MS,
    "4H": 4 * HOUR_MS, "1D": 24 * HOUR_MS, "1Dutc": 24 * HOUR_MS,
}  # fmt: skip
_HONG_KONG_MS = 16 * HOUR_MS  # days that are not asked for with `utc` begin there
_FUNDING_DAYS = 92
_REMEMBERED = 2_000  # liquidations


class Tables:
    """All rows follow what was said last, or the world where nothing was."""

    def __init__(self, world: World, past: Past, latest: Latest, contracts: Mapping[str, Contract]) -> None:
        self._world, self._past, self._latest, self._contracts = world, past, latest, contracts
        self._accounts = Accounts(world, "okx")
        mine = [listing for listing in (*LISTINGS, *INVERSE) if listing.venue == "okx"]
        self.listings = {from_symbol(listing.symbol): listing for listing in mine}
        self._forced: deque[Liquidation] = deque(maxlen=_REMEMBERED)

    def routes(self) -> list[web.RouteDef]:
        """Paths without the venue's prefix."""
        return [
            web.get(wire.TICKERS, self._tickers),
            web.get(wire.TICKER, self._tickers),
            web.get(wire.MARK_PRICE, self._marks),
            web.get(wire.OPEN_INTEREST, self._interest),
            web.get(wire.FUNDING_RATE, self._funding),
            web.get(wire.CANDLES, self._candles),
            web.get(wire.HISTORY_CANDLES, self._candles),
            web.get(wire.HISTORY_MARKS, self._candles),
            web.get(wire.INTEREST_HISTORY, self._interest_history),
            web.get(wire.LIQUIDATIONS, self._liquidations),
            web.get(okx_rest.ACCOUNT_RATIO, self._ratios),
            web.get(okx_rest.INSURANCE, self._insurance),
        ]

    def note(self, events: Iterable[Event]) -> None:
        """Remember who was liquidated, for those who were away."""
        self._forced.extend(event for event in events if isinstance(event, Liquidation))

    def reach_ms(self) -> int:
        """Funding that was paid before this is forgotten."""
        return self._past.now_ms - _FUNDING_DAYS * 24 * HOUR_MS

    # all swaps, or one

    async def _tickers(self, request: web.Request) -> web.Response:
        return self._rows(request, self._ticker, wire.encode_tickers)

    async def _marks(self, request: web.Request) -> web.Response:
        return self._rows(request, self._mark, wire.encode_marks)

    async def _interest(self, request: web.Request) -> web.Response:
        return self._rows(request, self._open_interest, wire.encode_open_interest)

    async def _funding(self, request: web.Request) -> web.Response:
        if "instId" not in request.query:
            return refused("50014", "Parameter instId can not be empty.")
        return self._rows(request, self._rate, wire.encode_funding)

    def _rows(
        self, request: web.Request, row: Callable[[str, Listing], T], encode: Callable[[list[T]], bytes]
    ) -> web.Response:
        name = request.query.get("instId", wire.ANY)
        if name != wire.ANY and name not in self.listings:
            return refused("51001", "Instrument ID does not exist")
        return said(encode([row(one, listing) for one, listing in self.listings.items() if name in (wire.ANY, one)]))

    def _ticker(self, name: str, listing: Listing) -> wire.Ticker:
        base, price = self._past.day_volume(listing), self._price(listing)
        return wire.Ticker(name, price, self._in_contracts(name, base, price), base, self._past.now_ms)

    def _mark(self, name: str, listing: Listing) -> wire.Mark:
        return wire.Mark(name, self._price(listing), self._past.now_ms)

    def _open_interest(self, name: str, listing: Listing) -> wire.Interest:
        said = self._latest.get((OpenInterest, ("okx", listing.symbol)))
        price = self._price(listing)
        base = said.oi_base if isinstance(said, OpenInterest) else self._past.base(listing, self._past.now_ms)
        return wire.Interest(
            name, self._in_contracts(name, base, price), base, round(base * price, 2), self._past.now_ms
        )

    def _rate(self, name: str, listing: Listing) -> wire.Funding:
        said = self._latest.get((FundingRate, ("okx", listing.symbol)))
        now_ms = self._past.now_ms
        if isinstance(said, FundingRate) and said.settles_at_ms is not None:
            return wire.Funding(name, said.rate, said.settles_at_ms, said.interval_h, now_ms)
        span_ms = listing.interval_h * HOUR_MS
        rate = round(self._world.rate_8h(listing.coin) * listing.interval_h / 8, 8)
        return wire.Funding(name, rate, (now_ms // span_ms + 1) * span_ms, float(listing.interval_h), now_ms)

    def _price(self, listing: Listing) -> float:
        said = self._latest.get((MarkPrice, ("okx", listing.symbol)))
        return said.price if isinstance(said, MarkPrice) else self._past.price(listing, self._past.now_ms)

    def _in_contracts(self, name: str, base: float, price: float) -> float:
        contract = self._contracts[name]
        return float(round(base * (price if contract.is_inverse else 1.0) / contract.size))

    # the past of one

    async def _candles(self, request: web.Request) -> web.Response:
        """`after` asks for what is older than that moment, `before` for what is newer."""
        query = request.query
        listing, step_ms = self.listings.get(query.get("instId", "")), _STEPS_MS.get(query.get("bar", "1m"))
        if listing is None or step_ms is None:
            return refused("51001" if listing is None else "51000", "Parameter instId or bar error")
        after = moment(query.get("after"))
        most = wire.HISTORY_ROWS if "history" in request.path else 300
        bars = self._past.bars(
            listing,
            step_ms,
            start_ms=None,
            end_ms=None if after is None else after - 1,
            limit=count(query.get("limit"), usual=100, most=most),
            keep="newest",
            is_mark=request.path.endswith(wire.HISTORY_MARKS),
            shift_ms=_HONG_KONG_MS if query.get("bar") == "1D" else 0,
        )
        contract = self._contracts[query["instId"]]
        return said(wire.encode_candles(bars, contract.size))

    async def _interest_history(self, request: web.Request) -> web.Response:
        query = request.query
        listing, step_ms = self.listings.get(query.get("instId", "")), _STEPS_MS.get(query.get("period", "5m"))
        if listing is None or step_ms is None:
            return refused("51001" if listing is None else "51000", "Parameter instId or period error")
        end = moment(query.get("end"))
        points = self._past.interest(
            listing,
            step_ms,
            start_ms=moment(query.get("begin")),
            end_ms=None if end is None else end - 1,
            limit=count(query.get("limit"), usual=wire.INTEREST_ROWS, most=wire.INTEREST_ROWS),
            shift_ms=_HONG_KONG_MS if query.get("period") == "1D" else 0,
        )
        return said(wire.encode_interest_history(points, self._contracts[query["instId"]].size))

    async def _liquidations(self, request: web.Request) -> web.Response:
        underlying, after = request.query.get("uly", ""), moment(request.query.get("after"))
        limit = count(request.query.get("limit"), usual=100, most=wire.LIQUIDATION_ROWS)
        found = [
            event
            for event in self._forced
            if event.symbol == f"{underlying}-PERP" and (after is None or event.at_ms < after)
        ]
        return said(wire.encode_liquidations(found[-limit:], self._contracts, self._past.now_ms))

    async def _ratios(self, request: web.Request) -> web.Response:
        listing = self.listings.get(request.query.get("instId", ""))
        if listing is None or request.query.get("period", "5m") != okx_rest.RATIO_PERIOD:
            return refused("51001" if listing is None else "51000", "Parameter instId or period error")
        rows = count(request.query.get("limit"), usual=100, most=100)
        return said(okx_rest.encode_account_ratio(self._accounts.ratios(listing.symbol, rows)))

    async def _insurance(self, request: web.Request) -> web.Response:
        """A family settles in its coin if it is quoted in USD, in its quote otherwise."""
        family = request.query.get("instFamily", "")
        base, _, quote = family.partition("-")
        funds = self._accounts.funds()
        mine = [fund for fund in funds if fund.coin == (base if quote == "USD" else quote)]
        if not mine:
            return refused("51000", "Parameter instFamily error")
        return said(okx_rest.encode_insurance(family, mine, sum(fund.amount_usd or 0.0 for fund in funds)))


def refused(code: str, why: str) -> web.Response:
    """With status 200 and a code."""
    return said(wire.encode_error(code, why))
