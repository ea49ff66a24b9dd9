"""DataMaxi+'s funding and liquidation streams as a server: SUBSCRIBE, UNSUBSCRIBE, PING, and frames of short keys."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.server.access import shown_key, turned_away
from daemon.server.auth import KEY_HEADER
from daemon.server.dialects.channel import Channel, Newest
from daemon.server.dialects.conversation import Patience, converse
from daemon.server.dialects.desk import Desk, Subscription
from daemon.server.dialects.listing import Lists
from daemon.server.frames import text_frame
from daemon.server.line import Line
from daemon.server.topics import NoRoom
from daemon.upstream.cache import Unavailable
from daemon.upstream.market import Market
from daemon.wire import datamaxi as wire
from daemon.wire.amberdata_names import VENUES
from daemon.wire.control import Unreadable
from daemon.wire.request import Request
from rules.events import Event, FundingRate, Liquidation
from rules.selection import Selection

KEY_HEADERS = (wire.KEY_HEADER, KEY_HEADER)
SILENCE_S = 1_800.0  # without a PING
TOPICS_MAX = 1_000  # of one connection
_A_MESSAGE = 50  # topics that count as one message
_ID_MAX, _LARGEST_ID = 64, 2**53  # characters; what every client's numbers can hold
_SHOWN = 4


class Rates(Channel):
    """Every rate that has a time of settlement; a newcomer is told the newest at once."""

    name = "datamaxi:funding-rate"
    kinds = minded = frozenset((FundingRate,))

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: Newest[FundingRate] = Newest()

    def observe(self, event: Event) -> None:
        """A prediction is newer than anything that was paid."""
        if isinstance(event, FundingRate) and (not event.is_settled or self._newest.get(event.place) is None):
            self._newest.keep(event.place, event)

    def write(self, event: Event) -> Sequence[bytes]:
        """With exactly the keys of the published table: no `id`."""
        return [text_frame(frame) for frame in wire.encode([event], self._clock(), "tutorial")]

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """The newest."""
        for event in self._newest.of(venue, symbol):
            yield from self.write(event)

    def pairs(self, venue: str | None) -> list[str]:
        """The symbols that were heard of."""
        return [event.symbol for event in self._newest.of(venue, None)]


class Forced(Channel):
    """Every liquidation."""

    name = "datamaxi:liquidation"
    kinds = frozenset((Liquidation,))

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def write(self, event: Event) -> Sequence[bytes]:
        """As it is."""
        return [text_frame(frame) for frame in wire.encode([event], self._clock())]


class DataMaxi:
    """The two streams, and the list of what can be subscribed to."""

    def __init__(self, desk: Desk, *, market: Market, lists: Lists, silence_s: float = SILENCE_S) -> None:
        self.desk, self.lists, self.silence_s = desk, lists, silence_s
        self._market = market
        self._rates = Rates(desk.clock)
        self.channels: dict[str, Channel] = {wire.FUNDING_PATH: self._rates, wire.LIQUIDATION_PATH: Forced(desk.clock)}
        desk.add(*self.channels.values())

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One client, from the handshake on."""
        shown, why = shown_key(request, KEY_HEADERS), None
        if (reason := turned_away(request)) is not None:
            why = (
                f"API key is {reason}: send it as {wire.KEY_HEADER}"
                if shown is None
                else f"invalid api key '{shown[:_SHOWN]}…'"
            )
        channel = self.channels[request.path]
        return await converse(request, self.desk, lambda line: _Talk(self, channel, line), turned_away=why)

    async def symbols(self, request: web.Request) -> web.Response:
        """GET /api/v1/funding-rate/symbols[?exchange=]: the perpetuals whose funding can be subscribed to."""
        venue = request.query.get("exchange", "").lower() or None
        if venue is not None and venue not in VENUES:
            said = wire.complain(None, f"exchange '{venue[:40]}' is not supported; there are {', '.join(VENUES)}")
            return web.Response(status=400, text=said, content_type="application/json")
        asked = [each for each in self._market.venues if venue in (None, each) and each in VENUES]
        symbols = set(self._rates.pairs(venue))
        try:
            listed = await self._market.contracts_of(asked)
            symbols.update(row.symbol for row in listed.value if row.funding_rate is not None)
        except Unavailable:
            pass  # what we have heard of is true all the same
        return web.Response(body=wire.encode_symbols(sorted(symbols)), content_type="application/json")


class _Talk:
    """One client and its topics."""

    def __init__(self, endpoint: DataMaxi, channel: Channel, line: Line) -> None:
        self._endpoint, self._channel, self._line = endpoint, channel, line
        self._topics: dict[tuple[str, str], Subscription] = {}
        self._takes: Callable[[int], bool] = lambda messages: True
        self._patience: Patience | None = None

    def begin(self, takes: Callable[[int], bool]) -> None:
        """From now on a PING is due every half an hour."""
        self._takes = takes
        reason = "no PING for 30 minutes; connect again"
        self._patience = Patience(self._endpoint.silence_s, self._line, reason)

    async def heard(self, message: str | bytes) -> None:
        """One request."""
        try:
            request = wire.read_request(message)
        except Unreadable as exc:
            request_id = wire.read_id(message)
            self._say([wire.complain(None if _is_huge(request_id) else request_id, str(exc))])
            return
        if len(request.topics) >= _A_MESSAGE and not self._takes(len(request.topics) // _A_MESSAGE):
            return
        if _is_huge(request.id):
            request = Request(request.method, request.topics, None)
        match request.method:
            case "ping":
                if self._patience is not None:
                    self._patience.heard()
                self._say(wire.acknowledge(request))
            case "subscribe":
                await self._subscribe(request)
            case "unsubscribe":
                given_up = [topic for topic in request.topics if self._leave(topic)]
                self._say(wire.acknowledge(request, given_up))
            case _:
                why = "the method is not known; there are SUBSCRIBE, UNSUBSCRIBE and PING"
                self._say([wire.complain(request.id, why)])

    def trouble(self, code: str, text: str) -> None:
        """Without an `f`, as every frame that is no rate."""
        self._say([wire.complain(None, text, 429 if code == "too_many_messages" else 400)])

    def end(self) -> None:
        """Let go of everything."""
        if self._patience is not None:
            self._patience.end()
        for subscription in self._topics.values():
            self._endpoint.desk.leave(subscription)
        self._topics.clear()

    async def _subscribe(self, request: Request) -> None:
        """The answer names what was taken; the rest of the request failed."""
        found: dict[str, tuple[str, str]] = {}
        for count, topic in enumerate(request.topics, 1):
            place = await self._place(topic)
            if place is not None:
                found[topic] = place
            if count % _A_MESSAGE == 0:
                await asyncio.sleep(0)  # listings are at hand, so that nothing else above would wait
        if self._line.is_leaving:
            return
        taken = [topic for topic, place in found.items() if self._listen(place)]
        self._say(wire.acknowledge(request, taken))
        for topic in taken:
            self._endpoint.desk.greet(self._topics[found[topic]])

    async def _place(self, topic: str) -> tuple[str, str] | None:
        try:
            venue, symbol = wire.read_topic(topic)
        except ValueError:
            return None
        if venue not in VENUES or await self._endpoint.lists(venue, symbol) is False:
            return None
        return venue, symbol

    def _listen(self, place: tuple[str, str]) -> bool:
        if place in self._topics:
            return True
        if len(self._topics) >= TOPICS_MAX:
            return False
        (venue, symbol), kinds = place, self._channel.kinds
        wishes = [(kind, venue, Selection.of([symbol])) for kind in kinds]
        try:
            subscription = self._endpoint.desk.listen(
                self._line, self._channel, venue=venue, symbol=symbol, wishes=wishes
            )
        except NoRoom:
            return False
        self._topics[place] = subscription
        return True

    def _leave(self, topic: str) -> bool:
        try:
            subscription = self._topics.pop(wire.read_topic(topic), None)
        except ValueError:
            return False
        if subscription is None:
            return False
        self._endpoint.desk.leave(subscription)
        return True

    def _say(self, texts: Iterable[str]) -> None:
        for text in texts:
            self._line.say(text_frame(text.encode()))


def _is_huge(request_id: int | str | None) -> bool:
    """Ids go back with each answer: what is too long becomes null."""
    if isinstance(request_id, int):
        return abs(request_id) > _LARGEST_ID
    return request_id is not None and len(request_id) > _ID_MAX
