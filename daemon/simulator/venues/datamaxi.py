"""DataMaxi+ in the box: the exchanges' funding rates on one stream, for those who show a key."""

from collections.abc import Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator.listings import LISTINGS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venue import DEMO_KEY, Venue
from daemon.simulator.world import World
from daemon.wire import datamaxi
from daemon.wire.control import Unreadable
from rules.events import Event, FundingRate

_NO_KEY = '{"error":"API key is missing"}'


class DataMaxi(Venue):
    """A request for unknown pairs is taken in part: the acknowledgement lists what was taken."""

    name = "datamaxi"
    stream_path = "/ws/v1/funding-rate"
    silence_s = 1_800.0
    must_speak = True
    shape: datamaxi.Shape = "reference"  # three were published; may be set to any

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self._topics = {datamaxi.funding_topic(listing.symbol, listing.venue) for listing in LISTINGS}

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        return {**super().source_config(ws_url, rest_url), "key": DEMO_KEY}

    def routes(self) -> list[web.RouteDef]:
        return [web.get(self.stream_path, self._stream), web.get(datamaxi.SYMBOLS, self._symbols)]

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if not request.headers.get(datamaxi.KEY_HEADER):
            return _without_key()
        return await self.converse(request)

    async def _symbols(self, request: web.Request) -> web.Response:
        if not request.headers.get(datamaxi.KEY_HEADER):
            return _without_key()
        wanted = request.query.get("exchange")
        symbols = dict.fromkeys(listing.symbol for listing in LISTINGS if wanted in (None, listing.venue))
        return web.Response(body=datamaxi.encode_symbols(list(symbols)), content_type="application/json")

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        return [
            (datamaxi.funding_topic(event.symbol, event.venue), frame)
            for event in events
            if isinstance(event, FundingRate)
            for frame in datamaxi.encode([event], now_ms, self.shape)
        ]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = datamaxi.read_request(text)
        except Unreadable:
            return  # no answer is published for what is no request
        known = [topic for topic in request.topics if topic in self._topics]
        if request.method == "subscribe":
            self.subscriptions.add(connection, known)
        elif request.method == "unsubscribe":
            self.subscriptions.remove(connection, known)
        elif request.method != "ping":
            return
        await self.reply(connection, datamaxi.acknowledge(request, known))


def _without_key() -> web.Response:
    return web.Response(status=401, text=_NO_KEY, content_type="application/json")
