"""Binance USD-M futures over REST: what its streams do not say."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.binance import USUAL_INTERVAL_H, VENUE, from_symbol, is_coin_margined, is_in_dollars, to_symbol
from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, plain, positive
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

PREMIUM_INDEX = "/fapi/v1/premiumIndex"  # weight 1 with a symbol, 10 without
OPEN_INTEREST = "/fapi/v1/openInterest"  # weight 1, one symbol a call; there is no stream of it
FUNDING_RATE = "/fapi/v1/fundingRate"  # 500 calls in 5 minutes, shared with fundingInfo
FUNDING_INFO = "/fapi/v1/fundingInfo"

T = TypeVar("T")


class _Premium(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    time: int
    mark_price: str = ""
    index_price: str = ""
    last_funding_rate: str = ""
    next_funding_time: int = 0


class _Interest(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    open_interest: str
    time: int


class _Funding(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    funding_rate: str
    funding_time: int


class _Info(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    funding_interval_hours: float | str | None = None


class _Failure(msgspec.Struct, gc=False, rename="camel"):
    code: int
    msg: str = ""


_premiums = msgspec.json.Decoder(_Premium | list[_Premium])
_interest = msgspec.json.Decoder(_Interest)
_fundings = msgspec.json.Decoder(list[_Funding])
_infos = msgspec.json.Decoder(list[_Info])
_failure = msgspec.json.Decoder(_Failure)


def decode_premium_index(body: bytes, received_ms: int, intervals_h: Mapping[str, float] | None = None) -> list[Event]:
    """Mark price and predicted funding of one symbol or of all, without COIN-M's and those that we cannot name."""
    answer = _read(_premiums.decode, body)
    intervals_h = intervals_h or {}
    events: list[Event] = []
    for row in answer if isinstance(answer, list) else [answer]:
        try:
            symbol, price = to_symbol(row.symbol), positive(row.mark_price)
            index, rate = positive(row.index_price), number(row.last_funding_rate)
        except ValueError:
            continue
        if is_coin_margined(symbol):
            continue  # a coin that is wanted would bring them, and what else is asked about them counts contracts
        if price is not None:
            events.append(
                MarkPrice(
                    venue=VENUE,
                    symbol=symbol,
                    price=price,
                    index_price=index,
                    at_ms=row.time,
                    received_ms=received_ms,
                )
            )
        if rate is not None and row.next_funding_time:  # delivery contracts say 0
            events.append(
                FundingRate(
                    venue=VENUE,
                    symbol=symbol,
                    rate=rate,
                    interval_h=intervals_h.get(symbol, USUAL_INTERVAL_H),
                    settles_at_ms=row.next_funding_time,
                    at_ms=row.time,
                    received_ms=received_ms,
                )
            )
    return events


def encode_premium_index(events: Sequence[Event], symbol: str | None = None) -> bytes:
    """The answer to premiumIndex, of one symbol or of all; `events` may hold several of one symbol, the last counts."""
    rows: dict[str, dict[str, object]] = {}
    for event in events:
        if not isinstance(event, MarkPrice | FundingRate) or symbol not in (None, event.symbol):
            continue
        empty = {"markPrice": "", "indexPrice": "", "lastFundingRate": "", "nextFundingTime": 0}
        row = rows.setdefault(event.symbol, {"symbol": from_symbol(event.symbol), **empty, "interestRate": "0.0001"})
        row["time"] = event.at_ms
        if isinstance(event, FundingRate):
            row["lastFundingRate"], row["nextFundingTime"] = plain(event.rate), event.settles_at_ms or 0
        else:
            row["markPrice"] = plain(event.price)
            row["indexPrice"] = "" if event.index_price is None else plain(event.index_price)
    if symbol is None:
        return msgspec.json.encode(list(rows.values()))
    return msgspec.json.encode(rows[symbol]) if symbol in rows else encode_error(-1121, "Invalid symbol.")


def decode_open_interest(body: bytes, received_ms: int, mark: float | None = None) -> OpenInterest:
    """Open interest of one symbol, sent in base coins; dollars only if the mark price is given."""
    row = _read(_interest.decode, body)
    try:
        symbol, base = to_symbol(row.symbol), number(row.open_interest)
    except ValueError as exc:
        raise Unreadable(f"Binance sent open interest that cannot be read: {brief(exc)}") from exc
    if base is None:
        raise Unreadable(f"Binance sent no open interest for {row.symbol}")
    return OpenInterest(
        venue=VENUE,
        symbol=symbol,
        oi_base=base,
        oi_usd=base * mark if mark is not None and is_in_dollars(symbol) else None,
        at_ms=row.time,
        received_ms=received_ms,
    )


def encode_open_interest(event: OpenInterest) -> bytes:
    """The answer to openInterest."""
    row = {"openInterest": plain(event.oi_base), "symbol": from_symbol(event.symbol), "time": event.at_ms}
    return msgspec.json.encode(row)


def decode_funding_rates(
    body: bytes, received_ms: int, intervals_h: Mapping[str, float] | None = None
) -> list[FundingRate]:
    """Funding that was paid, oldest first, without COIN-M's."""
    intervals_h = intervals_h or {}
    events = []
    for row in _read(_fundings.decode, body):
        try:
            symbol, rate = to_symbol(row.symbol), number(row.funding_rate)
        except ValueError:
            continue
        if rate is not None and not is_coin_margined(symbol):
            events.append(
                FundingRate(
                    venue=VENUE,
                    symbol=symbol,
                    rate=rate,
                    interval_h=intervals_h.get(symbol, USUAL_INTERVAL_H),
                    settles_at_ms=row.funding_time,
                    is_settled=True,
                    at_ms=row.funding_time,
                    received_ms=received_ms,
                )
            )
    events.sort(key=lambda event: event.at_ms)
    return events


def encode_funding_rates(events: Sequence[FundingRate]) -> bytes:
    """The answer to fundingRate."""
    rows = [
        {
            "symbol": from_symbol(event.symbol),
            "fundingRate": plain(event.rate),
            "fundingTime": event.settles_at_ms or event.at_ms,
            "markPrice": "",
            "rateType": "Regular",
        }
        for event in events
    ]
    return msgspec.json.encode(rows)


def decode_funding_info(body: bytes) -> dict[str, float]:
    """Hours between settlements by our symbol, only of those that differ from the usual 8 or whose caps do."""
    found: dict[str, float] = {}
    for row in _read(_infos.decode, body):
        try:
            symbol, hours = to_symbol(row.symbol), positive(row.funding_interval_hours)
        except ValueError:
            continue
        if hours is not None:
            found[symbol] = hours
    return found


def encode_funding_info(intervals_h: Mapping[str, float]) -> bytes:
    """The answer to fundingInfo."""
    rows = [{"symbol": from_symbol(symbol), "fundingIntervalHours": hours} for symbol, hours in intervals_h.items()]
    return msgspec.json.encode(rows)


def encode_error(code: int, message: str) -> bytes:
    """What Binance answers when it refuses."""
    return msgspec.json.encode({"code": code, "msg": message})


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        try:
            failure = _failure.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise Unreadable(f"Binance sent an answer that cannot be read: {brief(exc)}") from exc
        raise Unreadable(f"Binance refused: {failure.code} {failure.msg}") from exc
