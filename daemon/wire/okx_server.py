"""OKX's side of its own streams: frames out of events, and answers to requests."""

from collections.abc import Mapping, Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain
from daemon.wire.okx_contracts import Contract, from_symbol, inst_type, instrument_rows
from daemon.wire.okx_requests import arg_of, topic_of
from daemon.wire.okx_trading_server import trading_frame
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

PONG = "pong"
_CONN_ID = "a4d3ae55"
_METHODS: dict[str, Method] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe"}

Payload = dict[str, object]


class _Arg(msgspec.Struct, gc=False, rename="camel"):
    channel: str = ""
    inst_id: str = ""
    inst_type: str = ""


class _Request(msgspec.Struct, gc=False):
    op: str
    args: list[_Arg] = msgspec.field(default_factory=list)
    id: str | None = None


_request = msgspec.json.Decoder(_Request)


def encode(events: Sequence[Event], now_ms: int, contracts: Mapping[str, Contract] | None = None) -> list[bytes]:
    """One frame an event; settled funding shares the row of the prediction that follows it, as at OKX.

    A prediction without its time of settlement cannot be written and is left out. `contracts` (by instId) says how to
    count liquidations and trading; one that is missing raises KeyError.
    """
    frames: list[Payload] = []
    funding: dict[str, Payload] = {}
    for event in events:
        match event:
            case MarkPrice():
                frames.append(_frame("mark-price", event.symbol, {"markPx": plain(event.price)}, event.at_ms))
            case OpenInterest():
                row: Payload = {"oi": plain(event.oi_base), "oiCcy": plain(event.oi_base)}
                row["oiUsd"] = "" if event.oi_usd is None else plain(event.oi_usd)
                frames.append(_frame("open-interest", event.symbol, row, event.at_ms))
            case Liquidation():
                _add_liquidation(frames, event, (contracts or {})[from_symbol(event.symbol)])
            case FundingRate(is_settled=True):
                row = _settled(event)
                funding[event.symbol] = row
                frames.append(_frame("funding-rate", event.symbol, row, now_ms))
            case FundingRate(settles_at_ms=int()):
                waiting = funding.pop(event.symbol, None)
                if waiting is None:
                    frames.append(_frame("funding-rate", event.symbol, _predicted(event), event.at_ms))
                else:
                    waiting |= _predicted(event)
                    waiting["ts"] = str(event.at_ms)
            case _:
                frame = trading_frame(event, contracts or {})
                if frame is not None:
                    frames.append(frame)
    return [msgspec.json.encode(frame) for frame in frames]


def instruments_frame(contracts: Mapping[str, Contract], kind: str = "SWAP") -> bytes:
    """What the instruments channel sends first: every contract."""
    arg = {"channel": "instruments", "instType": kind}
    return msgspec.json.encode({"arg": arg, "data": instrument_rows(contracts)})


def _frame(channel: str, symbol: str, row: Payload, at_ms: int) -> Payload:
    name = from_symbol(symbol)
    row |= {"instId": name, "instType": inst_type(name), "ts": str(at_ms)}
    return {"arg": {"channel": channel, "instId": name}, "data": [row]}


def _predicted(event: FundingRate) -> Payload:
    settles = event.settles_at_ms or 0
    after = settles + round(event.interval_h * 3_600_000)
    row: Payload = {"fundingRate": plain(event.rate), "fundingTime": str(settles), "nextFundingTime": str(after)}
    return row | {"nextFundingRate": "", "method": "current_period", "formulaType": "withRate"}


def _settled(event: FundingRate) -> Payload:
    """A settlement whose next prediction is not known yet."""
    paid, interval_ms = event.settles_at_ms or event.at_ms, round(event.interval_h * 3_600_000)
    return {
        "settState": "settled",
        "settFundingRate": plain(event.rate),
        "prevFundingTime": str(paid),
        "fundingRate": "",
        "fundingTime": str(paid + interval_ms),
        "nextFundingTime": str(paid + 2 * interval_ms),
        "nextFundingRate": "",
    }


def _add_liquidation(frames: list[Payload], event: Liquidation, contract: Contract) -> None:
    name = from_symbol(event.symbol)
    kind = inst_type(name)
    amount = event.notional_usd if contract.is_inverse else event.quantity
    detail = {
        "bkLoss": "0",
        "bkPx": plain(event.price),
        "ccy": "",
        "posSide": event.side,
        "side": "sell" if event.side == "long" else "buy",
        "sz": plain(float(f"{amount / contract.size:.12g}")),  # contracts are few: take off what the division added
        "ts": str(event.at_ms),
    }
    family = name.rpartition("-")[0]
    row = {"details": [detail], "instFamily": family, "instId": name, "instType": kind, "uly": family}
    frames.append({"arg": {"channel": "liquidation-orders", "instType": kind}, "data": [row]})


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; a text ping is a request too. Unreadable if it is no request at all."""
    if frame in (b"ping", "ping"):
        return Request("ping")
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to OKX: {brief(exc)}") from exc
    topics = tuple(_kept(arg) for arg in request.args)
    return Request(_METHODS.get(request.op, "other"), topics, request.id)


def _kept(arg: _Arg) -> str:
    """liquidation-orders beside an instType loses its instId without a word."""
    if arg.channel in ("liquidation-orders", "instruments") and arg.inst_type:
        return topic_of(arg.channel, "", arg.inst_type)
    return topic_of(arg.channel, arg.inst_id, arg.inst_type)


def acknowledge(request: Request, topics: Sequence[str] | None = None) -> list[str]:
    """One answer a topic (all of the request's, or those given); a ping is answered by the text pong."""
    if request.method == "ping":
        return [PONG]
    answers = []
    for topic in request.topics if topics is None else topics:
        answer: Payload = {"event": request.method, "arg": arg_of(topic), "connId": _CONN_ID}
        answers.append(_with_id(answer, request))
    return answers


def refuse(request: Request, topics: Sequence[str], why: str = "doesn't exist") -> list[str]:
    """One error a topic, 60018 as for a wrong channel or instrument."""
    answers = []
    for topic in topics:
        arg = arg_of(topic)
        named = ",".join(f"{key}:{value}" for key, value in arg.items())
        message = f"Wrong URL or {named} {why}. Please use the correct URL, channel and parameters."
        error: Payload = {"event": "error", "code": "60018", "msg": message, "connId": _CONN_ID}
        answers.append(_with_id(error, request))
    return answers


def _with_id(answer: Payload, request: Request) -> str:
    return msgspec.json.encode({"id": request.id, **answer} if request.id else answer).decode()
