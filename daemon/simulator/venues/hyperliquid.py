"""Hyperliquid in the box: one question with every perpetual in the answer, and a stream with a topic a coin."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from daemon.simulator import noise
from daemon.simulator.elsewhere import Elsewhere, Quote
from daemon.simulator.listings import COINS, Coin
from daemon.simulator.quoted import HOUR_MS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venues.asked import said
from daemon.wire import hyperliquid as wire
from daemon.wire import hyperliquid_server
from daemon.wire.control import Unreadable
from daemon.wire.hyperliquid_stream import SUBSCRIPTIONS_MAX
from daemon.wire.request import Request
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

_SHARE = 0.18  # of the open interest of the exchanges that stream
_BUNDLED = ("PEPE",)  # a thousand of them are one, with a k before the name
_STEP = 0.0001
_CHANNEL = "activeAssetCtx"
_TOLD = (MarkPrice, FundingRate, OpenInterest)
_NO_REQUEST = '{"channel":"error","data":"Error parsing JSON into valid websocket request"}'


class Hyperliquid(Elsewhere):
    """Funding is paid every hour; nothing is remembered, and nobody is told of liquidations."""

    name = "hyperliquid"
    stream_path = "/ws"
    silence_s = 60.0
    requests_per_s = 34  # 2,000 a minute
    throttled = "null"

    def routes(self) -> list[web.RouteDef]:
        return [web.post(wire.INFO, self._info), web.get(self.stream_path, self._stream)]

    async def _info(self, request: web.Request) -> web.Response:
        try:
            question = wire.decode_question(await request.read())
        except Unreadable:
            question = ""
        if question != wire.QUESTION["type"]:
            return web.Response(status=422, text="Failed to deserialize the JSON body into the target type")
        return said(wire.encode_contexts([self._context(coin) for coin in COINS]))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    def quotes(self) -> Iterable[Quote]:
        now_ms = self.clock()
        for coin in COINS:
            row = self._context(coin)
            yield Quote(
                symbol=wire.to_symbol(row.coin),
                mark=row.mark or 0.0,
                index=row.oracle or 0.0,
                oi_base=row.interest or 0.0,
                step=_STEP,
                rate=row.funding,
                interval_h=wire.FUNDING_INTERVAL_H,
                settles_at_ms=now_ms - now_ms % HOUR_MS + HOUR_MS,
            )

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        """A frame is always whole: what is new beside what was said before."""
        del now_ms
        symbols = dict.fromkeys(event.place[1] for event in events if isinstance(event, _TOLD))
        return [(f"{_CHANNEL}:{wire.from_symbol(symbol)}", self._state(symbol)) for symbol in symbols]

    def _state(self, symbol: str) -> bytes:
        known = [self.latest.get((kind, (self.name, symbol))) for kind in _TOLD]
        context: dict[str, object] = {"prevDayPx": "0.0", "dayNtlVlm": "0.0", "premium": None}
        for event in known:
            if event is not None:
                context |= hyperliquid_server.part(event)
        return hyperliquid_server.context_frame(wire.from_symbol(symbol), context)

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = hyperliquid_server.read_request(text)
        except Unreadable:
            await self.reply(connection, [_NO_REQUEST])
            return
        if request.method == "ping":
            await self.reply(connection, hyperliquid_server.acknowledge(request))
            return
        if request.method == "other" or not request.topics:
            await self.reply(connection, [_NO_REQUEST])
            return
        if (why := self._trouble(connection, request)) is not None:
            await self.reply(connection, hyperliquid_server.refuse(request, request.topics, why))
            return
        await self.reply(connection, hyperliquid_server.acknowledge(request))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, request.topics)
            return
        self.subscriptions.add(connection, request.topics)
        names = [topic.partition(":")[2] for topic in request.topics]
        await self.push(connection, [self._state(wire.to_symbol(name)) for name in names])

    def _trouble(self, connection: Connection, request: Request) -> str | None:
        """Why this cannot be had."""
        if not all(self._exists(topic) for topic in request.topics):
            return "Invalid subscription"
        if request.method == "subscribe" and connection.topics.issuperset(request.topics):
            return "Already subscribed:"
        if request.method == "subscribe" and len(connection.topics) >= SUBSCRIPTIONS_MAX:
            return f"Cannot track more than {SUBSCRIPTIONS_MAX} subscriptions"
        return None

    def _exists(self, topic: str) -> bool:
        kind, _, name = topic.partition(":")
        return kind == _CHANNEL and name in {self._name(coin) for coin in COINS}

    @staticmethod
    def _name(coin: Coin) -> str:
        return f"k{coin.name}" if coin.name in _BUNDLED else coin.name

    def _context(self, coin: Coin) -> wire.Context:
        many = 1_000 if coin.name in _BUNDLED else 1
        price = round(self.world.price(coin.name) * many, 9)
        rate = self.world.rate_8h(coin.name) / 8
        moved = 1 + noise.walk(noise.key(self.world.seed, self.name, coin.name), self.clock(), 0.02)
        interest = coin.oi_usd * _SHARE * moved / (coin.price * many)
        return wire.Context(
            coin=self._name(coin),
            funding=round(rate, 10),
            interest=round(interest, 4),
            mark=price,
            oracle=round(price * (1 - rate * 8 / 3), 9),
            volume_usd=round(interest * price * 2.4, 2),
            volume_base=round(interest * 2.4, 4),
            mid=round(price * (1 + 2e-5), 9),
        )
