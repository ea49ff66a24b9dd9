"""Gate's USDT futures in the box: sizes in contracts, whole tickers, and a second's liquidations in one frame."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.elsewhere import Elsewhere, Quote
from daemon.simulator.listings import COINS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import gate_server
from daemon.wire.control import Unreadable
from daemon.wire.gate_symbols import CONTRACTS, Contract, encode_contracts, from_symbol, to_symbol
from rules.events import Event

_CHANNELS = ("futures.tickers", "futures.public_liquidates")
_ALL = "!all"
_COINS_IN_ONE = {"BTC": 0.0001, "ETH": 0.01, "SOL": 1.0, "DOGE": 10.0, "PEPE": 10_000_000.0}


class Gate(Elsewhere):
    """A request names one channel and its contracts; one that does not exist fails all of it."""

    name = "gate"
    stream_path = "/v4/ws/usdt"
    silence_s = 60.0
    throttled = '{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded"}'
    price_kind = "order"
    lean = 3e-5
    share = 0.08

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self.contracts = {
            from_symbol(quote.symbol): Contract(quote.step, quote.interval_h, quote.settles_at_ms)
            for quote in self.quotes()
        }
        self._encoder = gate_server.Encoder(self.contracts)

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.stream_path, self._stream), web.get(CONTRACTS, self._contracts)]

    def quotes(self) -> Iterable[Quote]:
        for coin in COINS:
            step = _COINS_IN_ONE.get(coin.name, 1.0)
            hours = coin.interval_h.get("binance", 8)
            yield self.contract(coin, f"{coin.name}-USDT-PERP", step, interval_h=hours)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def _contracts(self, request: web.Request) -> web.Response:
        del request
        return said(encode_contracts(self.contracts.items()))

    async def say(self, events: Sequence[Event], now_ms: int) -> None:
        # the ticker that a newcomer gets is the encoder's, so it hears everything even when nobody listens
        if not self.subscriptions.clients:
            self._encoder.encode(events, now_ms)
        await super().say(events, now_ms)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for frame in self._encoder.encode(events, now_ms):
            channel = _CHANNELS[0] if _CHANNELS[0].encode() in frame[:100] else _CHANNELS[1]
            name, _, _ = frame.partition(b'"contract":"')[2].partition(b'"')
            found.append((f"{channel}:{name.decode()}", frame))
            if channel != _CHANNELS[0]:
                found.append((f"{channel}:{_ALL}", frame))
        return found

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = gate_server.read_request(text)
        except Unreadable:
            await self.reply(connection, ['{"channel":"","event":"","error":{"code":1,"message":"invalid argument"}}'])
            return
        if wrong := [topic for topic in request.topics if not self._exists(topic)]:
            await self.reply(connection, gate_server.refuse(request, wrong))
            return
        await self.reply(connection, gate_server.acknowledge(request))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, request.topics)
        elif request.method == "subscribe":
            new = [topic for topic in request.topics if topic not in connection.topics]
            self.subscriptions.add(connection, new)
            tickers = [topic.partition(":")[2] for topic in new if topic.startswith(_CHANNELS[0])]
            snapshots = [self._encoder.snapshot(to_symbol(name), self.clock()) for name in tickers]
            await self.push(connection, [frame for frame in snapshots if frame is not None])

    def _exists(self, topic: str) -> bool:
        channel, _, name = topic.partition(":")
        return channel in _CHANNELS and (name in self.contracts or (name == _ALL and channel == _CHANNELS[1]))
