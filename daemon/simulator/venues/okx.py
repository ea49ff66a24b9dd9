"""OKX v5 swaps in the box: one answer an argument, strings everywhere, a text ping, and no patience with silence."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.listings import LISTINGS
from daemon.simulator.queries import moment
from daemon.simulator.subscriptions import Connection
from daemon.simulator.trading import Listened
from daemon.simulator.venue import Venue
from daemon.simulator.venues.okx_tables import Tables, refused
from daemon.simulator.world import World
from daemon.wire import okx_market, okx_server
from daemon.wire.control import Unreadable
from daemon.wire.history import Paid
from daemon.wire.okx_contracts import INSTRUMENTS, Contract, encode_instruments, from_symbol, to_symbol
from rules.events import BookUpdate, Candle, Event, FundingRate, MarkPrice, OpenInterest, Ticker, Trade

_PER_INSTRUMENT: dict[str, type[Event]] = {
    "funding-rate": FundingRate,
    "mark-price": MarkPrice,
    "open-interest": OpenInterest,
}
_TRADING: dict[str, type[Event]] = {"trades": Trade, "tickers": Ticker, "books": BookUpdate}
_CANDLES = "candle1m"  # on /business only
_JSON = "application/json"
_PER_TYPE = ("liquidation-orders", "instruments")
_NO_REQUEST = '{"event":"error","code":"60012","msg":"Invalid request: %s","connId":"a4d3ae55"}'


class Okx(Venue):
    """`liquidation-orders` is for all swaps or for none: one instrument alone is refused."""

    name = "okx"
    stream_path = "/ws/v5/public"
    silence_s = 30.0
    throttled = '{"code":"50011","msg":"Too Many Requests","data":[]}'

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        mine = [listing for listing in LISTINGS if listing.venue == self.name]
        self.contracts = {from_symbol(listing.symbol): Contract(listing.step) for listing in mine}
        # nothing streams it; it is listed because it looks like BTC-USDT-SWAP and counts in dollars
        self.contracts["BTC-USD-SWAP"] = Contract(100.0, is_inverse=True)
        self._tables = Tables(world, self.past, self.latest, self.contracts)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ws/v5/public", self._public),
            web.get("/ws/v5/business", self._business),
            web.get(INSTRUMENTS, self._instruments),
            web.get(okx_market.FUNDING_HISTORY, self._funding_history),
            *self._tables.routes(),
        ]

    def note(self, events: Iterable[Event]) -> None:
        events = list(events)
        super().note(events)
        self._tables.note(events)

    async def _public(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def _business(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    def listened(self) -> Listened:
        topics = (topic.partition(":") for topic in self.subscriptions.topics)
        kinds: dict[str, type[Event]] = {**_TRADING, _CANDLES: Candle}
        return [(kinds[channel], to_symbol(name)) for channel, _, name in topics if channel in kinds]

    async def _instruments(self, request: web.Request) -> web.Response:
        return web.Response(body=encode_instruments(self.contracts), content_type=_JSON)

    async def _funding_history(self, request: web.Request) -> web.Response:
        """`after` asks for what is older than that moment, `before` for what is newer; some three months are kept."""
        query = request.query
        listing = self._tables.listings.get(query.get("instId", ""))
        if listing is None:
            return refused("51001", "Instrument ID does not exist")
        after, before = moment(query.get("after")), moment(query.get("before")) or 0
        paid = self.paid(
            listing.symbol,
            limit=query.get("limit", "400"),
            end=None if after is None else str(after - 1),
            start=str(max(before + 1, self._tables.reach_ms())),
            most=okx_market.FUNDING_ROWS,
        )
        rows = [Paid(event.at_ms, event.rate) for event in paid]
        return web.Response(body=okx_market.encode_funding_history(query["instId"], rows), content_type=_JSON)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        return [(_topic(frame), frame) for frame in okx_server.encode(events, now_ms, self.contracts)]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = okx_server.read_request(text)
        except Unreadable:
            await self.reply(connection, [_NO_REQUEST % text[:60].replace("\\", "").replace('"', "'")])
            return
        if request.method not in ("subscribe", "unsubscribe"):
            known = request.method == "ping"
            await self.reply(connection, okx_server.acknowledge(request) if known else [_NO_REQUEST % "unknown op"])
            return
        is_business = connection.path.endswith("/business")
        good = [topic for topic in request.topics if self._exists(topic, is_business)]
        bad = [topic for topic in request.topics if topic not in good]
        await self.reply(connection, okx_server.refuse(request, bad) + okx_server.acknowledge(request, good))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, good)
            return
        new = [topic for topic in good if topic not in connection.topics]
        self.subscriptions.add(connection, new)
        await self.push(connection, self._greeting(new))

    def _greeting(self, topics: Sequence[str]) -> list[bytes]:
        """What a newcomer to these topics gets at once."""
        frames: list[bytes] = []
        for topic in topics:
            channel, _, target = topic.partition(":")
            if channel == "instruments":
                frames.append(okx_server.instruments_frame(self.contracts))
            elif (kind := _PER_INSTRUMENT.get(channel)) is not None:
                event = self.latest.get((kind, (self.name, to_symbol(target))))
                if event is not None:
                    frames += okx_server.encode([event], self.clock(), self.contracts)
            elif channel in ("tickers", "books"):
                now_ms, symbol = self.clock(), to_symbol(target)
                told: Event | None = self.trading.ticker(symbol, now_ms)
                if channel == "books":
                    told = self.trading.book(symbol, now_ms)
                frames += okx_server.encode([told] if told is not None else [], now_ms, self.contracts)
        return frames

    def _exists(self, topic: str, is_business: bool) -> bool:
        channel, _, target = topic.partition(":")
        if is_business or channel == _CANDLES:
            return is_business and channel == _CANDLES and target in self.contracts
        if channel in _PER_TYPE:
            return target == "SWAP"
        return (channel in _PER_INSTRUMENT or channel in _TRADING) and target in self.contracts


def _topic(frame: bytes) -> str:
    """From {"arg":{"channel":"mark-price","instId":"BTC-USDT-SWAP"},... without reading the rest."""
    parts = frame[:200].split(b'"', 10)
    return f"{parts[5].decode()}:{parts[9].decode()}"
