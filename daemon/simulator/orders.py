"""The positions in the box that are about to be closed by force."""

import heapq
import random
from collections.abc import Callable, Iterator

from daemon.simulator.acts import CascadeAct
from daemon.simulator.listings import LISTINGS, Listing
from rules.events import Liquidation, PriceKind, Side

_PRICE_KINDS: dict[str, PriceKind] = {"binance": "fill", "bybit": "bankruptcy", "okx": "mark"}
_BINANCE_GAP_MS = 1_000  # its liquidation stream shows one order per symbol and second (facts/streams.md 1.1)
_USUAL_USD = 6_000.0
_LARGEST_USUAL_USD = 180_000.0  # what happens by itself stays below any rule for whales


class Orders:
    """Forced orders in the order of time: those of the acts, and the small ones of every day."""

    def __init__(self, dice: random.Random) -> None:
        self._random = dice
        self._listings = {(listing.venue, listing.symbol): listing for listing in LISTINGS}
        self._waiting: list[
            tuple[int, int, str, str, Side, float]
        ] = []  # heap: at_ms, number, venue, symbol, side, usd
        self._number = 0

    def add(self, at_ms: int, venue: str, symbol: str, side: Side, usd: float) -> None:
        """One position of this size is closed at `at_ms`."""
        self._number += 1
        heapq.heappush(self._waiting, (at_ms, self._number, venue, symbol, side, usd))

    def add_cascade(self, act: CascadeAct, now_ms: int) -> None:
        """Many positions whose sum is the act's total, on each exchange by its share."""
        for listing in (listing for listing in LISTINGS if listing.coin == act.coin):
            gap_ms = _BINANCE_GAP_MS if listing.venue == "binance" else 1
            count = max(1, min(round(act.orders * listing.oi_share), act.over_ms // gap_ms))
            weights = [self._random.lognormvariate(0.0, 0.7) for _ in range(count)]
            for place, weight in enumerate(weights):
                usd = act.total * listing.oi_share * weight / sum(weights)
                self.add(now_ms + place * act.over_ms // count, listing.venue, listing.symbol, act.side, usd)

    def add_usual(self, now_ms: int, expected: float) -> None:
        """About `expected` small ones, anywhere."""
        count = int(expected) + (self._random.random() < expected % 1)
        for _ in range(count):
            listing = self._random.choice(LISTINGS)
            usd = min(_LARGEST_USUAL_USD, self._random.lognormvariate(0.0, 1.2) * _USUAL_USD)
            side: Side = "long" if self._random.random() < 0.5 else "short"
            self.add(now_ms, listing.venue, listing.symbol, side, usd)

    def due(self, now_ms: int, price_of: Callable[[Listing], float]) -> Iterator[Liquidation]:
        """The orders whose time has come, at today's price."""
        while self._waiting and self._waiting[0][0] <= now_ms:
            at_ms, _, venue, symbol, side, usd = heapq.heappop(self._waiting)
            listing = self._listings[venue, symbol]
            price = price_of(listing)
            # whole contracts or lots, at least one; rounded, because 3 * 0.1 is not 0.3
            quantity = round(max(1, round(usd / price / listing.step)) * listing.step, 6)
            yield Liquidation(
                venue=venue,
                symbol=symbol,
                side=side,
                quantity=quantity,
                price=price,
                price_kind=_PRICE_KINDS[venue],
                notional_usd=quantity * price,
                at_ms=at_ms,
                received_ms=now_ms,
            )
