"""Gate's spelling of instruments, and what one contract is worth: BTC_USDT, BTC_USDT_20260327."""

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain, positive, whole
from daemon.wire.rows import readable
from daemon.wire.trouble import brief, check_name
from rules import instruments
from rules.instruments import PERPETUAL, Instrument

CONTRACTS = "/api/v4/futures/usdt/contracts"


class Contract(msgspec.Struct, frozen=True, gc=False):
    """`size` of one contract in base coins, how often funding is paid, and when it is paid next."""

    size: float
    interval_h: float = 8.0
    settles_at_ms: int | None = None

    def next_ms(self, now_ms: int) -> int | None:
        """The settlement that comes next, by the one that was known when we asked."""
        if self.settles_at_ms is None:
            return None
        span_ms = round(self.interval_h * 3_600_000)
        behind_ms = now_ms - self.settles_at_ms
        return self.settles_at_ms if behind_ms < 0 else self.settles_at_ms + (behind_ms // span_ms + 1) * span_ms


class _Row(msgspec.Struct, gc=False):
    name: str
    quanto_multiplier: str | float | None = None
    funding_interval: int = 0  # seconds
    funding_next_apply: float = 0  # seconds
    in_delisting: bool = False


_rows = msgspec.json.Decoder(list[_Row])


@lru_cache(maxsize=4_096)
def to_symbol(name: str) -> str:
    """BTC_USDT -> BTC-USDT-PERP. ValueError if the name is not an instrument."""
    check_name(name)
    match name.upper().split("_"):
        case [base, quote] if base and quote:
            return str(Instrument(base, quote))
        case [base, quote, expiry] if base and quote and len(expiry) == 8 and expiry.isdigit():
            return str(Instrument(base, quote, expiry))
    raise ValueError(f"'{brief(name)}' is not an instrument of Gate")


@lru_cache(maxsize=4_096)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTC_USDT."""
    instrument = instruments.parse(symbol)
    pair = f"{instrument.base}_{instrument.quote}"
    return pair if instrument.expiry == PERPETUAL else f"{pair}_{instrument.expiry}"


def decode_contracts(body: bytes) -> dict[str, Contract]:
    """The contracts by Gate's name, without those that are leaving or do not say their size."""
    try:
        rows = _rows.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Gate sent a list of contracts that cannot be read: {brief(exc)}") from exc
    return dict(readable(rows, _contract))


def _contract(row: _Row) -> tuple[str, Contract] | None:
    size = positive(row.quanto_multiplier)  # 0 means inverse: none of those is settled in USDT
    if row.in_delisting or size is None:
        return None
    next_s = whole(row.funding_next_apply)
    hours = row.funding_interval / 3_600 if row.funding_interval > 0 else 8.0
    return row.name, Contract(size, hours, None if next_s is None else next_s * 1_000)


def encode_contracts(contracts: Iterable[tuple[str, Contract]]) -> bytes:
    """The answer to a question for all contracts."""
    rows = [
        {
            "name": name,
            "type": "direct",
            "quanto_multiplier": plain(contract.size),
            "funding_interval": round(contract.interval_h * 3_600),
            "funding_next_apply": (contract.settles_at_ms or 0) // 1_000,
            "in_delisting": False,
        }
        for name, contract in contracts
    ]
    return msgspec.json.encode(rows)
