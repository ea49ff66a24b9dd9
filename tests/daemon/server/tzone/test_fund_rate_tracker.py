"""fund-rate-tracker/table: running rates, and how they have moved."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.fund_rate_tracker import SPEC
from daemon.upstream.records import Contract, DerivativeExchange
from rules.events import FundingRate, MarkPrice
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, House, RecordDesk, RecordVendors, asked, house, read
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.rows.results[].exchange_logo is null in ours, text in the document": "a picture that nobody knows is null",
    "$.rows.results[].current_hour_change is null in ours, a number in the document": "we did not hear the hour begin",
    "$.rows.results[].current_day_change is null in ours, a number in the document": "we did not hear the day begin",
    "$.rows.results[].moving_24H_change is null in ours, a number in the document": "we have not listened for 24 hours",
}
HOUR_MS = 3_600_000


def perpetual(venue: str, symbol: str, pair: str, rate: float | None = 0.0001, mark: float = 67_000.0) -> Contract:
    """A contract with a running rate, as the exchange said a minute ago."""
    return Contract(
        venue=venue,
        symbol=symbol,
        pair=pair,
        kind="VANILLA",
        mark=mark,
        funding_rate=rate,
        funding_interval_h=8.0,
        next_funding_ms=1_790_006_400_000,  # 2026-09-21 16:00:00 UTC
        at_ms=NOW_MS - 60_000,
    )


def bybit() -> RecordDesk:
    """Three perpetuals and something that expires."""
    return RecordDesk(
        "bybit",
        rows=[
            perpetual("bybit", "BTC-USDT-PERP", "BTCUSDT"),
            perpetual("bybit", "BTC-USDC-PERP", "BTCPERP", 0.0003),
            perpetual("bybit", "ETH-USDT-PERP", "ETHUSDT", -0.0002, 4_000.0),
            perpetual("bybit", "BTC-USDT-20261225", "BTCUSDT-25DEC26", None),
        ],
    )


def okx() -> RecordDesk:
    """One perpetual, spelled with dashes."""
    return RecordDesk("okx", rows=[perpetual("okx", "BTC-USDT-PERP", "BTC-USDT-SWAP", 0.0004)])


def funding(rate: float, at_ms: int) -> FundingRate:
    """What Bybit's stream says of BTCUSDT."""
    return FundingRate(
        venue="bybit",
        symbol="BTC-USDT-PERP",
        rate=rate,
        interval_h=8.0,
        settles_at_ms=1_790_006_400_000,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def stream_a_day(built: House) -> None:
    """A rate at half past each of the last 24 hours, and one now: what an hour began with is the one before it."""
    hour_ms = NOW_MS - NOW_MS % HOUR_MS  # 14:00
    rates = {24: 0.00005, 1: 0.00025}  # hours back
    for back in range(24, 0, -1):
        rate = rates.get(back, 0.0001 if back > 14 else 0.0002)  # 14 hours back it was midnight
        built.views.observe(funding(rate, hour_ms - back * HOUR_MS + HOUR_MS // 2))
    built.views.observe(funding(0.0004, NOW_MS))


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed, with a day of streamed rates behind it."""
    pictures = RecordVendors(exchanges=[DerivativeExchange(id="bybit", name="Bybit", image="https://x/bybit.png")])
    desk = RecordDesk("bybit", rows=bybit().rows[:1])
    async with house(desk, vendors=pictures) as built:
        stream_a_day(built)

        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("fund-rate-tracker"))
        assert {"symbols": "BTC,ETH", "markets": "binance,bybit"} == frame["query_params"]
        assert 1 == frame["rows"]["count"]
        assert ["BTCUSDT"] == [row["pair"] for row in frame["rows"]["results"]]


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """A coin that is not streamed has no changes."""
    async with house(bybit()) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("fund-rate-tracker"), DIFFERENCES)


async def test_changes_are_absolute_differences_of_what_we_streamed() -> None:
    """Since the full hour, since midnight, and over the running hour and 23 before it; null where nobody listened."""
    async with house(bybit()) as built:
        stream_a_day(built)

        rows = (await built.frame(SPEC, "symbols=BTC"))["rows"]["results"]

        streamed, polled = rows
        assert 0.0004 == streamed["funding_rate"]
        assert 0.00015 == streamed["current_hour_change"]  # 0.0004 - 0.00025
        assert 0.0003 == streamed["current_day_change"]  # 0.0004 - 0.0001
        assert 0.00035 == streamed["moving_24H_change"]  # 0.0004 - 0.00005
        assert "2026-09-21 16:00:00" == streamed["next_funding_time"]
        assert [None] * 3 == [
            polled[name] for name in ("current_hour_change", "current_day_change", "moving_24H_change")
        ]


async def test_what_we_stream_counts_only_while_it_is_newer() -> None:
    """An answer of the exchange from after the last event wins."""
    async with house(bybit()) as built:
        built.views.observe(funding(0.9, NOW_MS - 120_000))
        built.views.observe(
            MarkPrice(venue="bybit", symbol="BTC-USDT-PERP", price=68_000.0, at_ms=NOW_MS - 1, received_ms=NOW_MS)
        )

        row = (await built.frame(SPEC, "symbols=BTCUSDT"))["rows"]["results"][0]

        assert 0.0001 == row["funding_rate"]
        assert 68_000.0 == row["mark_price"]


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", ["BTCUSDT", "BTCUSDC", "ETHUSDT", "BTCUSDT"]),
        ("symbols=BTC,ETH", ["BTCUSDT", "BTCUSDC", "ETHUSDT", "BTCUSDT"]),
        ("symbols=btc", ["BTCUSDT", "BTCUSDC", "BTCUSDT"]),
        ("symbol=BTCUSD", ["BTCUSDT", "BTCUSDC", "BTCUSDT"]),
        ("symbol=ETHUSD&symbols=BTCUSDC", ["BTCUSDC", "ETHUSDT"]),
        ("symbols=BTCUSDT", ["BTCUSDT", "BTCUSDT"]),
        ('symbols=["ETH"]', ["ETHUSDT"]),
        ("instruments=BTC-USDT-SWAP", ["BTCUSDT", "BTCUSDT"]),
        ("instruments=BTC-USDC-VANILLA-PERPETUAL", ["BTCUSDC"]),
        ("instruments=ETH-USDT-PERP&symbols=BTCPERP", ["BTCUSDC", "ETHUSDT"]),
        ("symbols=BTC&markets=CoinDesk-okex,bitmex", ["BTCUSDT"]),
        ("symbols=DOGE", []),
        ('symbols=BTC&filters={"pair":"BTCPERP"}', ["BTCUSDC"]),
    ],
)
async def test_symbols_and_instruments_name_coins_or_pairs(query: str, pairs: list[str]) -> None:
    """BTC is every perpetual of the coin, BTCUSDT one pair; the old `symbol` and the new `symbols` are one list."""
    async with house(bybit(), okx()) as built:
        frame = await built.frame(SPEC, query)

        assert pairs == [row["pair"] for row in frame["rows"]["results"]]


async def test_parameters_change_by_message() -> None:
    """Null takes one back."""
    async with house(bybit(), okx()) as built:
        endpoint = built.endpoint(SPEC)

        frame = await read(endpoint, SPEC.example, {"symbols": ["ETH"], "markets": "okx,bybit", "filters": None})

        assert ["ETHUSDT"] == [row["pair"] for row in frame["rows"]["results"]]
        assert {"symbols": '["ETH"]', "markets": "okx,bybit"} == frame["query_params"]


async def test_the_change_of_24_hours_goes_by_either_spelling() -> None:
    """moving_24H_change is printed so; moving_24h_change sorts and filters as well."""
    async with house(bybit()) as built:
        stream_a_day(built)
        query = 'symbols=BTC&filters={"moving_24h_change":">0.0002"}&sort_by=moving_24h_change'

        assert ["BTCUSDT"] == [row["pair"] for row in (await built.frame(SPEC, query))["rows"]["results"]]


async def test_an_exchange_that_fails_is_named_and_the_others_stay() -> None:
    """The frame says that it is not whole."""
    broken = okx()
    broken.trouble = "okx answered 503"
    async with house(bybit(), broken) as built:
        frame = await built.frame(SPEC, "symbols=BTC")

        assert "okx: okx answered 503" == frame["error"]
        assert frame["stale"] is False
        assert 2 == frame["rows"]["count"]


async def test_an_unchanged_row_is_the_same_object_and_an_unchanged_answer_the_last_one() -> None:
    """Nothing is encoded twice."""
    async with house(bybit(), okx()) as built:
        endpoint = built.endpoint(SPEC)
        params = asked(endpoint, "symbols=BTC&markets=bybit,okx")
        first = await endpoint.answer(params, NOW_MS, None)
        before = endpoint.changes(params)
        rows = (await endpoint._data(params.own, NOW_MS)).table.rows

        built.views.observe(funding(0.0005, NOW_MS + 1))
        second = await endpoint.answer(params, NOW_MS + 1, first)
        now = (await endpoint._data(params.own, NOW_MS + 1)).table.rows

        assert endpoint.changes(params) > before
        assert second is not first
        assert [False, True, True] == [one is other for one, other in zip(rows, now, strict=True)]
        assert await endpoint.answer(params, NOW_MS + 2, second) is second


async def test_an_exchange_that_nobody_knows_is_refused_by_name() -> None:
    """The message names those that are known; an exchange that has closed is not refused."""
    async with house(bybit()) as built:
        with pytest.raises(BadParameter, match=r"markets: 'mtgox'.*bybit") as refusal:
            asked(built.endpoint(SPEC), "markets=bybit,mtgox")

        assert "unknown_value" == refusal.value.code
        assert 0 == (await built.frame(SPEC, "markets=bitmex"))["rows"]["count"]


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(bybit(), okx()) as built:
        usual = {
            "symbols": ("BTC,ETH", "BTCUSDT", ""),
            "symbol": ("BTCUSD", ""),
            "markets": ("binance,bybit", ""),
            "instruments": ("BTC-USDT-VANILLA-PERPETUAL", ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
