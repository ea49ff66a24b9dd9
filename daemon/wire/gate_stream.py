"""Gate's USDT futures streams (v4): tickers with mark price, funding and open interest, and liquidations.

Facts: sizes are contracts, so nothing has a unit before the list of contracts is known (`quanto_multiplier` coins each);
the header `X-Gate-Size-Decimal: 1` keeps their fractions. The sign of a liquidation's `size` is that of the *order*:
negative sold, so a long was closed (over REST the sign is the other way round). `price` is the order's, not the fill's.
Until 2026-08 one liquidation a contract and second was told; since then all of a second come as one list, at most twenty
at a time, whose `time` is in milliseconds; before, `time` was seconds and `time_ms` stood beside it. A ticker names
neither the funding interval nor the next settlement: both come with the list of contracts.
[inferred]: that `total_size` counts one side, and what a refusal of one contract among several says.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from daemon.wire.changes import AGAIN_MS, Tickers
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.gate_server import TICKERS as TICKERS
from daemon.wire.gate_server import Encoder as Encoder
from daemon.wire.gate_server import acknowledge as acknowledge
from daemon.wire.gate_server import read_request as read_request
from daemon.wire.gate_server import refuse as refuse
from daemon.wire.gate_symbols import CONTRACTS as CONTRACTS
from daemon.wire.gate_symbols import Contract as Contract
from daemon.wire.gate_symbols import decode_contracts as decode_contracts
from daemon.wire.gate_symbols import encode_contracts as encode_contracts
from daemon.wire.gate_symbols import from_symbol as from_symbol
from daemon.wire.gate_symbols import to_symbol as to_symbol
from daemon.wire.numbers import batches, is_in_dollars, number, positive, whole
from daemon.wire.trouble import LONGEST_NAME, brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

VENUE = "gate"
WS_URL = "wss://fx-ws.gateio.ws/v4/ws/usdt"
REST_URL = "https://api.gateio.ws"
HEADERS = {"X-Gate-Size-Decimal": "1"}  # or sizes below one contract arrive as 0
PING: str | None = '{"time":0,"channel":"futures.ping"}'
PING_EVERY_S = 15.0
SILENCE_S = 45.0
ALL_LIQUIDATIONS = "futures.public_liquidates:!all"

_LIQUIDATIONS = "futures.public_liquidates"
_OURS = (TICKERS, _LIQUIDATIONS)
_SECONDS_END = 100_000_000_000  # a time below it is in seconds
_NAME = re.compile(r"\b[A-Z0-9]{1,30}_[A-Z0-9]{2,10}\b")


class _Row(msgspec.Struct, gc=False):
    """A ticker or a liquidation; or, in an answer, its outcome."""

    contract: str = ""
    mark_price: str | float | None = None
    index_price: str | float | None = None
    funding_rate: str | float | None = None
    total_size: str | float | None = None
    price: str | float | None = None
    size: str | float | None = None
    time: float = 0
    time_ms: float = 0
    status: str = ""


class _Failure(msgspec.Struct, gc=False):
    code: int = 0
    message: str = ""


class _Frame(msgspec.Struct, gc=False):
    channel: str = ""
    event: str = ""
    time: int = 0
    time_ms: int = 0
    result: list[_Row] | _Row | None = None
    error: _Failure | None = None
    id: int | str | None = None
    payload: Any = None


class _Peek(msgspec.Struct, gc=False):
    channel: str = ""
    event: str = ""


_frame = msgspec.json.Decoder(_Frame)
_peek = msgspec.json.Decoder(_Peek)


class Decoder:
    """Reads the frames of one connection. `contracts` (by Gate's name) say how much a size is."""

    def __init__(self, contracts: Mapping[str, Contract]) -> None:
        self.contracts = contracts
        self.left_out = 0  # rows skipped in frames of which the rest could be read
        self.left_out_why = ""
        self._told = Tickers()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; Unreadable if it makes no sense or names a contract of unknown size."""
        try:
            message = _frame.decode(frame)
            channel = message.channel
            if message.event != "update" or channel not in _OURS:
                return _answer(message) if channel in _OURS or message.event != "update" else ()
            rows = message.result
            if rows is None:
                raise ValueError(f"{channel} without its result")
            if channel == TICKERS:
                at_ms = whole(message.time_ms) or (whole(message.time) or 0) * 1_000 or received_ms
                if isinstance(rows, list) and len(rows) != 1:
                    return self._several(rows, TICKERS, at_ms, received_ms)
                return self._ticker(rows[0] if isinstance(rows, list) else rows, at_ms, received_ms)
            return self._several(rows if isinstance(rows, list) else [rows], _LIQUIDATIONS, 0, received_ms)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(frame):
                return Ignored()
            raise Unreadable(f"Gate sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError, OverflowError) as exc:
            raise Unreadable(f"Gate sent a frame that cannot be read: {brief(exc)}") from exc

    def _several(self, rows: list[_Row], channel: str, at_ms: int, received_ms: int) -> Sequence[Event]:
        """The rows that can be read; the others are counted, unless there is no other."""
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                if channel == TICKERS:
                    events += self._ticker(row, at_ms, received_ms)
                else:
                    events.append(self._liquidation(row, received_ms))
            except (ValueError, OverflowError) as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if left_out == len(rows):
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        return events

    def _ticker(self, row: _Row, at_ms: int, received_ms: int) -> tuple[Event, ...]:
        name = row.contract
        told = self._told.get(name) or self._told.begin(name, to_symbol(name))
        contract = self.contracts.get(name)
        events: tuple[Event, ...] = ()
        if row.mark_price != told.mark or row.index_price != told.index or received_ms >= told.price_until_ms:
            told.mark, told.index, told.price_until_ms = row.mark_price, row.index_price, received_ms + AGAIN_MS
            mark = positive(row.mark_price)
            if mark is not None:
                price = MarkPrice(
                    venue=VENUE,
                    symbol=told.symbol,
                    price=mark,
                    index_price=positive(row.index_price),
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (price,)
        if contract is None:  # without the interval a rate says nothing, without the size an interest
            return events
        settles_ms = contract.next_ms(at_ms)
        if row.funding_rate != told.rate or settles_ms != told.settles or received_ms >= told.funding_until_ms:
            told.rate, told.settles, told.funding_until_ms = row.funding_rate, settles_ms, received_ms + AGAIN_MS
            rate = number(row.funding_rate)
            if rate is not None:
                funding = FundingRate(
                    venue=VENUE,
                    symbol=told.symbol,
                    rate=rate,
                    interval_h=contract.interval_h,
                    settles_at_ms=settles_ms,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (*events, funding)
        if row.total_size != told.interest or received_ms >= told.interest_until_ms:
            told.interest, told.interest_until_ms = row.total_size, received_ms + AGAIN_MS
            contracts, mark = number(row.total_size), positive(row.mark_price)
            if contracts is not None:
                coins = contracts * contract.size
                interest = OpenInterest(
                    venue=VENUE,
                    symbol=told.symbol,
                    oi_base=coins,
                    oi_usd=coins * mark if mark is not None and is_in_dollars(told.symbol) else None,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (*events, interest)
        return events

    def _liquidation(self, row: _Row, received_ms: int) -> Liquidation:
        contract = self.contracts.get(row.contract)
        if contract is None:
            raise ValueError(f"Gate liquidated {row.contract[:LONGEST_NAME]}, and the size of its contract is unknown")
        symbol = to_symbol(row.contract)
        if not is_in_dollars(symbol):
            raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known")
        size, price = number(row.size), positive(row.price)
        if not size or price is None:
            raise ValueError(f"a liquidation of {row.contract} has no size or no price")
        at_ms = whole(row.time_ms) or whole(row.time) or received_ms
        quantity = abs(size) * contract.size
        return Liquidation(
            venue=VENUE,
            symbol=symbol,
            side="long" if size < 0 else "short",
            quantity=quantity,
            price=price,
            price_kind="order",
            notional_usd=quantity * price,
            at_ms=at_ms * 1_000 if at_ms < _SECONDS_END else at_ms,
            received_ms=received_ms,
        )


def _answer(message: _Frame) -> Control:
    request_id = str(message.id) if message.id else None
    asked = message.payload if isinstance(message.payload, list) else []
    items = tuple(f"{message.channel}:{name}" for name in asked if isinstance(name, str))
    if message.error is not None:
        why = f"{message.error.code}: {message.error.message}"
        named = _NAME.findall(message.error.message)
        return Rejected(brief(why), tuple(f"{message.channel}:{name}" for name in named), request_id)
    if message.channel == "futures.pong":
        return Pong()
    if message.event == "subscribe" and isinstance(message.result, _Row) and message.result.status == "success":
        return Accepted(items, request_id)
    if message.channel:
        return Ignored()
    raise Unreadable("Gate sent a frame without a channel")


def _is_foreign(frame: bytes | str) -> bool:
    """A channel that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bool(peek.channel) and peek.channel not in _OURS


def ticker_topic(symbol: str) -> str:
    """Mark price, funding and open interest of one instrument."""
    return f"{TICKERS}:{from_symbol(symbol)}"


def liquidation_topic(symbol: str) -> str:
    """Liquidations of one instrument."""
    return f"{_LIQUIDATIONS}:{from_symbol(symbol)}"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics; a request is about one channel, and the ids count up from `request_id`."""
    return _requests("subscribe", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    return _requests("unsubscribe", topics, request_id)


def _requests(event: str, topics: Sequence[str], request_id: int) -> list[str]:
    wanted = [
        (channel, batch)
        for channel, group in groupby(topics, lambda topic: topic.partition(":")[0])
        for batch in batches([topic.partition(":")[2] for topic in group], most=100, characters=3_000)
    ]
    return [
        msgspec.json.encode(
            # the time is only looked at beside a signature
            {"time": 0, "id": request_id + place, "channel": channel, "event": event, "payload": batch}
        ).decode()
        for place, (channel, batch) in enumerate(wanted)
    ]
