"""Amberdata's futures stream as a server: JSON-RPC in, acknowledgements, errors and ten channels of frames out."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from daemon.server.access import shown_key, turned_away
from daemon.server.auth import Reason
from daemon.server.dialects.amberdata_channels import channels
from daemon.server.dialects.amberdata_wishes import Meaning, meaning
from daemon.server.dialects.channel import Channel
from daemon.server.dialects.conversation import converse
from daemon.server.dialects.desk import Desk, Subscription
from daemon.server.dialects.listing import Lists
from daemon.server.frames import text_frame
from daemon.server.line import Line
from daemon.server.topics import NoRoom
from daemon.wire import amberdata as wire
from daemon.wire.amberdata_requests import TOO_MANY, Call, Wrong, read, read_subscription, read_wish
from rules.selection import Selection

PATHS = ("/futures", "/")
KEY_HEADERS = (wire.KEY_HEADER,)
_SHOWN = 4  # characters of a wrong key that its goodbye repeats


class Amberdata:
    """The endpoint: hands each connection to a talk of its own."""

    def __init__(self, desk: Desk, *, live: Selection, lists: Lists) -> None:
        self.desk = desk
        self.live = live
        self.lists = lists
        self.channels: Mapping[str, Channel] = channels()
        desk.add(*self.channels.values())

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One client, from the handshake on."""
        reason = turned_away(request)
        why = None if reason is None else _goodbye(reason, shown_key(request, KEY_HEADERS))
        return await converse(request, self.desk, lambda line: _Talk(self, line), turned_away=why)


def _goodbye(reason: Reason, shown: str | None) -> str:
    if shown is None:
        return f"api key is {reason}: send it as {wire.KEY_HEADER}"
    return f"invalid api key '{shown[:_SHOWN]}…'"


@dataclass(frozen=True)
class _Planned:
    """A call that is understood."""

    call: Call
    means: Meaning | str  # to subscribe to, or the id to unsubscribe


class _Talk:
    """One client and its subscriptions."""

    def __init__(self, endpoint: Amberdata, line: Line) -> None:
        self._endpoint, self._line = endpoint, line
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._takes: Callable[[int], bool] = lambda messages: True

    def begin(self, takes: Callable[[int], bool]) -> None:
        """Nothing is said before the client speaks."""
        self._takes = takes

    async def heard(self, message: str | bytes) -> None:
        """One request or an array of them. They are understood first and answered then, all in one go."""
        calls, is_batch = read(message)
        if len(calls) > 1 and not self._takes(len(calls) - 1):
            return
        planned = [await self._plan(call) for call in calls]
        if self._line.is_leaving:
            return
        fresh: list[Subscription] = []
        answers = [self._answer(each, fresh) for each in planned]
        self._line.say(text_frame(b"[" + b",".join(answers) + b"]" if is_batch else answers[0]))
        for subscription in fresh:
            self._endpoint.desk.greet(subscription)

    def trouble(self, code: str, text: str) -> None:
        """In the published shape."""
        self._line.say(text_frame(wire.refused(None, text, Wrong(text).code)))

    def end(self) -> None:
        """Let go of everything."""
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                self._endpoint.desk.leave(subscription)
        self._subscriptions.clear()

    async def _plan(self, call: Call | Wrong) -> _Planned | Wrong:
        if isinstance(call, Wrong):
            return call
        try:
            if call.method == "unsubscribe":
                return _Planned(call, read_subscription(call.params))
            wish = read_wish(call.params)
            return _Planned(call, await meaning(wish, live=self._endpoint.live, lists=self._endpoint.lists))
        except Wrong as exc:
            return Wrong(exc.description, exc.code, call.id)

    def _answer(self, planned: _Planned | Wrong, fresh: list[Subscription]) -> bytes:
        try:
            if isinstance(planned, Wrong):
                raise planned
            if isinstance(planned.means, str):
                result: object = self._unsubscribe(planned.means)
            else:
                result = self._subscribe(planned.means, fresh)
        except Wrong as exc:
            self._endpoint.desk.hub.counters.errors[f"amberdata_{exc.code}"] += 1
            request_id = exc.request_id if isinstance(planned, Wrong) else planned.call.id
            return wire.refused(request_id, exc.description, exc.code)
        return wire.acknowledged(planned.call.id, result)

    def _subscribe(self, means: Meaning, fresh: list[Subscription]) -> str:
        if len(self._subscriptions) >= wire.SUBSCRIPTIONS_MAX:
            raise Wrong(TOO_MANY)
        name, desk = str(uuid.uuid4()), self._endpoint.desk
        channel, frame = self._endpoint.channels[means.channel], _framed(name, means.spelled)
        made: list[Subscription] = []
        try:
            for place, (venue, symbol) in enumerate(means.addresses):
                wishes = means.wishes if place == 0 else ()
                made.append(desk.listen(self._line, channel, venue=venue, symbol=symbol, wishes=wishes, frame=frame))
        except NoRoom:
            raise Wrong("more is wanted than can be listened to at once; try again later") from None
        self._subscriptions[name] = made
        fresh += made
        return name

    def _unsubscribe(self, name: str) -> bool:
        made = self._subscriptions.pop(name, None)
        if made is None:
            raise Wrong(f"subscription '{name[:60]}' is not known on this connection")
        for subscription in made:
            self._endpoint.desk.leave(subscription)
        return True


def _framed(name: str, spelled: tuple[bytes, bytes] | None) -> Callable[[bytes], bytes]:
    before, after = wire.envelope(name)

    def frame(body: bytes) -> bytes:
        if spelled is not None:
            body = body.replace(*spelled)
        return text_frame(before + body + after)

    return frame
