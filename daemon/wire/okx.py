"""OKX v5 public streams: funding, mark price, open interest and liquidations of swaps; trading is in `okx_trading`.

Facts: everything is text. `fundingTime` is the settlement that `fundingRate` is for, and the interval is
nextFundingTime minus fundingTime. `settFundingRate` was paid at the settlement before. Liquidations come for a whole
instrument type, several a row and not in order of time, in contracts (see `okx_contracts`). `bkPx` is the mark price
at liquidation; a `net` position was long if the forced order sells. Quote coins in `numbers.DOLLARS` count as US
dollars in a notional.
"""

import re
from collections.abc import Container, Sequence
from operator import attrgetter

import msgspec

from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.numbers import DOLLARS, number, positive, whole
from daemon.wire.okx_contracts import INSTRUMENTS as INSTRUMENTS
from daemon.wire.okx_contracts import Contract as Contract
from daemon.wire.okx_contracts import contract_of
from daemon.wire.okx_contracts import decode_instruments as decode_instruments
from daemon.wire.okx_contracts import encode_instruments as encode_instruments
from daemon.wire.okx_contracts import from_symbol as from_symbol
from daemon.wire.okx_contracts import named as named
from daemon.wire.okx_contracts import to_symbol as to_symbol
from daemon.wire.okx_marks import QUICK
from daemon.wire.okx_requests import funding_topic as funding_topic
from daemon.wire.okx_requests import instruments_topic as instruments_topic
from daemon.wire.okx_requests import liquidation_topic as liquidation_topic
from daemon.wire.okx_requests import mark_topic as mark_topic
from daemon.wire.okx_requests import open_interest_topic as open_interest_topic
from daemon.wire.okx_requests import subscribe as subscribe
from daemon.wire.okx_requests import topic_of
from daemon.wire.okx_requests import unsubscribe as unsubscribe
from daemon.wire.okx_server import PONG as PONG
from daemon.wire.okx_server import acknowledge as acknowledge
from daemon.wire.okx_server import encode as encode
from daemon.wire.okx_server import instruments_frame as instruments_frame
from daemon.wire.okx_server import read_request as read_request
from daemon.wire.okx_server import refuse as refuse
from daemon.wire.okx_trading import PLACE, READERS, reader_of_channel
from daemon.wire.okx_trading import VENUE as VENUE
from daemon.wire.okx_trading import book_topic as book_topic
from daemon.wire.okx_trading import candle_topic as candle_topic
from daemon.wire.okx_trading import ticker_topic as ticker_topic
from daemon.wire.okx_trading import trade_topic as trade_topic
from daemon.wire.trouble import LONGEST_NAME, brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, Side

WS_URL = "wss://ws.okx.com:8443/ws/v5/public"
CANDLES_URL = "wss://ws.okx.com:8443/ws/v5/business"  # candles are refused on the other
REST_URL = "https://www.okx.com"
PING: str | None = "ping"  # text: protocol pings do not count, and 30 s without data end the connection
PING_EVERY_S = 20.0
SILENCE_S = 50.0

_HOUR_MS = 3_600_000
_time_of = attrgetter("at_ms")
_FAILED_ITEM = re.compile(r"channel:([\w-]+),\s*inst(?:Id|Type|Family):([\w-]+)")


class _Arg(msgspec.Struct, gc=False, rename="camel"):
    channel: str = ""
    inst_id: str = ""
    inst_type: str = ""


class _Detail(msgspec.Struct, gc=False, rename="camel"):
    side: str = ""
    pos_side: str = ""
    bk_px: str = ""
    sz: str = ""
    ts: str = ""


class _Row(msgspec.Struct, gc=False, rename="camel"):
    """A row of any of our channels."""

    inst_id: str = ""
    ts: str = ""
    mark_px: str = ""
    oi: str = ""
    oi_ccy: str = ""
    oi_usd: str = ""
    funding_rate: str = ""
    funding_time: str = ""
    next_funding_time: str = ""
    prev_funding_time: str = ""
    sett_funding_rate: str = ""
    sett_state: str = ""
    details: list[_Detail] | None = None
    ct_val: str = ""
    ct_mult: str = ""
    ct_type: str = ""


class _Frame(msgspec.Struct, gc=False):
    arg: _Arg | None = None
    data: list[_Row] | None = None
    event: str = ""
    id: str | None = None
    code: str = ""
    msg: str = ""


class _Peek(msgspec.Struct, gc=False):
    arg: _Arg | None = None
    event: str = ""


_frame = msgspec.json.Decoder(_Frame)
_peek = msgspec.json.Decoder(_Peek)


class Decoder:
    """Reads the frames of one connection. `contracts` (by instId) is filled by the instruments channel or from REST."""

    def __init__(self, contracts: dict[str, Contract] | None = None) -> None:
        self.contracts = contracts if contracts is not None else {}
        self.left_out = 0  # rows skipped in frames of which the rest could be read
        self.left_out_why = ""
        self._settled: dict[str, int] = {}  # instId -> the last settlement that was told
        self._readers = {
            "mark-price": self._mark,
            "funding-rate": self._funding,
            "open-interest": self._open_interest,
            "liquidation-orders": self._liquidations,
            "instruments": self._instrument,
        }

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; Unreadable if it makes no sense or names a contract of unknown size."""
        try:
            if isinstance(frame, str):
                frame = frame.encode()
            channel = frame[PLACE]
            trading = READERS.get(channel)
            if trading is not None:
                return trading(frame, received_ms, self.contracts)
            quick = QUICK.get(channel)
            if quick is not None:
                try:
                    return quick(frame, received_ms)
                except (msgspec.ValidationError, ValueError):
                    pass  # not quite as usual: read below, row by row
            try:
                message = _frame.decode(frame)
            except msgspec.ValidationError:
                return self._unusual(frame, received_ms)
            rows, arg = message.data, message.arg
            if rows is None or arg is None or message.event:
                return _answer(message)
            read = self._readers.get(arg.channel)
            if read is None:
                trading = reader_of_channel(arg.channel)
                return () if trading is None else trading(frame, received_ms, self.contracts)
            return read(rows[0], received_ms) if len(rows) == 1 else self._several(rows, arg.channel, received_ms)
        except msgspec.ValidationError as exc:
            if _is_foreign(frame, self._readers):
                return Ignored()
            raise Unreadable(f"OKX sent a frame of the wrong shape: {brief(exc)}") from exc
        except Unreadable:
            raise
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            if frame == b"pong":
                return Pong()
            raise Unreadable(f"OKX sent a frame that cannot be read: {brief(exc)}") from exc

    def _unusual(self, frame: bytes, received_ms: int) -> Sequence[Event]:
        """A frame of trading that does not say its channel first."""
        peek = _peek.decode(frame)
        trading = None if peek.event or peek.arg is None else reader_of_channel(peek.arg.channel)
        if trading is None:
            _frame.decode(frame)  # says what is wrong with it
            return ()
        return trading(frame, received_ms, self.contracts)

    def _several(self, rows: list[_Row], channel: str, received_ms: int) -> Sequence[Event]:
        """The rows that can be read; the others are counted, unless there is no other."""
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                events += self._readers[channel](row, received_ms)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if not events:
                raise Unreadable(f"OKX sent {left_out} rows that cannot be read: {brief(why)}")
            self.left_out += left_out
            self.left_out_why = brief(why)
        events.sort(key=_time_of)
        return events

    def _mark(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        price = positive(row.mark_px)
        if price is None:
            return ()
        return (
            MarkPrice(
                venue=VENUE,
                symbol=to_symbol(row.inst_id),
                price=price,
                at_ms=whole(row.ts) or received_ms,
                received_ms=received_ms,
            ),
        )

    def _funding(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        settles, after = whole(row.funding_time), whole(row.next_funding_time)
        if settles is None or after is None or after <= settles:
            raise ValueError(f"the funding of {row.inst_id} does not say when it settles and when next")
        symbol = to_symbol(row.inst_id)
        interval_ms = after - settles
        events: tuple[Event, ...] = ()
        paid_ms = whole(row.prev_funding_time) or settles - interval_ms
        if row.sett_state == "settled" and self._settled.get(row.inst_id, 0) < paid_ms:
            paid = number(row.sett_funding_rate)
            if paid is not None:
                self._settled[row.inst_id] = paid_ms
                events = (
                    FundingRate(
                        venue=VENUE,
                        symbol=symbol,
                        rate=paid,
                        interval_h=interval_ms / _HOUR_MS,
                        settles_at_ms=paid_ms,
                        is_settled=True,
                        at_ms=paid_ms,
                        received_ms=received_ms,
                    ),
                )
        rate = number(row.funding_rate)
        if rate is None:
            return events
        predicted = FundingRate(
            venue=VENUE,
            symbol=symbol,
            rate=rate,
            interval_h=interval_ms / _HOUR_MS,
            settles_at_ms=settles,
            at_ms=whole(row.ts) or received_ms,
            received_ms=received_ms,
        )
        return (*events, predicted) if events else (predicted,)

    def _open_interest(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        base = number(row.oi_ccy)
        if base is None:
            raise ValueError(f"the open interest of {row.inst_id} is not given in coins")
        return (
            OpenInterest(
                venue=VENUE,
                symbol=to_symbol(row.inst_id),
                oi_base=base,
                oi_usd=number(row.oi_usd),
                at_ms=whole(row.ts) or received_ms,
                received_ms=received_ms,
            ),
        )

    def _liquidations(self, row: _Row, received_ms: int) -> Sequence[Event]:
        contract = self.contracts.get(row.inst_id)
        if contract is None:
            raise Unreadable(
                f"OKX liquidated {row.inst_id[:LONGEST_NAME]}, and the size of its contract is not known yet"
            )
        symbol = to_symbol(row.inst_id)
        if not contract.is_inverse and symbol.split("-", 2)[1] not in DOLLARS:
            raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known")
        events: list[Event] = []
        for detail in row.details or ():
            contracts, price = positive(detail.sz), positive(detail.bk_px)
            if contracts is None or price is None:
                raise ValueError(f"a liquidation of {row.inst_id} has no size or no price")
            amount = contracts * contract.size
            events.append(
                Liquidation(
                    venue=VENUE,
                    symbol=symbol,
                    side=_closed_side(detail),
                    quantity=amount / price if contract.is_inverse else amount,
                    price=price,
                    price_kind="mark",
                    notional_usd=amount if contract.is_inverse else amount * price,
                    at_ms=whole(detail.ts) or received_ms,
                    received_ms=received_ms,
                )
            )
        if len(events) > 1:
            events.sort(key=_time_of)
        return events

    def _instrument(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        learned = contract_of(row.inst_id, row.ct_val, row.ct_mult, row.ct_type)
        if learned is not None:
            self.contracts[learned[0]] = learned[1]
        return ()


def _closed_side(detail: _Detail) -> Side:
    if detail.pos_side in ("long", "short"):
        return "long" if detail.pos_side == "long" else "short"
    if detail.side in ("sell", "buy"):  # a net position: the forced order goes against it
        return "long" if detail.side == "sell" else "short"
    raise ValueError(f"'{detail.pos_side}' and '{detail.side}' do not say which side was closed")


def _answer(message: _Frame) -> Control:
    if message.event == "subscribe" and message.arg is not None:
        return Accepted((topic_of(message.arg.channel, message.arg.inst_id, message.arg.inst_type),), message.id)
    if message.event == "error":
        items = tuple(topic_of(channel, target, "") for channel, target in _FAILED_ITEM.findall(message.msg))
        if message.arg is not None:
            items = (topic_of(message.arg.channel, message.arg.inst_id, message.arg.inst_type),)
        return Rejected(f"{message.code}: {message.msg}", items, message.id)
    if message.event:
        return Ignored()  # unsubscribe, notice, channel-conn-count
    raise Unreadable("OKX sent a frame without rows and without an event")


def _is_foreign(frame: bytes | str, ours: Container[str]) -> bool:
    """A channel that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    if peek.event or peek.arg is None or not peek.arg.channel:
        return bool(peek.event)
    return peek.arg.channel not in ours and reader_of_channel(peek.arg.channel) is None
