"""Bitget's USDT futures in the box: one answer an argument, whole tickers, and liquidations of the whole line."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.elsewhere import Elsewhere, Quote
from daemon.simulator.listings import COINS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import bitget_server
from daemon.wire.bitget_symbols import CATEGORY, INSTRUMENTS, Contract, encode_contracts, from_symbol, to_symbol
from daemon.wire.control import Unreadable
from rules.events import Event

_NO_REQUEST = '{"event":"error","code":"30003","msg":"Invalid request"}'
_REFUSED = b'{"code":"40019","msg":"Parameter category cannot be empty","data":null}'
_SYMBOL = b'"symbol":"'


class Bitget(Elsewhere):
    """A text ping keeps the connection; `liquidation` with a symbol does not exist."""

    name = "bitget"
    stream_path = "/v3/ws/public"
    silence_s = 120.0
    must_speak = True
    requests_per_s = 10
    throttled = '{"code":"429","msg":"Too Many Requests","data":null}'
    price_kind = "bankruptcy"
    lean = -2e-5
    share = 0.1

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self.contracts = {from_symbol(quote.symbol): Contract(quote.interval_h, quote.step) for quote in self.quotes()}
        self._encoder = bitget_server.Encoder()

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.stream_path, self._stream), web.get(INSTRUMENTS, self._instruments)]

    def quotes(self) -> Iterable[Quote]:
        for coin in COINS:
            hours = coin.interval_h.get("bybit", 8)
            yield self.contract(coin, f"{coin.name}-USDT-PERP", coin.step, interval_h=hours)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def _instruments(self, request: web.Request) -> web.Response:
        if request.query.get("category") != CATEGORY:
            return said(_REFUSED, 400)
        return said(encode_contracts(self.contracts))

    async def say(self, events: Sequence[Event], now_ms: int) -> None:
        # the ticker that a newcomer gets is the encoder's, so it hears everything even when nobody listens
        if not self.subscriptions.clients:
            self._encoder.encode(events, now_ms)
        await super().say(events, now_ms)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        return [(_topic(frame), frame) for frame in self._encoder.encode(events, now_ms)]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = bitget_server.read_request(text)
        except Unreadable:
            await self.reply(connection, [_NO_REQUEST])
            return
        if request.method == "ping":
            await self.reply(connection, bitget_server.acknowledge(request))
            return
        if request.method == "other":
            await self.reply(connection, [_NO_REQUEST])
            return
        good = [topic for topic in request.topics if self._exists(topic)]
        bad = [topic for topic in request.topics if topic not in good]
        await self.reply(connection, bitget_server.refuse(request, bad) + bitget_server.acknowledge(request, good))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, good)
            return
        new = [topic for topic in good if topic not in connection.topics]
        self.subscriptions.add(connection, new)
        tickers = [topic.partition(":")[2] for topic in new if topic.startswith("ticker:")]
        snapshots = [self._encoder.snapshot(to_symbol(name), self.clock()) for name in tickers]
        await self.push(connection, [frame for frame in snapshots if frame is not None])

    def _exists(self, topic: str) -> bool:
        name, _, symbol = topic.partition(":")
        return topic == "liquidation" or (name == "ticker" and symbol in self.contracts)


def _topic(frame: bytes) -> str:
    """From {"action":...,"arg":{"instType":...,"topic":"ticker","symbol":"BTCUSDT"},... without reading the rest."""
    head = frame[:200]
    if b'"topic":"liquidation"' in head:
        return "liquidation"
    name, _, _ = head.partition(_SYMBOL)[2].partition(b'"')
    return f"ticker:{name.decode()}"
