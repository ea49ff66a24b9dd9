"""ws/event_logs: stablecoins off their peg."""

from typing import Any

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.event_logs import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import DailyPrices, DailyRates
from rules.events import StablecoinQuote
from rules.peg import severity
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import COINS, picture
from tests.daemon.server.tzone.house import NOW_MS, House, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
DAY_S = 86_400
MINUTE_MS = 60_000
TODAY_S = NOW_MS // 1_000 // DAY_S * DAY_S
THEN_S = 1_719_878_400  # 2024-07-02 00:00:00 UTC, where the document's example looks
RATES = [DailyRates(TODAY_S - 2 * DAY_S, {"EUR": 1.0}), DailyRates(TODAY_S, {"EUR": 0.8})]
HISTORY = [
    DailyPrices(THEN_S, {"tether": 0.97}),
    DailyPrices(TODAY_S - 3 * DAY_S, {"usd-coin": 0.985, "terrausd": 0.01}),
    DailyPrices(TODAY_S - 2 * DAY_S, {"usd-coin": 0.97, "tether": 1.0, "terrausd": 0.01, "euro-coin": 1.0}),
    DailyPrices(TODAY_S - DAY_S, {"usd-coin": 1.0, "tether": 1.0, "euro-coin": 1.2}),
    DailyPrices(TODAY_S, {"usd-coin": 1.0, "tether": 1.0, "euro-coin": 1.25}),
]


def vendors(**others: Any) -> RecordVendors:
    """Tether is 0.98 now; USD Coin was off for two days."""
    known: dict[str, Any] = {
        "stables": COINS,
        "daily_prices": HISTORY,
        "daily_rates": RATES,
        "infos": [picture("tether", "USDT")],
    }
    return RecordVendors(**{**known, **others})


def watch(built: House, minutes_ago: int, price: float) -> None:
    """Our own quote of Tether."""
    at_ms = NOW_MS - minutes_ago * MINUTE_MS
    built.views.observe(
        StablecoinQuote(
            venue="defillama",
            coin="USDT",
            price=price,
            target=1.0,
            market_cap_usd=80e9,
            at_ms=at_ms,
            received_ms=at_ms,
        )
    )


def watch_an_hour(built: House) -> None:
    """Off by two percent for an hour, every quarter."""
    watch(built, 75, 1.0)
    for minutes_ago in (60, 45, 30, 15, 0):
        watch(built, minutes_ago, 0.98)


async def test_a_current_event_has_the_documented_shape_and_numbers() -> None:
    """0.98 is 0.02 off, 2 percent, for 60 minutes: 60 percent-minutes beyond a threshold of 1 percent."""
    async with house(vendors=vendors()) as built:
        watch_an_hour(built)
        frame = await built.frame(SPEC, 'threshold=0.01&page=1&page_size=10&filters={"stablecoin":"USDT"}')

    assert [] == same_shape(frame, golden("event_logs"), DIFFERENCES)
    assert [
        {
            "timestamp": NOW_MS // 1_000 - 3_600,
            "stablecoin": "USDT",
            "name": "Tether",
            "price": 0.98,
            "target_peg": 1.0,
            "depeg_depth": 0.02,
            "depeg_percentage": 2.0,
            "volume": 80e9,
            "severity_score": round(severity(0.02, threshold=0.01, impulse=60.0, market_cap_usd=80e9), 2),
            "duration": 60,
            "logo": "https://x/tether.png",
            "peg_type": "peggedUSD",
            "event_type": "current",
        }
    ] == frame["rows"]
    assert {"threshold": 0.01, "peg_type": "peggedUSD", "days_back": 7, "page": 1, "page_size": 10} == frame[
        "query_params"
    ]
    assert "api" == frame["data_source"]


async def test_the_documented_request_is_answered() -> None:
    """Two years ago is not among the last seven days; without `days_back` the range alone counts."""
    async with house(vendors=vendors()) as built:
        printed = await built.frame(SPEC, SPEC.example)
        ranged = await built.frame(SPEC, SPEC.example.replace("days_back=7&", ""))

    assert ([], 0) == (printed["rows"], printed["count"])
    assert 0.02 == printed["query_params"]["threshold"]
    assert [(THEN_S, "historical", 1_440)] == [
        (row["timestamp"], row["event_type"], row["duration"]) for row in ranged["rows"]
    ]


async def test_history_is_by_day_and_the_newest_comes_first() -> None:
    """Two days at 0.985 and 0.97; the dead, and who earns interest, have no peg to be off from."""
    async with house(vendors=vendors()) as built:
        watch_an_hour(built)
        frame = await built.frame(SPEC, "")

    assert [("USDT", "current"), ("USDC", "historical")] == [
        (row["stablecoin"], row["event_type"]) for row in frame["rows"]
    ]
    usdc = frame["rows"][1]
    assert (TODAY_S - 3 * DAY_S, 2_880, 0.97, 3.0) == (
        usdc["timestamp"],
        usdc["duration"],
        usdc["price"],
        usdc["depeg_percentage"],
    )
    assert usdc["logo"] is None


@pytest.mark.parametrize(("threshold", "count"), [("0.02", 2), ("0.0201", 1), ("0.03", 1), ("0.04", 0)])
async def test_the_rule_is_strict(threshold: str, count: int) -> None:
    """depth / target >= threshold, although the document's own row breaks it."""
    async with house(vendors=vendors()) as built:
        assert count == (await built.frame(SPEC, f"threshold={threshold}"))["count"]


async def test_a_euro_coin_is_held_against_the_euro() -> None:
    """A euro is 1 / 0.8 = 1.25 dollars today: 1.2 is 0.05 or 4 percent off. On the days before it was 1."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "peg_type=peggedeur")

    current, before = frame["rows"]
    assert (1.2, 1.25, 0.05, 4.0, "current") == (
        current["price"],
        current["target_peg"],
        current["depeg_depth"],
        current["depeg_percentage"],
        current["event_type"],
    )
    assert (TODAY_S - DAY_S, 1.0, 20.0, "historical") == (
        before["timestamp"],
        before["target_peg"],
        before["depeg_percentage"],
        before["event_type"],
    )
    assert "peggedEUR" == frame["query_params"]["peg_type"]


async def test_one_breach_is_one_event_however_often_it_is_asked() -> None:
    """Its timestamp is its start, and only its duration grows."""
    async with house(vendors=vendors()) as built:
        watch_an_hour(built)
        first = await built.frame(SPEC, 'filters={"stablecoin":"USDT"}')
        built.now_ms += 5 * MINUTE_MS
        watch(built, -5, 0.98)
        second = await built.frame(SPEC, 'filters={"stablecoin":"USDT"}')

    assert (1, 1) == (first["count"], second["count"])
    assert first["rows"][0]["timestamp"] == second["rows"][0]["timestamp"]
    assert [60, 65] == [frame["rows"][0]["duration"] for frame in (first, second)]


@pytest.mark.parametrize("name", ["USDC", "usd-coin", "usd coin"])
async def test_a_stablecoin_goes_by_ticker_id_and_name(name: str) -> None:
    """Three documents, three ways to name it."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f'filters={{"stablecoin":"{name}"}}')

    assert ["USDC"] == [row["stablecoin"] for row in frame["rows"]]


async def test_orders_and_ranges_are_the_tables() -> None:
    """The usual order is descending; ranges are about the start of a breach."""
    async with house(vendors=vendors()) as built:
        watch_an_hour(built)
        deepest = await built.frame(SPEC, "sort_by=depeg_depth")
        today = await built.frame(SPEC, "days_back=7&timeframe=24h")
        week = await built.frame(SPEC, "timeframe=7d")
        one_day = await built.frame(SPEC, "days_back=1")

    assert [0.03, 0.02] == [row["depeg_depth"] for row in deepest["rows"]]
    assert ["USDT"] == [row["stablecoin"] for row in today["rows"]]
    assert 2 == week["count"]
    assert ["USDT"] == [row["stablecoin"] for row in one_day["rows"]]


async def test_without_history_our_own_record_is_shown_with_the_reason() -> None:
    """Without the list of coins, or the rates that a peg needs, there is only a reason."""
    async with house(vendors=vendors(daily_prices=None)) as built:
        frame = await built.frame(SPEC, "")

        assert ["USDT"] == [row["stablecoin"] for row in frame["rows"]]
        assert frame["error"].startswith("history: ")

    async with house(vendors=vendors(stables=None, daily_rates=None)) as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")

    async with house(vendors=vendors(daily_rates=None)) as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "peg_type=peggedEUR")


async def test_an_old_list_of_coins_comes_from_the_cache() -> None:
    """And says so twice: `data_source` is the document's word for it."""
    known = vendors()
    async with house(vendors=known) as built:
        await built.frame(SPEC, "")
        known.stables = None
        built.now_ms += 3_600_000
        frame = await built.frame(SPEC, "")

    assert ("cache", True) == (frame["data_source"], frame["stale"])
    assert frame["age_s"] >= 3_600


async def test_a_log_without_end_is_cut_to_the_newest() -> None:
    """Six thousand days on which a coin took turns; the frame says what it lacks."""
    days = [
        DailyPrices(TODAY_S - back * DAY_S, {"usd-coin": 0.9 if back % 2 else 1.0}) for back in range(12_000, 0, -1)
    ]
    async with house(vendors=vendors(daily_prices=days)) as built:
        frame = await built.frame(SPEC, "start_time=1&search=USD Coin")

    assert 4_999 == frame["count"]  # and Tether, which is off now
    assert TODAY_S - DAY_S == frame["rows"][0]["timestamp"]
    assert "of 6,001 events these are the newest 5,000; a higher threshold finds fewer" == frame["error"]


async def test_an_unknown_target_has_a_reason() -> None:
    """Never an empty table without one."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "peg_type=peggedSGD")

    assert ([], "nobody says what SGD is worth in dollars") == (frame["rows"], frame["error"])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("threshold=2", "threshold: .* from 0.001 to 1"),
        ("threshold=0", "threshold: .* from 0.001 to 1"),
        ("threshold=deep", "threshold: 'deep' is not a fraction"),
        ("days_back=0", "days_back: .* from 1 to 1,825"),
        ("peg_type=dollar", "peg_type: 'dollar' is no peg"),
        ("peg_type=peggedVAR", "peg_type: .* no target"),
        ("sort_by=colour", "there is no field 'colour'"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(query: str, message: str) -> None:
    """With what would be right."""
    async with house(vendors=vendors(stables=[])) as built:
        with pytest.raises(BadParameter, match=message):
            await built.frame(SPEC, query)


async def test_a_new_quote_moves_the_log() -> None:
    """So that a breach is pushed before the interval."""
    async with house(vendors=vendors()) as built:
        endpoint = built.endpoint(SPEC)
        params = endpoint.parse({}, None)
        before = endpoint.changes(params)
        watch(built, 0, 0.9)

        assert endpoint.changes(params) > before


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=vendors()) as built:
        watch_an_hour(built)
        usual = {
            "threshold": ("0.01", 0.02, "1", ""),
            "peg_type": ("peggedUSD", "peggedEUR", "peggedVAR", ""),
            "days_back": (7, "30", 1_825, ""),
            "sort_by": ("severity_score", "timestamp", "volume"),
            "filters": ('{"stablecoin":"USDT"}', '{"event_type":"current"}', '{"severity_score":">1"}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
