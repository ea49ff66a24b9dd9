"""Coinlocally's private futures stream as its client hears it: one account a connection, frames packed with gzip.

What the page shows and does not explain is read as the same platform's REST documents name it. Guessed, and marked so in
docs/coinlocally.md: what `orderAction` counts, and that a position whose rows end is closed. The venue says neither of
which account an order is nor when it changed: the connection knows the one, the time of arrival stands for the other.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from daemon.wire.coinlocally_frames import Account, Frame, Held, Id, Number, Order, Oto, Trigger
from daemon.wire.control import Accepted, Control, Ignored, Leaving, Pong, Rejected, Unreadable
from daemon.wire.numbers import number, whole
from daemon.wire.trouble import LONGEST_NAME, brief
from rules import instruments
from rules.event import Side
from rules.events import (
    AccountUpdate,
    AdlUpdate,
    Attached,
    Balance,
    Event,
    OrderUpdate,
    Position,
    TriggerOrderUpdate,
)

VENUE = "coinlocally"
WS_URL = "wss://futuresws.coinlocally.com/position_order/ws"
KEY_HEADER, TOKEN_HEADER = "apiKey", "token"
FORMS: tuple[Literal["apiKey", "token"], ...] = ("apiKey", "token")
BROKER = 1003
PING_EVERY_S = 30.0
UNPINGED_S = 40.0  # without a ping for so long the venue ends the connection
SILENCE_S = 75.0  # two pings without an answer
TOPIC = "account"  # all that can be asked for
CONNECTED, SUBSCRIBED = "connect success", "sub success"
CHANNEL_ACCOUNT, CHANNEL_ADL, CHANNEL_SYSTEM = "ACCOUNT_UPDATE", "ADL_PRICE", "SYSTEM"
CHANNEL_ORDER, CHANNEL_TRIGGER = "order", "trigOrder"
CLOSE = "close"
UNPACKED_MAX = 1 << 20  # bytes; a thousand positions take a fifth of it
GONE_MS = 15_000  # rows come every second: a position without one for so long, on a living connection, is closed
GZIP = b"\x1f\x8b"
CROSS, ISOLATED = 1, 2
LONG, SHORT = "BUY", "SELL"

# [inferred] the platform's numbers of an order's status; the sample's new orders say 1
ORDER_STATES = {"4": "cancelled", "6": "cancelled"}
TRIGGER_STATES = {"1": "waiting", "2": "triggered", "4": "cancelled", "6": "cancelled"}

_POSITIONS_MAX = 1_000
_NAME = frozenset("SEH")  # before the pair: S-BTC-USDT, E-BTC-USDT, H-BTC-USDT
_Value = TypeVar("_Value")


class Credential(msgspec.Struct, frozen=True):
    """How a trader proves who he is: the same secret in the header and in the subscription."""

    form: Literal["apiKey", "token"]
    secret: str

    def __repr__(self) -> str:
        return f"Credential({self.form})"

    def headers(self) -> dict[str, str]:
        """For the handshake."""
        return {self.form: self.secret}

    def subscription(self, broker: int = BROKER) -> str:
        """The message that must follow."""
        return msgspec.json.encode({"event": "sub", self.form: self.secret, "broker": broker}).decode()


_frame = msgspec.json.Decoder(Frame)


class Memory:
    """What was learnt of one account; outlives connections. Bounded."""

    def __init__(self) -> None:
        self.uid: int | None = None
        self.positions: dict[str, tuple[str, Side | None]] = {}  # id -> instrument and side, oldest news first
        self.triggers: dict[str, str] = {}  # trigger order id -> instrument, as orders told
        self.rows: dict[str, AdlUpdate] = {}  # open positions by id


class Decoder:
    """Reads the frames of one connection of one account."""

    def __init__(self, account: str, memory: Memory | None = None) -> None:
        """`account` is the name by which its owner knows it."""
        self.account = account
        self.is_subscribed = False
        self._subscribed_ms = 0
        self._memory = memory or Memory()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """What a frame says; Unreadable if it makes no sense. No text of ours quotes what a frame says of the account."""
        text = unpacked(frame)
        word = text.strip().strip(b'"')
        if word == CONNECTED.encode():
            return Ignored()
        if word == SUBSCRIBED.encode():
            self.is_subscribed, self._subscribed_ms = True, received_ms
            return Accepted((TOPIC,))
        try:
            message = _frame.decode(text)
            if message.channel is None and message.pong is None:
                return self._unknown(word, "a frame without a channel")
            return self._heard(message, received_ms)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:  # names the type and the place, never the value
            raise Unreadable(f"Coinlocally sent a frame that cannot be read: {brief(exc)}") from None
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
            return self._unknown(word, "a frame that cannot be read")

    def _unknown(self, said: bytes, what: str) -> Control:
        """No refusal is published: whatever else comes before the subscription was taken is one."""
        if self.is_subscribed:
            raise Unreadable(f"Coinlocally sent {what}")
        return Rejected(brief(said.decode(errors="replace") or "nothing"), (TOPIC,))

    def _heard(self, message: Frame, received_ms: int) -> Sequence[Event] | Control:
        match message.channel:
            case None:
                return self._gone(received_ms) or Pong()
            case "ACCOUNT_UPDATE" if message.d is not None:
                return self._account(message, message.d, received_ms)
            case "ADL_PRICE":
                return self._adl(message, received_ms)
            case "order" if message.order is not None:
                return (self._order(message.order, received_ms),)
            case "trigOrder" if message.trig_order is not None:
                return (self._trigger(message.trig_order, received_ms),)
            case "SYSTEM" if (message.et or "").lower() == CLOSE:
                return Leaving()
        return Ignored()

    def _account(self, message: Frame, said: Account, received_ms: int) -> tuple[Event, ...]:
        position = None if said.p is None else _position(said.p)
        update = AccountUpdate(
            venue=VENUE,
            account=self.account,
            uid=self._known_uid(message),
            cause=said.et or "",
            balances=tuple(
                Balance(coin=coin.c, available=number(coin.an), frozen=number(coin.la), isolated=number(coin.pn))
                for coin in said.a or ()
            ),
            position=position,
            at_ms=whole(message.t) or received_ms,
            received_ms=received_ms,
        )
        if position is None:
            return (update,)
        _remember(self._memory.positions, position.position_id, (position.symbol, position.side))
        row = self._memory.rows.get(position.position_id)
        if position.quantity == 0 and row is not None:
            return update, self._closed(row, received_ms)
        return (update,)

    def _adl(self, message: Frame, received_ms: int) -> tuple[Event, ...]:
        """All open positions of the account stand in one frame: what is missing is closed."""
        uid = self._known_uid(message)
        told: dict[str, AdlUpdate] = {}
        for row in (message.l or ())[:_POSITIONS_MAX]:
            position_id = _text(row.id)
            symbol, side = self._memory.positions.get(position_id, ("", None))
            told[position_id] = AdlUpdate(
                venue=VENUE,
                account=self.account,
                uid=uid,
                position_id=position_id,
                symbol=symbol,
                side=side,
                level=int(number(row.al) or 0),
                liquidation_price=number(row.rp),
                margin=number(row.ha),
                margin_ratio=number(row.mr),
                bid=number(row.bo),
                ask=number(row.so),
                last=number(row.lt),
                mark_price=number(row.tp),
                at_ms=received_ms,
                received_ms=received_ms,
            )
        closed = [self._closed(row, received_ms) for key, row in list(self._memory.rows.items()) if key not in told]
        self._memory.rows = told
        return (*told.values(), *closed)

    def _gone(self, received_ms: int) -> tuple[Event, ...]:
        """The connection lives, and rows that come every second while a position is open have ended."""
        if not self.is_subscribed:
            return ()
        return tuple(
            self._closed(row, received_ms)
            for row in list(self._memory.rows.values())
            if received_ms - max(row.received_ms, self._subscribed_ms) > GONE_MS
        )

    def _closed(self, row: AdlUpdate, received_ms: int) -> AdlUpdate:
        self._memory.rows.pop(row.position_id, None)
        return msgspec.structs.replace(row, is_open=False, at_ms=received_ms, received_ms=received_ms)

    def _order(self, order: Order, received_ms: int) -> OrderUpdate:
        symbol = to_symbol(order.contract_name) or to_symbol(order.symbol)
        oto = order.oto_order or Oto()
        profit = _attached(
            oto.taker_profit_status, oto.taker_profit_trigger, oto.taker_profit_price, oto.taker_profit_trigger_id
        )
        stop = _attached(oto.stop_loss_status, oto.stop_loss_trigger, oto.stop_loss_price, oto.stop_loss_trigger_id)
        for attached in (profit, stop):
            if attached is not None and attached.trigger_order_id and symbol:
                _remember(self._memory.triggers, attached.trigger_order_id, symbol)
        quantity, filled = number(order.volume), number(order.deal_volume) or 0.0
        return OrderUpdate(
            venue=VENUE,
            account=self.account,
            symbol=symbol,
            order_id=_text(order.order_id),
            contract_id=whole(order.contract_id),
            contract_name=order.contract_name or "",
            state=order_state(quantity, filled, _text(order.order_action)),
            action=_text(order.order_action),
            side=order.contract_side or "",
            kind=_whole(order.type),
            price=number(order.price),
            quantity=quantity,
            filled=filled,
            average_price=number(order.avg_price) or 0.0,
            price_decimals=_whole(order.price_precision) or 0,
            take_profit=profit,
            stop_loss=stop,
            at_ms=received_ms,
            received_ms=received_ms,
        )

    def _trigger(self, order: Trigger, received_ms: int) -> TriggerOrderUpdate:
        order_id = _text(order.trigger_order_id)
        return TriggerOrderUpdate(
            venue=VENUE,
            account=self.account,
            symbol=to_symbol(order.contract_name) or self._memory.triggers.get(order_id, ""),
            order_id=order_id,
            state=TRIGGER_STATES.get(_text(order.order_action), "unknown"),
            action=_text(order.order_action),
            kind=_whole(order.type),
            side=(order.side or "").lower(),
            trigger_kind=_whole(order.trigger_type),
            trigger_price=number(order.trigger_price),
            price=number(order.price),
            quantity=number(order.volume),
            created_ms=whole(order.ctime),
            expires_ms=whole(order.expire_time),
            at_ms=received_ms,
            received_ms=received_ms,
        )

    def _known_uid(self, message: Frame) -> int | None:
        self._memory.uid = whole(message.uid) or self._memory.uid
        return self._memory.uid


def ping(now_ms: int) -> str:
    """A sign of life, with our time."""
    return f'{{"ping":{now_ms}}}'


def unpacked(frame: bytes | str, most: int = UNPACKED_MAX) -> bytes:
    """The text of a frame, packed or not; Unreadable if it is damaged, or unpacks to more than `most` bytes."""
    data = frame.encode() if isinstance(frame, str) else frame
    if data[:2] != GZIP:
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(data, most + 1)
    except zlib.error:
        raise Unreadable("Coinlocally's gzip is damaged") from None
    if len(text) > most:
        raise Unreadable(f"Coinlocally's gzip unpacks to more than {most:,} bytes, and was left packed")
    if not unpacker.eof or unpacker.unused_data:
        raise Unreadable("Coinlocally's gzip is cut off, or goes on after its end")
    return text


@lru_cache(maxsize=4_096)
def to_symbol(name: str | None) -> str:
    """S-BTC-USDT, E-BTC-USDT or BTC-USDT -> BTC-USDT-PERP; empty for what we cannot name."""
    if not name or len(name) > LONGEST_NAME:
        return ""
    prefix, _, rest = name.upper().partition("-")
    try:
        return str(instruments.from_dashed(rest if prefix in _NAME and "-" in rest else name))
    except ValueError:
        return ""


def order_state(quantity: float | None, filled: float, action: str) -> str:
    """Sizes are told and decide; the code for what happened is guessed, and only tells cancelled from open."""
    if quantity and filled >= quantity:
        return "filled"
    return ORDER_STATES.get(action) or ("partly_filled" if filled > 0 else "open")


def _position(said: Held) -> Position | None:
    if said.id is None:
        return None
    kind = _whole(said.pt)
    sides: dict[str, Side] = {LONG: "long", SHORT: "short"}
    return Position(
        position_id=_text(said.id),
        contract_id=whole(said.cid),
        contract_name=said.cn or "",
        other_name=said.con,
        symbol=to_symbol(said.cn),
        side=sides.get((said.s or "").upper()),
        is_isolated={CROSS: False, ISOLATED: True}.get(kind or 0),
        leverage=number(said.l),
        quantity=number(said.pv),
        entry_price=number(said.op),
        liquidation_price=number(said.rp),
        margin=number(said.hm),
        margin_ratio=number(said.mr),
        realised=number(said.ra),
        opening_margin=number(said.oa),
        closable=number(said.ccv),
    )


def _attached(status: bool | int | str | None, trigger: Number, price: Number, trigger_order_id: Id) -> Attached | None:
    if status is None and trigger is None and price is None and trigger_order_id is None:
        return None
    return Attached(
        is_set=str(status).lower() in ("true", "1"),
        trigger_price=number(trigger),
        price=number(price),
        trigger_order_id=None if trigger_order_id is None else _text(trigger_order_id),
    )


def _remember(book: dict[str, _Value], key: str, value: _Value) -> None:
    book.pop(key, None)
    if len(book) >= _POSITIONS_MAX:
        del book[next(iter(book))]
    book[key] = value


def _text(value: Id) -> str:
    return "" if value is None else str(value)[:LONGEST_NAME]


def _whole(value: Id) -> int | None:
    """A code, where 0 is one."""
    found = number(value)
    return None if found is None else int(found)
