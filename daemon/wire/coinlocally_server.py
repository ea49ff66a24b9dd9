"""Coinlocally's private futures stream as its server speaks it: events become packed frames, requests are read."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from daemon.wire.coinlocally import (
    CHANNEL_ACCOUNT,
    CHANNEL_ADL,
    CHANNEL_ORDER,
    CHANNEL_SYSTEM,
    CHANNEL_TRIGGER,
    CLOSE,
    CROSS,
    ISOLATED,
    LONG,
    SHORT,
    Credential,
    unpacked,
)
from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain
from rules.events import AccountUpdate, AdlUpdate, Attached, Event, OrderUpdate, Position, TriggerOrderUpdate

REQUEST_MAX = 16_384  # bytes of a request, unpacked

Json = dict[str, object]


class Request(msgspec.Struct, frozen=True):
    """What a client asks for. `uid` is not in the documents; whoever writes one means that account."""

    event: Literal["sub", "unsub", "ping", "other"]
    credential: Credential | None = None
    uid: str | None = None
    ping: object = None


class _Request(msgspec.Struct, gc=False):
    event: str | None = None
    api_key: str | None = msgspec.field(name="apiKey", default=None)
    token: str | None = None
    uid: int | str | None = None
    ping: int | float | str | None = None


_request = msgspec.json.Decoder(_Request)


def read_request(message: bytes | str) -> Request:
    """What a client asks for, packed or not; Unreadable, without a quote of it, if it is no request at all."""
    text = unpacked(message, REQUEST_MAX)
    try:
        said = _request.decode(text)
    except msgspec.ValidationError as exc:
        raise Unreadable(f"not a request: {exc}") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Unreadable("not a request: send a JSON object") from None
    if said.ping is not None:
        return Request("ping", ping=said.ping)
    credential = None
    if said.api_key is not None:
        credential = Credential("apiKey", said.api_key)
    elif said.token is not None:
        credential = Credential("token", said.token)
    if said.api_key is not None and said.token is not None:
        raise Unreadable("a subscription shows either apiKey or token, not both")
    events: dict[str | None, Literal["sub", "unsub"]] = {"sub": "sub", "unsub": "unsub"}
    return Request(events.get(said.event, "other"), credential, None if said.uid is None else str(said.uid))


def packed(message: Mapping[str, object]) -> bytes:
    """A message as the venue sends it: JSON, packed with gzip."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(msgspec.json.encode(message)) + packer.flush()


def encode(events: Sequence[Event]) -> list[bytes]:
    """Frames of these events of one account, in their order; rows that came one after the other share a frame.

    A row that only says that its position is gone is left out, as the venue leaves it out.
    """
    frames: list[Json] = []
    rows: list[AdlUpdate] = []
    for event in events:
        if isinstance(event, AdlUpdate):
            if any(row.position_id == event.position_id for row in rows):  # the next second's
                frames += adl_frames(rows)
                rows = []
            rows.append(event)
            continue
        frames += adl_frames(rows)
        rows = []
        match event:
            case AccountUpdate():
                frames.append(account_frame(event))
            case OrderUpdate():
                frames.append(order_frame(event))
            case TriggerOrderUpdate():
                frames.append(trigger_frame(event))
    frames += adl_frames(rows)
    return [packed(frame) for frame in frames]


def account_frame(event: AccountUpdate) -> Json:
    """ACCOUNT_UPDATE: amounts and the time as text, prices as numbers."""
    coins: list[Json] = [
        {
            "c": balance.coin,
            "an": _amount(balance.available),
            "la": _amount(balance.frozen),
            "pn": _amount(balance.isolated),
        }
        for balance in event.balances
    ]
    position = None if event.position is None else _position(event.position)
    said: Json = {"et": event.cause, "a": coins, "p": position}
    return {"channel": CHANNEL_ACCOUNT, "uid": event.uid, "t": str(event.at_ms), "d": said}


def adl_frames(rows: Iterable[AdlUpdate]) -> list[Json]:
    """ADL_PRICE: one frame with all rows that are open; none if none is."""
    held = [row for row in rows if row.is_open]
    return [{"channel": CHANNEL_ADL, "uid": held[0].uid, "l": [_row(row) for row in held]}] if held else []


def order_frame(event: OrderUpdate) -> Json:
    """order: names written out, no account and no time."""
    pair = event.symbol.rpartition("-")[0]
    order: Json = {
        "orderId": event.order_id,
        "contractId": event.contract_id,
        "contractName": event.contract_name,
        "symbol": pair,
        "contractSide": event.side,
        "type": event.kind,
        "price": _bare(event.price),
        "pricePrecision": event.price_decimals,
        "dealVolume": _bare(event.filled),
        "volume": _bare(event.quantity),
        "avgPrice": _bare(event.average_price),
        "otoOrder": {
            **_attached("takerProfit", event.take_profit),
            **_attached("stopLoss", event.stop_loss),
        },
        "orderAction": event.action,
    }
    return {"channel": CHANNEL_ORDER, "order": order}


def trigger_frame(event: TriggerOrderUpdate) -> Json:
    """trigOrder: it does not say of which contract."""
    order: Json = {
        "triggerOrderId": event.order_id,
        "type": event.kind,
        "side": event.side,
        "triggerPrice": _bare(event.trigger_price),
        "price": _bare(event.price),
        "volume": _bare(event.quantity),
        "triggerType": event.trigger_kind,
        "ctime": event.created_ms,
        "expireTime": event.expires_ms,
        "orderAction": event.action,
    }
    return {"channel": CHANNEL_TRIGGER, "trigOrder": order}


def system_close(uid: int | None) -> bytes:
    """SYSTEM: the server is about to close."""
    return packed({"channel": CHANNEL_SYSTEM, "uid": uid, "et": CLOSE})


def pong(now_ms: int) -> bytes:
    """The answer to a ping: the server's own time."""
    return packed({"pong": now_ms})


def _position(position: Position) -> Json:
    kinds = {True: ISOLATED, False: CROSS, None: None}
    sides = {"long": LONG, "short": SHORT, None: ""}
    return {
        "id": _number_of(position.position_id),
        "cid": position.contract_id,
        "pt": kinds[position.is_isolated],
        "cn": position.contract_name,
        "con": position.other_name,
        "l": _bare(position.leverage),
        "pv": _bare(position.quantity),
        "op": _bare(position.entry_price),
        "rp": _bare(position.liquidation_price),
        "hm": _bare(position.margin),
        "ra": _bare(position.realised),
        "s": sides[position.side],
        "mr": _bare(position.margin_ratio),
        "oa": _bare(position.opening_margin),
        "ccv": _bare(position.closable),
    }


def _row(row: AdlUpdate) -> Json:
    return {
        "id": _number_of(row.position_id),
        "al": row.level,
        "rp": _bare(row.liquidation_price),
        "ha": _bare(row.margin),
        "mr": _bare(row.margin_ratio),
        "bo": _bare(row.bid),
        "so": _bare(row.ask),
        "lt": _bare(row.last),
        "tp": _bare(row.mark_price),
    }


def _attached(name: str, order: Attached | None) -> Json:
    order = order or Attached()
    return {
        f"{name}Status": order.is_set,
        f"{name}Trigger": _bare(order.trigger_price),
        f"{name}Price": _bare(order.price),
        f"{name}TriggerId": order.trigger_order_id,
    }


def _amount(value: float | None) -> str | None:
    return None if value is None else plain(value)


def _bare(value: float | None) -> float | None:
    """A number as the venue writes it: 79000, not 79000.0."""
    return int(value) if value is not None and abs(value) < 1 << 53 and value == int(value) else value


def _number_of(position_id: str) -> int | str:
    return (
        int(position_id) if position_id.isascii() and position_id.isdecimal() and position_id[0] != "0" else position_id
    )
