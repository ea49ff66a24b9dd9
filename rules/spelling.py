"""Names that match nothing: a rule with one of them would be right, and silent for ever."""

import re
from difflib import get_close_matches

from rules.instruments import PERPETUAL
from rules.selection import EVERYTHING

VENUES = (
    "binance", "bybit", "okx", "hyperliquid", "deribit", "gate", "htx", "bitget", "datamaxi", "defillama", "coingecko",
)  # fmt: skip
_PAIRS = ("USDT", "USDC", PERPETUAL)  # not USD: PYUSD, TUSD and many more are coins
_CLOSE = 0.8  # binanse is binance and okex is okx; bitget is no bybit
_NAMES = {  # what a coin is called elsewhere
    "BITCOIN": "BTC", "XBT": "BTC", "ETHEREUM": "ETH", "ETHER": "ETH", "SOLANA": "SOL", "RIPPLE": "XRP",
    "DOGECOIN": "DOGE", "CARDANO": "ADA", "LITECOIN": "LTC", "TETHER": "USDT",
}  # fmt: skip


def coin(name: str) -> str:
    """The name; ValueError for several in one text. Whatever else is written may be a coin."""
    _one(name)
    return name


def feed(name: str) -> str:
    """The name; ValueError for one that no feed can have: all of them are called like okx.market."""
    _one(name)
    if "." not in name and name != EVERYTHING:
        raise ValueError(f"no feed is called '{name}'; write {name}.market, or venues: {name} for all of its feeds")
    return name


def venue(name: str) -> str:
    """The name; ValueError for one that is nearly a venue. Others stay: some sources bring venues of their own."""
    _one(name)
    lower = name.lower()
    near = get_close_matches(lower, VENUES, n=1, cutoff=_CLOSE)
    if near and not any(known in lower for known in VENUES):  # binanceus is no slip
        raise ValueError(f"'{name}' is no venue; did you mean {near[0]}?")
    return name


def symbol(name: str) -> str:
    """The name; ValueError for a venue's spelling of an instrument: BTCUSDT, BTC-USDT, BTC/USDT, BTC-USDT-SWAP."""
    _one(name)
    upper = name.upper()
    if upper in _NAMES:
        raise ValueError(f"'{name}' is called {_NAMES[upper]} here; write {_NAMES[upper]}")
    parts = upper.replace("/", "-").replace("_", "-").split("-")
    if "." in name or (len(parts) == 3 and "-" in name and parts[2] != "SWAP"):  # a feed, or our own spelling
        return name
    base, quote = parts[0], parts[1] if len(parts) > 1 and parts[1] != PERPETUAL else "USDT"
    if len(parts) == 1:
        pair = next((pair for pair in _PAIRS if upper.endswith(pair) and len(upper) > len(pair) + 1), None)
        if pair is None:
            return name
        base, quote = upper.removesuffix(pair), "USDC" if pair == PERPETUAL else pair
    raise ValueError(f"'{name}' is not how it is spelled here; write {base}, or {base}-{quote}-{PERPETUAL}")


def _one(name: str) -> None:
    """ValueError for what is no name: several in one text, or a word for all of them."""
    several = re.split(r"[\s,;]+", name.strip())
    if len(several) > 1:
        raise ValueError(f"'{name}' is one text; write a list: [{', '.join(several)}]")
    if name.upper() == "ALL":
        raise ValueError(f"'{name}' is nobody's name; write \"*\" for all")
