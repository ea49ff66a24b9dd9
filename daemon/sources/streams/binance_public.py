"""Binance's /public route: trades, best prices, and order books that are kept whole.

Trades are those of `trade`, not `aggTrade`: each has an id of its own, which is what others count by, and it comes at
once, where aggTrade bundles fills of 100 ms under a count of its own.
"""

import asyncio
import logging
from collections.abc import Sequence
from weakref import WeakSet

from daemon.sources.base import Context, Feed
from daemon.sources.books import Bookkeeper
from daemon.sources.configs import Binance as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.pollers.binance import Desk
from daemon.sources.script import Beside, Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.supervisor import Refused, Transient
from daemon.wire import binance as wire
from daemon.wire.binance_trading import ALL_TICKERS, book_topic, ticker_topic, trade_topic
from daemon.wire.control import Unreadable
from rules.events import BookSnapshot, BookUpdate, Event, Ticker, Trade

log = logging.getLogger(__name__)

KINDS: tuple[type[Event], ...] = (Trade, Ticker, BookSnapshot, BookUpdate)
TICKERS_MAX = 50  # more than that, and the stream of all is cheaper
MOVES_WITHIN_S = 60.0
RETRY_S = 1.0  # for a book that could not be had, or was older than the stream


def build(config: Config, context: Context, desk: Desk, *, timing: Timing | None = None) -> list[Feed]:
    """The stream if anything it carries is wanted."""
    if not context.wanted.any_of(KINDS, venue=wire.VENUE):
        return []
    public = Public(context, desk)
    feed = Stream(
        name="binance.public",
        venue=wire.VENUE,
        url=config.public_ws_url,
        context=context,
        sieve=Sieve(context.wanted, KINDS, context.once),
        script=public.script,
        timing=timing or Timing(),
    )
    public.feed = feed
    return [feed]


class Public:
    """What is said on /public. Trades may rest; best prices and books never do for long, so they show that it is alive."""

    feed: Feed  # whose status tells of gaps

    def __init__(self, context: Context, desk: Desk) -> None:
        self._context, self._desk = context, desk
        self._known: set[str] = set()  # books that some connection has brought
        self._keepers: WeakSet[Bookkeeper] = (
            WeakSet()
        )  # of the connection that is, and of the one that is to replace it

    async def script(self) -> Script:
        """Topics for what is wanted now, and a bookkeeper for a new connection."""
        wanted = self._context.wanted
        trade, ticker, snapshot, update = (wanted.selection(kind, venue=wire.VENUE) for kind in KINDS)
        books = [which for which in (snapshot, update) if which is not None]
        wishes = [which for which in (trade, ticker, *books) if which is not None]
        listed = await self._desk.listed()
        trades = chosen(trade, listed)
        tickers = chosen(ticker, listed)
        is_everything = ticker is not None and (ticker.names is None or len(tickers) > TICKERS_MAX)
        followed = sorted({symbol for which in books for symbol in chosen(which, listed)})
        moving = [ALL_TICKERS] if is_everything else [ticker_topic(symbol) for symbol in tickers]
        if trades and not moving and not followed:
            moving = [ticker_topic(trades[0])]  # not wanted: tells a quiet market from a deaf path
        followed = as_many_as_fit(followed, wire.MAX_TOPICS - len(moving) - bool(trades), BookUpdate)
        moving += [book_topic(symbol) for symbol in followed]
        trades = as_many_as_fit(trades, wire.MAX_TOPICS - len(moving), Trade)
        for keeper in self._keepers:
            keeper.keep(frozenset(followed))
        keeper = Bookkeeper(
            wire.Decoder(self._desk.intervals_h, self._desk.mark_prices),
            self.feed.status,
            fetched=True,
            known=self._known,
        )
        keeper.keep(frozenset(followed))
        self._keepers.add(keeper)
        plan = Plan(
            topics=[*moving, *(trade_topic(symbol) for symbol in trades)],
            moving=frozenset(moving),
            moves=frozenset(KINDS),
            moves_within_s=MOVES_WITHIN_S,
            unlisted=unlisted(wishes, listed),
        )

        async def fetch_books(beside: Beside) -> None:
            await self._fetch(keeper, beside)

        return Script(dialect=wire, reader=keeper, first=plan, beside=fetch_books)

    async def _fetch(self, keeper: Bookkeeper, beside: Beside) -> None:
        """Fetch every book that begins or was lost; a host that does not answer costs the books time, and nothing else."""
        trouble = 0
        while True:
            symbol = await keeper.lost.get()
            try:
                snapshot = await self._desk.book(symbol)
            except Refused as exc:
                self._desk.refuse("the order book", symbol, exc)
                continue
            except (Transient, Unreadable) as exc:
                level = logging.DEBUG if trouble else logging.WARNING
                log.log(level, "order book has to wait", extra={"symbol": symbol, "error": str(exc)})
                trouble += 1
                keeper.ask_again(symbol)
                await asyncio.sleep(max(RETRY_S, getattr(exc, "retry_after_s", None) or 0.0))
                continue
            trouble = 0
            events = keeper.settle(snapshot)
            if events:
                await beside.publish(events, snapshot.received_ms)
            else:
                await asyncio.sleep(RETRY_S)  # older than what has come since, or nobody waits for it any more


def as_many_as_fit(symbols: Sequence[str], room: int, kind: type[Event]) -> list[str]:
    """The first ones; a connection takes 200 topics at most, and what does not fit is said."""
    if len(symbols) > room:
        log.warning(
            "more is wanted than one connection carries",
            extra={"what": str(kind.__struct_config__.tag), "wanted": len(symbols), "followed": room},
        )
    return list(symbols[:room])
