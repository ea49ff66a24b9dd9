"""What the stablecoins of the box are worth, and who sees it."""

import random

from daemon.simulator.acts import DepegAct, QuoteAct
from daemon.simulator.listings import QUOTERS
from daemon.simulator.stablecoins import STABLES
from rules.events import StablecoinQuote

_TREMBLE = 1.2e-4  # of a coin that holds
_MOVING_MS = 500  # how often to quote while something happens


class Pegs:
    """All stablecoins, on their pegs unless an act takes them off."""

    def __init__(self, dice: random.Random, start_ms: int, every_ms: int) -> None:
        self._random = dice
        self._every_ms = every_ms
        self._acts: list[tuple[DepegAct | QuoteAct, int]] = []  # the act and when it began
        self._due = dict.fromkeys(QUOTERS, start_ms)

    def add(self, act: DepegAct | QuoteAct, now_ms: int) -> None:
        """Let this happen from now on; it is told at once."""
        self._acts.append((act, now_ms))
        self._due = dict.fromkeys(QUOTERS, now_ms)

    def due(self, feed: str, now_ms: int) -> list[StablecoinQuote]:
        """All quotes of this feed if it is its time, else none."""
        if self._due[feed] > now_ms:
            return []
        quotes = self.quotes(feed, now_ms)  # before acts end: their last word is where the coin came back to
        self._acts = [(act, began_ms) for act, began_ms in self._acts if now_ms - began_ms <= _length_ms(act)]
        self._due[feed] = now_ms + (min(_MOVING_MS, self._every_ms) if self._acts else self._every_ms)
        return quotes

    def quotes(self, feed: str, now_ms: int) -> list[StablecoinQuote]:
        """What this feed says of every coin now."""
        return [
            StablecoinQuote(
                venue=feed,
                coin=stable.coin,
                price=self._price(feed, stable.coin, now_ms),
                target=1.0,
                market_cap_usd=stable.supply,
                at_ms=now_ms,
                received_ms=now_ms,
            )
            for stable in STABLES
        ]

    def _price(self, feed: str, coin: str, now_ms: int) -> float:
        price = 1 + self._random.gauss(0.0, _TREMBLE)
        for act, began_ms in self._acts:
            if act.coin != coin:
                continue
            if isinstance(act, QuoteAct):
                if act.venue == feed and now_ms - began_ms < act.for_ms:
                    return act.price
            elif feed in act.seen_by:
                price += (act.to - 1) * _depth(act, now_ms - began_ms)
        return round(max(price, 1e-6), 6)


def _length_ms(act: DepegAct | QuoteAct) -> int:
    return act.for_ms if isinstance(act, QuoteAct) else act.over_ms + act.hold_ms + act.back_ms


def _depth(act: DepegAct, elapsed_ms: int) -> float:
    """How much of the way down the coin is: 0 on its peg, 1 at the bottom."""
    if elapsed_ms < act.over_ms:
        return elapsed_ms / act.over_ms
    if elapsed_ms < act.over_ms + act.hold_ms:
        return 1.0
    left_ms = act.over_ms + act.hold_ms + act.back_ms - elapsed_ms
    return max(0.0, left_ms / act.back_ms) if act.back_ms else 0.0
