"""What one OKX contract is worth: liquidations and open interest are counted in contracts.

A linear contract (BTC-USDT-SWAP) is `ctVal` x `ctMult` coins, an inverse one (BTC-USD-SWAP) that many US dollars. The
two share a coin and differ by the price, so sizes are kept by the exact instId and never by a prefix.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.numbers import plain, positive
from daemon.wire.trouble import brief, check_name
from rules import instruments

INSTRUMENTS = "/api/v5/public/instruments"  # ?instType=SWAP; the channel `instruments` sends the same rows
TOO_OFTEN = ("50011", "50013")  # codes by which OKX says so with HTTP 200


class Contract(msgspec.Struct, frozen=True, gc=False):
    """`size` of one contract: base coins, or US dollars if inverse."""

    size: float
    is_inverse: bool = False


@lru_cache(maxsize=1_024)
def ratio_of(size: float) -> tuple[float, float]:
    """A size as a fraction of whole numbers: 57 contracts of 0.01 are 57 * 1 / 100, where 57 * 0.01 is not 0.57."""
    above, below = Decimal(repr(size)).as_integer_ratio()
    return float(above), float(below)


class InstrumentRow(msgspec.Struct, gc=False, rename="camel"):
    """The part of an instrument's row that says what a contract is."""

    inst_id: str = ""
    ct_val: str = ""
    ct_mult: str = ""
    ct_type: str = ""


class _Answer(msgspec.Struct, gc=False):
    code: str
    msg: str = ""
    data: list[InstrumentRow] = msgspec.field(default_factory=list)


_answer = msgspec.json.Decoder(_Answer)


@lru_cache(maxsize=16_384)
def to_symbol(name: str) -> str:
    """BTC-USDT-SWAP -> BTC-USDT-PERP, BTC-USD-260327 -> BTC-USD-20260327. ValueError for spot and for nonsense."""
    check_name(name)
    if name.count("-") != 2:
        raise ValueError(f"'{name}' is not a derivative of OKX")
    return str(instruments.from_dashed(name))


@lru_cache(maxsize=16_384)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTC-USDT-SWAP, BTC-USD-20260327 -> BTC-USD-260327."""
    instrument = instruments.parse(symbol)
    expiry = instrument.expiry
    if instrument.is_perpetual:
        expiry = "SWAP"
    elif len(expiry) == 8 and expiry.isdigit():
        expiry = expiry[2:]
    return f"{instrument.base}-{instrument.quote}-{expiry}"


def named(inst_ids: Iterable[str]) -> list[str]:
    """Our names of instruments; those that we cannot name are left out."""
    names = []
    for inst_id in inst_ids:
        try:
            names.append(to_symbol(inst_id))
        except ValueError:
            continue
    return names


def contract_of(inst_id: str, ct_val: str, ct_mult: str, ct_type: str) -> tuple[str, Contract] | None:
    """The instId and its contract, or None if the row does not say (spot has no contracts)."""
    value, times = positive(ct_val), positive(ct_mult) or 1.0
    if not inst_id or value is None or ct_type not in ("linear", "inverse"):
        return None
    return inst_id, Contract(value * times, ct_type == "inverse")


def contracts_in(rows: Iterable[InstrumentRow]) -> dict[str, Contract]:
    """Contracts by instId; rows that do not say are left out."""
    return dict(filter(None, (contract_of(row.inst_id, row.ct_val, row.ct_mult, row.ct_type) for row in rows)))


def decode_instruments(body: bytes) -> dict[str, Contract]:
    """The answer to /api/v5/public/instruments; give it to `Decoder.contracts.update`."""
    try:
        answer = _answer.decode(body)
        if answer.code in TOO_OFTEN:
            raise Throttled(f"OKX was asked too often: {answer.code} {brief(answer.msg)}")
        if answer.code != "0":
            raise Unreadable(f"OKX refused: {answer.code} {answer.msg}")
        return contracts_in(answer.data)
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"OKX sent an answer that cannot be read: {brief(exc)}") from exc


def encode_instruments(contracts: Mapping[str, Contract]) -> bytes:
    """The answer to /api/v5/public/instruments."""
    return msgspec.json.encode({"code": "0", "msg": "", "data": instrument_rows(contracts)})


def instrument_rows(contracts: Mapping[str, Contract]) -> Sequence[dict[str, str]]:
    """Rows of instruments as REST and the channel send them."""
    return [_row(inst_id, contract) for inst_id, contract in contracts.items()]


def _row(inst_id: str, contract: Contract) -> dict[str, str]:
    base, quote, _ = inst_id.split("-", 2)
    return {
        "instType": inst_type(inst_id),
        "instId": inst_id,
        "instFamily": f"{base}-{quote}",
        "uly": f"{base}-{quote}",
        "ctVal": plain(contract.size),
        "ctMult": "1",
        "ctType": "inverse" if contract.is_inverse else "linear",
        "ctValCcy": quote if contract.is_inverse else base,
        "settleCcy": base if contract.is_inverse else quote,
        "state": "live",
    }


def inst_type(inst_id: str) -> str:
    """SWAP for perpetuals, FUTURES for those that expire."""
    return "SWAP" if inst_id.endswith("-SWAP") else "FUTURES"
