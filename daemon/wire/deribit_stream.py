"""Deribit's streams (JSON-RPC 2.0): tickers with mark price, funding and open interest, and trades of which some are forced.

Facts: `open_interest` and `amount` are US dollars for inverse contracts (BTC-PERPETUAL) and coins for linear ones.
Funding accrues all the time: `funding_8h` is what the last eight hours came to, `current_funding` what accrues this
instant (0 inside the dampener). We tell `funding_8h`, with an interval of 8 hours and no settlement, as the REST tables
do: it compares with other venues and does not tremble. A trade with `liquidation` closed a position by force: `T` the
taker's, `M` the maker's, `MT` one of each; `direction` is the taker's. Trades of one moment and side are fills of one
order and are told as one, at their average price. A subscription is answered with the channels that were taken.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from daemon.wire.changes import AGAIN_MS, Tickers
from daemon.wire.control import Accepted, Answer, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.deribit import FUNDING_INTERVAL_H, VENUE, Named, from_symbol, read_name
from daemon.wire.deribit_server import Encoder as Encoder
from daemon.wire.deribit_server import acknowledge as acknowledge
from daemon.wire.deribit_server import read_request as read_request
from daemon.wire.deribit_server import refuse as refuse
from daemon.wire.numbers import batches, is_in_dollars, positive, whole
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, Side

WS_URL = "wss://www.deribit.com/ws/api/v2"
# asked again with every ping: the answer is a sign of life, and a far end that forgot our heartbeat learns of it anew
PING: str | None = '{"jsonrpc":"2.0","id":0,"method":"public/set_heartbeat","params":{"interval":30}}'
PING_EVERY_S = 20.0
SILENCE_S = 50.0
TEST = '{"jsonrpc":"2.0","id":0,"method":"public/test","params":{}}'  # the answer to test_request; without it: cut

_OURS = ("ticker.", "trades.")
_IDS_KEPT = 20_000
_LATEST_MS = 2**63  # what is beyond is no time


class _Row(msgspec.Struct, gc=False):
    """A trade or a ticker."""

    instrument_name: str = ""
    timestamp: int = 0
    mark_price: float | None = None
    index_price: float | None = None
    open_interest: float | None = None
    funding_8h: float | None = None
    price: float | None = None
    amount: float | None = None
    direction: str = ""
    trade_id: str = ""
    liquidation: str = ""


class _Params(msgspec.Struct, gc=False):
    channel: str = ""
    data: list[_Row] | _Row | None = None
    type: str = ""


class _Failure(msgspec.Struct, gc=False):
    code: int = 0
    message: str = ""
    data: Any = None


class _Frame(msgspec.Struct, gc=False):
    params: _Params | None = None
    method: str = ""
    id: int | str | None = None
    result: Any = None
    error: _Failure | None = None


class _PeekParams(msgspec.Struct, gc=False):
    channel: str = ""


class _Peek(msgspec.Struct, gc=False):
    params: _PeekParams | None = None
    method: str = ""


_frame = msgspec.json.Decoder(_Frame)
_peek = msgspec.json.Decoder(_Peek)


class Trades:
    """The ids of forced trades that were told: bounded, and kept beyond a connection, since a new one may repeat them."""

    def __init__(self) -> None:
        self._told: dict[str, None] = {}

    def is_new(self, trade_id: str) -> bool:
        """Whether this id was never asked about; one that is missing is always new."""
        if trade_id in self._told:
            return False
        if trade_id:
            self._told[trade_id] = None
            if len(self._told) > _IDS_KEPT:
                del self._told[next(iter(self._told))]
        return True


class Decoder:
    """Reads the frames of one connection; tells of a ticker what changed."""

    def __init__(self, trades: Trades | None = None) -> None:
        self.left_out = 0  # trades skipped in frames of which the rest could be read
        self.left_out_why = ""
        self._trades = Trades() if trades is None else trades
        self._told = Tickers()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; what the far end wants answered comes as an Answer."""
        try:
            message = _frame.decode(frame)
            params = message.params
            if params is None:
                return _answer(message)
            data, channel = params.data, params.channel
            if isinstance(data, _Row):
                return self._ticker(data, received_ms) if channel.startswith("ticker.") else ()
            if data is not None:
                return self._forced(data, received_ms) if channel.startswith("trades.") else ()
            return _beat(message.method, params)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(frame):
                return Ignored()
            raise Unreadable(f"Deribit sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Deribit sent a frame that cannot be read: {brief(exc)}") from exc

    def _ticker(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        name, mark = row.instrument_name, row.mark_price
        named = _future(name)
        if named is None or mark is None or mark <= 0.0:
            return ()  # options and combinations, whose prices are in other units
        symbol = named.symbol
        told = self._told.get(name) or self._told.begin(name, symbol)
        at_ms = row.timestamp if 0 < row.timestamp < _LATEST_MS else received_ms
        events: tuple[Event, ...] = ()
        if mark != told.mark or row.index_price != told.index or received_ms >= told.price_until_ms:
            told.mark, told.index, told.price_until_ms = mark, row.index_price, received_ms + AGAIN_MS
            price = MarkPrice(
                venue=VENUE,
                symbol=symbol,
                price=mark,
                index_price=row.index_price or None,
                at_ms=at_ms,
                received_ms=received_ms,
            )
            events = (price,)
        rate = row.funding_8h
        if rate is not None and (rate != told.rate or received_ms >= told.funding_until_ms):
            told.rate, told.funding_until_ms = rate, received_ms + AGAIN_MS
            funding = FundingRate(
                venue=VENUE,
                symbol=symbol,
                rate=rate,
                interval_h=FUNDING_INTERVAL_H,
                at_ms=at_ms,
                received_ms=received_ms,
            )
            events = (*events, funding)
        amount = row.open_interest
        if amount is not None and (amount != told.interest or received_ms >= told.interest_until_ms):
            told.interest, told.interest_until_ms = amount, received_ms + AGAIN_MS
            base, usd = amount, amount * mark if is_in_dollars(symbol) else None
            if named.is_inverse:
                base, usd = amount / mark, amount
            interest = OpenInterest(
                venue=VENUE, symbol=symbol, oi_base=base, oi_usd=usd, at_ms=at_ms, received_ms=received_ms
            )
            events = (*events, interest)
        return events

    def _forced(self, rows: list[_Row], received_ms: int) -> Sequence[Event]:
        """The liquidations among these trades, fills of one order together."""
        orders: dict[tuple[str, Side, int], list[float]] = {}  # -> coins, dollars
        left_out, why = 0, ""
        for row in rows:
            if not row.liquidation:
                continue
            try:
                filled = _filled(row)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
                continue
            if filled is None or not self._trades.is_new(row.trade_id):
                continue
            symbol, sides, coins, dollars = filled
            for side in sides:
                order = orders.setdefault((symbol, side, whole(row.timestamp) or received_ms), [0.0, 0.0])
                order[0] += coins
                order[1] += dollars
        if left_out:
            if not orders:
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        return tuple(
            Liquidation(
                venue=VENUE,
                symbol=symbol,
                side=side,
                quantity=coins,
                price=float(f"{dollars / coins:.12g}"),  # one fill has its price to the last digit
                price_kind="fill",
                notional_usd=dollars,
                at_ms=at_ms,
                received_ms=received_ms,
            )
            for (symbol, side, at_ms), (coins, dollars) in orders.items()
        )


@lru_cache(maxsize=4_096)
def _future(name: str) -> Named | None:
    """What the name says, or None for an option or a combination."""
    try:
        return read_name(name)
    except ValueError:
        return None


def _filled(row: _Row) -> tuple[str, tuple[Side, ...], float, float] | None:
    """Symbol, sides of the positions closed, coins and dollars; None for what is no future."""
    named = _future(row.instrument_name)
    if named is None:
        return None
    amount, price = positive(row.amount), positive(row.price)
    if amount is None or price is None:
        raise ValueError(f"a liquidation of {row.instrument_name} has no size or no price")
    if not is_in_dollars(named.symbol):
        raise ValueError(f"a liquidation of {named.symbol} is not quoted in dollars, and its dollar value is not known")
    if row.direction not in ("buy", "sell"):
        raise ValueError(f"'{row.direction}' is not a direction")
    taker: Side = "long" if row.direction == "sell" else "short"
    maker: Side = "short" if taker == "long" else "long"
    sides: dict[str, tuple[Side, ...]] = {"T": (taker,), "M": (maker,), "MT": (maker, taker), "TM": (maker, taker)}
    if row.liquidation not in sides:
        raise ValueError(f"'{row.liquidation}' does not say whose position was liquidated")
    coins, dollars = (amount / price, amount) if named.is_inverse else (amount, amount * price)
    return named.symbol, sides[row.liquidation], coins, dollars


def _answer(message: _Frame) -> Control:
    request_id = None if message.id is None else str(message.id)
    if message.error is not None:
        return Rejected(f"{message.error.code}: {message.error.message}", request_id=request_id)
    result = message.result
    if isinstance(result, list):
        taken = tuple(item for item in result if isinstance(item, str))
        if not taken:  # not "all of them": an answer names what was taken
            return Rejected("Deribit took none of the channels", request_id=request_id)
        return Accepted(taken, request_id)
    if request_id == "0" and result is not None:
        return Pong()
    if message.method or result is not None:
        return Ignored()
    raise Unreadable("Deribit sent a frame without a channel and without an answer")


def _beat(method: str, params: _Params) -> Control:
    if method == "heartbeat":
        return Answer(TEST) if params.type == "test_request" else Pong()
    if method and not params.channel.startswith(_OURS):
        return Ignored()
    raise ValueError(f"{params.channel or 'a frame'} without its data")


def _is_foreign(frame: bytes | str) -> bool:
    """A channel that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return peek.params is not None and bool(peek.params.channel) and not peek.params.channel.startswith(_OURS)


def ticker_topic(symbol: str) -> str:
    """The channel of mark price, funding and open interest of one instrument."""
    return f"ticker.{from_symbol(symbol)}.100ms"


def trades_topic(symbol: str) -> str:
    """The channel of one instrument's trades, forced ones among them; `raw` would need a login."""
    return f"trades.{from_symbol(symbol)}.100ms"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these channels; the ids count up from `request_id`."""
    return _requests("public/subscribe", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these channels up."""
    return _requests("public/unsubscribe", topics, request_id)


def _requests(method: str, topics: Sequence[str], request_id: int) -> list[str]:
    return [
        msgspec.json.encode(
            {"jsonrpc": "2.0", "id": request_id + place, "method": method, "params": {"channels": batch}}
        ).decode()
        for place, batch in enumerate(batches(topics, most=100, characters=8_000))
    ]
