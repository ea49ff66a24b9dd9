"""OKX swaps: mark price, funding, open interest, liquidations, trades, best prices and order books over one stream, and
candles over another."""

from collections.abc import Callable, Mapping

from daemon.sources.base import Context, Feed
from daemon.sources.books import Bookkeeper
from daemon.sources.candles import greet
from daemon.sources.configs import Okx as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.newcomers import Newcomers
from daemon.sources.pollers import okx as pollers
from daemon.sources.script import Beside, Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.sources.wanted import Wanted
from daemon.wire import okx as wire
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

MOVING: dict[type[Event], Callable[[str], str]] = {
    MarkPrice: wire.mark_topic,
    OpenInterest: wire.open_interest_topic,
    FundingRate: wire.funding_topic,
}
QUIET: dict[type[Event], Callable[[str], str]] = {
    Trade: wire.trade_topic,
    Ticker: wire.ticker_topic,
    BookSnapshot: wire.book_topic,
    BookUpdate: wire.book_topic,
}
KINDS: tuple[type[Event], ...] = (*MOVING, *QUIET, Liquidation)
MOVES_WITHIN_S = 60.0  # mark prices come at least every 10 s, open interest every 3 s
FUNDING_MOVES_WITHIN_S = 300.0  # funding alone: every 30 to 90 s
REQUESTS_PER_HOUR = 480.0  # subscribing and unsubscribing, on one connection
_PUBLIC, _BUSINESS = "/public", "/business"


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The streams of which anything is wanted, and the pollers that are."""
    desk, timing = pollers.desk_of(context, config.rest_url), timing or Timing()
    feeds: list[Feed] = []

    def stream(name: str, url: str, kinds: tuple[type[Event], ...], market: "_Market | _Candles") -> None:
        sieve = Sieve(context.wanted, kinds, context.once)
        market.feed = Stream(
            name=name, venue=wire.VENUE, url=url, context=context, sieve=sieve, script=market.script, timing=timing
        )
        feeds.append(market.feed)

    if context.wanted.any_of(KINDS, venue=wire.VENUE):
        stream("okx.market", config.ws_url, KINDS, _Market(context.wanted))
    if context.wanted.any_of((Candle,), venue=wire.VENUE):
        stream("okx.candles", _candles_url(config), (Candle,), _Candles(context, desk))
    return feeds + pollers.build(desk, config)


def _candles_url(config: Config) -> str:
    if config.candles_url is not None:
        return config.candles_url
    beside = config.ws_url.removesuffix(_PUBLIC)
    return config.ws_url if beside == config.ws_url else beside + _BUSINESS


class _Market:
    """Contracts come first, in a decoder of each connection: without their sizes a liquidation has no unit."""

    feed: Stream

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._known: set[str] = set()  # books that this feed has brought

    async def script(self) -> Script:
        reader = wire.Decoder()
        keeper = Bookkeeper(reader, self.feed.status, known=self._known)

        def then() -> Plan | None:
            """Asked again whenever wishes have changed."""
            if not reader.contracts:
                return None
            listed = wire.named(reader.contracts)
            books = (self._wanted.selection(kind, venue=wire.VENUE) for kind in (BookSnapshot, BookUpdate))
            keeper.keep({symbol for which in books for symbol in chosen(which, listed)})
            return _plan(self._wanted, listed)

        async def mend(conversation: Beside) -> None:
            while True:
                await conversation.again([wire.book_topic(await keeper.lost.get())])

        return Script(
            dialect=wire,
            reader=keeper,
            first=Plan(topics=[wire.instruments_topic()]),
            then=then,
            beside=mend,
            answers_each=True,
            requests_per_hour=REQUESTS_PER_HOUR,
        )


def _plan(wanted: Wanted, listed: list[str]) -> Plan:
    selections = {kind: wanted.selection(kind, venue=wire.VENUE) for kind in KINDS}
    topics = _topics(MOVING, wanted, listed)
    moving = set(_topics({kind: topic for kind, topic in MOVING.items() if kind is not FundingRate}, wanted, listed))
    only_funding = not moving
    topics |= _topics(QUIET, wanted, listed)
    if selections[Liquidation] is not None:
        topics[wire.liquidation_topic()] = None  # of all swaps: one alone is refused, or silently widened
    return Plan(
        topics=list(topics),
        moving=frozenset(moving or _topics(MOVING, wanted, listed)),
        moves=frozenset(MOVING),
        moves_within_s=FUNDING_MOVES_WITHIN_S if only_funding else MOVES_WITHIN_S,
        unlisted=unlisted([which for which in selections.values() if which is not None], listed),
    )


def _topics(topics: Mapping[type[Event], Callable[[str], str]], wanted: Wanted, listed: list[str]) -> dict[str, None]:
    """The topics of everything wanted of these types, each once, in order."""
    found: dict[str, None] = {}
    for kind, topic in topics.items():
        which = wanted.selection(kind, venue=wire.VENUE)
        found |= dict.fromkeys(topic(symbol) for symbol in chosen(which, listed))
    return found


class _Candles:
    """Where OKX sends candles it sends no list of instruments: that is asked for over REST."""

    feed: Stream

    def __init__(self, context: Context, desk: pollers.Desk) -> None:
        self._context, self._desk = context, desk
        self._newcomers = Newcomers()

    async def script(self) -> Script:
        which = self._context.wanted.selection(Candle, venue=wire.VENUE)
        listed = await self._desk.listed()
        symbols = chosen(which, listed)
        self._newcomers.want(symbols)
        topics = [wire.candle_topic(symbol) for symbol in symbols]
        plan = Plan(topics=topics, unlisted=unlisted([which], listed))

        async def beside(conversation: Beside) -> None:
            self._newcomers.begin_anew()
            desk, clock = self._desk, self._context.clock
            await greet(self._newcomers, desk.minutes, conversation, venue=wire.VENUE, clock=clock)

        return Script(
            dialect=wire,
            reader=wire.Decoder(),
            first=plan,
            beside=beside,
            answers_each=True,
            requests_per_hour=REQUESTS_PER_HOUR,
        )
