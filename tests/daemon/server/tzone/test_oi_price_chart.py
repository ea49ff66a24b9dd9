"""oi-price/chart: price and open interest of one contract."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.oi_price_chart import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import Contract, OiPricePoint, Provider
from rules.events import OpenInterest
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordDesk, asked, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.query_params.category is null in ours, text in the document": "the printed body belongs to the other request"
}
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
OLD_MS = 1_759_363_200_000  # 2025-10-02
DOCUMENTED = (
    "symbol=BTCUSDT&exchange=bybit&start_time=1759363200000&end_time=1760020800000&timeframe=custom&page_size=1000"
)


def point(at_ms: int, oi_usd: float, price: float = 67_000.0, *, ambiguous: bool = False) -> OiPricePoint:
    """One hour or day."""
    return OiPricePoint(at_ms=at_ms, price=price, oi_usd=oi_usd, is_oi_ambiguous=ambiguous)


def bybit(provider: Provider = "venue") -> RecordDesk:
    """A linear perpetual with a history, and an inverse one without."""
    return RecordDesk(
        "bybit",
        provider,
        rows=[
            Contract(
                venue="bybit", symbol="BTC-USDT-PERP", pair="BTCUSDT", kind="VANILLA", last=67_200.0, mark=67_201.0,
                oi_base=1_900.0, oi_usd=127_681_900.0, volume_24h_usd=9e9, at_ms=NOW_MS - 1_000, provider=provider,
            ),
            Contract(
                venue="bybit", symbol="BTC-USD-PERP", pair="BTCUSD", kind="INVERSE", last=67_100.0, oi_base=1.0,
                oi_usd=67_100.0, volume_24h_usd=1e6, at_ms=NOW_MS - 1_000, provider=provider,
            ),
        ],
        interest={
            "BTCUSDT": [
                point(OLD_MS, 123_456_789.0, 67_000.12),
                point(OLD_MS + HOUR_MS, 123_556_789.0, 67_200.34),
                point(NOW_MS - 5 * DAY_MS, 1e8),
                point(NOW_MS - 2 * HOUR_MS, 1.1e8),
            ]
        },
    )  # fmt: skip


@pytest.mark.parametrize("query", [DOCUMENTED, DOCUMENTED + "&category=linear&interval=10.0"])
async def test_the_documented_request_is_answered_in_the_documented_shape(query: str) -> None:
    """As printed, with CoinDesk asked. The body's category is that of the other printed request."""
    async with house(bybit("CoinDesk")) as built:
        frame = await built.frame(SPEC, query)

        assert [] == same_shape(frame, golden("oi-price-chart"), {} if "category" in query else DIFFERENCES)
        assert [OLD_MS, OLD_MS + HOUR_MS] == frame["x"]
        assert [67_000.12, 67_200.34] == frame["y_price"]
        assert [123_456_789.0, 123_556_789.0] == frame["y_open_interest"]
        assert ["CoinDesk-bybit", "CoinDesk-bybit"] == frame["sources"]
        assert "CoinDesk Historical OHLC+ API" == frame["data_source"]
        assert "custom" == frame["timeframe_applied"]
        assert {
            "start_time": 1_759_363_200_000,
            "end_time": 1_760_020_800_000,
            "historical_interval": "hours",
            "historical_limit": 2_000,
            "timeframe": "custom",
        } == frame["timeframe_config"]


async def test_without_a_key_the_exchange_itself_is_named() -> None:
    """The other printed request: three months are days."""
    desk = bybit()
    async with house(desk) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert ("oi_price_history by days", "BTCUSDT") in desk.asked
        assert "days" == frame["timeframe_config"]["historical_interval"]
        assert ("3m", "3m") == (frame["timeframe_applied"], frame["query_params"]["timeframe"])
        assert "Bybit REST API (open interest history)" == frame["data_source"]
        assert {"bybit"} == set(frame["sources"])
        assert frame["historical_included"] is True
        assert 90 * DAY_MS == frame["timeframe_config"]["end_time"] - frame["timeframe_config"]["start_time"]


async def test_the_newest_point_is_the_contract_as_it_stands() -> None:
    """Behind the history, and from our own stream where that is newer."""
    async with house(bybit()) as built:
        built.views.observe(
            OpenInterest(
                venue="bybit", symbol="BTC-USDT-PERP", oi_base=2_000.0, oi_usd=134_402_000.0,
                at_ms=NOW_MS - 500, received_ms=NOW_MS,
            )
        )  # fmt: skip

        frame = await built.frame(SPEC, "symbol=BTCUSDT&timeframe=1w")

        assert [NOW_MS - 5 * DAY_MS, NOW_MS - 2 * HOUR_MS, NOW_MS - 500] == frame["x"]
        assert [1e8, 1.1e8, 134_402_000.0] == frame["y_open_interest"]
        assert 67_200.0 == frame["y_price"][-1]


async def test_a_series_is_never_part_one_sided_part_unclear() -> None:
    """Doubled open interest at the end would look like a jump."""
    desk = bybit()
    desk.interest["BTCUSDT"] = [point(NOW_MS - HOUR_MS, 2e8, ambiguous=True)]
    async with house(desk) as built:
        assert [2e8] == (await built.frame(SPEC, "symbol=BTCUSDT"))["y_open_interest"]


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ("timeframe=1w", "hours"),
        ("", "hours"),
        ("timeframe=2m", "hours"),
        ("timeframe=83d", "hours"),
        ("timeframe=84d", "days"),
        ("timeframe=3m", "days"),
        ("timeframe=5m", "days"),
        ("timeframe=1y", "days"),
        (f"start_time={NOW_MS - 83 * DAY_MS}", "hours"),
        (f"start_time={NOW_MS - 83 * DAY_MS - 1}", "days"),
        (f"end_time={NOW_MS - DAY_MS}&timeframe=1w", "hours"),
    ],
)
async def test_an_m_is_a_month_and_2000_hours_is_the_longest_series_of_hours(query: str, unit: str) -> None:
    """2,000 hours are 83 days and 8 hours."""
    desk = bybit()
    async with house(desk) as built:
        frame = await built.frame(SPEC, f"symbol=BTCUSDT&{query}")

        assert unit == frame["timeframe_config"]["historical_interval"]
        assert (f"oi_price_history by {unit}", "BTCUSDT") in desk.asked


async def test_bounds_override_the_time_frame_and_the_answer_says_so() -> None:
    """Either of them."""
    async with house(bybit()) as built:
        frame = await built.frame(SPEC, f"symbol=BTCUSDT&timeframe=1w&end_time={NOW_MS - DAY_MS}")

        assert ("custom", "1w") == (frame["timeframe_applied"], frame["query_params"]["timeframe"])
        assert 7 * DAY_MS == frame["timeframe_config"]["end_time"] - frame["timeframe_config"]["start_time"]
        assert [NOW_MS - 5 * DAY_MS] == frame["x"]


@pytest.mark.parametrize(
    ("query", "instrument"),
    [
        ("symbol=BTC", "BTCUSDT"),
        ("symbol=btcusdt&exchange=CoinDesk-Bybit", "BTCUSDT"),
        ("symbol=BTC&category=inverse", "BTCUSD"),
        ("symbol=BTCUSD", "BTCUSD"),
        ("symbol=BTC-USDT-PERP&category=linear", "BTCUSDT"),
    ],
)
async def test_symbol_and_category_name_one_contract(query: str, instrument: str) -> None:
    """And the answer says which."""
    async with house(bybit()) as built:
        frame = await built.frame(SPEC, query)

        assert ([instrument], ["bybit"]) == (frame["instruments"], frame["markets"])


async def test_the_interval_is_the_client_s() -> None:
    """10.0 s unless asked otherwise."""
    async with house(bybit()) as built:
        assert 10.0 == (await built.frame(SPEC, "symbol=BTCUSDT"))["adaptive_interval"]
        assert 2.5 == (await built.frame(SPEC, "symbol=BTCUSDT", {"interval": 2.5}))["adaptive_interval"]


async def test_points_are_filtered_sorted_and_paged() -> None:
    """2,000 a page unless asked otherwise."""
    async with house(bybit()) as built:
        query = 'symbol=BTCUSDT&timeframe=1w&filters={"open_interest":">100000000","source":"bybit"}&sort_by=timestamp'
        frame = await built.frame(SPEC, query + "&sort_order=desc&page=2&page_size=1")

        assert ([NOW_MS - 2 * HOUR_MS], 2) == (frame["x"], frame["count"])
        assert [[NOW_MS - 2 * HOUR_MS, 1.1e8]] == frame["series"][1]["data"]
        with pytest.raises(BadParameter, match="page_size"):
            await built.frame(SPEC, "symbol=BTCUSDT&page_size=5001")
        assert 3 == len((await built.frame(SPEC, "symbol=BTCUSDT&timeframe=1w&page_size=5000"))["x"])


async def test_without_its_history_the_chart_is_the_present_and_says_so() -> None:
    """An empty history is no error, a failed one is."""
    desk = bybit()
    async with house(desk) as built:
        inverse = await built.frame(SPEC, "symbol=BTCUSD")
        desk.history_trouble = "bybit answered 500"
        broken = await built.frame(SPEC, "symbol=BTCUSDT")

        assert (False, "Bybit REST API (latest only)") == (inverse["historical_included"], inverse["data_source"])
        assert [NOW_MS - 1_000] == inverse["x"]
        assert "error" not in inverse
        assert ([127_681_900.0], "bybit answered 500") == (broken["y_open_interest"], broken["error"])


async def test_when_nobody_answers_the_last_chart_stays_and_a_new_one_is_refused() -> None:
    """With age and reason."""
    desk = bybit()
    async with house(desk) as built:
        await built.frame(SPEC, "symbol=BTCUSDT&timeframe=1w")
        desk.trouble = "bybit answered 503"
        built.now_ms += 1_200_000

        frame = await built.frame(SPEC, "symbol=BTCUSDT&timeframe=1w")

        assert (True, 1_200.0) == (frame["stale"], frame["age_s"])
        assert "bybit answered 503" in frame["error"]
        assert 3 == frame["count"]
        with pytest.raises(Unavailable, match="bybit answered 503"):
            await built.frame(SPEC, "symbol=BTCUSDT&timeframe=1y&exchange=bybit&end_time=1760020800000")


async def test_an_exchange_that_has_closed_has_an_empty_chart() -> None:
    """The document's own examples name BitMEX."""
    async with house(bybit()) as built:
        frame = await built.frame(SPEC, "symbol=BTCUSDT&exchange=bitmex")

        assert ([], False, ["bitmex"]) == (frame["x"], frame["historical_included"], frame["markets"])


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "missing", "symbol"),
        ("symbol=BTCUSDT&timeframe=custom", "missing", "start_time"),
        ("symbol=BTCUSDT&timeframe=1h1", "unknown_value", "timeframe"),
        ("symbol=BTCUSDT&exchange=mtgox", "unknown_value", "exchange"),
        ("symbol=BTCUSDT&exchange=binance,bybit", "unknown_value", "exchange"),
        ("symbol=BTCUSDT&category=spot", "unknown_value", "category"),
        ("symbol=BTCUSDT&interval=0.1", "out_of_range", "interval"),
        ("symbol=BTCUSDT&start_time=soon", "not_a_number", "start_time"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(query: str, code: str, parameter: str) -> None:
    """Before anything is asked."""
    async with house(bybit()) as built:
        with pytest.raises(BadParameter) as refusal:
            asked(built.endpoint(SPEC), query)

        assert (code, parameter) == (refusal.value.code, refusal.value.parameter)


async def test_a_contract_that_the_exchange_does_not_have_is_refused() -> None:
    """With what would be right."""
    async with house(bybit()) as built:
        with pytest.raises(BadParameter, match="bybit has no contract 'NOPE'; names are like BTC"):
            await built.frame(SPEC, "symbol=NOPE")


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(bybit()) as built:
        usual = {
            "symbol": ("BTC", "BTCUSDT", "NOPE"),
            "exchange": ("binance", "bybit", ""),
            "category": ("linear", "inverse", ""),
            "interval": (10.0, "1", ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
