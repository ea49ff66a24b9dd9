"""HTX's linear swaps in the box: two streams, gzip on every frame, and pings that must be echoed in their own type.

Of its swaps that are margined in coins it has the insurance funds alone.
"""

from collections.abc import Iterable, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator import noise
from daemon.simulator.elsewhere import Elsewhere, Quote
from daemon.simulator.listings import COINS
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import htx_insurance, htx_server
from daemon.wire.control import Unreadable
from daemon.wire.htx_symbols import (
    CONTRACTS,
    ELEMENTS,
    OPEN_INTEREST,
    encode_contracts,
    encode_intervals,
    encode_open_interest,
    from_symbol,
)
from rules.events import Event, InsuranceFund, OpenInterest

_INDEX = "/ws_index"
_PING_MS = 5_000
_COINS_IN_ONE = {"BTC": 0.001, "ETH": 0.01, "PEPE": 1_000.0}
_FUNDS = {"BTC": 380.0, "ETH": 2_400.0, "EOS": 310_000.0}  # what a fund holds on average
_FUND_A_DAY = 0.005
_FUND_TOLD_MS = 60_000
_REPEATED = 2014
_KINDS = ("funding_rate", "liquidation_orders")
_CANDLES = ("mark_price.1min", "index.1min")


class Htx(Elsewhere):
    """Notifications and the index live at two addresses; a topic of one does not exist at the other."""

    name = "htx"
    stream_path = "/linear-swap-notification"
    throttled = '{"status":"error","err_code":1032,"err_msg":"too many visits"}'
    price_kind = "fill"
    lean = -4e-5
    share = 0.05

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self.sizes = {from_symbol(quote.symbol): quote.step for quote in self.quotes()}
        self._intervals_h = {quote.symbol: quote.interval_h for quote in self.quotes()}
        self._pinged: dict[Connection, tuple[str | int, int, bool]] = {}  # what was asked, when, and whether answered

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(self.stream_path, self._stream),
            web.get(_INDEX, self._stream),
            web.get(CONTRACTS, self._contracts),
            web.get(ELEMENTS, self._elements),
            web.get(OPEN_INTEREST, self._open_interest),
            web.get(htx_insurance.CONTRACTS, self._coin_contracts),
            web.get(htx_insurance.FUND, self._insurance_fund),
        ]

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        index_url = ws_url.removesuffix(self.stream_path) + _INDEX
        return {"ws_url": ws_url, "index_url": index_url, "rest_url": rest_url, "open_interest_every": "5s"}

    def quotes(self) -> Iterable[Quote]:
        for coin in COINS:
            yield self.contract(coin, f"{coin.name}-USDT-PERP", _COINS_IN_ONE.get(coin.name, 1.0))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    async def _contracts(self, request: web.Request) -> web.Response:
        del request
        return said(encode_contracts(self.sizes, self.clock()))

    async def _elements(self, request: web.Request) -> web.Response:
        del request
        return said(encode_intervals(self._intervals_h, self.clock()))

    async def _open_interest(self, request: web.Request) -> web.Response:
        del request
        events = [event for event in self.latest.values() if isinstance(event, OpenInterest)]
        return said(encode_open_interest(events, self.clock()))

    async def _coin_contracts(self, request: web.Request) -> web.Response:
        del request
        return said(htx_insurance.encode_coins(list(_FUNDS), self.clock()))

    async def _insurance_fund(self, request: web.Request) -> web.Response:
        """One coin's, with the row before."""
        coins = {htx_insurance.contract_of(coin): coin for coin in _FUNDS}
        coin = coins.get(request.query.get("contract_code", ""))
        if coin is None:
            return said(htx_insurance.NO_SUCH_CONTRACT)
        last_ms = self.clock() // _FUND_TOLD_MS * _FUND_TOLD_MS
        return said(htx_insurance.encode_funds([self._fund(coin, last_ms - ago) for ago in (0, _FUND_TOLD_MS)]))

    def _fund(self, coin: str, at_ms: int) -> InsuranceFund:
        drift = noise.walk(noise.key(self.world.seed, "fund", self.name, coin), at_ms, _FUND_A_DAY)
        amount = round(_FUNDS[coin] * (1 + drift), 4)
        return InsuranceFund(venue=self.name, coin=coin, amount=amount, at_ms=at_ms, received_ms=at_ms)

    def gather(self, events: list[Event], now_ms: int) -> list[Event]:
        """Ask everybody for a sign of life now and then; who does not answer, in the type we asked in, is cut."""
        for connection in list(self._pinged):
            if connection not in self.subscriptions.connections:
                del self._pinged[connection]
        for connection in self.subscriptions.connections:
            _, asked_ms, has_answered = self._pinged.get(connection, (0, 0, True))
            if now_ms - asked_ms < _PING_MS:
                continue
            if not has_answered:
                connection.tear()
            elif not connection.waiting.full():
                self._ping(connection, now_ms)
        return events

    @property
    def owing(self) -> int:
        """How many clients have not answered the last ping yet."""
        return sum(not has_answered for _, _, has_answered in self._pinged.values())

    def _ping(self, connection: Connection, now_ms: int) -> None:
        if connection.path.endswith(_INDEX):
            asked: str | int = now_ms
            text = f'{{"ping":{now_ms}}}'
        else:
            asked = str(now_ms)
            text = f'{{"op":"ping","ts":"{now_ms}"}}'
        self._pinged[connection] = asked, now_ms, False
        connection.waiting.put_nowait(([htx_server.pack(text)], False))

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for topic, frame in htx_server.topical(events, now_ms, self.sizes):
            packed = htx_server.pack(frame)
            found.append((topic, packed))
            if topic.startswith("public."):
                found.append((f"public.*.{topic.rpartition('.')[2]}", packed))
        return found

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = htx_server.read_request(text)
        except Unreadable:
            await self._say(connection, ['{"status":"error","err-code":"bad-request","err-msg":"invalid json"}'])
            return
        if request.method == "ping":
            asked, at_ms, _ = self._pinged.get(connection, (None, 0, True))
            if asked is not None and request.id == asked and type(request.id) is type(asked):
                self._pinged[connection] = asked, at_ms, True
            return
        if request.method == "other" or not all(self._exists(topic, connection) for topic in request.topics):
            await self._say(connection, htx_server.refuse(request, now_ms=self.clock()))
            return
        if request.method == "subscribe" and connection.topics.issuperset(request.topics):
            again = htx_server.refuse(request, "Repeated subscription.", _REPEATED, self.clock())
            await self._say(connection, again)
            return
        await self._say(connection, htx_server.acknowledge(request, self.clock()))
        if request.method == "unsubscribe":
            self.subscriptions.remove(connection, request.topics)
            return
        self.subscriptions.add(connection, request.topics)
        wanted = set(request.topics)
        now = [frame for topic, frame in self.frames(list(self.latest.values()), self.clock()) if topic in wanted]
        await self.push(connection, now)

    async def _say(self, connection: Connection, texts: Iterable[str]) -> None:
        await self.reply(connection, [htx_server.pack(text) for text in texts])

    def _exists(self, topic: str, connection: Connection) -> bool:
        room, _, rest = topic.partition(".")
        name, _, kind = rest.partition(".")
        if connection.path.endswith(_INDEX):
            return room == "market" and name in self.sizes and kind in _CANDLES
        return room == "public" and (name in self.sizes or name == "*") and kind in _KINDS
