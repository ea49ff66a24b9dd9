"""Which contract of an exchange a client means: by its own name, by ours, packed, or by its coin alone."""

import re
from collections.abc import Iterable, Sequence

from daemon.upstream.records import Contract
from rules.instruments import PERPETUAL, coin_of

LONGEST = 64
_NAME = re.compile(rf"[A-Za-z0-9_:.-]{{1,{LONGEST}}}")
_SEPARATORS = re.compile(r"[-_]")
_ENDINGS = ("PERPETUAL", "SWAP", "PERP")
_KINDS = ("VANILLA", "INVERSE", "QUANTO")
_QUOTES = ("USDT", "USD", "USDC")


class UnknownContract(ValueError):
    """The exchange has nothing of that name; the text says what would be right."""


def find(venue: str, text: str, listing: Sequence[Contract]) -> Contract:
    """BTCUSDT, BTC-USDT-SWAP, BTC-USDT-PERP or BTC -> the contract. UnknownContract if there is none."""
    name = check(text)
    for row in listing:
        if name.upper() in (row.pair.upper(), row.symbol):
            return row
    packed = _packed(name)
    for row in listing:
        if packed in (_packed(row.symbol), _packed(row.pair)):
            return row
    found = main(packed, listing) or main(_base(packed), listing)
    if found is None:
        raise UnknownContract(f"{venue} has no contract '{name}'; names are like BTC, BTCUSDT or BTC-USDT-PERP")
    return found


def main(coin: str, listing: Iterable[Contract]) -> Contract | None:
    """The coin's perpetual that is traded most, as far as anyone says; else the usual one: in USDT, USD, then USDC."""
    rows = [row for row in listing if row.symbol.endswith(f"-{PERPETUAL}") and coin_of(row.symbol) == coin.upper()]
    return min(rows, key=_place, default=None)


def check(text: str) -> str:
    """A name that can be asked for, or UnknownContract: it goes into addresses and becomes a key."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise UnknownContract(f"'{name[:40]}' is not a contract; names are like BTC, BTCUSDT or BTC-USDT-PERP")
    return name


def _place(row: Contract) -> tuple[float, int, str]:
    quote = row.symbol.split("-")[1]
    return -(row.volume_24h_usd or 0.0), _QUOTES.index(quote) if quote in _QUOTES else len(_QUOTES), row.symbol


def _packed(name: str) -> str:
    """BTC-USDT-SWAP, BTC-USDT-VANILLA-PERPETUAL and BTC-USDT-PERP -> BTCUSDT."""
    parts = [part for part in _SEPARATORS.split(name.upper()) if part not in _KINDS]
    if len(parts) > 1 and parts[-1] in _ENDINGS:
        parts.pop()
    return "".join(parts)


def _base(packed: str) -> str:
    """BTCUSDT and BTCUSD -> BTC: another quote coin is better than no chart."""
    for quote in ("USDT", "USDC", "USD"):
        if packed.endswith(quote) and packed != quote:
            return packed.removesuffix(quote)
    return packed
