"""ws/marketcap_total_index: the value of all stablecoins over time."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.marketcap_total_index import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import MarketCapPoint
from rules.events import StablecoinQuote
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, House, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
HOUR_S, DAY_S = 3_600, 86_400
NOW_S = NOW_MS // 1_000
TODAY_S = NOW_S // DAY_S * DAY_S
THEN_S = 1_719_878_400  # 2024-07-02 00:00:00 UTC, where the document's example looks
DAYS = [
    MarketCapPoint(THEN_S, 160e9),
    *(MarketCapPoint(TODAY_S - back * DAY_S, (300 - back) * 1e9) for back in range(40, -1, -1)),
]


def watch(built: House, hour_s: int, usd: float) -> None:
    """Our own quote of the only coin there is."""
    built.views.observe(
        StablecoinQuote(
            venue="defillama",
            coin="USDT",
            price=1.0,
            target=1.0,
            market_cap_usd=usd,
            at_ms=hour_s * 1_000,
            received_ms=hour_s * 1_000,
        )
    )


async def test_a_day_has_two_points_in_the_documented_shape() -> None:
    """Yesterday and now: the upstream has one a day."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        frame = await built.frame(SPEC, "")

    assert [] == same_shape(frame, golden("marketcap_total_index"), DIFFERENCES)
    assert [
        {"timestamp": TODAY_S - DAY_S, "marketcap": 299e9},
        {"timestamp": TODAY_S, "marketcap": 300e9},
    ] == frame["chart"]["data"]
    assert {"latest_market_cap": 300e9, "price": 300e9, "controller": "1d"} == frame["key_stats"]
    assert (2, "1d") == (frame["count"], frame["period"])


async def test_the_documented_request_is_answered_from_history() -> None:
    """It names a range of 2024 and no period, so the range alone counts."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        frame = await built.frame(SPEC, SPEC.example)
        both = await built.frame(SPEC, SPEC.example + "&period=30d")

    assert [{"timestamp": THEN_S, "marketcap": 160e9}] == frame["chart"]["data"]
    assert 300e9 == frame["key_stats"]["latest_market_cap"]
    assert ([], 0) == (both["chart"]["data"], both["count"])


@pytest.mark.parametrize(("period", "points"), [("1d", 2), ("7d", 7), ("30d", 30), ("90d", 41), ("1Y", 41)])
async def test_a_period_has_the_days_inside_it(period: str, points: int) -> None:
    """Midnight seven days ago was more than seven days ago."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        frame = await built.frame(SPEC, f"period={period}")

    assert points == frame["count"]
    assert period.lower() == frame["period"]


async def test_a_time_frame_goes_before_the_usual_period() -> None:
    """timeframe=7d alone is seven days, not one."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        assert 7 == (await built.frame(SPEC, "timeframe=7d"))["count"]


async def test_our_own_hours_take_the_place_of_the_days_that_we_have_watched() -> None:
    """With the point of the day before, and no second one for today."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        for hour, usd in ((3, 299.5e9), (4, 299.6e9), (14, 300.2e9)):
            watch(built, TODAY_S + hour * HOUR_S, usd)
        frame = await built.frame(SPEC, "period=7d&sort_by=timestamp&sort_order=desc&page=1&page_size=4")
        long = await built.frame(SPEC, "period=90d")

    assert [
        (TODAY_S + 14 * HOUR_S, 300.2e9),
        (TODAY_S + 4 * HOUR_S, 299.6e9),
        (TODAY_S + 3 * HOUR_S, 299.5e9),
        (TODAY_S - DAY_S, 299e9),
    ] == [(point["timestamp"], point["marketcap"]) for point in frame["chart"]["data"]]
    assert 6 + 3 == frame["count"]
    assert 300.2e9 == frame["key_stats"]["latest_market_cap"]
    assert 41 == long["count"]


async def test_an_hour_in_which_coins_were_missing_is_left_out() -> None:
    """A sum of a few coins is not the market."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        watch(built, TODAY_S, 5e9)

        assert 300e9 == (await built.frame(SPEC, ""))["key_stats"]["latest_market_cap"]


async def test_without_defillama_our_own_hours_are_shown_with_the_reason() -> None:
    """Without those there is only the reason."""
    async with house() as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")
        watch(built, TODAY_S, 300e9)
        frame = await built.frame(SPEC, "")

    assert [{"timestamp": TODAY_S, "marketcap": 300e9}] == frame["chart"]["data"]
    assert frame["error"].startswith("days: ")


async def test_an_empty_history_has_a_reason() -> None:
    """Never an empty chart without one."""
    async with house(vendors=RecordVendors(market_caps=[])) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert {"latest_market_cap": None, "price": None, "controller": "1d"} == frame["key_stats"]
    assert frame["error"]


async def test_a_new_quote_moves_the_chart() -> None:
    """So that it is pushed before its interval."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        endpoint = built.endpoint(SPEC)
        params = endpoint.parse({}, None)
        before = endpoint.changes(params)
        watch(built, TODAY_S, 300e9)

        assert endpoint.changes(params) > before


async def test_an_unknown_period_is_refused_by_name() -> None:
    """With those that are known."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        with pytest.raises(BadParameter, match="period: '2d' is not one of 1d, 7d, 30d, 90d, 1y"):
            await built.frame(SPEC, "period=2d")


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=RecordVendors(market_caps=DAYS)) as built:
        watch(built, TODAY_S, 300e9)
        usual = {
            "period": ("1d", "7d", "30d", "90d", "1y", ""),
            "sort_by": ("marketcap", "timestamp"),
            "filters": ('{"marketcap":">1000000000"}', '{"timestamp":1719878400}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
