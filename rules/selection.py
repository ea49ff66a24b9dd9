"""Which instruments somebody means: BTC, BTC-USDT-PERP, or all of them."""

from collections.abc import Iterable

import msgspec

from rules.instruments import PERPETUAL, coin_of

EVERYTHING = "*"


class Selection(msgspec.Struct, frozen=True, gc=False):
    """Names of coins and instruments; None means everything."""

    names: frozenset[str] | None = None

    @classmethod
    def of(cls, names: Iterable[str]) -> "Selection":
        """From what people write; `*` anywhere means everything."""
        upper = frozenset(name.strip().upper() for name in names)
        return cls(None if EVERYTHING in upper else upper)

    def matches(self, symbol: str) -> bool:
        """A coin means all its perpetuals (1000PEPE is PEPE) and the coin itself; an instrument means just that one."""
        if self.names is None or symbol in self.names:
            return True
        coin = coin_of(symbol)
        if coin not in self.names and symbol.partition("-")[0] not in self.names:
            return False
        return symbol.endswith(f"-{PERPETUAL}") or "-" not in symbol

    def __or__(self, other: "Selection") -> "Selection":
        if self.names is None or other.names is None:
            return Selection(None)
        return Selection(self.names | other.names)
