"""DataMaxi+'s liquidations: keys of one or two letters, both directions, and its names of instruments.

`sd` is the side of the position that was closed, `p` and `v` count in quote and base coins, `pusd` and `vusd` in dollars.
"""

from functools import lru_cache

import msgspec

from daemon.wire.numbers import DOLLARS, positive, whole
from daemon.wire.trouble import check_name
from rules import instruments
from rules.events import Event, Liquidation, Side

_SIDES: dict[str, Side] = {"long": "long", "buy": "long", "short": "short", "sell": "short"}


class Forced(msgspec.Struct, gc=False):
    """What a liquidation's frame may hold; everything may be missing, because other frames are read with it too."""

    id: int | str | None = None
    e: str = ""
    d: int | float | str | None = None
    s: str = ""
    b: str = ""
    q: str = ""
    sd: str | None = None
    p: int | float | str | None = None
    pusd: float | str | None = None
    v: float | str | None = None
    vusd: float | str | None = None

    def to_events(self, received_ms: int) -> tuple[Event, ...]:
        """The liquidation; none without a price or a size. ValueError where a side or a dollar value is missing."""
        price, quantity = positive(self.p), positive(self.v)
        if price is None or quantity is None:
            return ()
        closed = _SIDES.get((self.sd or "").lower())
        if closed is None or not self.e:
            raise ValueError(f"a liquidation of '{self.s[:40]}' does not say of which side, or of which venue")
        symbol = to_symbol(self.s or f"{self.b}-{self.q}")
        usd = positive(self.vusd)
        if usd is None:
            in_usd = positive(self.pusd) or (price if symbol.split("-")[1] in DOLLARS else None)
            if in_usd is None:
                raise ValueError(f"a liquidation of {symbol} does not say what it was worth in dollars")
            usd = in_usd * quantity
        event = Liquidation(
            venue=self.e.lower(),
            symbol=symbol,
            side=closed,
            quantity=quantity,
            price=price,
            price_kind="fill",
            notional_usd=usd,
            at_ms=whole(self.d) or received_ms,
            received_ms=received_ms,
        )
        return (event,)


def payload_of(event: Liquidation) -> dict[str, object]:
    """As it travels. `id` is the coin's ticker: which token DataMaxi+ means by it (bitcoin) is not published."""
    pair = from_symbol(event.symbol)
    base, _, quote = pair.partition("-")
    return {
        "id": base.lower(),
        "e": event.venue,
        "d": event.at_ms,
        "s": pair,
        "b": base,
        "q": quote,
        "sd": event.side,
        "p": event.price,
        "pusd": event.notional_usd / event.quantity if event.quantity else event.price,
        "v": event.quantity,
        "vusd": event.notional_usd,
    }


@lru_cache(maxsize=16_384)
def to_symbol(name: str) -> str:
    """BTC-USDT -> BTC-USDT-PERP."""
    check_name(name)
    return str(instruments.from_dashed(name))


def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTC-USDT."""
    return symbol.removesuffix(f"-{instruments.PERPETUAL}")
