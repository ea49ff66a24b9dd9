"""Bitget's spelling of USDT futures (BTCUSDT), and what its list of instruments says about each."""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.numbers import plain, positive
from daemon.wire.rows import readable
from daemon.wire.trouble import brief, check_name
from rules import instruments

VENUE = "bitget"
INSTRUMENTS = "/api/v3/market/instruments"  # ?category=USDT-FUTURES
CATEGORY = "USDT-FUTURES"
USUAL_INTERVAL_H = 8.0
_TOO_OFTEN = "429"
_FINE = "00000"


class Contract(msgspec.Struct, frozen=True, gc=False):
    """The hours between two settlements, and the smallest step of a quantity in coins if it is known."""

    interval_h: float = USUAL_INTERVAL_H
    step: float | None = None


class _Row(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    type: str = "perpetual"
    status: str = "online"
    fund_interval: str | float | None = None
    quantity_multiplier: str | float | None = None


class _Answer(msgspec.Struct, gc=False):
    code: str
    msg: str = ""
    data: list[_Row] | None = None


_answer = msgspec.json.Decoder(_Answer)


@lru_cache(maxsize=4_096)
def to_symbol(name: str) -> str:
    """BTCUSDT -> BTC-USDT-PERP. ValueError if the name is not an instrument."""
    check_name(name)
    return str(instruments.from_packed(name))


@lru_cache(maxsize=4_096)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTCUSDT. ValueError for what expires: those have names of their own here."""
    instrument = instruments.parse(symbol)
    if not instrument.is_perpetual:
        raise ValueError(f"'{symbol}' expires, and Bitget's names of such contracts are not known")
    return instrument.base + instrument.quote


def decode_contracts(body: bytes) -> dict[str, Contract]:
    """The perpetuals that are traded, by Bitget's name."""
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Bitget sent a list of instruments that cannot be read: {brief(exc)}") from exc
    if answer.code == _TOO_OFTEN:
        raise Throttled(f"Bitget was asked too often: {brief(answer.msg)}")
    if answer.code != _FINE or answer.data is None:
        raise Unreadable(f"Bitget refused: {brief(f'{answer.code} {answer.msg}')}")
    return dict(readable(answer.data, _contract))


def _contract(row: _Row) -> tuple[str, Contract] | None:
    if row.type != "perpetual" or row.status != "online":
        return None
    return row.symbol, Contract(positive(row.fund_interval) or USUAL_INTERVAL_H, positive(row.quantity_multiplier))


def encode_contracts(contracts: Mapping[str, Contract]) -> bytes:
    """The answer to a question for all instruments."""
    rows = [
        {
            "symbol": name,
            "category": CATEGORY,
            "type": "perpetual",
            "status": "online",
            "fundInterval": plain(contract.interval_h),
            "quantityMultiplier": "" if contract.step is None else plain(contract.step),
        }
        for name, contract in contracts.items()
    ]
    return msgspec.json.encode({"code": _FINE, "msg": "success", "data": rows})
