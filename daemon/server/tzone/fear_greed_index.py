"""Fear and greed of the market: now, over time, and in sum (spec/000, `fear-greed-index`; bodies in docs/endpoints.md)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any, cast

import msgspec

from daemon.server.parameters import a_whole_number, one_of
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, results
from daemon.upstream.records import FearGreedDay

PATH = "/tzone_apis/services/futures/ws/fear-greed-index"
SOURCE = "alternative.me"
MODES = ("latest", "history", "chart", "summary", "dashboard")
INTERVALS = ("daily", "weekly", "monthly")
FIELDS = ("value", "value_classification", "timestamp")
ALIASES = {"classification": "value_classification", "y": "value", "x": "timestamp", "date": "timestamp"}
DATES = {"us": "%m-%d-%Y", "cn": "%Y-%m-%d", "kr": "%Y-%m-%d", "world": "%d-%m-%Y"}
LABEL = "%Y-%m-%d %H:%M:%S"
DAY_S = 86_400
DAYS, MOST_DAYS = 30, 365
A_MONTH_BEFORE = 35  # days asked for beyond those shown, so that a summary can look back from the first of them
LIMIT, MOST_LIMIT = 1, 100
MOST_WRITTEN = 1_000_000  # a larger number than the most counts as the most, but it must be one
CLASSES = ((25, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (100, "Extreme Greed"))
"""Up to and including; counted on 2,279 days of the upstream, and used for means only: days keep the upstream's word."""
ZONES = msgspec.Raw(
    msgspec.json.encode(
        [
            {"value": 0, "color": "#ff4444", "label": "Extreme Fear"},
            {"value": 25, "color": "#ff8844", "label": "Fear"},
            {"value": 45, "color": "#ffcc44", "label": "Neutral"},
            {"value": 55, "color": "#88cc44", "label": "Neutral"},
            {"value": 75, "color": "#44cc44", "label": "Greed"},
            {"value": 100, "color": "#44ff44", "label": "Extreme Greed"},
        ]
    )
)
"""As printed: decoration, which does not agree with the classes."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """A day, or the mean of several."""

    at_s: int
    value: float
    word: str


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    mode: str
    days: int  # 0: all
    limit: int  # 0: all
    format_type: str
    date_format: str
    chart_interval: str


def read(given: Mapping[str, object]) -> Own:
    """More days than 365 are 365, a limit above 100 is 100; 0 is all there is."""
    days = a_whole_number("days", given.get("days", DAYS), least=0, most=MOST_WRITTEN)
    limit = a_whole_number("limit", given.get("limit", LIMIT), least=0, most=MOST_WRITTEN)
    date_format = given.get("date_format", "")
    return Own(
        mode=one_of("mode", given.get("mode", "latest"), MODES),
        days=min(days, MOST_DAYS),
        limit=min(limit, MOST_LIMIT),
        format_type=one_of("format_type", given.get("format_type", "json"), ("json", "csv")),
        date_format=one_of("date_format", date_format, DATES) if date_format else "",
        chart_interval=one_of("chart_interval", given.get("chart_interval", "daily"), INTERVALS),
    )


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """The days that the mode is about, newest first; for a chart the means of weeks or months, oldest first."""
    is_latest = own.mode == "latest"
    beyond = A_MONTH_BEFORE if own.days else 0
    answer = await sources.market.fear_greed(own.limit if is_latest else own.days + beyond)
    known = points = [Point(day.at_s, day.value, day.classification) for day in answer.value]
    if not is_latest and own.days and known:  # by the calendar, because days are missing
        points = [point for point in known if point.at_s > known[0].at_s - own.days * DAY_S]
    if own.mode == "chart":
        points = aggregate(points[::-1], own.chart_interval)
    rows = [kept.row(point.at_s, row(point, own.date_format), {"timestamp": point.at_s * 1_000}) for point in points]
    newest = answer.value[0] if answer.value else None
    next_update = _next_update(newest, answer.at_ms)
    return Data(
        Table(rows, fields=FIELDS, aliases=ALIASES),
        answer.at_ms,
        {"next_update": next_update, "known": known},
        (next_update, tuple(known)),
        is_stale=answer.is_stale,
        error=answer.error,
    )


def aggregate(days: Sequence[Point], interval: str) -> list[Point]:
    """Days, or the means of ISO weeks (dated on their Monday) or calendar months (on their first), in the given order."""
    if interval == "daily":
        return list(days)
    found: dict[int, list[float]] = {}
    for day in days:
        when = _date(day.at_s)
        start = when - timedelta(days=when.weekday()) if interval == "weekly" else when.replace(day=1)
        found.setdefault(_seconds(start), []).append(day.value)
    return [_mean(at_s, values) for at_s, values in found.items()]


def class_of(value: float) -> str:
    """The upstream's word for a value, for means that it has no word for; halves count as the next whole number."""
    return next(word for most, word in CLASSES if int(value + 0.5) <= most)


def row(point: Point, date_format: str) -> dict[str, Any]:
    """One point; the time in seconds, or as the date format has it."""
    timestamp: object = f"{_date(point.at_s):{DATES[date_format]}}" if date_format else point.at_s
    return {"value": point.value, "value_classification": point.word, "timestamp": timestamp}


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The frame as printed in the document, with the mode's body as `data`."""
    own = params.own
    timeframe = params.query.timeframe
    return {
        "mode": own.mode,
        "data": _body(selection, data, own),
        "parameters": {
            "days": own.days,
            "chart_interval": own.chart_interval,
            "format_type": own.format_type,
            "date_format": own.date_format,
            "timeframe": None if timeframe is None else timeframe.text,
        },
        "adaptive_interval": frame.interval,
        "timestamp": f"{datetime.fromtimestamp(frame.timestamp, UTC):{LABEL}}",
        "source": SOURCE,
    }


def _body(selection: Selection, data: Data, own: Own) -> dict[str, Any]:
    points = [_point(row) for row in selection.rows]
    match own.mode:
        case "latest":
            return {**_listing(selection, own), "next_update": data.extra["next_update"], "source": SOURCE}
        case "history":
            return {**_listing(selection, own), "source": SOURCE}
        case "chart" if own.format_type == "csv":
            return {**_listing(selection, own), "source": SOURCE}
        case "chart":
            return chart(points, selection.count, own)
        case "summary":
            return {**summary(points, data.extra["known"], own), "source": SOURCE}
    days = sorted(points, key=_at_s)
    means = aggregate(days, own.chart_interval)
    return {
        "latest": row(days[-1], own.date_format) if days else None,
        "next_update": data.extra["next_update"],
        "summary": summary(points, data.extra["known"], own),
        "chart": chart(means, len(means), own),
        "history": _listing(selection, own),
        "source": SOURCE,
    }


def chart(points: Sequence[Point], count: int, own: Own) -> dict[str, Any]:
    """The document's chart."""
    length = f"{own.days} days" if own.days else "all days"
    x, y = [point.at_s * 1_000 for point in points], [point.value for point in points]
    return {
        "x": x,
        "y": y,
        "labels": [f"{_when(point.at_s):{DATES.get(own.date_format, LABEL)}}" for point in points],
        "classifications": [point.word for point in points],
        "title": f"Fear and Greed Index Chart ({length})",
        "y_axis": "Fear & Greed Index (0-100)",
        "x_axis": "Date",
        "count": count,
        "series": [
            {"name": "Fear & Greed Index", "type": "line", "data": list(zip(x, y, strict=True)), "color": "#ff8844"}
        ],
        "zones": ZONES,
        "source": SOURCE,
    }


def summary(points: Sequence[Point], known: Sequence[Point], own: Own) -> dict[str, Any]:
    """The chosen days in sum; what lies before the newest of them is looked up by date, and null if that day is missing."""
    days = sorted(points, key=_at_s, reverse=True)
    by_date = {_date(day.at_s): day for day in known}
    now = days[0] if days else None

    def back(count: int) -> Point | None:
        return None if now is None else by_date.get(_date(now.at_s) - timedelta(days=count))

    def shown(day: Point | None) -> dict[str, Any] | None:
        return None if day is None else row(day, own.date_format)

    def change(count: int) -> float | None:
        before = back(count)
        return None if now is None or before is None else now.value - before.value

    mean = fmean(day.value for day in days) if days else None
    return {
        "current": shown(now),
        "yesterday": shown(back(1)),
        "last_week": shown(back(7)),
        "last_month": shown(back(30)),
        "change_24h": change(1),
        "change_7d": change(7),
        "change_30d": change(30),
        "average": None if mean is None else round(mean, 2),
        "average_classification": None if mean is None else class_of(mean),
        "minimum": shown(min(days, key=_value, default=None)),
        "maximum": shown(max(days, key=_value, default=None)),
        "distribution": {word: sum(day.word == word for day in days) for _, word in CLASSES},
        "days": own.days,
        "count": len(days),
    }


def _listing(selection: Selection, own: Own) -> dict[str, Any]:
    """Rows as the other futures tables have them, or as text of comma-separated values."""
    if own.format_type == "json":
        return results(selection)
    lines = [",".join(FIELDS), *(",".join(str(row.fields[name]) for name in FIELDS) for row in selection.rows)]
    return {"csv": "\n".join(lines) + "\n", "count": selection.count, "processing_method": selection.processing_method}


def _mean(at_s: int, values: Sequence[float]) -> Point:
    value = round(fmean(values), 2)
    return Point(at_s, value, class_of(value))


def _next_update(newest: FearGreedDay | None, at_ms: int) -> int | None:
    """When the next day's value is due, in seconds since 1970; to the minute, so that it stays the same."""
    if newest is None or newest.next_update_s is None:
        return None
    return round((at_ms / 1_000 + newest.next_update_s) / 60) * 60


def _point(row: Row) -> Point:
    """What the row was made of."""
    at_ms, value = cast(int, row.hidden["timestamp"]), cast(float, row.fields["value"])
    return Point(at_ms // 1_000, value, str(row.fields["value_classification"]))


def _at_s(point: Point) -> int:
    return point.at_s


def _value(point: Point) -> float:
    return point.value


def _when(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _date(at_s: int) -> date:
    return _when(at_s).date()


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


SPEC = Spec(
    path=PATH,
    about="fear and greed of the market: latest, history, chart, summary, dashboard",
    example='mode=chart&days=30&chart_interval=daily&filters={"value_classification":"Fear"}&timeframe=7d'
    "&time_field=timestamp",
    own=frozenset({"mode", "days", "limit", "format_type", "date_format", "chart_interval"}),
    read=read,
    load=load,
    envelope=envelope,
)
