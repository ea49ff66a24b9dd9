"""Which events are written down: facts always, levels as samples."""

from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FeedHealth,
    FundingRate,
    Liquidation,
    StablecoinQuote,
    Ticker,
    Trade,
)

OFF_PEG = 0.002  # a stablecoin farther from its target than this is an observation, not a sample
QUOTES_EVERY_MS = 3_600_000  # of hundreds of coins at their peg, most of which no rule asks about
PLACES_MAX = 50_000
PASSING = (Trade, Ticker, Candle, BookSnapshot, BookUpdate)  # too many to keep, and the venues have them


class Keeping:
    """Liquidations, settled funding, feed health and coins off their peg are all kept; the rest once in a while.

    Of a coin off its peg each source's first word that it is back is kept too: without it a replay would take a depeg of
    a minute for one of an hour.
    """

    def __init__(self, sample_every_ms: int, *, quotes_every_ms: int = QUOTES_EVERY_MS) -> None:
        self._sample_every_ms = sample_every_ms
        self._quotes_every_ms = quotes_every_ms
        self._off_peg: set[tuple[str, str]] = set()
        self._sampled_ms: dict[tuple[type[Event], tuple[str, str]], int] = {}

    def keeps(self, event: Event, now_ms: int) -> bool:
        """Whether this event is written; asking counts as keeping."""
        if isinstance(event, Liquidation | FeedHealth):
            return True
        if isinstance(event, PASSING) or event.IS_PRIVATE:
            return False  # what decided an alert is kept all the same: the recorder sees to that
        if isinstance(event, FundingRate) and event.is_settled:
            return True
        place = (type(event), event.place)
        last_ms = self._sampled_ms.get(place)
        every_ms = self._sample_every_ms
        if isinstance(event, StablecoinQuote):
            if (event.depth or 0.0) >= OFF_PEG:
                if len(self._off_peg) < PLACES_MAX:
                    self._off_peg.add(event.place)
                return True
            if event.place in self._off_peg:
                self._off_peg.remove(event.place)
                last_ms = None
            every_ms = max(every_ms, self._quotes_every_ms)
        if last_ms is not None and 0 <= now_ms - last_ms < every_ms:
            return False
        if last_ms is None and len(self._sampled_ms) >= PLACES_MAX:
            self._sampled_ms.clear()  # costs one sample each, never memory
        self._sampled_ms[place] = now_ms
        return True
