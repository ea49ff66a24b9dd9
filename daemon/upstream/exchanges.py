"""Exchanges by the names that clients use for them, and by the name that people read."""

from collections.abc import Collection

CLOSED = frozenset({"bitmex"})
"""Their names stay valid in requests and answer with no rows: BitMEX closed in September 2026."""

VENUES = ("binance", "bybit", "okx", "deribit", "hyperliquid")
"""Those that answer us without a key."""

_PROVIDER = "coindesk-"
_ALIASES = {"okex": "okx", "binance-futures": "binance", "bitmex-futures": "bitmex"}
_TITLES = {
    "binance": "Binance",
    "bybit": "Bybit",
    "okx": "OKX",
    "deribit": "Deribit",
    "hyperliquid": "Hyperliquid",
    "bitmex": "BitMEX",
    "bitget": "Bitget",
    "bitfinex": "Bitfinex",
    "bit": "BIT",
    "bullish": "Bullish",
    "coinbase": "Coinbase",
    "coinbaseinternational": "Coinbase International",
    "crosstower": "CrossTower",
    "cryptodotcom": "Crypto.com",
    "dydxv4": "dYdX",
    "gateio": "Gate",
    "huobipro": "HTX",
    "kraken": "Kraken",
    "kucoin": "KuCoin",
}


class UnknownExchange(ValueError):
    """Nobody we know goes by this name; the text names those that we know."""


def canonical(name: str, known: Collection[str] = VENUES) -> str:
    """CoinDesk-binance, Binance and OKEx -> binance and okx. UnknownExchange if it is neither in `known` nor closed."""
    venue = _strip(name)
    if venue in known or venue in CLOSED:
        return venue
    names = ", ".join(sorted({*known, *CLOSED}))
    raise UnknownExchange(f"'{name.strip()[:40]}' is not an exchange we know; known are {names}")


def is_same(one: str, other: str) -> bool:
    """Whether two names mean one exchange: bybit and CoinDesk-Bybit do."""
    return _strip(one) == _strip(other)


def title(venue: str) -> str:
    """The name people read: okx -> OKX."""
    return _TITLES.get(venue, venue.capitalize())


def label(venue: str, provider: str) -> str:
    """The name in a table, which tells who said it: CoinDesk-binance, or binance if the venue itself did."""
    return f"CoinDesk-{venue}" if provider == "CoinDesk" else venue


def _strip(name: str) -> str:
    venue = name.strip().lower().removeprefix(_PROVIDER)
    return _ALIASES.get(venue, venue)
