"""ws/comparative_price_timeseries: prices side by side."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.comparative_price_timeseries import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import DailyPrices, PricePoint
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import COINS
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
HOUR_MS = 3_600_000
NOW_S = NOW_MS // 1_000
CHARTS = {
    "tether": [PricePoint(NOW_MS - 2 * HOUR_MS - 1, 1.001), PricePoint(NOW_MS - HOUR_MS, 0.999)],
    "usd-coin": [PricePoint(NOW_MS - 2 * HOUR_MS, 1.002), PricePoint(NOW_MS - HOUR_MS, 1.0)],
}
DAY = DailyPrices(NOW_S - 86_400, {"dai": 0.9991, "frax": 0.97})


def vendors() -> RecordVendors:
    """Two coins at CoinGecko, two more by day at DefiLlama."""
    return RecordVendors(charts_of_coins=CHARTS, stables=COINS, daily_prices=[DailyPrices(1, {"dai": 2.0}), DAY])


async def test_it_has_the_shape_of_the_document() -> None:
    """Two series of two points are four; milliseconds have become seconds."""
    async with house(vendors=vendors()) as built:
        query = f"stablecoin_ids=tether,usd-coin&timeframe=7d&start_time={NOW_MS - 3 * HOUR_MS}&end_time={NOW_MS}"
        frame = await built.frame(SPEC, query)

    assert [] == same_shape(frame, golden("comparative_price_timeseries"), DIFFERENCES)
    assert 4 == frame["count"]
    assert {
        "stablecoin": "tether",
        "data": [{"time": NOW_S - 7_201, "price": 1.001}, {"time": NOW_S - 3_600, "price": 0.999}],
    } == frame["data_series"][0]
    assert (NOW_MS - 3 * HOUR_MS, 7) == (frame["query_params"]["start_time"], frame["query_params"]["days"])


async def test_the_documented_request_is_answered() -> None:
    """It looks at an hour of 2024 among the last seven days: one series, and nothing in it."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert [{"stablecoin": "tether", "data": []}] == frame["data_series"]
    assert 0 == frame["count"]
    assert {
        "stablecoin_ids": ["tether", "usd-coin", "dai"],
        "vs_currency": "usd",
        "days": 7,
        "timeframe": "7d",
        "start_time": 1719878400000,
        "end_time": 1719882000000,
    } == frame["query_params"]


async def test_a_coin_without_prices_at_coingecko_has_those_of_each_day() -> None:
    """Of the days that were asked for; the frame says so."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "")

    assert ["tether", "usd-coin", "dai"] == [series["stablecoin"] for series in frame["data_series"]]
    assert [{"time": NOW_S - 86_400, "price": 0.9991}] == frame["data_series"][2]["data"]
    assert "dai: CoinGecko has no prices; these are DefiLlama's prices of each day" == frame["error"]
    assert 5 == frame["count"]


async def test_a_series_without_any_data_is_kept_empty() -> None:
    """With the reason."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "stablecoin_ids=tether,nothing")
        euros = await built.frame(SPEC, "stablecoin_ids=tether,dai&vs_currency=eur")

    assert {"stablecoin": "nothing", "data": []} == frame["data_series"][1]
    assert "nothing: CoinGecko has no prices" == frame["error"]
    assert ("Price in EUR", []) == (euros["y_axis"], euros["data_series"][1]["data"])


async def test_pages_choose_points_and_time_orders_them() -> None:
    """The three highest prices, each series in time; `count` is before paging."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(
            SPEC, "stablecoin_ids=tether,usd-coin&sort_by=price&sort_order=desc&page=1&page_size=3"
        )

    assert [[1.001], [1.002, 1.0]] == [[point["price"] for point in one["data"]] for one in frame["data_series"]]
    assert 4 == frame["count"]


@pytest.mark.parametrize("name", ["usd-coin", "USDC", "USD Coin"])
async def test_a_stablecoin_goes_by_id_ticker_and_name(name: str) -> None:
    """And the others' series are not shown."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f'filters={{"stablecoin":"{name}","price":">1"}}')

    assert [("usd-coin", [1.002])] == [
        (one["stablecoin"], [point["price"] for point in one["data"]]) for one in frame["data_series"]
    ]


@pytest.mark.parametrize(
    ("query", "applied", "count"),
    [
        ("", "7d", 4),
        ("days=30", "30d", 4),
        ("timeframe=90m", "90m", 2),
        (f"timeframe=90m&start_time={NOW_S - 8_000}", "custom", 4),
        (f"end_time={NOW_S - 5_000}", "custom", 2),
        ("timeframe=90m&time_field=timestamp", "90m", 2),
    ],
)
async def test_the_frame_says_what_cut_the_series(query: str, applied: str, count: int) -> None:
    """Days drive what is fetched, a time frame cuts it, a range goes before both."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f"stablecoin_ids=tether,usd-coin&{query}")

    assert (applied, count) == (frame["timeframe_applied"], frame["count"])


async def test_without_coingecko_there_are_days_and_without_those_a_reason() -> None:
    """Tickers in filters are lost with DefiLlama, and nothing else."""
    only_days = RecordVendors(daily_prices=[DAY])
    async with house(vendors=only_days) as built:
        frame = await built.frame(SPEC, "stablecoin_ids=dai,frax")
        with pytest.raises(Unavailable, match=r"tether: .*the vendor is down"):
            await built.frame(SPEC, "stablecoin_ids=tether")

    assert [[0.9991], [0.97]] == [[point["price"] for point in one["data"]] for one in frame["data_series"]]
    assert "the vendor is down; these are DefiLlama's prices of each day" in frame["error"]

    async with house(vendors=RecordVendors(charts_of_coins=CHARTS)) as built:
        frame = await built.frame(SPEC, "stablecoin_ids=tether")

    assert 2 == frame["count"]
    assert "error" not in frame


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("stablecoin_ids=../etc", "stablecoin_ids: '../etc' is not an id of CoinGecko"),
        ("stablecoin_ids=" + ",".join(f"coin-{number}" for number in range(26)), "26 names are too many: at most 25"),
        ("days=0", "days: .* from 1 to 365"),
        ("days=1.5", "days: .* from 1 to 365"),
        ("days=366", "days: .* from 1 to 365"),
        ("vs_currency=shells", "vs_currency: 'shells' is not one of"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(query: str, message: str) -> None:
    """Before anybody is asked."""
    async with house(vendors=vendors()) as built:
        with pytest.raises(BadParameter, match=message):
            await built.frame(SPEC, query)


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=vendors()) as built:
        usual = {
            "stablecoin_ids": ("tether", "tether,dai", '["usd-coin"]', ""),
            "vs_currency": ("usd", "eur", ""),
            "days": (1, "7", 30, ""),
            "interval": ("hourly", ""),
            "time_field": ("time", "timestamp"),
            "sort_by": ("price", "time", "stablecoin"),
            "filters": ('{"stablecoin":"tether"}', '{"price":">1"}', '{"time":1}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
