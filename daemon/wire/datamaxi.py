"""DataMaxi+ streams: one connection for the funding rates of many venues, and one for their liquidations.

Three shapes were published: the old {e,d,s,b,q,r}, the reference {f,i,e,id,s,b,q,d,p} and the tutorial's, which is the
reference without `id`. They are told from acknowledgements by the presence of `f` or `r`, never by `id`: that is a token's
name in data and a number in acknowledgements. `d` is the time of settlement and `p` when it was processed, so a rate with
d <= p was paid and one with d > p is predicted. The old shape names no settlement and no interval. Events carry the venue
they are about, not DataMaxi+. Liquidations have keys of their own, see datamaxi_liquidations.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.datamaxi_liquidations import Forced, payload_of
from daemon.wire.datamaxi_liquidations import from_symbol as from_symbol
from daemon.wire.datamaxi_liquidations import to_symbol as to_symbol
from daemon.wire.numbers import batches, number, positive, whole
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation

FUNDING_PATH, LIQUIDATION_PATH = "/ws/v1/funding-rate", "/ws/v1/liquidation"
WS_URL = f"wss://api.datamaxiplus.com{FUNDING_PATH}"
REST_URL = "https://api.datamaxiplus.com"
KEY_HEADER = "X-DTMX-APIKEY"
SYMBOLS = "/api/v1/funding-rate/symbols"  # ?exchange=binance
PING_ID = 0  # our requests count from 1
PING: str | None = '{"method":"PING","params":[],"id":0}'
PING_EVERY_S = 15.0  # 30 s without one end the connection
SILENCE_S = 900.0  # the answer to a ping is not documented, funding is rare, and each new subscription is billed
USUAL_INTERVAL_H = 8.0

Shape = Literal["old", "reference", "tutorial"]
Payload = dict[str, object]


class _Frame(Forced, gc=False):
    f: float | str | None = None
    r: float | str | None = None
    i: float | str | None = None
    method: str = ""
    result: list[str] | str | bool | msgspec.UnsetType | None = msgspec.UNSET
    error: object = None
    message: str = ""


class _Request(msgspec.Struct, gc=False):
    method: str
    params: list[str] = msgspec.field(default_factory=list)
    id: int | str | None = None


class _Numbered(msgspec.Struct, gc=False):
    id: int | str | None = None


_frame = msgspec.json.Decoder(_Frame)
_request = msgspec.json.Decoder(_Request)
_numbered = msgspec.json.Decoder(_Numbered)
_symbols = msgspec.json.Decoder(list[str])
_METHODS: dict[str, Method] = {"SUBSCRIBE": "subscribe", "UNSUBSCRIBE": "unsubscribe", "PING": "ping"}


class Decoder:
    """Reads the frames of one connection."""

    def __init__(self, intervals_h: dict[str, float] | None = None) -> None:
        self.intervals_h = (
            intervals_h if intervals_h is not None else {}
        )  # only for the old shape; others say their own

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The rate in a frame, or what the frame says about the conversation; Unreadable if it makes no sense."""
        try:
            message = _frame.decode(frame)
            if message.f is None and message.r is None:
                return _answer(message) if message.sd is None else message.to_events(received_ms)
            return self._rate(message, received_ms)
        except Unreadable:
            raise
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as exc:
            raise Unreadable(f"DataMaxi+ sent a frame that cannot be read: {brief(exc)}") from exc

    def _rate(self, message: _Frame, received_ms: int) -> tuple[Event, ...]:
        rate = number(message.r if message.f is None else message.f)
        if rate is None:
            return ()
        if not message.e:
            raise ValueError("a rate that does not say of which venue")
        symbol = to_symbol(message.s) if message.s else to_symbol(f"{message.b}-{message.q}")
        at, processed = whole(message.d), whole(message.p)
        is_old = message.f is None
        event = FundingRate(
            venue=message.e.lower(),
            symbol=symbol,
            rate=rate,
            interval_h=positive(message.i) or self.intervals_h.get(symbol, USUAL_INTERVAL_H),
            settles_at_ms=None if is_old else at,
            is_settled=not is_old and at is not None and at <= (processed or received_ms),
            at_ms=(at if is_old else processed or at) or received_ms,
            received_ms=received_ms,
        )
        return (event,)


def _answer(message: _Frame) -> Control:
    request_id = None if message.id is None else str(message.id)
    if message.error is not None or (message.message and message.result is msgspec.UNSET):
        said = message.error.get("message") if isinstance(message.error, dict) else message.error
        return Rejected(str(said or message.message)[:200], request_id=request_id)
    if message.method.upper() == "PONG" or str(message.result).upper() == "PONG" or message.id == PING_ID:
        return Pong()
    if message.result is msgspec.UNSET:
        if request_id is None:
            raise Unreadable("DataMaxi+ sent a frame with no rate and no answer")
        return Ignored()
    return Accepted(tuple(message.result) if isinstance(message.result, list) else (), request_id)


def funding_topic(symbol: str, venue: str) -> str:
    """BTC-USDT@binance; the same for liquidations."""
    return f"{from_symbol(symbol)}@{venue}"


def read_topic(topic: str) -> tuple[str, str]:
    """(binance, BTC-USDT-PERP) of BTC-USDT@binance. ValueError for what is no topic."""
    pair, _, venue = topic.rpartition("@")
    if not pair or not venue.isalnum():
        raise ValueError(f"'{brief(topic)}' is no topic; write BTC-USDT@binance")
    return venue.lower(), to_symbol(pair)


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics, as few as possible: each is billed. Ids count up from `request_id`."""
    return _requests("SUBSCRIBE", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up (not documented for this feed; the same form as SUBSCRIBE)."""
    return _requests("UNSUBSCRIBE", topics, request_id)


def _requests(method: str, topics: Sequence[str], request_id: int) -> list[str]:
    return [
        msgspec.json.encode({"method": method, "params": batch, "id": request_id + place}).decode()
        for place, batch in enumerate(batches(topics, most=1_000, characters=60_000))
    ]


def encode(events: Sequence[Event], now_ms: int, shape: Shape = "reference") -> list[bytes]:
    """One frame an event; others than rates and liquidations, and rates without a time of settlement in a shape that needs
    one, are left out."""
    frames: list[Payload] = []
    for event in events:
        if isinstance(event, Liquidation):
            frames.append(payload_of(event))
        if not isinstance(event, FundingRate):
            continue
        pair = from_symbol(event.symbol)
        base, _, quote = pair.partition("-")
        named: Payload = {"e": event.venue, "s": pair, "b": base, "q": quote}
        if shape == "old":
            frames.append({**named, "d": event.at_ms, "r": event.rate})
        elif event.settles_at_ms is not None:
            token: Payload = {"id": base.lower()} if shape == "reference" else {}
            times = {"d": event.settles_at_ms, "p": event.at_ms}
            frames.append({"f": event.rate, "i": _hours(event.interval_h), **named, **token, **times})
    return [msgspec.json.encode(frame) for frame in frames]


def _hours(hours: float) -> float:
    return int(hours) if hours == int(hours) else hours


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; Unreadable if it is no request at all."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to DataMaxi+: {brief(exc)}") from exc
    return Request(_METHODS.get(request.method.upper(), "other"), tuple(request.params), request.id)


def read_id(frame: bytes | str) -> int | str | None:
    """The id of what `read_request` could not read, for its answer; None if it has none that can go back."""
    try:
        return _numbered.decode(frame).id
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def acknowledge(request: Request, accepted: Sequence[str] | None = None) -> list[str]:
    """The topics that were taken: a part of the request is a partial failure. A ping is answered in the same form."""
    if request.method == "ping":
        return [msgspec.json.encode({"result": "PONG", "id": request.id}).decode()]
    taken = request.topics if accepted is None else accepted
    return [msgspec.json.encode({"result": list(taken), "id": request.id}).decode()]


def complain(request_id: object, why: str, code: int = 400) -> str:
    """The answer to what cannot be taken at all (none is published). Like every answer it has no `f`."""
    return msgspec.json.encode({"error": {"code": code, "message": why}, "id": request_id}).decode()


def refuse(request: Request, topics: Sequence[str], why: str) -> list[str]:
    """Refused topics are missing from the acknowledgement (no error is published): this sends the rest."""
    return acknowledge(request, [topic for topic in request.topics if topic not in topics])


def decode_symbols(body: bytes) -> list[str]:
    """The answer to /api/v1/funding-rate/symbols in our spelling; pairs that we cannot name are left out."""
    try:
        names = _symbols.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"DataMaxi+ sent a list of symbols that cannot be read: {brief(exc)}") from exc
    found = []
    for name in names:
        try:
            found.append(to_symbol(name))
        except ValueError:
            continue
    return found


def encode_symbols(symbols: Sequence[str]) -> bytes:
    """The answer to /api/v1/funding-rate/symbols."""
    return msgspec.json.encode([from_symbol(symbol) for symbol in symbols])
