"""Binance in the box: its two routes, each silent about the other's streams, the unrouted paths, and REST.

It is USD-M, and one contract of COIN-M whose rows are among the others, as they have been since 2026-06.
"""

from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.listings import LISTINGS
from daemon.simulator.past import End
from daemon.simulator.subscriptions import Connection
from daemon.simulator.trading import Listened
from daemon.simulator.venue import Venue
from daemon.simulator.venues.binance_statistics import Statistics
from daemon.simulator.venues.binance_tables import Tables
from daemon.simulator.world import World
from daemon.wire import binance_market, binance_rest, binance_server
from daemon.wire.binance_symbols import to_symbol
from daemon.wire.binance_trading_server import meaning_of, route_of
from daemon.wire.control import Unreadable
from daemon.wire.history import Paid
from rules.events import Event, FundingRate, MarkPrice, OpenInterest, Ticker

_ALL_LIQUIDATIONS = "!forceOrder@arr"
_ALL_MARKS = ("!markPrice@arr@1s", "!markPrice@arr")
_ALL_TICKERS = "!bookTicker"
_OTHER_SPEEDS = ("@depth", "@depth@500ms")  # here at the same speed
_JSON = "application/json"
_COIN_MARGINED = {"BTC-USDT-PERP": "BTC-USD-PERP"}  # quoted like the other, and told in the same streams
_MARKS_SINCE_MS = 365 * 86_400_000


class Binance(Venue):
    """`/market` and `/public` deliver their own streams; the other's, and all on `/ws` and `/stream`, are acknowledged alone.

    So it is since 2026-04.
    """

    name = "binance"
    stream_path = "/market/ws"
    requests_per_s = 10
    throttled = '{"code":-1003,"msg":"Too many requests; current limit of IP is 2400 requests per minute."}'

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        mine = [listing for listing in LISTINGS if listing.venue == self.name]
        self._listings = {listing.symbol: listing for listing in mine}
        self._symbols = list(self._listings)
        self._intervals_h = {listing.symbol: float(listing.interval_h) for listing in mine if listing.interval_h != 8}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/{route:market|public}/ws", self._single),
            web.get("/{route:market|public}/ws/{streams:.+}", self._single),
            web.get("/{route:market|public}/stream", self._combined),
            web.get("/ws", self._unrouted),
            web.get("/ws/{streams:.+}", self._unrouted),
            web.get("/stream", self._unrouted),
            web.get(binance_rest.PREMIUM_INDEX, self._premium_index),
            web.get(binance_rest.FUNDING_INFO, self._funding_info),
            web.get(binance_rest.OPEN_INTEREST, self._open_interest),
            web.get(binance_rest.FUNDING_RATE, self._funding_rate),
            *Tables(self.past).routes(),
            *Statistics(self.world, self.trading, self.clock).routes(),
        ]

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        public = ws_url.removesuffix(self.stream_path) + "/public/ws"
        return {"ws_url": ws_url, "public_ws_url": public, "rest_url": rest_url}

    async def _single(self, request: web.Request) -> web.StreamResponse:
        route = request.match_info["route"]
        return await self.converse(request, topics=_named(request.match_info.get("streams", ""), route))

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        route = request.match_info["route"]
        return await self.converse(request, topics=_named(request.query.get("streams", ""), route), wrapped=True)

    async def _unrouted(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request, deaf=True)

    def told(self, said: Mapping[str, Sequence[Event]], now_ms: int) -> list[Event]:
        """With mark price and funding of what is margined in coins."""
        events = super().told(said, now_ms)
        quoted = [e for e in events if isinstance(e, MarkPrice | FundingRate) and e.symbol in _COIN_MARGINED]
        return events + [msgspec.structs.replace(event, symbol=_COIN_MARGINED[event.symbol]) for event in quoted]

    def listened(self) -> Listened:
        topics = self.subscriptions.clients
        found = [meaning for topic in topics if (meaning := meaning_of(topic)) is not None]
        return found + [(Ticker, symbol) for symbol in self._symbols if _ALL_TICKERS in topics]

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        listened = self.subscriptions.clients
        found: list[tuple[str, bytes]] = []
        for stream, payload in binance_server.payloads(events, now_ms):
            frame = msgspec.json.encode(payload)
            found.append((stream, frame))
            match payload["e"]:
                case "forceOrder":
                    found.append((_ALL_LIQUIDATIONS, frame))
                case "markPriceUpdate":
                    found.append((stream.removesuffix("@1s"), frame))  # the same without a speed, here at the same
                case "bookTicker":
                    found.append((_ALL_TICKERS, frame))
                case "depthUpdate":
                    found += [(stream.removesuffix("@depth@100ms") + other, frame) for other in _OTHER_SPEEDS]
        for topic in _ALL_MARKS:
            if topic in listened:
                marks = [event for event in events if isinstance(event, MarkPrice | FundingRate)]
                found.append((topic, binance_server.encode_array(marks, now_ms)))
        return found

    def envelope(self, topic: str, frame: bytes) -> bytes:
        return b'{"stream":"%b","data":%b}' % (topic.encode(), frame)

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = binance_server.read_request(text)
        except Unreadable as exc:
            await self.reply(connection, [binance_rest.encode_error(2, f"Invalid request: {exc}")])
            return
        match request.method:
            case "subscribe":  # an unknown stream, or one of the other route, is acknowledged like a good one
                route = connection.route
                self.subscriptions.add(connection, [topic for topic in request.topics if route_of(topic) == route])
                connection.topics.update(request.topics)
            case "unsubscribe":
                self.subscriptions.remove(connection, request.topics)
            case "list":
                pass
            case _:
                await self.reply(connection, binance_server.refuse(request, request.topics, "Invalid request"))
                return
        await self.reply(connection, binance_server.acknowledge(request, sorted(connection.topics)))

    # REST

    async def _premium_index(self, request: web.Request) -> web.Response:
        symbol = self._symbol(request)
        return web.Response(
            body=binance_rest.encode_premium_index(list(self.latest.values()), symbol),
            content_type=_JSON,
            status=200 if symbol in (None, *self._symbols, *_COIN_MARGINED.values()) else 400,
        )

    async def _funding_info(self, request: web.Request) -> web.Response:
        return web.Response(body=binance_rest.encode_funding_info(self._intervals_h), content_type=_JSON)

    async def _open_interest(self, request: web.Request) -> web.Response:
        event = self.latest.get((OpenInterest, (self.name, self._symbol(request) or "")))
        if not isinstance(event, OpenInterest):
            return self._no_such_symbol()
        return web.Response(body=binance_rest.encode_open_interest(event), content_type=_JSON)

    async def _funding_rate(self, request: web.Request) -> web.Response:
        symbol = self._symbol(request)
        if symbol is not None and symbol not in self._symbols:
            return self._no_such_symbol()
        query = request.query
        limit, start, end = query.get("limit", "200"), query.get("startTime"), query.get("endTime")
        if symbol is not None:
            keep: End = "oldest" if "startTime" in query else "newest"
            paid = self.paid(symbol, limit=limit, start=start, end=end, most=binance_market.FUNDING_ROWS, keep=keep)
            rows = [Paid(event.at_ms, event.rate, self._mark_then(event)) for event in paid]
            return web.Response(body=binance_market.encode_funding_rates(query["symbol"], rows), content_type=_JSON)
        paid = [
            event for one in self._symbols for event in self.paid(one, limit=limit, start=start, end=end, most=1_000)
        ]
        paid.sort(key=lambda event: event.at_ms)
        return web.Response(body=binance_rest.encode_funding_rates(paid[-1_000:]), content_type=_JSON)

    def _mark_then(self, event: FundingRate) -> float | None:
        """The mark price of a settlement; rows that are old have none."""
        if event.at_ms < self.clock() - _MARKS_SINCE_MS:
            return None
        return self.past.price(self._listings[event.symbol], event.at_ms)

    def _symbol(self, request: web.Request) -> str | None:
        """Our spelling of `symbol`; what we cannot spell stays as it is, and is then not found."""
        name = request.query.get("symbol")
        try:
            return None if name is None else to_symbol(name)
        except ValueError:
            return name

    def _no_such_symbol(self) -> web.Response:
        return web.Response(body=binance_rest.encode_error(-1121, "Invalid symbol."), content_type=_JSON, status=400)


def _named(streams: str, route: str) -> list[str]:
    return [stream for stream in streams.split("/") if stream and route_of(stream) == route]
