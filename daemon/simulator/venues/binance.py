"""Binance USD-M in the box: routed market streams, the unrouted paths that never deliver, and REST."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.listings import LISTINGS
from daemon.simulator.past import End
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venue import Venue
from daemon.simulator.venues.binance_tables import Tables
from daemon.simulator.world import World
from daemon.wire import binance_market, binance_rest, binance_server
from daemon.wire.binance_symbols import to_symbol
from daemon.wire.control import Unreadable
from daemon.wire.history import Paid
from rules.events import Event, FundingRate, Liquidation, OpenInterest

_ALL_LIQUIDATIONS = "!forceOrder@arr"
_ALL_MARKS = ("!markPrice@arr@1s", "!markPrice@arr")
_JSON = "application/json"
_MARKS_SINCE_MS = 365 * 86_400_000


class Binance(Venue):
    """`/market/ws` and `/market/stream` deliver; `/ws` and `/stream` acknowledge and stay silent, as since 2026-04."""

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
            web.get("/market/ws", self._market),
            web.get("/market/ws/{streams:.+}", self._market),
            web.get("/market/stream", self._combined),
            web.get("/ws", self._unrouted),
            web.get("/ws/{streams:.+}", self._unrouted),
            web.get("/stream", self._unrouted),
            web.get(binance_rest.PREMIUM_INDEX, self._premium_index),
            web.get(binance_rest.FUNDING_INFO, self._funding_info),
            web.get(binance_rest.OPEN_INTEREST, self._open_interest),
            web.get(binance_rest.FUNDING_RATE, self._funding_rate),
            *Tables(self.past).routes(),
        ]

    async def _market(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request, topics=_named(request.match_info.get("streams", "")))

    async def _combined(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request, topics=_named(request.query.get("streams", "")), wrapped=True)

    async def _unrouted(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request, deaf=True)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        listened = self.subscriptions.clients
        found: list[tuple[str, bytes]] = []
        for stream, payload in binance_server.payloads(events, now_ms):
            frame = msgspec.json.encode(payload)
            found.append((stream, frame))
            if payload["e"] == "forceOrder":
                found.append((_ALL_LIQUIDATIONS, frame))
            else:
                found.append((stream.removesuffix("@1s"), frame))  # the same without a speed, here at the same speed
        for topic in _ALL_MARKS:
            if topic in listened:
                marks = [event for event in events if not isinstance(event, Liquidation)]
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
            case "subscribe":  # an unknown stream is acknowledged like a good one
                self.subscriptions.add(connection, request.topics)
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
            status=200 if symbol in (None, *self._symbols) else 400,
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


def _named(streams: str) -> list[str]:
    return [stream for stream in streams.split("/") if stream]
