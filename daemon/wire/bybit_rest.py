"""Bybit v5 over REST: which instruments there are, and the funding that was paid."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.bybit_server import Encoder
from daemon.wire.bybit_symbols import from_symbol, to_symbol
from daemon.wire.bybit_tickers import USUAL_INTERVAL_H, VENUE, Ticker, ticker_events
from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, plain, whole
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate

TICKERS = "/v5/market/tickers"  # ?category=linear: all instruments in one answer
FUNDING_HISTORY = "/v5/market/funding/history"  # newest first; startTime without endTime is an error

A = TypeVar("A", bound="_Answer")


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    ret_code: int
    ret_msg: str = ""
    time: int = 0


class _TickerList(msgspec.Struct, gc=False):
    rows: list[Ticker] = msgspec.field(name="list", default_factory=list)


class _Tickers(_Answer, gc=False, rename="camel"):
    result: _TickerList | None = None


class _Paid(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    funding_rate: str
    funding_rate_timestamp: str


class _PaidList(msgspec.Struct, gc=False):
    rows: list[_Paid] = msgspec.field(name="list", default_factory=list)


class _History(_Answer, gc=False, rename="camel"):
    result: _PaidList | None = None


_answer = msgspec.json.Decoder(_Answer)
_tickers = msgspec.json.Decoder(_Tickers)
_history = msgspec.json.Decoder(_History)


def decode_tickers(body: bytes, received_ms: int, intervals_h: Mapping[str, float] | None = None) -> list[Event]:
    """Mark price, funding and open interest of all instruments; those that we cannot name are left out."""
    answer = _read(_tickers.decode, body)
    events: list[Event] = []
    for row in answer.result.rows if answer.result else ():
        try:
            events += ticker_events(row, answer.time or received_ms, received_ms, intervals_h or {})
        except ValueError:
            continue
    return events


def decode_symbols(body: bytes) -> list[str]:
    """All instruments in an answer to /v5/market/tickers, in our spelling."""
    answer = _read(_tickers.decode, body)
    found = []
    for row in answer.result.rows if answer.result else ():
        try:
            found.append(to_symbol(row.symbol))
        except ValueError:
            continue
    return found


def encode_tickers(events: Sequence[Event], now_ms: int) -> bytes:
    """The answer to /v5/market/tickers?category=linear; of several events the last counts."""
    encoder = Encoder()
    encoder.encode(events, now_ms)
    return _envelope({"category": "linear", "list": encoder.tickers()}, now_ms)


def decode_funding_history(
    body: bytes, received_ms: int, intervals_h: Mapping[str, float] | None = None
) -> list[FundingRate]:
    """Funding that was paid, oldest first (Bybit sends the newest first); the interval is not in the answer."""
    answer = _read(_history.decode, body)
    events: list[FundingRate] = []
    for row in answer.result.rows if answer.result else ():
        try:
            symbol, rate, paid_ms = to_symbol(row.symbol), number(row.funding_rate), whole(row.funding_rate_timestamp)
        except ValueError:
            continue
        if rate is None or paid_ms is None:
            continue
        events.append(
            FundingRate(
                venue=VENUE,
                symbol=symbol,
                rate=rate,
                interval_h=(intervals_h or {}).get(symbol, USUAL_INTERVAL_H),
                settles_at_ms=paid_ms,
                is_settled=True,
                at_ms=paid_ms,
                received_ms=received_ms,
            )
        )
    events.sort(key=lambda event: event.at_ms)
    return events


def encode_funding_history(events: Sequence[FundingRate], now_ms: int) -> bytes:
    """The answer to /v5/market/funding/history, newest first."""
    rows = [
        {
            "symbol": from_symbol(event.symbol),
            "fundingRate": plain(event.rate),
            "fundingRateTimestamp": str(event.settles_at_ms or event.at_ms),
        }
        for event in sorted(events, key=lambda event: -event.at_ms)
    ]
    return _envelope({"category": "linear", "list": rows}, now_ms)


def encode_error(code: int, message: str, now_ms: int) -> bytes:
    """What Bybit answers when it refuses, with HTTP status 200."""
    return _envelope({}, now_ms, code=code, message=message)


def _envelope(result: Mapping[str, object], now_ms: int, *, code: int = 0, message: str = "OK") -> bytes:
    answer = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}
    return msgspec.json.encode(answer)


def _read(decode: Callable[[bytes], A], body: bytes) -> A:
    """The answer, or Unreadable: Bybit refuses with HTTP 200 and a retCode other than 0."""
    try:
        code = _answer.decode(body)
        if code.ret_code != 0:
            raise Unreadable(f"Bybit refused: {code.ret_code} {code.ret_msg}")
        return decode(body)
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Bybit sent an answer that cannot be read: {brief(exc)}") from exc
