"""Deribit over REST (JSON-RPC 2.0): futures and options of a currency in one answer each, and one ticker.

Facts: `open_interest` is US dollars for inverse contracts (BTC-PERPETUAL, BTC-26DEC25), and coins for options and linear
ones (BTC_USDC-PERPETUAL). An option's `mark_price` is in coins, its `underlying_price` in dollars. Funding accrues all
the time: `funding_8h` is what the last eight hours came to, and there is no next settlement. `volume` is coins.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.numbers import number, positive
from daemon.wire.rows import readable
from daemon.wire.trouble import brief, check_name
from rules import instruments

VENUE = "deribit"
REST_URL = "https://www.deribit.com/api/v2"
BOOK_SUMMARY = "/public/get_book_summary_by_currency"  # ?currency=BTC&kind=future|option
TICKER = "/public/ticker"  # ?instrument_name=
FUNDING_INTERVAL_H = 8.0

T = TypeVar("T")
_TOO_OFTEN = 10028
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class Named(NamedTuple):
    """What a future's name says about it."""

    symbol: str
    is_inverse: bool  # counted and quoted in dollars, settled in coins


class Summary(msgspec.Struct, frozen=True, gc=False):
    """An instrument now. `interest` is dollars for inverse contracts, else coins."""

    instrument: str
    last: float | None = None
    mark: float | None = None  # of options: in coins
    index: float | None = None
    underlying: float | None = None  # of options only
    interest: float | None = None
    volume_base: float | None = None
    volume_usd: float | None = None
    funding_8h: float | None = None
    at_ms: int = 0


class _Row(msgspec.Struct, gc=False):
    instrument_name: str
    last: float | str | None = None
    mark_price: float | str | None = None
    estimated_delivery_price: float | str | None = None
    underlying_price: float | str | None = None
    open_interest: float | str | None = None
    volume: float | str | None = None
    volume_usd: float | str | None = None
    funding_8h: float | str | None = None
    creation_timestamp: int = 0


class _Stats(msgspec.Struct, gc=False):
    volume: float | str | None = None
    volume_usd: float | str | None = None


class _Ticker(msgspec.Struct, gc=False):
    instrument_name: str
    timestamp: int = 0
    last_price: float | str | None = None
    mark_price: float | str | None = None
    index_price: float | str | None = None
    underlying_price: float | str | None = None
    open_interest: float | str | None = None
    funding_8h: float | str | None = None
    stats: _Stats | None = None


class _Failure(msgspec.Struct, gc=False):
    code: int
    message: str = ""


class _Answer(msgspec.Struct, gc=False):
    result: msgspec.Raw = msgspec.Raw()
    error: _Failure | None = None


_answer = msgspec.json.Decoder(_Answer)
_rows = msgspec.json.Decoder(list[_Row])
_ticker = msgspec.json.Decoder(_Ticker)
_raw = msgspec.json.Decoder(dict[str, Any])
_raws = msgspec.json.Decoder(list[dict[str, Any]])


@lru_cache(maxsize=4_096)
def read_name(name: str) -> Named:
    """BTC-PERPETUAL -> BTC-USD-PERP, inverse; BTC_USDC-26DEC25 -> BTC-USDC-20251226. ValueError for options and nonsense."""
    check_name(name)
    pair, _, expiry = name.partition("-")
    base, _, quote = pair.partition("_")
    if not base or not expiry or "-" in expiry:
        raise ValueError(f"'{name}' is not a future of Deribit")
    whole = instruments.from_packed(base + (quote or "USD") + ("" if expiry == "PERPETUAL" else f"-{expiry}"))
    return Named(str(instruments.Instrument(base, quote or "USD", whole.expiry)), not quote)


def from_symbol(symbol: str) -> str:
    """BTC-USD-PERP -> BTC-PERPETUAL, BTC-USDC-20251226 -> BTC_USDC-26DEC25."""
    instrument = instruments.parse(symbol)
    pair = instrument.base if instrument.quote == "USD" else f"{instrument.base}_{instrument.quote}"
    if instrument.is_perpetual:
        return f"{pair}-PERPETUAL"
    text = instrument.expiry
    if len(text) != 8 or not text.isdigit() or not 1 <= int(text[4:6]) <= 12:
        raise ValueError(f"'{symbol}' does not say on which day it expires")
    return f"{pair}-{int(text[6:])}{_MONTHS[int(text[4:6]) - 1]}{text[2:4]}"


def decode_summaries(body: bytes) -> list[Summary]:
    """All futures or all options of a currency."""
    return readable(
        _read(body, _rows.decode),
        lambda row: Summary(
            instrument=row.instrument_name,
            last=positive(row.last),
            mark=positive(row.mark_price),
            index=positive(row.estimated_delivery_price),
            underlying=positive(row.underlying_price),
            interest=number(row.open_interest),
            volume_base=number(row.volume),
            volume_usd=number(row.volume_usd),
            funding_8h=number(row.funding_8h),
            at_ms=row.creation_timestamp,
        ),
    )


def decode_raw(body: bytes) -> list[dict[str, Any]]:
    """The rows of summaries as they were sent, for those who show them."""
    return _read(body, _raws.decode)


def encode_summaries(rows: Sequence[Summary]) -> bytes:
    """The answer to get_book_summary_by_currency."""
    found = []
    for row in rows:
        fields: dict[str, object] = {
            "instrument_name": row.instrument,
            "last": row.last,
            "mark_price": row.mark,
            "estimated_delivery_price": row.index,
            "open_interest": row.interest,
            "volume": row.volume_base,
            "volume_usd": row.volume_usd,
            "creation_timestamp": row.at_ms,
        }
        if row.underlying is not None:
            fields["underlying_price"] = row.underlying
        if row.funding_8h is not None:
            fields["funding_8h"] = row.funding_8h
        found.append(fields)
    return _envelope(found)


def decode_ticker(body: bytes) -> Summary:
    """One instrument, with the index."""
    row = _read(body, _ticker.decode)
    stats = row.stats or _Stats()
    found = readable(
        (row,),
        lambda row: Summary(
            instrument=row.instrument_name,
            last=positive(row.last_price),
            mark=positive(row.mark_price),
            index=positive(row.index_price),
            underlying=positive(row.underlying_price),
            interest=number(row.open_interest),
            volume_base=number(stats.volume),
            volume_usd=number(stats.volume_usd),
            funding_8h=number(row.funding_8h),
            at_ms=row.timestamp,
        ),
    )
    if not found:
        raise Unreadable(f"Deribit sent numbers that cannot be read for {brief(row.instrument_name)}")
    return found[0]


def encode_ticker(row: Summary) -> bytes:
    """The answer to ticker."""
    return _envelope(
        {
            "instrument_name": row.instrument,
            "timestamp": row.at_ms,
            "state": "open",
            "last_price": row.last,
            "mark_price": row.mark,
            "index_price": row.index,
            "underlying_price": row.underlying,
            "open_interest": row.interest,
            "funding_8h": row.funding_8h,
            "stats": {"volume": row.volume_base, "volume_usd": row.volume_usd},
        }
    )


def encode_error(code: int, message: str) -> bytes:
    """What Deribit answers when it refuses."""
    return msgspec.json.encode({"jsonrpc": "2.0", "error": {"code": code, "message": message}})


def _envelope(result: object) -> bytes:
    return msgspec.json.encode(
        {"jsonrpc": "2.0", "result": result, "usIn": 0, "usOut": 0, "usDiff": 0, "testnet": False}
    )


def _read(body: bytes, decode: Callable[[msgspec.Raw], T]) -> T:
    try:
        answer = _answer.decode(body)
        if answer.error is not None:
            told = f"{answer.error.code} {brief(answer.error.message)}"
            if answer.error.code == _TOO_OFTEN:
                raise Throttled(f"Deribit was asked too often: {told}")
            raise Unreadable(f"Deribit refused: {told}")
        if not bytes(answer.result):
            raise Unreadable("Deribit sent an answer that cannot be read: it has no result")
        return decode(answer.result)
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Deribit sent an answer that cannot be read: {brief(exc)}") from exc
