"""What the exchanges of the box know of the past: candles, open interest and volumes, ending where the market is now."""

from collections.abc import Sequence
from typing import Literal

from daemon.simulator import noise
from daemon.simulator.listings import COINS, SHARES, Listing
from daemon.simulator.world import World
from daemon.wire.history import Bar, InterestPoint

FIVE_MINUTES_MS, HOUR_MS, DAY_MS = 300_000, 3_600_000, 86_400_000
MOST = 1_500  # rows of one answer, whoever asks
_TURNOVER = 2.2  # times the usual open interest is traded in a day
_JITTER = 1.5e-4  # how far a candle reaches beyond its ends, and trades from the mark price

End = Literal["oldest", "newest"]
_USUAL_BASE = {coin.name: coin.oi_usd / coin.price for coin in COINS}


class Past:
    """The same for the same seed, whenever it is asked for: what is over does not change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._days: dict[
            tuple[str, str], tuple[int, float]
        ] = {}  # last 24 hours: until which five minutes, and how much

    @property
    def now_ms(self) -> int:
        """Where the present begins."""
        return self._world.now_ms

    def price(self, listing: Listing, at_ms: int) -> float:
        """The mark price."""
        return listing.shown(self._world.prices[listing.coin].at(at_ms))

    def base(self, listing: Listing, at_ms: int) -> float:
        """Open interest in base coins."""
        if listing.is_inverse:
            beside = self._world.interest[listing.venue, f"{listing.coin}-USDT-PERP"]  # it breathes with the linear one
            return round(beside.at(at_ms) * listing.oi_share / SHARES[listing.venue], 6)
        return round(self._world.interest[listing.venue, listing.symbol].at(at_ms), 6)

    def bars(
        self,
        listing: Listing,
        step_ms: int,
        *,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        keep: End,
        is_mark: bool,
        shift_ms: int = 0,
    ) -> list[Bar]:
        """Candles that begin in the range, oldest first: the oldest or the newest `limit` of them.

        Those of the mark price have no volumes. `shift_ms`: how long after midnight UTC the venue's days begin.
        """
        moments = self._moments(step_ms, start_ms, end_ms, limit, keep, shift_ms)
        return [self._bar(listing, at_ms, step_ms, is_mark) for at_ms in moments]

    def _moments(
        self, step_ms: int, start_ms: int | None, end_ms: int | None, limit: int, keep: End, shift_ms: int
    ) -> Sequence[int]:
        """Full steps within the range and until now; without a start, as many as there may be."""
        limit = min(limit, MOST)
        last = (min(self.now_ms, self.now_ms if end_ms is None else end_ms) - shift_ms) // step_ms
        first = last - limit + 1 if start_ms is None else -(-(max(start_ms, 0) - shift_ms) // step_ms)
        if keep == "newest":
            first = max(first, last - limit + 1)
        else:
            last = min(last, first + limit - 1)
        return range(first * step_ms + shift_ms, last * step_ms + shift_ms + 1, step_ms)

    def interest(
        self,
        listing: Listing,
        step_ms: int,
        *,
        start_ms: int | None,
        end_ms: int | None,
        limit: int,
        shift_ms: int = 0,
    ) -> list[InterestPoint]:
        """Open interest at full steps, oldest first: the newest `limit` of the range."""
        found = []
        for at_ms in self._moments(step_ms, start_ms, end_ms, limit, "newest", shift_ms):
            base = self.base(listing, at_ms)
            found.append(InterestPoint(at_ms, base, round(base * self.price(listing, at_ms), 2)))
        return found

    def day_volume(self, listing: Listing) -> float:
        """What was traded in the last 24 hours, in base coins; it moves every five minutes, as whole ones pass."""
        now_ms = self._world.now_ms
        until, key = now_ms // FIVE_MINUTES_MS, (listing.venue, listing.symbol)
        if self._days.get(key, (0, 0.0))[0] != until:
            traded = sum(self._five_minutes(listing, place) for place in range(until - 288, until))
            self._days[key] = until, traded
        return round(self._days[key][1], 6)

    def _bar(self, listing: Listing, at_ms: int, step_ms: int, is_mark: bool) -> Bar:
        ends_ms = min(at_ms + step_ms, self._world.now_ms)
        first, last = self.price(listing, at_ms), self.price(listing, max(at_ms, ends_ms - 1))
        name = noise.key(listing.venue, listing.coin, step_ms)
        up, down = noise.unit(name, at_ms), noise.unit(name + 1, at_ms)
        reach = _JITTER * (step_ms / FIVE_MINUTES_MS) ** 0.5
        high = round(max(first, last) * (1 + reach * up), listing.decimals)
        low = round(min(first, last) * (1 - reach * down), listing.decimals)
        high, low = max(high, first, last), min(low, first, last)
        if is_mark:
            return Bar(at_ms, first, high, low, last)
        base = self._volume(listing, at_ms, ends_ms, step_ms)
        return Bar(at_ms, first, high, low, last, base, round(base * (first + last) / 2, 4))

    def _volume(self, listing: Listing, at_ms: int, ends_ms: int, step_ms: int) -> float:
        if step_ms <= HOUR_MS:
            first, last = at_ms // FIVE_MINUTES_MS, -(-ends_ms // FIVE_MINUTES_MS)
            traded = sum(self._five_minutes(listing, place) for place in range(first, last))
            over = last * FIVE_MINUTES_MS - ends_ms  # of the five minutes that are running
            traded -= self._five_minutes(listing, last - 1) * over / FIVE_MINUTES_MS if last > first else 0.0
        else:  # one look an hour is enough for a candle of a day
            hours = max(1, (ends_ms - at_ms) // HOUR_MS)
            traded = sum(
                12 * self._five_minutes(listing, at_ms // FIVE_MINUTES_MS + 12 * hour) for hour in range(hours)
            )
        return round(max(traded, 0.0), 6)

    def _five_minutes(self, listing: Listing, place: int) -> float:
        usual = _USUAL_BASE[listing.coin] / listing.multiplier * listing.oi_share * _TURNOVER / 288
        return usual * (0.4 + 1.2 * noise.unit(noise.key(self._world.seed, listing.venue, listing.symbol), place))
