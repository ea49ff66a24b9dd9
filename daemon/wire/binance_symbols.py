"""Binance's spelling of instruments: BTCUSDT, BTCUSDT_260327."""

from functools import lru_cache

from daemon.wire.trouble import check_name
from rules import instruments

VENUE = "binance"


@lru_cache(maxsize=16_384)
def to_symbol(name: str) -> str:
    """BTCUSDT -> BTC-USDT-PERP. ValueError if the name is not an instrument."""
    check_name(name)
    return str(instruments.from_packed(name))


@lru_cache(maxsize=16_384)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTCUSDT; BTC-USDT-20260327 -> BTCUSDT_260327."""
    instrument = instruments.parse(symbol)
    pair = instrument.base + instrument.quote
    return pair if instrument.is_perpetual else f"{pair}_{instrument.expiry[2:]}"
