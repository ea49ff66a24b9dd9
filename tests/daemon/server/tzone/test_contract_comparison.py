"""contract-comparison/table: one coin, one row a market."""

import asyncio

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone import contract_comparison
from daemon.server.tzone.contract_comparison import SPEC
from daemon.upstream.records import CoinInfo, Contract, DerivativeExchange
from rules.events import FundingRate, MarkPrice, OpenInterest
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordDesk, RecordVendors, asked, house, until
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.rows.results[].coin_icon is null in ours, text in the document": "a picture that nobody knows is null",
    "$.rows.results[].coin_name is null in ours, text in the document": "a name that nobody knows is null",
    "$.rows.results[].exchange_logo is null in ours, text in the document": "logo.clearbit.com has shut down",
    "$.rows.results[].volume_2h is null in ours, a number in the document": "not every exchange tells its last 2 hours",
}
BITCOIN = CoinInfo(id="bitcoin", symbol="BTC", name="Bitcoin", image="https://x/bitcoin.png", market_cap=1.3e12)


def binance() -> RecordDesk:
    """A linear perpetual, a smaller one, and one that expires. 1,000 BTC at 67,000.5 are 67,000,500 dollars."""
    return RecordDesk(
        "binance",
        rows=[
            Contract(
                venue="binance", symbol="BTC-USDC-PERP", pair="BTCUSDC", kind="VANILLA", last=66_990.0,
                funding_rate=0.0002, funding_interval_h=8.0, oi_base=10.0, oi_usd=669_900.0, volume_24h_usd=5e6,
                at_ms=NOW_MS - 2_000,
            ),
            Contract(
                venue="binance", symbol="BTC-USDT-PERP", pair="BTCUSDT", kind="VANILLA", last=67_000.12, mark=67_000.5,
                funding_rate=0.0001, funding_interval_h=8.0, oi_base=1_000.0, oi_usd=67_000_500.0, volume_24h_usd=9e9,
                at_ms=NOW_MS - 2_000,
            ),
            Contract(
                venue="binance", symbol="BTC-USDT-20261225", pair="BTCUSDT_261225", kind="VANILLA", last=68_000.0,
                volume_24h_usd=1e12, at_ms=NOW_MS,
            ),
        ],
        volumes={"BTCUSDT": 987_654_321.0, "BTCUSDC": 1_000.0},
    )  # fmt: skip


def bybit() -> RecordDesk:
    """An inverse perpetual, whose open interest is in dollars already."""
    return RecordDesk(
        "bybit",
        rows=[
            Contract(
                venue="bybit", symbol="BTC-USD-PERP", pair="BTCUSD", kind="INVERSE", last=67_010.0, mark=67_011.0,
                funding_rate=-0.0003, funding_interval_h=8.0, oi_base=2.0, oi_usd=134_022.0, volume_24h_usd=7e6,
                at_ms=NOW_MS - 2_000,
            )
        ],
        volumes={"BTCUSD": 5_000.0},
    )  # fmt: skip


def vendors() -> RecordVendors:
    """Pictures."""
    return RecordVendors(
        infos=[BITCOIN], exchanges=[DerivativeExchange(id="binance_futures", name="Binance", image="https://x/b.png")]
    )


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed."""
    async with house(binance(), bybit(), vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("contract-comparison"))
        assert [
            {
                "coin_icon": "https://x/bitcoin.png",
                "coin_symbol": "BTC",
                "coin_name": "Bitcoin",
                "exchange": "binance",
                "pair": "BTCUSDT",
                "last_price": 67_000.12,
                "funding_rate": 0.0001,
                "open_interest": 67_000_500.0,
                "volume_2h": 987_654_321.0,
                "exchange_logo": "https://x/b.png",
            }
        ] == frame["rows"]["results"]
        assert {"ticker": "BTC", "markets": "binance,bybit,bitmex", "instrument_map": None} == frame["query_params"]


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """No pictures, and an exchange that does not tell of its last two hours."""
    desk = binance()
    desk.volumes = {}
    async with house(desk) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("contract-comparison"), DIFFERENCES)


async def test_each_market_shows_the_perpetual_that_is_traded_most() -> None:
    """And only its volume is asked for."""
    first, second = binance(), bybit()
    async with house(first, second) as built:
        rows = (await built.frame(SPEC, "ticker=BTCUSDT"))["rows"]["results"]

        assert [("binance", "BTCUSDT"), ("bybit", "BTCUSD")] == [(row["exchange"], row["pair"]) for row in rows]
        assert [67_000_500.0, 134_022.0] == [row["open_interest"] for row in rows]
        assert [("volume_2h", "BTCUSDT")] == [ask for ask in first.asked if ask[0] == "volume_2h"]
        assert [("volume_2h", "BTCUSD")] == [ask for ask in second.asked if ask[0] == "volume_2h"]


async def test_volumes_are_asked_for_at_the_same_time() -> None:
    """Each waits until both have been asked."""
    first, second = binance(), bybit()
    first.gate = second.gate = asyncio.Event()
    async with house(first, second) as built:
        frame = asyncio.create_task(built.frame(SPEC, "ticker=BTC"))
        await until(lambda: ("volume_2h", "BTCUSDT") in first.asked and ("volume_2h", "BTCUSD") in second.asked)
        first.gate.set()

        assert [987_654_321.0, 5_000.0] == [row["volume_2h"] for row in (await frame)["rows"]["results"]]


async def test_open_interest_in_dollars_follows_the_stream() -> None:
    """Linear: base coins times the mark price, 1,100 x 68,000; inverse: the dollars that the stream says."""
    async with house(binance(), bybit()) as built:
        for event in (
            FundingRate(
                venue="binance", symbol="BTC-USDT-PERP", rate=0.0005, interval_h=8.0, settles_at_ms=None,
                at_ms=NOW_MS, received_ms=NOW_MS,
            ),
            MarkPrice(venue="binance", symbol="BTC-USDT-PERP", price=68_000.0, at_ms=NOW_MS, received_ms=NOW_MS),
            OpenInterest(venue="binance", symbol="BTC-USDT-PERP", oi_base=1_100.0, at_ms=NOW_MS, received_ms=NOW_MS),
            OpenInterest(
                venue="bybit", symbol="BTC-USD-PERP", oi_base=2.5, oi_usd=167_527.5, at_ms=NOW_MS, received_ms=NOW_MS
            ),
        ):  # fmt: skip
            built.views.observe(event)

        rows = (await built.frame(SPEC, "ticker=BTC"))["rows"]["results"]

        assert [74_800_000.0, 167_527.5] == [row["open_interest"] for row in rows]
        assert [0.0005, -0.0003] == [row["funding_rate"] for row in rows]


@pytest.mark.parametrize(
    ("instruments", "pairs"),
    [
        ('{"binance":"BTC-USDC-VANILLA-PERPETUAL"}', ["BTCUSDC"]),
        ('{"binance":["BTCUSDC","BTCUSDT"],"bybit":"BTC-USD-INVERSE-PERPETUAL"}', ["BTCUSDC", "BTCUSDT", "BTCUSD"]),
        ('{"CoinDesk-Binance":"BTCUSDT_261225"}', ["BTCUSDT_261225"]),
        ('{"binance":"ETHUSDT"}', []),
        ('{"binance":[]}', []),
    ],
)
async def test_an_instrument_map_takes_the_place_of_the_main_perpetual(instruments: str, pairs: list[str]) -> None:
    """A market that only the map names is shown too."""
    async with house(binance(), bybit()) as built:
        frame = await built.frame(SPEC, f"ticker=BTC&markets=binance&instrument_map={instruments}")

        assert pairs == [row["pair"] for row in frame["rows"]["results"]]


async def test_the_map_may_come_as_an_object_in_a_message() -> None:
    """It is echoed as text."""
    async with house(binance(), bybit()) as built:
        message = {"markets": "binance", "instrument_map": {"binance": "BTCUSDC"}}
        frame = await built.frame(SPEC, "ticker=BTC", message)

        assert ["BTCUSDC"] == [row["pair"] for row in frame["rows"]["results"]]
        assert '{"binance":"BTCUSDC"}' == frame["query_params"]["instrument_map"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("", "missing", "ticker"),
        ("ticker=&markets=binance", "missing", "ticker"),
        ("ticker=BTC&markets=mtgox", "unknown_value", "markets"),
        ("ticker=BTC&instrument_map={", "invalid_json", "instrument_map"),
        ("ticker=BTC&instrument_map=[]", "wrong_type", "instrument_map"),
        ('ticker=BTC&instrument_map={"binance":1}', "wrong_type", "instrument_map"),
        ('ticker=BTC&instrument_map={"binance,bybit":"BTCUSDT"}', "unknown_value", "instrument_map"),
        ("ticker=BTC&symbol=BTC", "unknown_parameter", "symbol"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(query: str, code: str, parameter: str) -> None:
    """Before anything is asked."""
    async with house(binance(), bybit()) as built:
        with pytest.raises(BadParameter) as refusal:
            asked(built.endpoint(SPEC), query)

        assert (code, parameter) == (refusal.value.code, refusal.value.parameter)


async def test_a_coin_that_nobody_trades_has_no_rows() -> None:
    """It is no mistake to ask."""
    async with house(binance(), bybit()) as built:
        assert 0 == (await built.frame(SPEC, "ticker=NOPE"))["rows"]["count"]


async def test_a_volume_that_fails_is_null_and_says_why() -> None:
    """The row stays."""
    first = binance()
    first.history_trouble = "binance answered 429"
    async with house(first, bybit()) as built:
        frame = await built.frame(SPEC, "ticker=BTC")

        assert [None, 5_000.0] == [row["volume_2h"] for row in frame["rows"]["results"]]
        assert "binance: no newer 2 h volume: binance answered 429" == frame["error"]


async def test_a_volume_that_takes_long_is_there_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it."""
    monkeypatch.setattr(contract_comparison, "VOLUME_PATIENCE_S", 0.05)
    first = binance()
    first.gate = asyncio.Event()
    async with house(first) as built:
        endpoint = built.endpoint(SPEC)
        params = asked(endpoint, "ticker=BTC&markets=binance")
        before = await endpoint.answer(params, NOW_MS, None)
        first.gate.set()
        await until(lambda: built.cache.under_way == 0)
        after = await endpoint.answer(params, NOW_MS + 1_000, before)

        assert b'"volume_2h":null' in before.payload
        assert b"not answered yet" in before.payload
        assert b'"volume_2h":987654321.0' in after.payload
        assert b"error" not in after.payload


async def test_old_answers_are_marked_with_age_and_reason_while_an_exchange_is_down() -> None:
    """The last rows stay; what nobody ever said is an error."""
    desk = binance()
    async with house(desk) as built:
        await built.frame(SPEC, "ticker=BTC&markets=binance")
        desk.trouble = "binance answered 503"
        built.now_ms += 60_000

        frame = await built.frame(SPEC, "ticker=BTC&markets=binance")

        assert ["BTCUSDT"] == [row["pair"] for row in frame["rows"]["results"]]
        assert frame["stale"] is True
        assert 60.0 == frame["age_s"]
        assert "binance: binance answered 503" in frame["error"]


async def test_simulated_data_are_labelled() -> None:
    """In every payload."""
    async with house(binance(), label="SIMULATED") as built:
        assert "SIMULATED" == (await built.frame(SPEC, "ticker=BTC"))["label"]


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(binance(), bybit()) as built:
        usual = {
            "ticker": ("BTC", "btcusdt", "NOPE"),
            "markets": ("binance,bybit", "CoinDesk-okex", ""),
            "instrument_map": ('{"binance":"BTCUSDC"}', {"bybit": ["BTCUSD", "BTCUSDT"]}, ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
