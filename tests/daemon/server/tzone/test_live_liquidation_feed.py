"""live-liquidation-feed: every liquidation, as it happens."""

import asyncio

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.live_liquidation_feed import SPEC
from daemon.upstream.records import CoinInfo, DerivativeExchange
from rules.events import Liquidation, Side
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, House, RecordVendors, asked, house, until
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.feed.results[].exchange_logo is null in ours, text in the document": "a picture that nobody knows is null",
    "$.feed.results[].coin_icon is null in ours, text in the document": "the same, and nobody waits for one",
    "$.feed.results[].coin_name is null in ours, text in the document": "a name that nobody knows is null",
}


def liquidation(
    venue: str = "binance",
    symbol: str = "BTC-USDT-PERP",
    *,
    side: Side = "long",
    quantity: float = 1.5,
    at_ms: int = 1_640_995_200_000,
) -> Liquidation:
    """A position that was closed by force."""
    return Liquidation(
        venue=venue, symbol=symbol, side=side, quantity=quantity, price=67_000.12, price_kind="fill",
        notional_usd=quantity * 67_000.12, at_ms=at_ms, received_ms=at_ms + 5,
    )  # fmt: skip


def vendors() -> RecordVendors:
    """Pictures of bitcoin and Binance."""
    return RecordVendors(
        infos=[CoinInfo(id="bitcoin", symbol="BTC", name="Bitcoin", image="https://x/btc.png", market_cap=2e12)],
        stables=[],
        exchanges=[DerivativeExchange(id="binance_futures", name="Binance", image="https://x/b.png")],
    )


def four(built: House) -> None:
    """Bitcoin twice, ether and pepe; the last is the newest."""
    for event in (
        liquidation(at_ms=NOW_MS - 4),
        liquidation("bybit", side="short", at_ms=NOW_MS - 3),
        liquidation("okx", "ETH-USDC-PERP", at_ms=NOW_MS - 2),
        liquidation("bybit", "1000PEPE-USDT-PERP", at_ms=NOW_MS - 1),
    ):
        built.views.observe(event)


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed."""
    async with house(vendors=vendors()) as built:
        built.views.observe(liquidation())

        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("live-liquidation-feed"))
        assert [
            {
                "timestamp": 1_640_995_200_000,
                "datetime": "2022-01-01T00:00:00.000000+00:00",
                "exchange": "Binance",
                "exchange_logo": "https://x/b.png",
                "pair": "BTCUSDT",
                "side": "Long",
                "price": 67_000.12,
                "quantity": 1.5,
                "coin_icon": "https://x/btc.png",
                "coin_symbol": "BTC",
                "coin_name": "Bitcoin",
            }
        ] == frame["feed"]["results"]
        assert {
            "asset_filter": ["BTCUSDT", "ETHUSDT"],
            "exchange_filter": ["binance", "bybit"],
            "max_size": 50,
        } == frame["controls"]
        assert {
            "asset_filter": "BTCUSDT,ETHUSDT",
            "exchange_filter": "binance,bybit",
            "max_size": 50,
        } == frame["query_params"]


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """Pictures and the coin's name."""
    async with house() as built:
        built.views.observe(liquidation())

        assert [] == same_shape(await built.frame(SPEC, SPEC.example), golden("live-liquidation-feed"), DIFFERENCES)


async def test_the_newest_comes_first_with_the_side_of_the_position() -> None:
    """A multiplied contract keeps its pair and names its coin."""
    async with house() as built:
        four(built)
        rows = (await built.frame(SPEC, ""))["feed"]["results"]

        assert [
            ("Bybit", "1000PEPEUSDT", "PEPE", "Long"),
            ("OKX", "ETHUSDC", "ETH", "Long"),
            ("Bybit", "BTCUSDT", "BTC", "Short"),
            ("Binance", "BTCUSDT", "BTC", "Long"),
        ] == [(row["exchange"], row["pair"], row["coin_symbol"], row["side"]) for row in rows]
        assert "2026-09-21T14:13:19.999000+00:00" == rows[0]["datetime"]
        assert [None, None] == [rows[0]["coin_icon"], rows[0]["coin_name"]]


@pytest.mark.parametrize(
    ("query", "exchanges"),
    [
        ("asset_filter=BTC", ["Bybit", "Binance"]),
        ("asset_filter=btcusdt,PEPE", ["Bybit", "Bybit", "Binance"]),
        ("asset_filter=ETHUSDT", []),
        ("asset_filter=ETH-USDC-PERP", ["OKX"]),
        ('asset_filter=["BTC"]&exchange_filter=CoinDesk-Binance', ["Binance"]),
        ("exchange_filter=okex,bitmex", ["OKX"]),
        ("max_size=1", ["Bybit"]),
        ("max_size=1&asset_filter=ETH", ["OKX"]),
        ('filters={"side":"short"}', ["Bybit"]),
        ("sort_by=timestamp&sort_order=asc&page_size=1&page=2", ["Bybit"]),
        ("search=eth", ["OKX"]),
    ],
)
async def test_parameters_narrow_the_feed(query: str, exchanges: list[str]) -> None:
    """BTC is the coin, BTCUSDT the pair; `max_size` counts what is left of the rest."""
    async with house() as built:
        four(built)

        assert exchanges == [row["exchange"] for row in (await built.frame(SPEC, query))["feed"]["results"]]


async def test_the_feed_holds_100_unless_asked_otherwise_and_200_at_most() -> None:
    """More than that is 200."""
    async with house() as built:
        for place in range(300):
            built.views.observe(liquidation(at_ms=NOW_MS - 300 + place))

        usual = await built.frame(SPEC, "")
        most = await built.frame(SPEC, "", {"max_size": 5_000})

        assert (100, 100) == (usual["feed"]["count"], usual["controls"]["max_size"])
        assert (200, 200) == (most["feed"]["count"], most["query_params"]["max_size"])
        assert "pandas" == most["feed"]["processing_method"]


async def test_every_liquidation_moves_the_feed_and_others_of_the_same_topic_stay_the_same() -> None:
    """A liquidation that a client did not ask for does not make a new frame."""
    async with house() as built:
        endpoint = built.endpoint(SPEC)
        bitcoin = asked(endpoint, "asset_filter=BTC")
        four(built)
        before = endpoint.changes(bitcoin)
        first = await endpoint.answer(bitcoin, NOW_MS, None)

        built.views.observe(liquidation("okx", "ETH-USDT-PERP", at_ms=NOW_MS))
        unmoved = await endpoint.answer(bitcoin, NOW_MS, first)
        built.views.observe(liquidation(at_ms=NOW_MS))
        moved = await endpoint.answer(bitcoin, NOW_MS, first)

        assert endpoint.is_stream
        assert before + 2 == endpoint.changes(bitcoin)
        assert unmoved is first
        assert moved is not first


async def test_pictures_that_are_slow_come_later() -> None:
    """Nobody waits for them: the first frame goes out without."""
    pictures = vendors()
    pictures.gate = asyncio.Event()
    async with house(vendors=pictures) as built:
        built.views.observe(liquidation())
        first = (await built.frame(SPEC, ""))["feed"]["results"][0]
        pictures.gate.set()
        await until(lambda: built.cache.under_way == 0)
        second = (await built.frame(SPEC, ""))["feed"]["results"][0]

        assert (None, None) == (first["coin_icon"], first["exchange_logo"])
        assert ("https://x/btc.png", "https://x/b.png") == (second["coin_icon"], second["exchange_logo"])


async def test_an_empty_feed_is_an_answer() -> None:
    """Nothing has happened yet."""
    async with house() as built:
        frame = await built.frame(SPEC, "sort_by=quantity&sort_order=desc")

        assert ([], 0) == (frame["feed"]["results"], frame["feed"]["count"])
        assert {"asset_filter": [], "exchange_filter": [], "max_size": 100} == frame["controls"]
        assert {"asset_filter": None, "exchange_filter": None, "max_size": 100} == frame["query_params"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("max_size=0", "out_of_range", "max_size"),
        ("max_size=many", "not_a_number", "max_size"),
        ("exchange_filter=mtgox", "unknown_value", "exchange_filter"),
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
        four(built)
        await built.frame(SPEC, "")
        await until(lambda: built.cache.under_way == 0)
        usual = {
            "asset_filter": ("BTC,ETHUSDC", ["BTC"], ""),
            "exchange_filter": ("binance,bybit", "okex", ""),
            "max_size": (1, "100", 200, ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
