"""How we time: two things in turn, many short rounds, the median of each and of their ratio."""

import gc
import time
from collections.abc import Callable
from statistics import median

import msgspec


class Row(msgspec.Struct, kw_only=True):
    """One line of the table."""

    group: str
    what: str
    value: float
    unit: str
    against: str = ""  # what it is measured beside
    ratio: float | None = None  # this / that, from the same run
    limit: str = ""  # what the ratio must be


def per_call_us(work: Callable[[], object], calls: int) -> float:
    """Microseconds for one call, over `calls` of them."""
    started = time.perf_counter_ns()
    for _ in range(calls):
        work()
    return (time.perf_counter_ns() - started) / calls / 1_000


def beside(
    work: Callable[[], object], bare: Callable[[], object], *, calls: int, rounds: int = 15
) -> tuple[float, float, float]:
    """(work in us, bare in us, ratio): medians over rounds that alternate, so that both meet the same machine."""
    per_call_us(work, calls // 10 + 1)
    per_call_us(bare, calls // 10 + 1)
    works, bares = [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            bares.append(per_call_us(bare, calls))
            works.append(per_call_us(work, calls))
    finally:
        gc.enable()
    ratios = [one / other for one, other in zip(works, bares, strict=True)]
    return median(works), median(bares), median(ratios)


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
