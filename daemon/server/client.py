"""One WebSocket connection, from the handshake to the goodbye: what the client asks, and what it is told when it errs."""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web
from multidict import MultiDict

from daemon.server.frames import text_frame
from daemon.server.goodbye import Goodbye, error_payload
from daemon.server.handshake import Socket, address_of, hold, not_let_in, refused, shake_hands
from daemon.server.inbound import Inbound
from daemon.server.limits import NO_TOPIC
from daemon.server.line import Line
from daemon.server.parameters import BadParameter, shown
from daemon.server.topics import Endpoint, Hub, NoRoom

log = logging.getLogger(__name__)

ONLY_CHANGES = "only_changes"
_MOST_ERRORS = 8  # wrong parameters that one handshake is told about
_YES_NO = {"1": True, "true": True, "": True, "0": False, "false": False}


async def converse(
    request: web.Request,
    hub: Hub,
    endpoint: Endpoint,
    *,
    key: str | None = None,
    login: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> web.StreamResponse:
    """Serve one client of this endpoint until it leaves.

    `key`: whatever names the client for `connections_per_key` and `Hub.dismiss`; None: only its address counts.
    `login`: one of several that came from that key, which `Hub.dismiss` knows too.
    `headers` go out with the handshake (Set-Cookie).
    """
    answer = not_let_in(request, hub, key)
    if answer is not None:
        return answer
    with hub.door.admitted(address_of(request), key):
        asked, errors = MultiDict(request.query), list[BadParameter]()
        only_changes = _only_changes(asked, errors)
        params = _first(endpoint, asked, errors)
        if params is not None and not hub.has_room(endpoint, params):
            hub.counters.refused[NO_TOPIC.word] += 1
            return refused(NO_TOPIC)
        ws, line = await shake_hands(request, hub, key=key, login=login, headers=headers)
        if line is not None:
            line.only_changes = only_changes
            talking = _Conversation(ws, line, hub, endpoint, asked, params).run(errors)
            await hold(hub, line, talking, endpoint.path)
    return ws


class _Conversation(Inbound):
    """The way in: messages that change the parameters, one after the other, so that the last one wins."""

    def __init__(
        self, ws: Socket, line: Line, hub: Hub, endpoint: Endpoint, asked: MultiDict[str], params: Any | None
    ) -> None:
        super().__init__(ws, line, hub)
        self._endpoint = endpoint
        self._asked = asked  # by the handshake, without what proved wrong
        self._params = params
        self._good: Any | None = None  # the last parameters that were answered, once others took their place

    async def run(self, errors: list[BadParameter]) -> None:
        """Until either side leaves."""
        self._line.rejected = self._rejected
        self._start(errors)
        await self.listen()

    async def _heard(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self._tell("wrong_type", None, "binary messages are not understood; send one JSON object as text")
        else:
            self._change(message)

    def _tell_trouble(self, code: str, text: str) -> None:
        self._tell(code, None, text)

    def _change(self, text: str) -> None:
        """Other parameters from now on; the last good ones stay if these are wrong."""
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as exc:
            reason = "nested too deeply" if isinstance(exc, RecursionError) else str(exc)
            self._tell("invalid_json", None, f'not JSON ({reason}); send one object, such as {{"page": 2}}')
            return
        if not isinstance(message, dict):
            self._tell("wrong_type", None, f'{shown(message)} is not an object; send one, such as {{"page": 2}}')
            return
        topic, before = self._line.topic, self._params
        try:
            only_changes = _yes_no(message.pop(ONLY_CHANGES, self._line.only_changes))
            params = self._endpoint.parse(message, self._params)
            self._hub.join(self._line, self._endpoint, params)
        except BadParameter as exc:
            self._tell(exc.code, exc.parameter, exc.message)
        except NoRoom:
            self._tell("too_many_topics", None, "too many different requests are being served; try again later")
        else:
            self._params, self._line.only_changes = params, only_changes
            if topic is not None and topic.has_answered:
                self._good = before

    def _start(self, errors: list[BadParameter]) -> None:
        """Tell what is wrong, and serve the rest of what was asked."""
        for error in errors:
            self._tell(error.code, error.parameter, error.message)
        if self._params is None:
            self._line.goodbye(Goodbye.MISSING_PARAMETER)
            return
        try:
            self._hub.join(self._line, self._endpoint, self._params)
        except NoRoom:
            self._line.goodbye(Goodbye.NO_ROOM)

    def _rejected(self, error: BadParameter) -> None:
        """What only the answer could find wrong: back to the last good parameters, or to what else was asked."""
        errors = [error]
        try:
            self._params, self._good = self._good, None
            if self._params is None and _leave_out(error, self._asked):
                self._params = _first(self._endpoint, self._asked, errors)
            self._start(errors)
        except Exception as exc:  # as in `converse`: it costs this connection alone
            log.error("a conversation broke", exc_info=exc, extra={"path": self._endpoint.path})
            self._line.goodbye(Goodbye.BROKEN)

    def _tell(self, code: str, parameter: str | None, message: str) -> None:
        self._hub.counters.errors[code] += 1
        self._line.say(text_frame(error_payload(code, parameter, message)))


def _first(endpoint: Endpoint, asked: MultiDict[str], errors: list[BadParameter]) -> Any | None:
    """Parameters of a handshake, or None when a required one is missing; what is wrong is told and taken out."""
    while True:
        try:
            return endpoint.parse(asked, None)
        except BadParameter as exc:
            if all(exc.parameter != told.parameter for told in errors):
                errors.append(exc)
            if exc.code == "missing" or not _leave_out(exc, asked):
                return None
            if len(errors) >= _MOST_ERRORS:
                asked.clear()


def _leave_out(wrong: BadParameter, asked: MultiDict[str]) -> bool:
    """Take out what is wrong, or everything if that cannot be told; False when there was nothing left."""
    if not asked:
        return False
    name = wrong.parameter if wrong.parameter in asked else wrong.parameter.partition(".")[0]  # filters.exchange
    if name in asked:
        asked.popall(name)
    else:
        asked.clear()
    return True


def _only_changes(asked: MultiDict[str], errors: list[BadParameter]) -> bool:
    """Take it out: it is the connection's, no endpoint knows it."""
    written = asked.popall(ONLY_CHANGES, ["0"])
    try:
        return _yes_no(written[-1])
    except BadParameter as exc:
        errors.append(exc)
        return False


def _yes_no(value: object) -> bool:
    found = value if isinstance(value, bool) else _YES_NO.get(str(value).lower())
    if found is None:
        raise BadParameter("unknown_value", ONLY_CHANGES, f"{shown(value)} is not one of 1, 0, true, false")
    return found
