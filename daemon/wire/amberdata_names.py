"""How Amberdata names exchanges and instruments: exchanges in small letters, instruments as their exchange writes them."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from daemon.wire import (
    binance_symbols,
    bitget_symbols,
    bybit_symbols,
    deribit,
    gate_symbols,
    htx_symbols,
    hyperliquid,
    okx_contracts,
)
from daemon.wire.trouble import brief, check_name

ALIASES = {"okex": "okx", "huobi": "htx"}
"""Amberdata's older names of exchanges, and ours"""

_SYMBOLS: Mapping[str, Callable[[str], str]] = {
    "binance": binance_symbols.to_symbol,
    "bybit": bybit_symbols.to_symbol,
    "okx": okx_contracts.to_symbol,
    "deribit": lambda name: deribit.read_name(name).symbol,
    "hyperliquid": hyperliquid.to_symbol,
    "gate": gate_symbols.to_symbol,
    "htx": htx_symbols.to_symbol,
    "bitget": bitget_symbols.to_symbol,
}
_NAMES: Mapping[str, Callable[[str], str]] = {
    "binance": binance_symbols.from_symbol,
    "bybit": bybit_symbols.from_symbol,
    "okx": okx_contracts.from_symbol,
    "deribit": deribit.from_symbol,
    "hyperliquid": hyperliquid.from_symbol,
    "gate": gate_symbols.from_symbol,
    "htx": htx_symbols.from_symbol,
    "bitget": bitget_symbols.from_symbol,
}
VENUES = tuple(_SYMBOLS)
USUAL = {
    "binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP", "deribit": "BTC-PERPETUAL",
    "hyperliquid": "BTC", "gate": "BTC_USDT", "htx": "BTC-USDT", "bitget": "BTCUSDT",
}  # fmt: skip
"""one instrument of each exchange, for sentences"""


def to_venue(exchange: str) -> str:
    """Huobi -> htx; names that nobody knows stay as they are, in small letters."""
    check_name(exchange)
    lower = exchange.strip().lower()
    return ALIASES.get(lower, lower)


@lru_cache(maxsize=16_384)
def to_symbol(venue: str, name: str) -> str:
    """binance, BTCUSDT -> BTC-USDT-PERP. ValueError for what is no instrument of that venue."""
    read = _SYMBOLS.get(venue)
    if read is not None:
        return read(name)
    for read in (
        bitget_symbols.to_symbol,
        htx_symbols.to_symbol,
        gate_symbols.to_symbol,
    ):  # a venue of which we know no more
        try:
            return read(name)
        except ValueError:
            continue
    raise ValueError(f"'{brief(name)}' is not an instrument of {brief(venue)}")


@lru_cache(maxsize=16_384)
def to_name(venue: str, symbol: str) -> str:
    """binance, BTC-USDT-PERP -> BTCUSDT; our own spelling where we do not know the venue's."""
    write = _NAMES.get(venue)
    if write is None:
        return symbol
    try:
        return write(symbol)
    except ValueError:
        return symbol


def is_name_of(venue: str, name: str) -> bool:
    """Whether this venue writes an instrument in this way, capitals aside."""
    try:
        return to_name(venue, to_symbol(venue, name)).upper() == name.upper()
    except ValueError:
        return False
