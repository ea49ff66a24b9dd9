"""Coinlocally's private futures stream as a server: each account to the holder of its own key or token, to nobody else."""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence

from aiohttp import web

from daemon.clock import Clock
from daemon.server.dialects.channel import Channel, Place
from daemon.server.dialects.conversation import Patience, converse
from daemon.server.dialects.desk import Desk, Subscription
from daemon.server.frames import binary_frame, text_frame
from daemon.server.goodbye import Goodbye
from daemon.server.handshake import is_handshake
from daemon.server.line import Line
from daemon.server.topics import NoRoom
from daemon.sources.base import STARTED
from daemon.views.accounts import Accounts
from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Unreadable
from rules.events import AccountUpdate, AdlUpdate, Event, FeedHealth, OrderUpdate, TriggerOrderUpdate
from rules.selection import Selection

PATH = "/position_order/ws"
HEADERS = (wire.KEY_HEADER, wire.TOKEN_HEADER)
KINDS: tuple[type[Event], ...] = (AccountUpdate, AdlUpdate, OrderUpdate, TriggerOrderUpdate)
WISHES = tuple((kind, wire.VENUE, Selection(None)) for kind in KINDS)

Credentials = Mapping[str, Sequence[wire.Credential]]  # account -> all that prove its owner


class Whole(Channel):
    """Everything of one account; found by the account's name."""

    name = "coinlocally:account"
    kinds = frozenset(KINDS)
    minded = frozenset((*KINDS, FeedHealth))

    def __init__(self) -> None:
        self.accounts = Accounts()

    def observe(self, event: Event) -> None:
        """Keep what newcomers are told, and the rows of the next second; a feed that starts begins anew."""
        if isinstance(event, FeedHealth):
            if event.venue == wire.VENUE and event.reason == STARTED:
                self.accounts.forget(event.feed.removeprefix(f"{wire.VENUE}."))
        else:
            self.accounts.observe(event)

    def address(self, event: Event) -> Place:
        """Whose it is, and nothing else: an instrument may be the same in two accounts."""
        return wire.VENUE, str(getattr(event, "account", ""))

    def write(self, event: Event) -> Sequence[bytes]:
        """As it came; rows wait for their second."""
        return () if isinstance(event, AdlUpdate) else [binary_frame(frame) for frame in server.encode([event])]

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """The account as it stands."""
        del venue
        return [binary_frame(frame) for frame in server.encode(self.accounts.updates(symbol or ""))]

    def due(self, now_ms: int, is_followed: Callable[[Place], bool]) -> Iterable[tuple[Place, bytes]]:
        """The rows of each account that has open positions, all in one frame."""
        for account in self.accounts.names:
            place = (wire.VENUE, account)
            if is_followed(place):
                for frame in server.encode(self.accounts.rows(account, now_ms)):
                    yield place, binary_frame(frame)


class Coinlocally:
    """The endpoint; it has a door of its own, which no other key opens."""

    def __init__(self, desk: Desk, credentials: Credentials, *, unpinged_s: float = wire.UNPINGED_S) -> None:
        self.desk, self.unpinged_s = desk, unpinged_s
        self.channel = Whole()
        self.talks: set[_Talk] = set()
        self.is_followed: Callable[[str], bool] = lambda account: (
            True
        )  # whether an account has been listened to till now
        self._credentials = credentials
        desk.add(self.channel)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One client, from the handshake on; without the right key there is none."""
        if not is_handshake(request):
            return await converse(request, self.desk, self._nobody)
        shown = [wire.Credential(form, request.headers[form]) for form in wire.FORMS if form in request.headers]
        if len(shown) != 1:
            what = "both" if shown else "neither"
            return _unauthorized(f"one header, {' or '.join(HEADERS)}, has to show your key or token; there is {what}")
        account = self.owner(shown[0])
        if account is None:
            return _unauthorized("this key or token is not that of an account which is followed here")
        return await converse(request, self.desk, lambda line: _Talk(self, account, shown[0], line))

    def owner(self, shown: wire.Credential) -> str | None:
        """The account that this opens, or None. Takes as long whichever it is."""
        found: str | None = None
        for account, credentials in self._credentials.items():
            for one in credentials:
                if is_same(one, shown):
                    found = account
        return found

    def shut(self) -> None:
        """The house stops: tell every client, in the venue's own words."""
        for talk in list(self.talks):
            talk.shut()

    def _nobody(self, line: Line) -> "_Talk":
        raise AssertionError("who does not shake hands is answered before")


def is_same(one: wire.Credential, other: wire.Credential) -> bool:
    """In constant time, as far as the secrets are concerned."""
    # a header may hold any bytes; aiohttp hands on those that are no text as surrogates
    secrets = (each.secret.encode("utf-8", "surrogateescape") for each in (one, other))
    return hmac.compare_digest(*secrets) and one.form == other.form


class _Talk:
    """One client: connected, perhaps subscribed."""

    def __init__(self, endpoint: Coinlocally, account: str, shown: wire.Credential, line: Line) -> None:
        self._endpoint, self._account, self._shown, self._line = endpoint, account, shown, line
        self._subscription: Subscription | None = None
        self._patience: Patience | None = None

    def begin(self, takes: Callable[[int], bool]) -> None:
        """From now on a ping is due every 40 seconds at the latest."""
        del takes
        seconds = self._endpoint.unpinged_s
        self._patience = Patience(seconds, self._line, f"no ping for {seconds:g} seconds; connect again")
        self._endpoint.talks.add(self)
        self._say(wire.CONNECTED)

    async def heard(self, message: str | bytes) -> None:
        """One request."""
        try:
            request = server.read_request(message)
        except Unreadable as exc:
            self.trouble("invalid_request", str(exc))
            return
        match request.event:
            case "ping":
                if self._patience is not None:
                    self._patience.heard()
                self._line.say(binary_frame(server.pong(self._clock())))
            case "sub":
                self._subscribe(request)
            case "unsub":
                self._leave()
                self._say("unsub success")
            case _:
                self.trouble(
                    "invalid_request", 'not a request that is known here; {"event": "sub", ...} or {"ping": ...}'
                )

    def trouble(self, code: str, text: str) -> None:
        """No form of an error is published: a line of text, as the two that are."""
        del code
        self._say(f"error: {text}")

    def end(self) -> None:
        """The client is gone."""
        self._endpoint.talks.discard(self)
        if self._patience is not None:
            self._patience.end()
        self._leave()

    def shut(self) -> None:
        """The house stops."""
        uid = self._endpoint.channel.accounts.uid(self._account)
        self._line.say(binary_frame(server.system_close(uid)))

    def _subscribe(self, request: server.Request) -> None:
        if request.credential is None:
            self._refuse(f"the message has to show the {self._shown.form} again that the header showed")
            return
        if not is_same(request.credential, self._shown):
            self._refuse("the message does not show what the header showed")
            return
        uid = self._endpoint.channel.accounts.uid(self._account)
        if request.uid is not None and request.uid != str(uid):
            self._refuse("the message names another account than that of its key")
            return
        if self._subscription is not None:  # once more changes nothing
            self._say(wire.SUBSCRIBED)
            return
        desk = self._endpoint.desk
        if not self._endpoint.is_followed(self._account):
            self._endpoint.channel.accounts.forget(self._account)
        try:
            self._subscription = desk.listen(
                self._line, self._endpoint.channel, venue=wire.VENUE, symbol=self._account, wishes=WISHES
            )
        except NoRoom:
            self._line.goodbye(Goodbye.NO_ROOM)
            return
        self._say(wire.SUBSCRIBED)
        desk.greet(self._subscription)

    def _refuse(self, why: str) -> None:
        self._say(f"sub failed: {why}")
        self._line.goodbye(Goodbye.NO_KEY, why)

    def _leave(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._endpoint.desk.leave(subscription)

    def _say(self, text: str) -> None:
        self._line.say(text_frame(text.encode()))

    @property
    def _clock(self) -> Clock:
        return self._endpoint.desk.clock


def _unauthorized(why: str) -> web.Response:
    return web.json_response({"code": 401, "msg": why}, status=401)
