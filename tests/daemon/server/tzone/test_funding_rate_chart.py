"""funding-rate-chart: what perpetuals paid, averaged over exchanges, beside the price."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.funding_rate_chart import SPEC, buckets
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import Contract, FundingPoint, Provider
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordDesk, asked, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.price_overlay[] is null in ours, a number in the document": "no exchange knew a mark price in that bucket",
    "$.series[].data[][] is null in ours, a number in the document": "the same",
}
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FIRST_MS = 1_640_995_200_000  # 2022-01-01, a Saturday
SECOND_MS = FIRST_MS + DAY_MS
TODAY_MS = NOW_MS - NOW_MS % DAY_MS
BOTH_DAYS = "symbol=BTC&exchanges=binance,bybit&start_time=1640995200&end_time=1641081600"


def perpetual(venue: str, symbol: str = "BTC-USDT-PERP", pair: str = "BTCUSDT") -> Contract:
    """A contract to have a history of."""
    return Contract(venue=venue, symbol=symbol, pair=pair, kind="VANILLA", volume_24h_usd=1e9, funding_rate=0.0001)


def paid(at_ms: int, rate: float, interval_h: float = 8.0, mark: float | None = None) -> FundingPoint:
    """One settlement."""
    return FundingPoint(at_ms=at_ms, rate=rate, interval_h=interval_h, mark_price=mark)


def binance(provider: Provider = "venue") -> RecordDesk:
    """Every 8 hours: 1, 2 and 3 ten-thousandths on the first day, 2 on the second."""
    return RecordDesk(
        "binance",
        provider,
        rows=[perpetual("binance"), perpetual("binance", "BTC-USDC-PERP", "BTCUSDC")],
        funding={
            "BTCUSDT": [
                paid(FIRST_MS, 0.0001, mark=46_000.0),
                paid(FIRST_MS + 8 * HOUR_MS, 0.0002, mark=46_500.0),
                paid(FIRST_MS + 16 * HOUR_MS, 0.0003, mark=47_000.0),
                paid(SECOND_MS, 0.0002, mark=47_500.0),
            ],
            "BTCUSDC": [paid(FIRST_MS, 0.0009)],
        },
    )


def bybit(provider: Provider = "venue") -> RecordDesk:
    """Every 4 hours on the first day only: 0.00005 per 4 hours are 0.0001 per 8."""
    return RecordDesk(
        "bybit",
        provider,
        rows=[perpetual("bybit")],
        funding={
            "BTCUSDT": [
                paid(FIRST_MS + 4 * HOUR_MS, 0.00005, 4.0, mark=46_200.0),
                paid(FIRST_MS + 8 * HOUR_MS, 0.00005, 4.0, mark=47_100.0),
            ]
        },
    )


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed, with CoinDesk asked for both exchanges."""
    async with house(binance("CoinDesk"), bybit("CoinDesk")) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("funding-rate-chart"))
        assert ["CoinDesk-binance"] == frame["sources"]
        assert [FIRST_MS, SECOND_MS] == frame["x"]
        assert {
            "symbol": "BTC",
            "exchanges": "binance,bybit",
            "start_time": 1_640_995_200,
            "end_time": 1_641_081_600,
            "limit": 100,
            "timeframe": "7d",
        } == frame["query_params"]


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """A bucket without a mark price."""
    desk = binance()
    desk.funding["BTCUSDT"] = [paid(FIRST_MS, 0.0001)]
    async with house(desk) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("funding-rate-chart"), DIFFERENCES)


async def test_a_point_is_the_mean_over_exchanges_of_rates_per_8_hours() -> None:
    """Binance (1 + 2 + 3) / 3 = 2, Bybit 2 x 0.5 = 1, together 1.5; the price is the mean of their last marks."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, BOTH_DAYS)

        assert [FIRST_MS, SECOND_MS] == frame["x"]
        assert [0.00015, 0.0002] == frame["y"]
        assert [(47_000.0 + 47_100.0) / 2, 47_500.0] == frame["price_overlay"]
        assert ["binance", "bybit"] == frame["sources"]
        assert 2 == frame["count"]
        assert [[FIRST_MS, 0.00015], [SECOND_MS, 0.0002]] == frame["series"][0]["data"]
        assert [[FIRST_MS, 47_050.0], [SECOND_MS, 47_500.0]] == frame["series"][1]["data"]


async def test_filters_and_searches_meet_the_points_of_single_exchanges() -> None:
    """Before they become one line."""
    async with house(binance(), bybit()) as built:
        alone = await built.frame(SPEC, BOTH_DAYS + '&filters={"source":"CoinDesk-Bybit"}')
        cheap = await built.frame(SPEC, BOTH_DAYS + '&filters={"price":"<47050"}')
        found = await built.frame(SPEC, BOTH_DAYS + "&search=byb")

        assert ([FIRST_MS], [0.0001], [47_100.0]) == (alone["x"], alone["y"], alone["price_overlay"])
        assert ([FIRST_MS], [0.0002]) == (cheap["x"], cheap["y"])
        assert alone["y"] == found["y"]


async def test_points_are_sorted_and_paged_as_points() -> None:
    """A page never holds half a point."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, BOTH_DAYS + "&sort_by=price&sort_order=desc&page=1&page_size=1")

        assert ([SECOND_MS], [0.0002], 2) == (frame["x"], frame["y"], frame["count"])


async def test_days_are_put_together() -> None:
    """Three days from 2022-01-01, which is a multiple of three since 1970: Binance (1 + 2 + 3 + 2) / 4 = 2, Bybit 1."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, BOTH_DAYS + "&aggregate=3")

        assert ([FIRST_MS], [0.00015], [(47_500.0 + 47_100.0) / 2]) == (frame["x"], frame["y"], frame["price_overlay"])


def test_a_bucket_that_may_be_cut_off_is_left_out() -> None:
    """Of 5,000 settlements at most, the oldest day may lack some."""
    points = [paid(FIRST_MS + place * HOUR_MS, 0.0001, 1.0) for place in range(12, 5_012)]

    assert (SECOND_MS, 0.0008, None) == buckets(points, DAY_MS, NOW_MS)[0]
    assert FIRST_MS == buckets(points[1:], DAY_MS, NOW_MS)[0][0]


async def test_the_limit_is_points_back_from_the_end() -> None:
    """30 days unless asked otherwise; today counts."""
    desk = binance()
    desk.funding["BTCUSDT"] = [paid(TODAY_MS - back * DAY_MS, 0.0001) for back in range(40, -1, -1)]
    async with house(desk) as built:
        usual = await built.frame(SPEC, "symbol=BTC&exchanges=binance")
        three = await built.frame(SPEC, "symbol=BTC&exchanges=binance", {"limit": 3})
        week = await built.frame(SPEC, "symbol=BTC&exchanges=binance&timeframe=3d")

        assert [TODAY_MS - back * DAY_MS for back in range(29, -1, -1)] == usual["x"]
        assert [TODAY_MS - 2 * DAY_MS, TODAY_MS - DAY_MS, TODAY_MS] == three["x"]
        assert three["x"] == week["x"]
        assert [None] * 30 == usual["price_overlay"]
        assert (30, 3) == (usual["query_params"]["limit"], three["query_params"]["limit"])


async def test_instruments_take_the_place_of_main_perpetuals() -> None:
    """Exchanges that do not have them stay away."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, BOTH_DAYS + "&instruments=BTC-USDC-VANILLA-PERPETUAL")

        assert ([0.0009], ["binance"]) == (frame["y"], frame["sources"])


async def test_series_of_single_exchanges_come_when_asked_for() -> None:
    """After the two that are documented."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, BOTH_DAYS + "&per_exchange=true")

        assert ["Funding Rate", "Price Overlay", "binance", "bybit"] == [line["name"] for line in frame["series"]]
        assert [[FIRST_MS, 0.0001]] == frame["series"][3]["data"]


async def test_a_pair_means_its_coin_and_milliseconds_are_understood() -> None:
    """The document says "base symbol", and its address BTCUSDT."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, f"symbol=BTCUSDT&start_time={FIRST_MS}&end_time={SECOND_MS}")

        assert ("BTC", [0.00015, 0.0002]) == (frame["symbol"], frame["y"])
        assert ["binance", "bybit", "okx", "deribit", "hyperliquid"] == frame["exchanges"]


async def test_exchanges_that_fail_are_named_and_without_any_answer_there_is_none() -> None:
    """A mean over those that answered is better than none, and says so."""
    first, second = binance(), bybit()
    second.history_trouble = "bybit answered 403"
    async with house(first, second) as built:
        frame = await built.frame(SPEC, BOTH_DAYS)

        assert [0.0002, 0.0002] == frame["y"]
        assert "bybit: bybit answered 403" == frame["error"]

        first.history_trouble = "binance answered 418"
        with pytest.raises(Unavailable, match=r"binance answered 418.*bybit answered 403"):
            await built.frame(SPEC, BOTH_DAYS.replace("1641081600", "1641168000"))  # not asked yet


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "missing", "symbol"),
        ("symbol=BTC&limit=0", "out_of_range", "limit"),
        ("symbol=BTC&limit=5001", "out_of_range", "limit"),
        ("symbol=BTC&aggregate=31", "out_of_range", "aggregate"),
        ("symbol=BTC&exchanges=mtgox", "unknown_value", "exchanges"),
        ("symbol=BTC&start_time=2&end_time=1", "out_of_range", "end_time"),
        ("symbol=BTC&per_exchange=maybe", "unknown_value", "per_exchange"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(query: str, code: str, parameter: str) -> None:
    """Before anything is asked."""
    async with house() as built:
        with pytest.raises(BadParameter) as refusal:
            asked(built.endpoint(SPEC), query)

        assert (code, parameter) == (refusal.value.code, refusal.value.parameter)


async def test_a_coin_that_no_exchange_has_is_refused() -> None:
    """A range before all perpetuals is not: it is empty."""
    async with house(binance()) as built:
        with pytest.raises(BadParameter, match="has no contract 'NOPE'"):
            await built.frame(SPEC, "symbol=NOPE&exchanges=binance")
        with pytest.raises(BadParameter, match="has no contract 'NOPE'"):
            await built.frame(
                SPEC, "symbol=NOPE&exchanges=binance,bitmex"
            )  # the document's own, one of which has closed

        assert [] == (await built.frame(SPEC, "symbol=BTC&end_time=1"))["x"]
        assert [] == (await built.frame(SPEC, "symbol=BTC&exchanges=bitmex"))["x"]


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(binance(), bybit()) as built:
        usual = {
            "symbol": ("BTC", "BTCUSDT", "NOPE"),
            "exchanges": ("binance,bybit", ""),
            "instruments": ("BTCUSDC", ["BTCUSDT"], ""),
            "limit": (1, "30", 5000, ""),
            "aggregate": (1, "7", 30, ""),
            "per_exchange": ("true", True, ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
