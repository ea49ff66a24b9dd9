"""Coinlocally in the box: one account, behind the key or token `demo`."""

from collections.abc import Sequence

from aiohttp import WSMsgType, web

from daemon.clock import Clock
from daemon.simulator.subscriptions import Connection
from daemon.simulator.trader import UID, Trader
from daemon.simulator.venue import Venue
from daemon.simulator.world import World
from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Unreadable
from rules.events import Event

DEMO = "demo"


class Coinlocally(Venue):
    """Says `connect success` to anybody, takes the subscription of the one account, and tells all that happens there."""

    name = wire.VENUE
    stream_path = "/position_order/ws"
    silence_s = wire.UNPINGED_S
    must_speak = True

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self._trader = Trader(self.name, DEMO, world.price, clock())

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        return {"ws_url": ws_url, "accounts": {DEMO: {"key": DEMO, "token": DEMO}}}

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.stream_path, self._stream)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def welcome(self, connection: Connection) -> None:
        await self.reply(connection, [wire.CONNECTED])

    async def farewell(self) -> None:
        for connection in list(self.subscriptions.clients.get(wire.TOPIC, ())):
            if not connection.ws.closed:
                await connection.ws.send_frame(server.system_close(UID), WSMsgType.BINARY)
        await super().farewell()

    def gather(self, events: list[Event], now_ms: int) -> list[Event]:
        return [*events, *self._trader.since(now_ms)]

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        return [(wire.TOPIC, frame) for frame in server.encode(events)]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = server.read_request(text)
        except Unreadable:
            return  # no answer is published for what is no request
        match request.event:
            case "ping":
                await self.reply(connection, [server.pong(self.clock())])
            case "sub" if request.credential is not None and request.credential.secret == DEMO:
                self.subscriptions.add(connection, [wire.TOPIC])
                await self.reply(connection, [wire.SUBSCRIBED])
                await self.push(connection, server.encode(self._trader.opening(self.clock())))
            case "sub":
                await self.reply(connection, ["sub fail"])
