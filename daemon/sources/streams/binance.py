"""Binance USD-M futures: two streams, because its routes must not be mixed on one connection, and the rest by asking.

/market carries mark prices with funding, liquidations and candles; /public carries trades, best prices and order books.

Contracts of COIN-M come with those of USD-M on the streams of everything. They are passed on only while somebody names
exactly that contract: a coin, or everything, means USD-M, as it did before Binance joined the two.
"""

import asyncio
import logging
from collections.abc import Container, Iterable

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Binance as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.pollers import binance as pollers
from daemon.sources.script import Beside, Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.sources.streams import binance_public
from daemon.sources.wanted import Wanted
from daemon.supervisor import Refused, Transient
from daemon.wire import binance as wire
from daemon.wire.binance_trading import candle_topic
from daemon.wire.control import Unreadable
from rules.events import Candle, Event, FundingRate, Liquidation, MarkPrice, Ticker
from rules.selection import Selection

log = logging.getLogger(__name__)

KINDS: tuple[type[Event], ...] = (MarkPrice, FundingRate, Liquidation, Candle)
LENT = (Ticker,)  # not brought here, but a ticker of /public shows the mark price that is heard here
CONTROL = wire.mark_topic("BTC-USDT-PERP")  # never quiet: tells a quiet market from a deaf path
PRICED: tuple[type[Event], ...] = (MarkPrice, FundingRate, Liquidation)  # what is read of COIN-M
SINGLES_MAX = 150  # more than that, and the stream of all is cheaper; 200 is the most on one connection
MOVES_WITHIN_S = 30.0  # mark prices come every second
RETRY_S = 5.0  # for a candle that could not be had


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The streams of which anything is wanted, and the pollers that are."""
    desk = pollers.desk_of(context, config.rest_url)
    feeds: list[Feed] = []
    if context.wanted.any_of((*KINDS, *LENT), venue=wire.VENUE):
        feeds.append(
            Stream(
                name="binance.market",
                venue=wire.VENUE,
                url=config.ws_url,
                context=context,
                sieve=Sieve(context.wanted, (*KINDS, *LENT), context.once),
                script=Market(context, desk).script,
                timing=timing or Timing(),
            )
        )
    feeds += binance_public.build(config, context, desk, timing=timing)
    return feeds + pollers.build(
        desk,
        open_interest_every_ms=config.open_interest_every,
        settled_funding_every_ms=config.settled_funding_every,
        intervals_every_ms=config.intervals_every,
        long_short_ratio_every_ms=config.long_short_ratio_every,
        insurance_fund_every_ms=config.insurance_fund_every,
    )


class Market:
    """What is said on /market, and the candles that are fetched beside it."""

    def __init__(self, context: Context, desk: pollers.Desk) -> None:
        self._context, self._desk = context, desk
        self._coin_margined = CoinMargined(context.wanted)
        self._candles: set[str] = set()  # that are subscribed
        self._due: set[str] = set()  # those of them whose last candle nobody has seen
        self._more = asyncio.Event()

    async def script(self) -> Script:
        """Look around over REST only as far as the wishes need it."""
        wanted, desk = self._context.wanted, self._desk
        mark, funding, liquidation, candle, ticker = (
            wanted.selection(kind, venue=wire.VENUE) for kind in (MarkPrice, FundingRate, Liquidation, Candle, Ticker)
        )
        if funding is not None:
            await desk.learn_intervals()  # without them a 4 h rate would pass for an 8 h rate
        prices = _either(mark, _either(funding, ticker))
        wishes = [which for which in (prices, liquidation, candle) if which is not None]
        is_named = candle is not None or any(which.names is not None for which in wishes)
        listed = await desk.listed() if is_named else []
        coins = self._coin_margined.named()
        has_coins = any(self._coin_margined.named((MarkPrice, FundingRate)))  # the stream of all surely brings them
        topics: list[str] = []
        if prices is not None:
            symbols = chosen(prices, listed)
            everything = prices.names is None or len(symbols) > SINGLES_MAX or has_coins
            topics = [wire.ALL_MARKS] if everything else [wire.mark_topic(symbol) for symbol in symbols]
        moving = frozenset(topics or [CONTROL])
        if liquidation is not None:
            topics = [*(topics or [CONTROL]), wire.ALL_LIQUIDATIONS]
        if candle is not None:
            topics = topics or [CONTROL]
            symbols = binance_public.as_many_as_fit(chosen(candle, listed), wire.MAX_TOPICS - len(topics), Candle)
            topics += [candle_topic(symbol) for symbol in symbols]
            self._follow(frozenset(symbols))
        else:
            self._follow(frozenset())
        plan = Plan(
            topics=topics,
            moving=moving & frozenset(topics),
            moves=frozenset((MarkPrice, FundingRate)),
            moves_within_s=MOVES_WITHIN_S,
            unlisted=unlisted(wishes, [*listed, *coins] if listed else []),
        )
        reader = wire.Decoder(desk.intervals_h, desk.mark_prices, coin_margined=self._coin_margined)
        return Script(dialect=wire, reader=reader, first=plan, beside=self._begin_candles)

    def _follow(self, symbols: frozenset[str]) -> None:
        self._due = (self._due | (symbols - self._candles)) & symbols
        self._candles = set(symbols)
        self._more.set()

    async def _begin_candles(self, beside: Beside) -> None:
        """The last closed minute of every candle that is newly wanted, and of all after a break: minutes may be missing."""
        self._due = set(self._candles)
        while True:
            while self._due:
                symbol = self._due.pop()
                try:
                    candles = await self._desk.last_candle(symbol)
                except Refused as exc:
                    self._desk.refuse("the last candle", symbol, exc)
                except (Transient, Unreadable) as exc:
                    log.debug("the last candle has to wait", extra={"symbol": symbol, "error": str(exc)})
                    self._due.add(symbol)
                    await asyncio.sleep(max(RETRY_S, getattr(exc, "retry_after_s", None) or 0.0))
                else:
                    await beside.publish(candles, self._context.clock())
            self._more.clear()
            await self._more.wait()


class CoinMargined(Container[str]):
    """The contracts of COIN-M that somebody names now."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def named(self, kinds: Iterable[type[Event]] = PRICED) -> frozenset[str]:
        """Their symbols, as far as they are wanted for these types."""
        names = (name for kind in kinds for name in self._wanted.names(kind, venue=wire.VENUE))
        return frozenset(name for name in names if wire.is_coin_margined(name))

    def __contains__(self, symbol: object) -> bool:
        return any(symbol in self._wanted.names(kind, venue=wire.VENUE) for kind in PRICED)


def _either(one: Selection | None, other: Selection | None) -> Selection | None:
    return one | other if one is not None and other is not None else one or other
