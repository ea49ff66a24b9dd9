"""Stablecoins as we have seen them: their latest quotes, every breach of a peg, and the hourly sum of their supply."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import pairwise, takewhile

import msgspec

from rules.events import Event, StablecoinQuote
from rules.peg import severity

HOUR_MS = 3_600_000
POINTS_KEPT = 4_096  # a fortnight of five-minute quotes a coin
GAP_MS = 30 * 60_000  # a longer silence ends a breach: nobody saw what happened meanwhile
COINS_MAX = 2_000
SOURCES_MAX = 16  # that quote one coin
HOURS_KEPT = 24 * 40
SILENT_MS = 2 * HOUR_MS  # a coin that nobody quoted for longer is not in the sum
SOURCE = "defillama"  # whose quotes make the record; others give a second opinion to the rules


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch in which a coin was off its peg by at least a threshold."""

    coin: str
    started_ms: int
    ended_ms: int | None  # None: it still is
    price: float  # at its deepest
    target: float
    depth: float  # fraction of the target, at its deepest
    duration_min: float  # from the first to the last observation beyond the threshold
    impulse: float  # percent-minutes beyond the threshold
    severity: float  # 0 to 100, as the rules score it
    market_cap_usd: float | None


class _Point(msgspec.Struct, frozen=True, gc=False):
    at_ms: int
    price: float
    target: float
    depth: float
    market_cap_usd: float | None


class Pegs:
    """Folded from quotes, live and stored alike."""

    def __init__(self) -> None:
        self.version = 0
        self._quotes: dict[str, dict[str, StablecoinQuote]] = {}  # coin -> source -> its latest
        self._points: dict[str, deque[_Point]] = {}
        self._deepest: dict[str, float] = {}  # since the start; most coins never breach, and are passed over
        self._supply: OrderedDict[str, tuple[int, float]] = OrderedDict()  # coin -> (seen, market cap), oldest first
        self._total = 0.0  # of the supply; kept, because adding up all coins with each quote is quadratic in coins
        self._hours: deque[tuple[int, float]] = deque(maxlen=HOURS_KEPT)

    def observe(self, event: Event) -> None:
        """Take the record source's quotes, and the latest of the others; everything else passes.

        A coin without a target counts in the sum alone.
        """
        if not isinstance(event, StablecoinQuote):
            return
        self._keep(event)
        if event.venue != SOURCE:
            return
        self._count(event)
        if not event.target:
            return
        points = self._points.get(event.coin)
        if points is None:
            if len(self._points) >= COINS_MAX:
                return
            points = self._points[event.coin] = deque(maxlen=POINTS_KEPT)
        if points and event.received_ms < points[-1].at_ms:
            return
        depth = abs(event.price - event.target) / event.target
        points.append(_Point(event.received_ms, event.price, event.target, depth, event.market_cap_usd))
        self._deepest[event.coin] = max(depth, self._deepest.get(event.coin, 0.0))
        self.version += 1

    def quotes(self, coin: str) -> list[StablecoinQuote]:
        """What each source said of it last."""
        return list(self._quotes.get(coin, {}).values())

    def latest(self) -> list[StablecoinQuote]:
        """What each source said last, of all coins."""
        return [quote for found in self._quotes.values() for quote in found.values()]

    def hourly_market_cap(self) -> list[tuple[int, float]]:
        """(start of the hour in ms, US dollars), oldest first; the last is the running hour."""
        return list(self._hours)

    def breaches(self, threshold: float, *, now_ms: int, since_ms: int = 0) -> list[Breach]:
        """Every stretch at or beyond the threshold that had not ended before `since_ms`, oldest first."""
        found = [
            breach
            for coin, points in self._points.items()
            if self._deepest[coin] >= threshold
            for breach in _breaches(coin, points, threshold, now_ms)
            if breach.ended_ms is None or breach.ended_ms >= since_ms
        ]
        return sorted(found, key=lambda breach: breach.started_ms)

    def _keep(self, event: StablecoinQuote) -> None:
        found = self._quotes.get(event.coin)
        if found is None:
            if len(self._quotes) >= COINS_MAX:
                return
            found = self._quotes[event.coin] = {}
        before = found.get(event.venue)
        if len(found) < SOURCES_MAX if before is None else event.received_ms >= before.received_ms:
            found[event.venue] = event

    def _count(self, event: StablecoinQuote) -> None:
        before = self._supply.get(event.coin)
        is_new = len(self._supply) < COINS_MAX if before is None else event.received_ms >= before[0]
        if event.market_cap_usd and is_new:
            self._supply[event.coin] = (event.received_ms, event.market_cap_usd)
            self._supply.move_to_end(event.coin)
            self._total += event.market_cap_usd - (0.0 if before is None else before[1])
            self._sum(event.received_ms)
            self.version += 1

    def _sum(self, now_ms: int) -> None:
        hour_ms = now_ms - now_ms % HOUR_MS
        silent = [coin for coin, _ in self._until(now_ms - SILENT_MS)]
        for coin in silent:
            del self._supply[coin]
        is_new = not self._hours or self._hours[-1][0] != hour_ms
        if silent or is_new:  # exactly, now and then: differences leave dust
            self._total = sum(cap for _, cap in self._supply.values())
        if not is_new:
            self._hours.pop()
        self._hours.append((hour_ms, self._total))

    def _until(self, end_ms: int) -> Iterator[tuple[str, tuple[int, float]]]:
        """The coins that were last quoted before this moment."""
        return takewhile(lambda found: found[1][0] < end_ms, self._supply.items())


def _breaches(coin: str, points: deque[_Point], threshold: float, now_ms: int) -> Iterator[Breach]:
    run: list[_Point] = []
    for point in points:
        if run and (point.depth < threshold or point.at_ms - run[-1].at_ms > GAP_MS):
            yield _breach(coin, run, threshold, ended_ms=min(point.at_ms, run[-1].at_ms + GAP_MS))
            run = []
        if point.depth >= threshold:
            run.append(point)
    if run:
        is_over = now_ms - run[-1].at_ms > GAP_MS
        yield _breach(coin, run, threshold, ended_ms=run[-1].at_ms + GAP_MS if is_over else None)


def _breach(coin: str, run: list[_Point], threshold: float, *, ended_ms: int | None) -> Breach:
    worst = max(run, key=lambda point: point.depth)
    impulse = sum(
        100 * (one.depth + other.depth - 2 * threshold) / 2 * (other.at_ms - one.at_ms) / 60_000
        for one, other in pairwise(run)
    )
    market_cap_usd = next((point.market_cap_usd for point in reversed(run) if point.market_cap_usd), None)
    return Breach(
        coin=coin,
        started_ms=run[0].at_ms,
        ended_ms=ended_ms,
        price=worst.price,
        target=worst.target,
        depth=worst.depth,
        duration_min=(run[-1].at_ms - run[0].at_ms) / 60_000,
        impulse=impulse,
        severity=severity(worst.depth, threshold=threshold, impulse=impulse, market_cap_usd=market_cap_usd),
        market_cap_usd=market_cap_usd,
    )
