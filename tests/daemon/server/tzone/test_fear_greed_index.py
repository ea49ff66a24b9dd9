"""fear-greed-index: five modes of one series."""

from datetime import UTC, datetime

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.fear_greed_index import CLASSES, MODES, SPEC, Point, aggregate, class_of
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import FearGreedDay
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, asked, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.parameters.timeframe is null in ours, text in the document": "nobody asked for a time frame",
    "$.data.yesterday is null in ours, an object in the document": "that day is missing upstream",
    "$.data.change_24h is null in ours, a number in the document": "the same",
}
DAY_S = 86_400
TODAY_S = NOW_MS // 1_000 // DAY_S * DAY_S  # 2026-09-21, a Monday


def at(text: str) -> int:
    """Midnight of a day in seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(back: int, value: int, classification: str | None = None) -> FearGreedDay:
    """A day so many days back; the newest says when the next is due."""
    word = class_of(value) if classification is None else classification
    due_s = 35_200 if back == 0 else None
    return FearGreedDay(value=value, classification=word, at_s=TODAY_S - back * DAY_S, next_update_s=due_s)


def vendors() -> RecordVendors:
    """400 days; 30 today, 40 yesterday, 20 a week ago, 50 a month ago, else 45; three days back is missing."""
    values = {0: 30, 1: 40, 7: 20, 30: 50}
    return RecordVendors(days=[day(back, values.get(back, 45)) for back in range(400) if back != 3])


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed: of the last 7 days those of fear, oldest first."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("fear-greed-index-chart"))
        assert [45, 45, 45, 45, 40, 30] == frame["data"]["y"]
        assert {"Fear"} == set(frame["data"]["classifications"])
        assert "2026-09-21 00:00:00" == frame["data"]["labels"][-1]
        assert TODAY_S * 1_000 == frame["data"]["x"][-1]
        assert [TODAY_S * 1_000, 30] == frame["data"]["series"][0]["data"][-1]
        assert "Fear and Greed Index Chart (30 days)" == frame["data"]["title"]
        assert "2026-09-21 14:13:20" == frame["timestamp"]


@pytest.mark.parametrize("mode", MODES)
async def test_each_mode_has_its_shape(mode: str) -> None:
    """The document shows the chart; the other four bodies are ours, and kept as files too."""
    async with house(vendors=vendors()) as built:
        query = f"mode={mode}&days=60&limit=2" + ("&timeframe=31d" if mode == "chart" else "&timeframe=60d")
        frame = await built.frame(SPEC, query)

        assert [] == same_shape(frame, golden(f"fear-greed-index-{mode}"))


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """The upstream leaves days out."""
    told = vendors()
    assert told.days is not None
    del told.days[1]
    async with house(vendors=told) as built:
        frame = await built.frame(SPEC, "mode=summary")

        assert [] == same_shape(frame, golden("fear-greed-index-summary"), DIFFERENCES)


async def test_zones_are_the_documents_own() -> None:
    """Word for word, though they disagree with the classes."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "mode=chart")
        document = golden("fear-greed-index-chart")

        assert isinstance(document, dict)
        assert document["data"]["zones"] == frame["data"]["zones"]


async def test_latest_is_the_newest_days() -> None:
    """One unless asked otherwise; more than 100 are 100, 0 is all."""
    async with house(vendors=vendors()) as built:
        one = (await built.frame(SPEC, ""))["data"]
        sizes = [(await built.frame(SPEC, f"limit={limit}"))["data"]["count"] for limit in (3, 100, 5_000, 0)]

        assert [{"value": 30, "value_classification": "Fear", "timestamp": TODAY_S}] == one["results"]
        assert TODAY_S + DAY_S == one["next_update"]  # 14:13:20 and 35,200 s, to the minute
        assert [3, 100, 100, 399] == sizes


async def test_history_counts_days_by_the_calendar() -> None:
    """A missing day is not made up for; more than 365 are 365, 0 is all."""
    async with house(vendors=vendors()) as built:
        counts = [
            (await built.frame(SPEC, f"mode=history&days={days}"))["data"]["count"] for days in (3, 5, 365, 9_999, 0)
        ]
        week = await built.frame(
            SPEC, 'mode=history&timeframe=7d&filters={"value":"<45"}&sort_by=value&sort_order=desc'
        )

        assert [3, 4, 364, 364, 399] == counts
        assert [40, 30] == [row["value"] for row in week["data"]["results"]]


@pytest.mark.parametrize(
    ("date_format", "timestamp", "label"),
    [
        ("", TODAY_S, "2026-09-21 00:00:00"),
        ("us", "09-21-2026", "09-21-2026"),
        ("cn", "2026-09-21", "2026-09-21"),
        ("kr", "2026-09-21", "2026-09-21"),
        ("world", "21-09-2026", "21-09-2026"),
    ],
)
async def test_dates_are_written_as_asked_and_sorted_as_times(date_format: str, timestamp: object, label: str) -> None:
    """21-09-2026 comes after 01-10-2025."""
    async with house(vendors=vendors()) as built:
        query = f"mode=history&days=365&date_format={date_format}&sort_by=timestamp&sort_order=desc&timeframe=300d"
        rows = (await built.frame(SPEC, query))["data"]["results"]
        chart = (await built.frame(SPEC, f"mode=chart&date_format={date_format}"))["data"]

        assert timestamp == rows[0]["timestamp"]
        assert 299 == len(rows)  # today counts, and one is missing
        assert label == chart["labels"][-1]


async def test_csv_is_made_by_us() -> None:
    """The upstream's own cannot be read."""
    async with house(vendors=vendors()) as built:
        for mode, first in (("history", f"30,Fear,{TODAY_S}"), ("chart", f"40,Fear,{TODAY_S - DAY_S}")):
            data = (await built.frame(SPEC, f"mode={mode}&days=2&format_type=csv"))["data"]

            lines = data["csv"].splitlines()
            assert "value,value_classification,timestamp" == lines[0]
            assert first == lines[1]
            assert (3, 2) == (len(lines), data["count"])


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    """2025-12-29 is the Monday of 2026's first ISO week, whose days lie in two years: (20 + 31 + 40 + 90) / 4 = 45.25."""
    days = [
        Point(at("2025-12-28"), 70, "Greed"),
        Point(at("2025-12-29"), 20, "Extreme Fear"),
        Point(at("2025-12-31"), 31, "Fear"),
        Point(at("2026-01-01"), 40, "Fear"),
        Point(at("2026-01-04"), 90, "Extreme Greed"),
        Point(at("2026-01-05"), 50, "Neutral"),
    ]

    assert [
        Point(at("2025-12-22"), 70, "Greed"),
        Point(at("2025-12-29"), 45.25, "Fear"),
        Point(at("2026-01-05"), 50, "Neutral"),
    ] == aggregate(days, "weekly")
    assert [
        Point(at("2025-12-01"), 40.33, "Fear"),  # (70 + 20 + 31) / 3
        Point(at("2026-01-01"), 60, "Greed"),  # (40 + 90 + 50) / 3
    ] == aggregate(days, "monthly")


def test_classes_of_means_change_at_the_bounds() -> None:
    """A half counts as the next whole number; everything from 0 to 100 has a class."""
    bounds = [(25, "Extreme Fear"), (25.49, "Extreme Fear"), (25.5, "Fear"), (46.4, "Fear"), (46.5, "Neutral")]
    bounds += [(54.4, "Neutral"), (54.5, "Greed"), (75.4, "Greed"), (75.5, "Extreme Greed"), (100, "Extreme Greed")]

    assert [word for _, word in bounds] == [class_of(value) for value, _ in bounds]
    assert [word for _, word in CLASSES] == list(dict.fromkeys(class_of(value / 10) for value in range(1_001)))


async def test_days_keep_the_word_of_the_upstream() -> None:
    """Only means get one of ours."""
    async with house(vendors=RecordVendors(days=[day(0, 25, "Nameless Dread")])) as built:
        daily = (await built.frame(SPEC, "mode=chart"))["data"]
        weekly = (await built.frame(SPEC, "mode=chart&chart_interval=weekly"))["data"]

        assert ["Nameless Dread"] == daily["classifications"]
        assert ["Extreme Fear"] == weekly["classifications"]


async def test_a_summary_looks_back_by_date() -> None:
    """30 today, 40 yesterday, 20 a week and 50 a month ago."""
    async with house(vendors=vendors()) as built:
        data = (await built.frame(SPEC, "mode=summary"))["data"]

        assert (30, 40, 20, 50) == tuple(
            data[name]["value"] for name in ("current", "yesterday", "last_week", "last_month")
        )
        assert (-10, 10, -20) == (data["change_24h"], data["change_7d"], data["change_30d"])
        assert 43.45 == data["average"]  # (30 + 40 + 20 + 26 x 45) / 29
        assert (20, 45) == (data["minimum"]["value"], data["maximum"]["value"])
        assert {"Extreme Fear": 1, "Fear": 28, "Neutral": 0, "Greed": 0, "Extreme Greed": 0} == data["distribution"]
        assert (30, 29) == (data["days"], data["count"])


async def test_a_dashboard_is_all_of_it() -> None:
    """Its chart follows the interval, its history the filters."""
    async with house(vendors=vendors()) as built:
        data = (await built.frame(SPEC, "mode=dashboard&days=60&chart_interval=monthly&search=fear&sort_by=value"))[
            "data"
        ]

        assert 30 == data["latest"]["value"]
        assert ["2026-07-01 00:00:00", "2026-08-01 00:00:00", "2026-09-01 00:00:00"] == data["chart"]["labels"]
        assert 20 == data["history"]["results"][0]["value"]
        assert data["history"]["count"] == data["summary"]["count"]


async def test_old_days_are_marked_and_none_at_all_is_an_error() -> None:
    """The index changes once a day: the last answer serves for long."""
    told = vendors()
    async with house(vendors=told) as built:
        await built.frame(SPEC, "")
        told.days = None
        built.now_ms += 2 * DAY_S * 1_000

        frame = await built.frame(SPEC, "")

        assert (True, 2.0 * DAY_S, "the vendor is down") == (frame["stale"], frame["age_s"], frame["error"])
        assert 30 == frame["data"]["results"][0]["value"]
    async with house() as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")


@pytest.mark.parametrize("mode", MODES)
async def test_no_days_are_an_answer(mode: str) -> None:
    """A filter may leave none."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f'mode={mode}&filters={{"value":">100"}}')

        counted = frame["data"]["summary"] if mode == "dashboard" else frame["data"]
        assert 0 == counted["count"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("mode=newest", "unknown_value", "mode"),
        ("days=-1", "out_of_range", "days"),
        ("limit=some", "not_a_number", "limit"),
        ("format_type=xml", "unknown_value", "format_type"),
        ("date_format=de", "unknown_value", "date_format"),
        ("chart_interval=hourly", "unknown_value", "chart_interval"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(query: str, code: str, parameter: str) -> None:
    """By parameter."""
    async with house() as built:
        with pytest.raises(BadParameter) as refusal:
            asked(built.endpoint(SPEC), query)

        assert (code, parameter) == (refusal.value.code, refusal.value.parameter)


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=vendors()) as built:
        usual = {
            "mode": (*MODES, ""),
            "days": (0, "7", 365, ""),
            "limit": (0, "1", 100, ""),
            "format_type": ("json", "CSV", ""),
            "date_format": ("us", "world", ""),
            "chart_interval": ("daily", "weekly", "Monthly", ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
