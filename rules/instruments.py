"""One language for instruments: BTC-USDT-PERP, or BTC-USDT-20260327 for a contract that expires."""

import re
from functools import lru_cache

import msgspec

PERPETUAL = "PERP"
_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD1", "USDE", "TUSD", "USD", "EUR", "BTC", "ETH")
_DOLLARS = "USD"
_PACKED = re.compile(r"(?P<pair>[^_-]+)(?:[_-](?P<expiry>\w+))?")
_MULTIPLIED = re.compile(r"^(?:1(?:0{3,7})|1M(?=BABY))(?=[A-Z])")


class Instrument(msgspec.Struct, frozen=True, gc=False):
    """A derivative: what is traded, in what it is quoted, and when it expires (PERP: never)."""

    base: str
    quote: str
    expiry: str = PERPETUAL

    def __str__(self) -> str:
        return f"{self.base}-{self.quote}-{self.expiry}"

    @property
    def is_perpetual(self) -> bool:
        return self.expiry == PERPETUAL


def parse(symbol: str) -> Instrument:
    """Read our own spelling; ValueError says what would be right."""
    parts = symbol.split("-")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"'{symbol}' is not an instrument; write it like BTC-USDT-PERP")
    return Instrument(*parts)


@lru_cache(maxsize=16_384)
def coin_of(symbol: str) -> str:
    """The coin a symbol is about, without a contract's multiplier: 1000PEPE-USDT-PERP -> PEPE, USDT -> USDT."""
    return _MULTIPLIED.sub("", symbol.partition("-")[0])


def from_packed(text: str, *, default_quote: str | None = None) -> Instrument:
    """Read a venue's packed spelling: BTCUSDT, BTCUSDT_260327, BTCUSDT-26DEC25.

    `default_quote` is for venues that drop it (Bybit's BTCPERP is quoted in USDC). ValueError if no known quote ends it.
    """
    match = _PACKED.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not an instrument of this venue")
    pair, expiry = match["pair"].upper(), match["expiry"]
    if expiry == PERPETUAL and pair.endswith(_DOLLARS) and pair != _DOLLARS:
        # only what is margined in coins writes PERP out: BNBUSD_PERP is not about BN in BUSD
        return Instrument(pair.removesuffix(_DOLLARS), _DOLLARS)
    if default_quote is not None and pair.endswith(PERPETUAL) and expiry is None:
        return Instrument(pair.removesuffix(PERPETUAL), default_quote)
    for quote in _QUOTES:
        if pair.endswith(quote) and len(pair) > len(quote):
            return Instrument(pair.removesuffix(quote), quote, _expiry(expiry))
    if default_quote is not None and expiry is not None:
        return Instrument(pair, default_quote, _expiry(expiry))
    raise ValueError(f"'{text}' ends in no quote coin we know")


def from_dashed(text: str) -> Instrument:
    """Read a dashed spelling: BTC-USDT-SWAP, BTC-USD-260327, BTC-USDT."""
    parts = text.upper().split("-")
    match parts:
        case [base, quote] | [base, quote, "SWAP"] if base and quote:
            return Instrument(base, quote)
        case [base, quote, expiry] if base and quote and expiry:
            return Instrument(base, quote, _expiry(expiry))
    raise ValueError(f"'{text}' is not an instrument of this venue")


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAY_MONTH_YEAR = re.compile(r"(\d{1,2})([A-Z]{3})(\d{2})")


def _expiry(text: str | None) -> str:
    """260327 and 26DEC25 become 20260327 and 20251226; anything else stays as it is."""
    if text is None:
        return PERPETUAL
    text = text.upper()
    if len(text) == 6 and text.isdigit():
        return f"20{text}"
    if (match := _DAY_MONTH_YEAR.fullmatch(text)) and match[2] in _MONTHS:
        return f"20{match[3]}{_MONTHS.index(match[2]) + 1:02d}{int(match[1]):02d}"
    return text
