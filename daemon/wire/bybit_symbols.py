"""Bybit's spelling of instruments: BTCUSDT, BTCPERP (quoted in USDC), BTCUSDT-26DEC25, BTC-26DEC25."""

from functools import lru_cache
from typing import NamedTuple

from daemon.wire.numbers import DOLLARS
from daemon.wire.trouble import check_name
from rules import instruments
from rules.instruments import Instrument

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DROPPED_QUOTE = "USDC"


@lru_cache(maxsize=16_384)
def to_symbol(name: str) -> str:
    """BTCUSDT -> BTC-USDT-PERP, BTCPERP -> BTC-USDC-PERP. ValueError if the name is not an instrument."""
    check_name(name)
    return str(instruments.from_packed(name, default_quote=_DROPPED_QUOTE))


@lru_cache(maxsize=16_384)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTCUSDT, BTC-USDC-PERP -> BTCPERP, BTC-USDT-20251226 -> BTCUSDT-26DEC25."""
    instrument = instruments.parse(symbol)
    if instrument.is_perpetual:
        quote = instruments.PERPETUAL if instrument.quote == _DROPPED_QUOTE else instrument.quote
        return instrument.base + quote
    pair = instrument.base if instrument.quote == _DROPPED_QUOTE else instrument.base + instrument.quote
    return f"{pair}-{_day(instrument)}"


def _day(instrument: Instrument) -> str:
    """20251226 -> 26DEC25."""
    text = instrument.expiry
    if len(text) == 8 and text.isdigit() and 1 <= int(text[4:6]) <= 12:
        return f"{text[6:]}{_MONTHS[int(text[4:6]) - 1]}{text[2:4]}"
    return text


class Named(NamedTuple):
    """What a name says about the instrument."""

    symbol: str
    is_in_dollars: bool  # the quote coin counts as US dollars
    is_inverse: bool  # contracts quoted in USD count dollars, not coins


@lru_cache(maxsize=16_384)
def read_name(name: str) -> Named:
    """All at once, because it is asked for every row. ValueError if the name is not an instrument."""
    symbol = to_symbol(name)
    quote = symbol.split("-")[1]
    return Named(symbol, quote in DOLLARS, quote == "USD")
