"""When stablecoins were off their peg: our own record, DefiLlama's prices by day, and the prices of now, made one log.

Pure. Our record is as fine as our quotes, the history has one price a day; where both know of a breach, the record
tells it, and the history tells how long it had been going on before we watched.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from daemon.upstream.records import DailyPrices, DailyRates, Stablecoin
from daemon.views.pegs import Breach
from rules.peg import QUOTE_AGE_MS, severity

DAY_S = 86_400
DAY_MIN = 1_440
DOLLAR_PEG = "peggedUSD"
_CURRENCIES = {"peggedREAL": "BRL"}  # by peg type, where its name is not the currency's


def currency_of(peg_type: str) -> str:
    """peggedEUR -> EUR."""
    return _CURRENCIES.get(peg_type, peg_type.removeprefix("pegged"))


class Targets:
    """What one unit of a peg's currency is worth in US dollars: 1 for the dollar, else by the exchange rate of the day."""

    def __init__(self, peg_type: str, rates: Iterable[DailyRates] = ()) -> None:
        currency = currency_of(peg_type)
        self._is_dollar = peg_type == DOLLAR_PEG
        known = sorted((day.at_s, 1 / rate) for day in rates if (rate := day.per_usd.get(currency)))
        self._days = [at_s for at_s, _ in known]
        self._targets = [target for _, target in known]

    def at(self, at_s: int) -> float | None:
        """The newest rate that was known then; None before the first."""
        if self._is_dollar:
            return 1.0
        place = bisect_right(self._days, at_s)
        return self._targets[place - 1] if place else None


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A price and what it should have been."""

    price: float
    target: float

    @property
    def depth(self) -> float:
        """Distance from the target as a fraction of it."""
        return abs(self.price - self.target) / self.target


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive days whose last price was off the peg."""

    first_s: int
    last_s: int
    worst: Seen
    impulse: float  # percent-minutes, as the rule engine counts: what nobody saw counts for half an hour at most
    is_open: bool  # the newest day we know is among them

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last_s - self.first_s) // DAY_S + 1

    def overlaps(self, breach: Breach, now_ms: int) -> bool:
        """Whether both tell of the same time."""
        ended_ms = now_ms if breach.ended_ms is None else breach.ended_ms
        return breach.started_ms < (self.last_s + DAY_S) * 1_000 and ended_ms >= self.first_s * 1_000


class Depeg(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the log."""

    coin: Stablecoin
    started_ms: int
    seen: Seen  # at its deepest; of a current event, now
    duration_min: float
    severity: float  # 0 to 100, see docs/depeg-severity.md
    is_current: bool


class History:
    """DefiLlama's days, and what a unit of the peg's currency was worth on each."""

    def __init__(self, days: Sequence[DailyPrices], targets: Targets) -> None:
        self._days = days  # oldest first
        self._targets = [targets.at(day.at_s) for day in days]

    def runs(self, gecko_id: str | None, threshold: float, since_s: int) -> list[Run]:
        """The runs of one coin that had not ended before `since_s`, oldest first."""
        days = self._days
        if gecko_id is None:
            return []
        place = bisect_left(days, since_s - DAY_S + 1, key=lambda day: day.at_s)
        if place < len(days) and self._depth(place, gecko_id) >= threshold:
            while place > 0 and self._is_next(place) and self._depth(place - 1, gecko_id) >= threshold:
                place -= 1  # it had begun before
        found: list[Run] = []
        depths: list[float] = []
        for at in range(place, len(days)):
            depth = self._depth(at, gecko_id)
            if depths and (depth < threshold or not self._is_next(at)):
                found.append(self._run(gecko_id, at, depths, threshold))
                depths = []
            if depth >= threshold:
                depths.append(depth)
        if depths:
            found.append(self._run(gecko_id, len(days), depths, threshold))
        return found

    def _depth(self, place: int, gecko_id: str) -> float:
        """Distance from the target as a fraction of it; -1 if nobody knows."""
        price, target = self._days[place].prices.get(gecko_id), self._targets[place]
        return -1.0 if price is None or target is None else abs(price - target) / target

    def _is_next(self, place: int) -> bool:
        """Whether no day is missing before this one; a live row may carry its hour."""
        return self._days[place].at_s - self._days[place - 1].at_s < 2 * DAY_S

    def _run(self, gecko_id: str, end: int, depths: Sequence[float], threshold: float) -> Run:
        first = end - len(depths)
        worst = first + max(range(len(depths)), key=depths.__getitem__)
        excess = sum((one + other - 2 * threshold) / 2 for one, other in pairwise(depths))
        return Run(
            first_s=self._days[first].at_s,
            last_s=self._days[end - 1].at_s,
            worst=Seen(self._days[worst].prices[gecko_id], self._targets[worst] or 0.0),
            impulse=100 * excess * QUOTE_AGE_MS / 60_000,
            is_open=end == len(self._days),
        )


def log_of(
    coin: Stablecoin,
    *,
    found: Sequence[Run],
    breaches: Sequence[Breach],
    live: Seen | None,
    threshold: float,
    now_ms: int,
    live_ms: int,
) -> list[Depeg]:
    """The events of one coin. `live` is its price now, as of `live_ms`; None if nobody knows it."""
    size = coin.circulating_usd
    is_off = live is not None and live.depth >= threshold
    begun = _begun_earlier(found, breaches, now_ms)
    log = []
    for breach in breaches:
        started_ms = min(breach.started_ms, begun.get(breach.started_ms, breach.started_ms))
        score, seen = breach.severity, Seen(breach.price, breach.target)
        if breach.ended_ms is None and live is not None and is_off:
            seen = live
            score = severity(live.depth, threshold=threshold, impulse=breach.impulse, market_cap_usd=size)
        log.append(
            Depeg(
                coin=coin,
                started_ms=started_ms,
                seen=seen,
                duration_min=breach.duration_min + (breach.started_ms - started_ms) / 60_000,
                severity=score,
                is_current=breach.ended_ms is None,
            )
        )
    is_told = any(event.is_current for event in log)
    for run in found:
        if any(run.overlaps(breach, now_ms) for breach in breaches):
            continue
        is_current = is_off and run.is_open and not is_told
        is_told = is_told or is_current
        seen = live if is_current and live is not None else run.worst
        log.append(
            Depeg(
                coin=coin,
                started_ms=run.first_s * 1_000,
                seen=seen,
                duration_min=(now_ms - run.first_s * 1_000) / 60_000 if is_current else run.days * DAY_MIN,
                severity=severity(seen.depth, threshold=threshold, impulse=run.impulse, market_cap_usd=size),
                is_current=is_current,
            )
        )
    if live is not None and is_off and not is_told:  # it has just begun, as far as we know
        score = severity(live.depth, threshold=threshold, market_cap_usd=size)
        log.append(Depeg(coin=coin, started_ms=live_ms, seen=live, duration_min=0, severity=score, is_current=True))
    return list({event.started_ms: event for event in log}.values())


def by_ticker(coins: Iterable[Stablecoin]) -> dict[str, Stablecoin]:
    """The coin that our record means by a ticker: the largest of that name."""
    largest: dict[str, Stablecoin] = {}
    for coin in sorted(coins, key=lambda coin: (coin.is_gone, -(coin.circulating_usd or 0.0))):
        largest.setdefault(coin.symbol.upper(), coin)
    return largest


def breaches_by_coin(breaches: Iterable[Breach], coins: Mapping[str, Stablecoin]) -> dict[str, list[Breach]]:
    """Our record by the coin's id, oldest first; tickers that nobody has any more are left out."""
    found: dict[str, list[Breach]] = {}
    for breach in breaches:
        coin = coins.get(breach.coin)
        if coin is not None:
            found.setdefault(coin.id, []).append(breach)
    return found


def _begun_earlier(found: Iterable[Run], breaches: Sequence[Breach], now_ms: int) -> dict[int, int]:
    """By the start of a breach: when history says that it had begun, on a day before we saw it."""
    begun = {}
    for run in found:
        first = next((breach for breach in breaches if run.overlaps(breach, now_ms)), None)
        if first is not None and run.first_s < first.started_ms // 1_000 // DAY_S * DAY_S:
            begun[first.started_ms] = run.first_s * 1_000
    return begun
