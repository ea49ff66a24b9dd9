"""One WebSocket connection, from the handshake to the goodbye: what the client asks, and what it is told when it errs."""

import asyncio
import logging
import socket
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from multidict import MultiDict

from daemon.server.frames import SHARED_WBITS, pong_frame, text_frame
from daemon.server.goodbye import Goodbye, error_payload
from daemon.server.limits import NO_TOPIC, Allowance, Refusal
from daemon.server.line import Line
from daemon.server.parameters import BadParameter, shown
from daemon.server.topics import Endpoint, Hub, NoRoom

log = logging.getLogger(__name__)

ONLY_CHANGES = "only_changes"
_MOST_ERRORS = 8  # wrong parameters that one handshake is told about
_YES_NO = {"1": True, "true": True, "": True, "0": False, "false": False}
_GONE = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
_POLL_S = 0.05


class _Socket(web.WebSocketResponse):
    """aiohttp's for the handshake and the way in. The way out is a Line.

    aiohttp closes by writing and waiting until everything is read, which somebody who does not read can delay for ever;
    so its close does nothing, and each way out of the conversation below ends in Line.goodbye, .goodbye_too or .abort.
    """

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        return False


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
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return web.Response(
            status=426,
            text=f"this is a WebSocket: open ws://{request.host}{request.path}\n",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )
    address = request.remote or "unknown"
    refusal = hub.door.refusal(address, key)
    if refusal is not None:
        return _refused(refusal)
    with hub.door.admitted(address, key):
        asked, errors = MultiDict(request.query), list[BadParameter]()
        only_changes = _only_changes(asked, errors)
        params = _first(endpoint, asked, errors)
        if params is not None and not hub.has_room(endpoint, params):
            hub.counters.refused[NO_TOPIC.word] += 1
            return _refused(NO_TOPIC)
        ws = _Socket(autoping=False, autoclose=False, max_msg_size=hub.limits.message_size + 1)
        ws.headers.extend(headers)
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        _bound_kernel_buffer(transport, hub.limits.kernel_buffer)
        line = Line(
            transport, deflates=int(ws.compress) >= SHARED_WBITS, key=key, limits=hub.limits, counters=hub.counters
        )
        line.only_changes, line.login = only_changes, login
        hub.enter(line)
        try:
            await _Conversation(ws, line, hub, endpoint, asked, params).run(errors)
        except Exception as exc:  # our bug; aiohttp would write an HTTP page into the WebSocket
            log.error("a conversation broke", exc_info=exc, extra={"path": endpoint.path})
            line.goodbye(Goodbye.BROKEN)
        finally:
            hub.exit(line)
    return ws


class _Conversation:
    """The way in: messages that change the parameters, one after the other, so that the last one wins."""

    def __init__(
        self, ws: _Socket, line: Line, hub: Hub, endpoint: Endpoint, asked: MultiDict[str], params: Any | None
    ) -> None:
        self._ws = ws
        self._line = line
        self._hub = hub
        self._endpoint = endpoint
        self._asked = asked  # by the handshake, without what proved wrong
        self._params = params
        self._good: Any | None = None  # the last parameters that were answered, once others took their place
        self._now_s = asyncio.get_running_loop().time
        self._allowance = Allowance(hub.limits.messages_per_s, self._now_s())

    async def run(self, errors: list[BadParameter]) -> None:
        """Until either side leaves."""
        self._line.rejected = self._rejected
        self._start(errors)
        while True:
            message = await self._ws.receive()
            if message.type in _GONE:
                if message.type is WSMsgType.CLOSE:
                    self._line.goodbye_too(message.data)
                return
            if message.type is WSMsgType.ERROR:
                if isinstance(message.data, WebSocketError):
                    await self._part(message.data.code)
                return
            if not self._line.is_leaving:
                self._heed(message)

    def _heed(self, message: WSMessage) -> None:
        if not self._allowance.takes(self._now_s()):
            limit = self._hub.limits.messages_per_s
            self._tell(
                "too_many_messages", None, f"more than {limit:g} messages a second; connect again and send fewer"
            )
            self._line.goodbye(Goodbye.TOO_MANY_MESSAGES)
            return
        match message.type:
            case WSMsgType.TEXT:
                self._change(message.data)
            case WSMsgType.BINARY:
                self._tell("wrong_type", None, "binary messages are not understood; send one JSON object as text")
            case WSMsgType.PING:
                self._line.say(pong_frame(bytes(message.data)))
            case WSMsgType.PONG:
                self._line.heard()

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

    async def _part(self, code: int) -> None:
        """The way in is broken: say why, and leave time to read it, because closing now could take it back."""
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            limit = self._hub.limits.message_size
            self._tell("too_long", None, f"a message may have {limit:,} bytes; connect again and send less")
        self._line.goodbye(Goodbye.of(code))
        transport, until_s = self._line.transport, self._now_s() + self._hub.limits.goodbye_s / 2
        while not transport.is_closing() and self._now_s() < until_s:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(_POLL_S)


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


def _refused(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": str(refusal.retry_after_s)}
    return web.Response(status=refusal.status, text=refusal.text, headers=headers)


def _bound_kernel_buffer(transport: asyncio.Transport, size: int) -> None:
    """Otherwise the kernel takes megabytes for somebody who does not read, before we see the first byte wait."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
