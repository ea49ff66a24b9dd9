"""Pictures of made-up data: to warm up with, and for the documentation. `python -m daemon.pictures.sample docs/NAME.png`."""

import sys
from math import sin
from pathlib import Path

from daemon.pictures.chart import Chart, Limit, Mark, say_moment
from daemon.pictures.drawing import draw
from rules.alerts import Severity
from rules.units import say_percent

MINUTE_MS = 60_000
ENDS_MS = 1_795_262_460_000  # 2026-11-21 12:01 UTC
WARNING, CRITICAL, CLEAR = 0.0005, 0.001, 0.0004
FLUSH, OVER = -0.05, -0.02


def funding() -> Chart:
    """A rate that creeps up for a day, and passes both limits on one morning."""
    points = tuple((ENDS_MS - ago * MINUTE_MS, _rate(ago)) for ago in range(1_440, -1, -1))
    fired_ms, worse_ms = (next(at_ms for at_ms, rate in points if rate > limit) for limit in (WARNING, CRITICAL))
    return Chart(
        title="funding per 8 h",
        place="binance BTC-USDT-PERP",
        points=points,
        begins_ms=points[0][0],
        ends_ms=ENDS_MS,
        say=say_percent,
        say_value=say_percent,
        limits=(Limit(WARNING, Severity.WARNING), Limit(CRITICAL, Severity.CRITICAL), Limit(CLEAR, None)),
        fired_ms=fired_ms,
        severity=Severity.CRITICAL,
        marks=(
            Mark(fired_ms, say_moment("fired", fired_ms, ENDS_MS), Severity.WARNING),
            Mark(worse_ms, say_moment("critical", worse_ms, ENDS_MS), Severity.CRITICAL),
        ),
    )


def flush() -> Chart:
    """What a condition compares: open interest is closed in bulk, some time after its feed was dead."""
    points = tuple((ENDS_MS - ago * MINUTE_MS, _change(ago)) for ago in range(150, -1, -1))
    fired_ms = next(at_ms for at_ms, change in points if change is not None and change <= FLUSH)
    return Chart(
        title="change(oi_usd, 15m)",
        place="okx ETH-USDT-PERP",
        points=points,
        begins_ms=points[0][0],
        ends_ms=ENDS_MS,
        say=say_percent,
        say_value=say_percent,
        limits=(Limit(FLUSH, Severity.WARNING), Limit(OVER, None)),
        is_falling=True,
        fired_ms=fired_ms,
        marks=(Mark(fired_ms, say_moment("fired", fired_ms, ENDS_MS), Severity.WARNING),),
    )


SAMPLES = {"funding": funding, "flush": flush}


def draw_sample(name: str = "funding") -> bytes:
    """The chart as a PNG."""
    return draw(SAMPLES[name]())


def _rate(ago: int) -> float:
    waves = 0.00004 * sin(ago / 97) + 0.000012 * sin(ago / 11) + 0.000006 * sin(ago / 3.1)
    climb: float = max(0.0, 1 - ago / 260) ** 1.5
    return round(0.00015 + waves + 0.00105 * climb, 6)


def _change(ago: int) -> float | None:
    if 45 < ago < 75:
        return None
    fall: float = -0.071 * max(0.0, min(1.0, 1 - ago / 11)) ** 0.8
    return round(0.004 * sin(ago / 17) + 0.0012 * sin(ago / 2.3) + fall, 4)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(draw_sample(Path(sys.argv[1]).stem))
