"""What Binance in the box answers about order books, and about accounts: long and short ones, and the insurance fund."""

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator import noise
from daemon.simulator.queries import count
from daemon.simulator.trading import DEPTH, Trading
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import binance_books as books
from daemon.wire import binance_statistics as wire
from daemon.wire.binance_market import encode_error
from daemon.wire.binance_symbols import VENUE, to_symbol
from rules.events import InsuranceFund, LongShortRatio

_PERIODS = 500  # rows of one answer at most
_FUNDS = {"USDT": 1.1e9, "USDC": 6e7, "BTC": 420.0}  # what the fund holds on average
_DAILY = 0.05


class Statistics:
    """Answers for depth, globalLongShortAccountRatio and insuranceBalance."""

    def __init__(self, world: World, trading: Trading, clock: Clock) -> None:
        self._world, self._trading, self._clock = world, trading, clock

    def routes(self) -> list[web.RouteDef]:
        """Paths without the venue's prefix."""
        return [
            web.get(books.DEPTH, self._depth),
            web.get(wire.LONG_SHORT_RATIO, self._ratios),
            web.get(wire.INSURANCE, self._insurance),
        ]

    async def _depth(self, request: web.Request) -> web.Response:
        query = request.query
        depth = count(query.get("limit"), usual=500, most=DEPTH)
        book = self._trading.book(_symbol(query.get("symbol", "")), self._clock(), depth)
        return _refused() if book is None else said(books.encode_depth(book))

    async def _ratios(self, request: web.Request) -> web.Response:
        query = request.query
        symbol = _symbol(query.get("symbol", ""))
        if query.get("period") != wire.PERIOD:
            return said(encode_error(-1130, "parameter 'period' is invalid."), 400)
        if self._trading.ticker(symbol, self._clock()) is None:
            return _refused()
        last = self._world.now_ms // wire.PERIOD_MS
        first = last - count(query.get("limit"), usual=30, most=_PERIODS) + 1
        return said(wire.encode_ratios([self._ratio(symbol, place) for place in range(first, last + 1)]))

    def _ratio(self, symbol: str, place: int) -> LongShortRatio:
        at_ms = place * wire.PERIOD_MS
        drift = noise.walk(noise.key(self._world.seed, "accounts", symbol), at_ms, _DAILY)
        longs = round(min(0.95, max(0.05, 0.58 + drift)), 4)
        return LongShortRatio(
            venue=VENUE,
            symbol=symbol,
            ratio=round(longs / (1 - longs), 4),
            long_share=longs,
            short_share=round(1 - longs, 4),
            at_ms=at_ms,
            received_ms=at_ms,
        )

    async def _insurance(self, request: web.Request) -> web.Response:
        at_ms = self._world.now_ms // wire.PERIOD_MS * wire.PERIOD_MS
        return said(wire.encode_insurance([self._fund(coin, usual, at_ms) for coin, usual in _FUNDS.items()]))

    def _fund(self, coin: str, usual: float, at_ms: int) -> InsuranceFund:
        drift = noise.walk(noise.key(self._world.seed, "fund", coin), at_ms, _DAILY / 10)
        return InsuranceFund(
            venue=VENUE, coin=coin, amount=round(usual * (1 + drift), 4), at_ms=at_ms, received_ms=at_ms
        )


def _symbol(name: str) -> str:
    """Our spelling; what we cannot spell is then not found."""
    try:
        return to_symbol(name)
    except ValueError:
        return name


def _refused() -> web.Response:
    return said(encode_error(-1121, "Invalid symbol."), 400)
