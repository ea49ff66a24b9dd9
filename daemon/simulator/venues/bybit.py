"""Bybit v5 linear in the box: tickers and books as a snapshot and deltas, trades, candles, liquidations, and REST."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.listings import LISTINGS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.trading import Listened
from daemon.simulator.venue import Venue
from daemon.simulator.venues.asked import said
from daemon.simulator.venues.bybit_tables import Tables
from daemon.simulator.world import World
from daemon.wire import bybit_market, bybit_rest, bybit_server
from daemon.wire.bybit_symbols import from_symbol, to_symbol
from daemon.wire.bybit_trading import BOOK_LEVELS
from daemon.wire.control import Unreadable
from daemon.wire.history import Paid
from rules.events import BookUpdate, Candle, Event, Liquidation, Ticker, Trade

_BATCH_MS = 500
_TOPIC_STARTS = len('{"topic":"')
_BOOK = f"orderbook.{BOOK_LEVELS}"
_TRADING: dict[str, type[Event]] = {"tickers": Ticker, "publicTrade": Trade, "kline.1": Candle, _BOOK: BookUpdate}


class Bybit(Venue):
    """One topic a ticker, with only the changed keys after the first frame; `allLiquidation` every half second."""

    name = "bybit"
    stream_path = "/v5/public/linear"
    silence_s = 600.0
    throttled = '{"retCode":10006,"retMsg":"Too many visits. Exceeded the API Rate Limit."}'

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self._symbols = [listing.symbol for listing in LISTINGS if listing.venue == self.name]
        self._tables = Tables(world, self.past)
        self._names = {from_symbol(symbol) for symbol in self._symbols}
        self._encoder = bybit_server.Encoder()  # one for all: a newcomer gets its snapshot
        self._batch: list[Event] = []
        self._batch_ends_ms = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v5/public/linear", self._linear),
            web.get(bybit_rest.TICKERS, self._tickers),
            web.get(bybit_rest.FUNDING_HISTORY, self._funding_history),
            *self._tables.routes(),
        ]

    async def _linear(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def _tickers(self, request: web.Request) -> web.Response:
        now_ms, name = self.clock(), request.query.get("symbol")
        category = self._tables.category(request)
        if category is None:
            return self._tables.refused("Category is invalid")
        if name is not None and self._tables.listing(request) is None:
            return self._tables.refused("Symbol Invalid")
        if category == "inverse":
            rows = self._tables.inverse_tickers(now_ms).rows
        else:
            told = bybit_rest.encode_tickers(list(self.latest.values()), now_ms)
            rows = [self._traded(row) for row in bybit_market.decode_tickers(told).rows]
        wanted = [row for row in rows if name in (None, row.pair)]
        return said(bybit_market.encode_tickers(bybit_market.Tickers(category, wanted, now_ms)))

    def _traded(self, row: bybit_market.Ticker) -> bybit_market.Ticker:
        """The ticker that streams, with what REST says beside it."""
        if row.pair not in self._tables.linear:  # a test has spoken of it
            return row
        base, quote = self._tables.volumes(row.pair)
        return msgspec.structs.replace(row, last=row.mark, volume_base=base, volume_quote=quote)

    async def _funding_history(self, request: web.Request) -> web.Response:
        query = request.query
        listing = self._tables.listing(request)
        if listing is None:
            return self._tables.refused("Symbol Invalid")
        if "startTime" in query and "endTime" not in query:
            return self._tables.refused("startTime without endTime")
        paid = self.paid(
            listing.symbol,
            limit=query.get("limit"),
            start=query.get("startTime"),
            end=query.get("endTime"),
            most=bybit_market.FUNDING_ROWS,
        )
        rows = [Paid(event.at_ms, event.rate) for event in paid]
        category: bybit_market.Category = "inverse" if listing.is_inverse else "linear"
        return said(bybit_market.encode_funding_history(query["symbol"], rows, self.clock(), category))

    def listened(self) -> Listened:
        topics = (topic.rpartition(".") for topic in self.subscriptions.topics)
        return [(_TRADING[kind], to_symbol(name)) for kind, _, name in topics if kind in _TRADING]

    def gather(self, events: list[Event], now_ms: int) -> list[Event]:
        forced = [event for event in events if isinstance(event, Liquidation)]
        if forced and not self._batch:
            self._batch_ends_ms = now_ms + _BATCH_MS
        self._batch += forced
        now: list[Event] = [event for event in events if not isinstance(event, Liquidation)]
        if self._batch and now_ms >= self._batch_ends_ms:
            now += sorted(self._batch, key=lambda event: event.place)
            self._batch = []
        return now

    async def say(self, events: Sequence[Event], now_ms: int) -> None:
        # the ticker that a newcomer gets is the encoder's, so it hears everything even when nobody listens
        if not self.subscriptions.clients:
            self._encoder.encode(events, now_ms)
        await super().say(events, now_ms)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        frames = self._encoder.encode(events, now_ms)
        return [(frame[_TOPIC_STARTS : frame.index(b'"', _TOPIC_STARTS)].decode(), frame) for frame in frames]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = bybit_server.read_request(text)
        except Unreadable:
            await self.reply(connection, ['{"success":false,"ret_msg":"Invalid request","op":""}'])
            return
        if request.method in ("subscribe", "unsubscribe"):
            if wrong := [topic for topic in request.topics if not self._exists(topic)]:
                await self.reply(connection, bybit_server.refuse(request, wrong))
                return
        elif request.method != "ping":
            await self.reply(connection, bybit_server.refuse(request, request.topics, "Invalid op"))
            return
        await self.reply(connection, bybit_server.acknowledge(request))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, request.topics)
        elif request.method == "subscribe":
            new = [topic for topic in request.topics if topic not in connection.topics]
            self.subscriptions.add(connection, new)
            await self.push(connection, self._greeting(new))

    def _greeting(self, topics: Sequence[str]) -> list[bytes]:
        """What a newcomer to these topics gets at once: whole tickers and whole books."""
        frames: list[bytes] = []
        now_ms = self.clock()
        for topic in topics:
            kind, _, name = topic.rpartition(".")
            symbol = to_symbol(name)
            if kind == "tickers":
                if (prices := self.trading.ticker(symbol, now_ms)) is not None:
                    self._encoder.encode([prices], now_ms)
                if (snapshot := self._encoder.snapshot(symbol, now_ms)) is not None:
                    frames.append(snapshot)
            elif kind == _BOOK and (book := self.trading.book(symbol, now_ms, BOOK_LEVELS)) is not None:
                frames += bybit_server.encode([book], now_ms)
        return frames

    def _exists(self, topic: str) -> bool:
        kind, _, name = topic.rpartition(".")
        return (kind in _TRADING or kind == "allLiquidation") and name in self._names
