"""Charts to draw: the awkward ones, too."""

from collections.abc import Callable, Sequence
from io import BytesIO
from math import exp, sin
from typing import Any

from PIL import Image

from daemon.pictures.chart import Chart, Limit, Mark, Point
from rules.alerts import Severity
from rules.units import say_money, say_number, say_percent, say_price

M, H, D = 60_000, 3_600_000, 86_400_000
T = 1_795_262_460_000  # 2026-11-21 12:01 UTC
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def course(value: Callable[[int], float | None], count: int = 360, step: int = M) -> tuple[Point, ...]:
    """One value every so often, the last one now."""
    return tuple((T - (count - 1 - number) * step, value(number)) for number in range(count))


def chart(points: Sequence[Point], **more: Any) -> Chart:
    """Of a funding rate, unless told otherwise."""
    usual: dict[str, Any] = {
        "title": "funding per 8 h",
        "place": "binance BTC-USDT-PERP",
        "begins_ms": points[0][0],
        "ends_ms": T,
        "say": more.get("say", say_percent),
        "say_value": more.get("say", say_percent),
        "limits": (Limit(0.0005, WARNING), Limit(0.001, CRITICAL)),
        "fired_ms": T - H,
    }
    return Chart(points=tuple(points), **{**usual, **more})


def opened(png: bytes) -> Image.Image:
    """The picture, as coloured pixels."""
    return Image.open(BytesIO(png)).convert("RGB")


AWKWARD: dict[str, Chart] = {
    "flat and equal to its limit": chart(course(lambda _: 0.0005), limits=(Limit(0.0005, WARNING),)),
    "all zero": chart(course(lambda _: 0.0), limits=()),
    "one huge outlier": chart(course(lambda i: 3.2e9 if i == 300 else 5.0), say=say_money, limits=(Limit(1e6, INFO),)),
    "below zero": chart(
        course(lambda i: -0.0003 - i * 1e-6), limits=(Limit(-0.0005, WARNING), Limit(-0.0004, None)), is_falling=True
    ),
    "two points": chart(((T - M, 0.0004), (T, 0.0006))),
    "two points at once": chart(((T, 0.0004), (T, 0.0006)), begins_ms=T, ends_ms=T),
    "everything above the limit": chart(course(lambda i: 0.01 + 0.002 * sin(i / 30)), fired_ms=T - 9 * D),
    "a limit far away": chart(course(lambda i: i * 1e-9), limits=(Limit(2e-7, INFO), Limit(0.5, CRITICAL))),
    "gaps": chart(course(lambda i: None if 100 < i < 180 or i == 300 else 0.0004 + i * 1e-6)),
    "only gaps at the end": chart(course(lambda i: 0.0004 if i < 9 else None)),
    "days": chart(course(lambda i: float(i), 31, D), say=say_number, limits=(Limit(20.0, WARNING),)),
    "seconds": chart(course(lambda i: 0.0101 + i * 1e-5, 12, 5_000)),
    "prices": chart(course(lambda i: 84_000 + 9.0 * i), say=say_price, limits=(Limit(86_000.0, WARNING),)),
    "tiny": chart(course(lambda i: i * 1e-300), limits=(Limit(1e-298, WARNING),)),
    "enormous": chart(course(lambda i: i * 1e300), say=say_money, limits=(Limit(1e302, WARNING),)),
    "stems": chart(
        tuple((T - ago * M, 2e4 * exp(-ago / 9)) for ago in range(90, -1, -7)),
        say=say_money,
        limits=(Limit(1e4, WARNING),),
        is_stems=True,
        begins_ms=T - 6 * H,
    ),
    "a lone stem beside an outage": chart(
        ((T, 3.2e6),),
        say=say_money,
        limits=(Limit(1e6, WARNING),),
        is_stems=True,
        begins_ms=T - H,
        fired_ms=T,
        outages=((T - 50 * M, T - 20 * M),),
        marks=(Mark(T, "fired 12:01", WARNING),),
    ),
    "over within two seconds, at the edge": chart(
        course(lambda i: 0.0101 + i * 1e-5, 120, 1_000),
        fired_ms=T - 2_000,
        cleared_ms=T,
        marks=(Mark(T - 2_000, "fired 12:00:58", WARNING), Mark(T, "cleared 12:01:00", None)),
    ),
    "foreign names and a label": chart(
        course(lambda i: i * 1e-6), title="🚀" * 300, place="币安人生-USDT-PERP\n", label="STAGING \x00 Ünïversum " * 4
    ),
    "a formula": chart(
        course(lambda i: -i * 1e-4),
        title="abs(price - avg(price, 30m)) / avg(price, 2h) - change(oi_usd, 15m)",
        limits=(Limit(-0.02, WARNING), Limit(-0.01, None)),
        is_falling=True,
    ),
    "gaps everywhere": chart(course(lambda i: None if i // 40 % 2 else 0.0004 + i * 1e-6)),
    "many marks": chart(
        course(lambda i: i * 3e-6),
        marks=tuple(Mark(T - ago * M, "critical 11:59", CRITICAL) for ago in (120, 100, 90, 85, 84, 3, 2)),
        cleared_ms=T - 2 * M,
    ),
    "marks before and after it": chart(
        course(lambda i: i * 3e-6), marks=(Mark(T - 9 * D, "fired 3 Jan 00:00", WARNING), Mark(T + D, "cleared", None))
    ),
}
