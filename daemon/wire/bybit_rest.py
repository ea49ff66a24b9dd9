"""Bybit v5 over REST: which instruments there are, the funding that was paid, who is long, and the insurance fund."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.bybit_server import Encoder
from daemon.wire.bybit_symbols import from_symbol, to_symbol
from daemon.wire.bybit_tickers import USUAL_INTERVAL_H, VENUE, Ticker, ticker_events
from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, plain, positive, whole
from daemon.wire.rows import readable, written
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, InsuranceFund, LongShortRatio

TICKERS = "/v5/market/tickers"  # ?category=linear: all instruments in one answer
FUNDING_HISTORY = "/v5/market/funding/history"  # newest first; startTime without endTime is an error
ACCOUNT_RATIO = "/v5/market/account-ratio"  # ?category&symbol&period=5min: newest first
RATIO_PERIOD, RATIO_PERIOD_MS = "5min", 300_000
INSURANCE = "/v5/market/insurance"  # without a coin: of all coins

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


class _Ratio(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    buy_ratio: str
    sell_ratio: str
    timestamp: str


class _RatioList(msgspec.Struct, gc=False):
    rows: list[_Ratio] = msgspec.field(name="list", default_factory=list)


class _Ratios(_Answer, gc=False, rename="camel"):
    result: _RatioList | None = None


class _Pool(msgspec.Struct, gc=False):
    coin: str
    balance: str
    value: str = ""


class _PoolList(msgspec.Struct, gc=False, rename="camel"):
    updated_time: str = ""
    rows: list[_Pool] = msgspec.field(name="list", default_factory=list)


class _Insurance(_Answer, gc=False, rename="camel"):
    result: _PoolList | None = None


_answer = msgspec.json.Decoder(_Answer)
_ratios = msgspec.json.Decoder(_Ratios)
_insurance = msgspec.json.Decoder(_Insurance)
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


def decode_account_ratio(body: bytes, received_ms: int) -> list[LongShortRatio]:
    """Shares of accounts that are long and short, oldest first; asked for with RATIO_PERIOD."""
    answer = _read(_ratios.decode, body)
    rows = readable(answer.result.rows if answer.result else (), lambda row: _ratio(row, received_ms))
    return sorted(rows, key=lambda event: event.at_ms)


def _ratio(row: _Ratio, received_ms: int) -> LongShortRatio | None:
    long, short, at_ms = number(row.buy_ratio), positive(row.sell_ratio), whole(row.timestamp)
    if long is None or short is None or at_ms is None:
        return None
    return LongShortRatio(
        venue=VENUE,
        symbol=to_symbol(row.symbol),
        ratio=long / short,
        long_share=long,
        short_share=short,
        period_ms=RATIO_PERIOD_MS,
        at_ms=at_ms,
        received_ms=received_ms,
    )


def encode_account_ratio(events: Sequence[LongShortRatio], now_ms: int) -> bytes:
    """The answer to /v5/market/account-ratio, newest first."""
    rows = [
        {
            "symbol": from_symbol(event.symbol),
            "buyRatio": plain(event.long_share),
            "sellRatio": plain(event.short_share),
            "timestamp": str(event.at_ms),
        }
        for event in sorted(events, key=lambda event: -event.at_ms)
    ]
    return _envelope({"list": rows, "nextPageCursor": ""}, now_ms)


def decode_insurance(body: bytes, received_ms: int) -> list[InsuranceFund]:
    """The fund of each coin: what all contracts share, and the pools that belong to some, together."""
    answer = _read(_insurance.decode, body)
    at_ms = (whole(answer.result.updated_time) if answer.result else None) or received_ms
    funds: dict[str, tuple[float, float | None]] = {}
    for row in answer.result.rows if answer.result else ():
        amount, value = _pool(row)
        if amount is None:
            continue
        amount_before, value_before = funds.get(row.coin, (0.0, 0.0))
        together = None if value is None or value_before is None else value_before + value
        funds[row.coin] = amount_before + amount, together
    return [
        InsuranceFund(venue=VENUE, coin=coin, amount=amount, amount_usd=value, at_ms=at_ms, received_ms=received_ms)
        for coin, (amount, value) in funds.items()
    ]


def _pool(row: _Pool) -> tuple[float | None, float | None]:
    try:
        return number(row.balance), number(row.value)
    except ValueError:
        return None, None


def encode_insurance(events: Sequence[InsuranceFund], now_ms: int) -> bytes:
    """The answer to /v5/market/insurance: one pool a coin."""
    rows = [
        {"coin": event.coin, "symbols": "", "balance": plain(event.amount), "value": written(event.amount_usd)}
        for event in events
    ]
    return _envelope({"updatedTime": str(max((e.at_ms for e in events), default=now_ms)), "list": rows}, now_ms)


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
