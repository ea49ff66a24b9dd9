"""Bybit linear contracts: mark price, funding, open interest and best prices in one topic each; liquidations, trades,
candles and order books."""

import asyncio
from collections.abc import Callable, Mapping

from daemon.sources.base import Context, Feed
from daemon.sources.books import Bookkeeper
from daemon.sources.candles import greet
from daemon.sources.configs import Bybit as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.newcomers import Newcomers
from daemon.sources.pollers import bybit as pollers
from daemon.sources.script import Beside, Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.wire import bybit as wire
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)
from rules.selection import Selection

TICKER_KINDS: tuple[type[Event], ...] = (MarkPrice, FundingRate, OpenInterest, Ticker)
TOPICS: dict[type[Event], Callable[[str], str]] = {
    **dict.fromkeys(TICKER_KINDS, wire.ticker_topic),
    Liquidation: wire.liquidation_topic,
    Trade: wire.trade_topic,
    Candle: wire.candle_topic,
    BookSnapshot: wire.book_topic,
    BookUpdate: wire.book_topic,
}
KINDS = tuple(TOPICS)
MOVES_WITHIN_S = 60.0  # a ticker is sent when anything in it changes, ten times a second for a liquid contract


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream if anything it carries is wanted, and the pollers that are."""
    desk = pollers.desk_of(context, config.rest_url)
    feeds: list[Feed] = []
    if context.wanted.any_of(KINDS, venue=wire.VENUE):
        market = _Market(context, desk)
        market.feed = Stream(
            name="bybit.market",
            venue=wire.VENUE,
            url=config.ws_url,
            context=context,
            sieve=Sieve(context.wanted, KINDS, context.once),
            script=market.script,
            timing=timing or Timing(),
        )
        feeds.append(market.feed)
    return feeds + pollers.build(desk, config)


class _Market:
    """What the stream asks for, as wishes come and go."""

    feed: Stream

    def __init__(self, context: Context, desk: pollers.Desk) -> None:
        self._context, self._desk = context, desk
        self._prices_of: set[str] = set()  # Bybit's names; shared with the decoders
        self._candles, self._tickers = Newcomers(), Newcomers()
        self._kinds_of: dict[str, frozenset[type[Event]]] = {}  # symbol -> what is wanted of its ticker
        self._known: set[str] = set()  # books that this feed has brought
        self._books: set[str] = set()
        self._keeper: Bookkeeper | None = None  # of the living conversation

    async def script(self) -> Script:
        """Every topic names an instrument, so the list of them comes first."""
        wanted, listed = self._context.wanted, await self._desk.listed()
        selections = {kind: wanted.selection(kind, venue=wire.VENUE) for kind in KINDS}
        symbols = {kind: chosen(which, listed) for kind, which in selections.items()}
        self._follow(symbols)
        moving = {wire.ticker_topic(symbol) for kind in TICKER_KINDS for symbol in symbols[kind]}
        topics = dict.fromkeys(TOPICS[kind](symbol) for kind in KINDS for symbol in symbols[kind])
        wishes: list[Selection] = [which for which in selections.values() if which is not None]
        plan = Plan(
            topics=list(topics),
            moving=frozenset(moving),
            moves=frozenset(TICKER_KINDS),
            moves_within_s=MOVES_WITHIN_S,
            unlisted=unlisted(wishes, listed),
        )
        reader = wire.Decoder(self._desk.intervals_h, self._prices_of)
        keeper = Bookkeeper(reader, self.feed.status, known=self._known)

        async def beside(conversation: Beside) -> None:
            await self._beside(keeper, conversation)

        return Script(dialect=wire, reader=keeper, first=plan, beside=beside)

    def _follow(self, symbols: Mapping[type[Event], list[str]]) -> None:
        """Let those who work beside the conversation know what is wanted now."""
        self._prices_of.clear()
        self._prices_of.update(wire.from_symbol(symbol) for symbol in symbols[Ticker])
        self._candles.want(symbols[Candle])
        self._books = {*symbols[BookSnapshot], *symbols[BookUpdate]}
        if self._keeper is not None:
            self._keeper.keep(self._books)
        kinds_of: dict[str, frozenset[type[Event]]] = {}
        for kind in TICKER_KINDS:
            for symbol in symbols[kind]:
                kinds_of[symbol] = kinds_of.get(symbol, frozenset()) | {kind}
        before, self._kinds_of = self._kinds_of, kinds_of
        # a ticker that is known already tells only what changes: whoever wants more of it needs a whole one
        self._tickers.add(symbol for symbol, kinds in kinds_of.items() if symbol in before and kinds - before[symbol])

    async def _beside(self, keeper: Bookkeeper, conversation: Beside) -> None:
        self._keeper = keeper
        keeper.keep(self._books)
        self._candles.begin_anew()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mend(keeper, conversation), name="bybit books")
            group.create_task(self._whole_tickers(conversation), name="bybit tickers")
            await greet(self._candles, self._desk.minutes, conversation, venue=wire.VENUE, clock=self._context.clock)

    async def _mend(self, keeper: Bookkeeper, conversation: Beside) -> None:
        while True:
            await conversation.again([wire.book_topic(await keeper.lost.get())])

    async def _whole_tickers(self, conversation: Beside) -> None:
        while True:
            await conversation.again([wire.ticker_topic(symbol) for symbol in await self._tickers.next()])
