"""What one contract of one exchange shows: its price, its rate, its open interest."""

from daemon.simulator.listings import Listing
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

HOUR_MS = 3_600_000


class Quoted:
    """The state of one listing, moved by the world; and when each kind of news about it is due."""

    __slots__ = ("_due", "funding_drift", "listing", "oi_base", "rate_8h", "usual_oi")

    def __init__(self, listing: Listing, oi_base: float, funding_drift: float, first_ms: int) -> None:
        self.listing = listing
        self.oi_base = self.usual_oi = oi_base
        self.funding_drift = funding_drift
        self.rate_8h = 0.0
        self._due: dict[type[Event], int] = dict.fromkeys((MarkPrice, FundingRate, OpenInterest), first_ms)

    def hurry(self, kind: type[Event], now_ms: int) -> None:
        """This kind of news cannot wait."""
        self._due[kind] = now_ms

    def is_due(self, kind: type[Event], now_ms: int, every_ms: int) -> bool:
        """Whether to tell it now; then it is due again after `every_ms`."""
        if self._due[kind] > now_ms:
            return False
        self._due[kind] = max(self._due[kind] + every_ms, now_ms + 1)
        return True

    def all(self, now_ms: int, price: float) -> list[Event]:
        """Everything about it."""
        return [self.mark(now_ms, price), self.rate(now_ms), self.open_interest(now_ms, price)]

    def mark(self, now_ms: int, price: float) -> MarkPrice:
        """The mark price; the index leans the other way of the funding. OKX tells no index beside it."""
        listing = self.listing
        index_price = None if listing.venue == "okx" else round(price * (1 - self.rate_8h / 3), listing.decimals)
        return MarkPrice(
            venue=listing.venue,
            symbol=listing.symbol,
            price=price,
            index_price=index_price,
            at_ms=now_ms,
            received_ms=now_ms,
        )

    def rate(self, now_ms: int) -> FundingRate:
        """The rate predicted for the next settlement."""
        listing = self.listing
        span_ms = listing.interval_h * HOUR_MS
        return FundingRate(
            venue=listing.venue,
            symbol=listing.symbol,
            rate=round(self.rate_8h * listing.interval_h / 8, 8),
            interval_h=float(listing.interval_h),
            settles_at_ms=(now_ms // span_ms + 1) * span_ms,
            at_ms=now_ms,
            received_ms=now_ms,
        )

    def open_interest(self, now_ms: int, price: float) -> OpenInterest:
        """In whole lots."""
        oi_base = round(round(self.oi_base / self.listing.step) * self.listing.step, 6)
        return OpenInterest(
            venue=self.listing.venue,
            symbol=self.listing.symbol,
            oi_base=oi_base,
            oi_usd=round(oi_base * price, 4),
            at_ms=now_ms,
            received_ms=now_ms,
        )
