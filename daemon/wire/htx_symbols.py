"""HTX's spelling of instruments (BTC-USDT, BTC-USDT-260327), what its contracts are worth, and their open interest."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import is_in_dollars, number, positive, whole
from daemon.wire.rows import readable
from daemon.wire.trouble import brief, check_name
from rules import instruments
from rules.events import OpenInterest

VENUE = "htx"
CONTRACTS = "/linear-swap-api/v1/swap_contract_info"  # every contract and its size
ELEMENTS = "/linear-swap-api/v1/swap_query_elements"  # [inferred] how often each pays funding
OPEN_INTEREST = "/linear-swap-api/v1/swap_open_interest"  # of every contract

T = TypeVar("T")


class _ContractRow(msgspec.Struct, gc=False):
    contract_code: str
    contract_size: str | float | None = None
    contract_status: int = 1


class _ElementRow(msgspec.Struct, gc=False):
    contract_code: str
    settle_period: str | float | None = None


class _InterestRow(msgspec.Struct, gc=False):
    contract_code: str
    amount: str | float | None = None
    value: str | float | None = None


class _Answer(msgspec.Struct, gc=False):
    status: str
    data: msgspec.Raw = msgspec.Raw()
    ts: int = 0
    err_code: int | str | None = None
    err_msg: str = ""


_answer = msgspec.json.Decoder(_Answer)
_contracts = msgspec.json.Decoder(list[_ContractRow])
_elements = msgspec.json.Decoder(list[_ElementRow])
_interests = msgspec.json.Decoder(list[_InterestRow])
_LISTED = 1


@lru_cache(maxsize=4_096)
def to_symbol(name: str) -> str:
    """BTC-USDT -> BTC-USDT-PERP, BTC-USDT-260327 -> BTC-USDT-20260327. ValueError for what is no instrument."""
    check_name(name)
    expiry = name.split("-")[2:]
    if expiry and not (len(expiry) == 1 and len(expiry[0]) == 6 and expiry[0].isdigit()):
        raise ValueError(f"'{brief(name)}' is not an instrument of HTX")  # BTC-USDT-CW names a role, not a contract
    return str(instruments.from_dashed(name))


@lru_cache(maxsize=4_096)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTC-USDT, BTC-USDT-20260327 -> BTC-USDT-260327."""
    instrument = instruments.parse(symbol)
    pair = f"{instrument.base}-{instrument.quote}"
    return pair if instrument.is_perpetual else f"{pair}-{instrument.expiry[2:]}"


def decode_contracts(body: bytes) -> dict[str, float]:
    """HTX's name -> base coins in one contract, of those that are traded."""

    def read(row: _ContractRow) -> tuple[str, float] | None:
        size = positive(row.contract_size)
        return None if size is None or row.contract_status != _LISTED else (row.contract_code, size)

    return dict(readable(_read(body, _contracts)[0], read))


def decode_intervals(body: bytes) -> dict[str, float]:
    """Symbol -> hours between two settlements, as far as they are told."""

    def read(row: _ElementRow) -> tuple[str, float] | None:
        hours = positive(row.settle_period)
        return None if hours is None else (to_symbol(row.contract_code), hours)

    return dict(readable(_read(body, _elements)[0], read))


def decode_open_interest(body: bytes, received_ms: int) -> list[OpenInterest]:
    """Of every contract: `amount` is coins, `value` its worth in the quote coin; rows without a number are left out."""
    rows, ts = _read(body, _interests)
    at_ms = whole(ts) or received_ms

    def read(row: _InterestRow) -> OpenInterest | None:
        base, symbol = number(row.amount), to_symbol(row.contract_code)
        if base is None:
            return None
        usd = number(row.value) if is_in_dollars(symbol) else None
        return OpenInterest(venue=VENUE, symbol=symbol, oi_base=base, oi_usd=usd, at_ms=at_ms, received_ms=received_ms)

    return readable(rows, read)


def encode_contracts(sizes: Mapping[str, float], now_ms: int) -> bytes:
    """The answer to a question for all contracts."""
    return _envelope(
        [
            {"contract_code": name, "contract_size": size, "contract_status": 1, "business_type": "swap"}
            for name, size in sizes.items()
        ],
        now_ms,
    )


def encode_intervals(intervals_h: Mapping[str, float], now_ms: int) -> bytes:
    """The answer to a question for the elements of all contracts."""
    rows = [{"contract_code": from_symbol(symbol), "settle_period": hours} for symbol, hours in intervals_h.items()]
    return _envelope(rows, now_ms)


def encode_open_interest(events: list[OpenInterest], now_ms: int) -> bytes:
    """The answer to a question for all open interest."""
    rows = [
        {"contract_code": from_symbol(event.symbol), "amount": event.oi_base, "value": event.oi_usd} for event in events
    ]
    return _envelope(rows, now_ms)


def _envelope(rows: object, now_ms: int) -> bytes:
    return msgspec.json.encode({"status": "ok", "data": rows, "ts": now_ms})


def _read(body: bytes, rows: "msgspec.json.Decoder[list[Any]]") -> tuple[list[Any], int]:
    try:
        answer = _answer.decode(body)
        if answer.status != "ok":
            raise Unreadable(f"HTX refused: {brief(f'{answer.err_code} {answer.err_msg}')}")
        return rows.decode(answer.data), answer.ts
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"HTX sent an answer that cannot be read: {brief(exc)}") from exc
