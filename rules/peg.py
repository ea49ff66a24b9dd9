"""How far a stablecoin is from its peg, and how bad that is: depth, impulse and size folded into 0 to 100.

The formula and worked examples stand in docs/depeg-severity.md; VERSION changes with it.
"""

from math import copysign, exp, inf, log, log10
from statistics import median

import msgspec

from rules.events import Event, StablecoinQuote

VERSION = 1
SCALE = 130.0  # chosen so that USDC on 2023-03-11 scores about 95 with the default threshold of 1 %
LARGE_USD = 1e9  # from this market capitalisation on, a second source must agree
AGREES = 0.5  # of the threshold: so deep must the second source be, on the same side
UNBELIEVABLE = 0.5  # deeper than this is told even unconfirmed, and marked so
QUOTE_AGE_MS = 30 * 60_000
MEMORY_MS = 24 * 3_600_000  # so much of a breach a restart reads again, or its severity would begin at nothing


def severity(depth: float, *, threshold: float, impulse: float = 0.0, market_cap_usd: float | None = None) -> float:
    """0 to 100. `depth` and `threshold` are fractions, `impulse` is excess depth over time in percent-minutes.

    Grows with each part; a coin of unknown size counts as small.
    """
    size = 0.0 if not market_cap_usd else min(3.0, max(0.0, log10(market_cap_usd / 1e8)))
    pressure = (depth / threshold) * (1 + log(1 + impulse)) * (1 + size)
    return 100 * (1 - exp(-pressure / SCALE))


class _Quote(msgspec.Struct, frozen=True):
    deviation: float  # (price - target) / target
    price: float
    seen_ms: int


class Peg:
    """One coin as several sources see it: a measure for the engine."""

    def __init__(
        self, threshold: float, *, by_severity: bool, confirm: bool | None, before: "Peg | None" = None
    ) -> None:
        self._threshold = threshold
        self._by_severity = by_severity
        self._confirm = confirm
        self._quotes: dict[str, _Quote] = {}
        self._sizes: dict[str, float] = {}  # market capitalisations; a coin stays large when who said so falls silent
        self._impulse = 0.0
        self._excess = 0.0
        self._at_ms = 0
        if before is not None:
            self._quotes |= before._quotes
            self._sizes |= before._sizes
            self._impulse, self._excess, self._at_ms = before._impulse, before._excess, before._at_ms
        self._depth = 0.0
        self._middle = 0.0
        self._severity = 0.0
        self._is_unconfirmed = False
        self._is_agreed: bool = before is not None and before._is_agreed  # two sources have seen this breach

    def assess(self, event: Event, now_ms: int, fresh: bool) -> float | None:
        """The depth or the severity after this quote; None without a target, or while a large coin's peg has one witness."""
        if not isinstance(event, StablecoinQuote) or event.target is None or event.target <= 0:
            return None
        if not 0.0 <= event.price < inf:  # NaN fails both
            return None
        if fresh:
            deviation = (event.price - event.target) / event.target
            self._quotes[event.venue] = _Quote(deviation, event.price, now_ms)
            if event.market_cap_usd:
                self._sizes[event.venue] = event.market_cap_usd
        for venue in [name for name, quote in self._quotes.items() if now_ms - quote.seen_ms > QUOTE_AGE_MS]:
            del self._quotes[venue]
        depth = self._agreed_depth()
        if depth is None:
            return None
        self._accumulate(depth, now_ms)
        self._depth = depth
        self._severity = severity(
            depth, threshold=self._threshold, impulse=self._impulse, market_cap_usd=self._market_cap_usd()
        )
        return self._severity if self._by_severity else depth

    @property
    def memory_ms(self) -> int:
        return MEMORY_MS

    @property
    def nearest_ms(self) -> int:
        return 0

    def next_ms(self) -> int | None:
        return None

    def facts(self) -> dict[str, object]:
        quotes = sorted(self._quotes.items())
        if not quotes:  # nothing to add to what is known from before
            return {}
        middle = median(quote.price for _, quote in quotes)
        return {
            "depth": self._depth,
            "severity": self._severity,
            "impulse": self._impulse,
            "price": middle,
            "market_cap_usd": self._market_cap_usd(),
            "sources": ", ".join(f"{venue} {quote.price:.4f}" for venue, quote in quotes),
            "is_unconfirmed": self._is_unconfirmed,
        }

    def _market_cap_usd(self) -> float | None:
        return max(self._sizes.values(), default=None)

    def _agreed_depth(self) -> float | None:
        deviations = [quote.deviation for quote in self._quotes.values()]
        if not deviations:
            return None
        middle = self._middle = median(deviations)
        needs_witness = self._confirm if self._confirm is not None else (self._market_cap_usd() or 0) >= LARGE_USD
        agreeing = sum(1 for one in deviations if abs(one) >= AGREES * self._threshold and one * middle > 0)
        if abs(middle) <= AGREES * self._threshold:
            self._is_agreed = False
        elif agreeing >= 2:
            self._is_agreed = True
        # sources do not come back together: the first to do so must not end what two have seen
        self._is_unconfirmed = needs_witness and not self._is_agreed and abs(middle) > AGREES * self._threshold
        if not self._is_unconfirmed or abs(middle) > UNBELIEVABLE:
            return abs(middle)
        if len(deviations) == 1:
            return None  # one witness is not enough, and nobody has contradicted it
        return min(abs(one) for one in deviations)

    def _accumulate(self, depth: float, now_ms: int) -> None:
        """The area above the threshold, by trapezes, so that sampling more often changes nothing."""
        excess = max(0.0, depth - self._threshold)
        if depth <= self._threshold / 2:  # back at its peg: the breach is over
            self._impulse = 0.0
        elif self._at_ms:
            minutes = min(now_ms - self._at_ms, QUOTE_AGE_MS) / 60_000
            self._impulse += 100 * (self._excess + excess) / 2 * max(0.0, minutes)
        self._excess, self._at_ms = excess, now_ms


class Deviation(Peg):
    """The same depth with its sign: below zero while the coin is worth less than its target."""

    def assess(self, event: Event, now_ms: int, fresh: bool) -> float | None:
        depth = super().assess(event, now_ms, fresh)
        return depth if depth is None else copysign(depth, self._middle)
