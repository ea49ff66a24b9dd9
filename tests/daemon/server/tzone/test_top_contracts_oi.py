"""top-contracts-oi: the contracts with the most open interest."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.top_contracts_oi import SPEC
from daemon.upstream.records import CoinInfo, Contract, DerivativeExchange, Provider
from rules.events import OpenInterest
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordDesk, RecordVendors, asked, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    f"$.rows.results[].{name} is null in ours, text in the document": "a picture that nobody knows is null"
    for name in ("base_logo", "quote_logo", "exchange_logo")
}


def contract(
    venue: str, symbol: str, pair: str, oi_usd: float | None, last: float | None = 100.0, provider: Provider = "venue"
) -> Contract:
    """A contract of a size."""
    return Contract(
        venue=venue, symbol=symbol, pair=pair, kind="VANILLA", last=last, mark=99.0, oi_usd=oi_usd,
        volume_24h_usd=5e6, at_ms=NOW_MS - 1_000, provider=provider,
    )  # fmt: skip


def desks(provider: Provider = "venue") -> tuple[RecordDesk, RecordDesk]:
    """In order of size: 9 m, 8 m, 5 m, 4 m, 1 m, and one that nobody has counted."""
    return (
        RecordDesk(
            "binance",
            provider,
            rows=[
                contract("binance", "ETH-USDT-PERP", "ETHUSDT", 5e6, provider=provider),
                contract("binance", "BTC-USDT-PERP", "BTCUSDT", 9e6, 67_000.12, provider=provider),
                contract("binance", "DOGE-USDT-PERP", "DOGEUSDT", None, provider=provider),
            ],
        ),
        RecordDesk(
            "bybit",
            provider,
            rows=[
                contract("bybit", "BTC-USDT-PERP", "BTCUSDT", 8e6, provider=provider),
                contract("bybit", "BTC-USDT-20261225", "BTCUSDT-25DEC26", 1e6, None, provider=provider),
                contract("bybit", "ETH-USD-PERP", "ETHUSD", 4e6, provider=provider),
            ],
        ),
    )


def vendors() -> RecordVendors:
    """Pictures of bitcoin and tether, and of Binance."""
    return RecordVendors(
        infos=[
            CoinInfo(id="bitcoin", symbol="BTC", name="Bitcoin", image="https://x/btc.png", market_cap=2e12),
            CoinInfo(id="tether", symbol="USDT", name="Tether", image="https://x/usdt.png", market_cap=1e11),
        ],
        exchanges=[DerivativeExchange(id="binance_futures", name="Binance", image="https://x/b.png")],
    )


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """As printed, with CoinDesk asked; only bitcoin, which has a picture."""
    first, second = desks("CoinDesk")
    first.rows = first.rows[1:2]
    async with house(first, second, vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("top-contracts-oi"))
        assert [
            {
                "rank": 1,
                "pair": "BTCUSDT",
                "base_logo": "https://x/btc.png",
                "quote_logo": "https://x/usdt.png",
                "exchange": "Binance",
                "exchange_logo": "https://x/b.png",
                "open_interest": 9e6,
                "price": 67_000.12,
                "volume_24h": 5e6,
            }
        ] == frame["rows"]["results"]
        assert {
            "exchange_filter": ["Binance", "Bybit", "BitMEX"],
            "sort_by": "open_interest",
            "sort_order": "desc",
        } == frame["controls"]
        assert ["CoinDesk"] == frame["data_sources"]
        assert ["binance", "bybit", "bitmex"] == frame["coindesk_markets"]


async def test_what_nobody_knows_is_null_and_that_is_all_that_differs() -> None:
    """Pictures."""
    async with house(*desks()) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert [] == same_shape(frame, golden("top-contracts-oi"), DIFFERENCES)


async def test_ranks_come_from_open_interest_whatever_the_client_sorts_by() -> None:
    """What nobody has counted has no rank; a price that is unknown is the mark."""
    async with house(*desks()) as built:
        usual = (await built.frame(SPEC, ""))["rows"]["results"]
        sorted_by_pair = (await built.frame(SPEC, "sort_by=pair&sort_order=asc"))["rows"]["results"]

        assert [
            (1, "BTCUSDT", "Binance"),
            (2, "BTCUSDT", "Bybit"),
            (3, "ETHUSDT", "Binance"),
            (4, "ETHUSD", "Bybit"),
            (5, "BTCUSDT-25DEC26", "Bybit"),
        ] == [(row["rank"], row["pair"], row["exchange"]) for row in usual]
        assert 99.0 == usual[4]["price"]
        assert [1, 2, 5, 4, 3] == [row["rank"] for row in sorted_by_pair]
        assert [None] * 3 == [usual[0][name] for name in ("base_logo", "quote_logo", "exchange_logo")]


async def test_the_stream_decides_ranks_where_it_is_newer() -> None:
    """Bybit overtakes: 100,000 x 99 dollars."""
    async with house(*desks()) as built:
        built.views.observe(
            OpenInterest(venue="bybit", symbol="BTC-USDT-PERP", oi_base=100_000.0, at_ms=NOW_MS, received_ms=NOW_MS)
        )
        rows = (await built.frame(SPEC, ""))["rows"]["results"]

        assert [("Bybit", 9_900_000.0), ("Binance", 9e6)] == [
            (row["exchange"], row["open_interest"]) for row in rows[:2]
        ]


@pytest.mark.parametrize(
    ("query", "ranked"),
    [
        ("coindesk_limit=2", [(1, "BTCUSDT", "Binance"), (2, "BTCUSDT", "Bybit")]),
        ("exchange_filter=bybit&coindesk_limit=2", [(1, "BTCUSDT", "Bybit"), (2, "ETHUSD", "Bybit")]),
        ('filters={"exchange":"CoinDesk-bybit"}&coindesk_limit=3', [(2, "BTCUSDT", "Bybit")]),
        ('exchange_filter=bybit&filters={"exchange":"Binance"}', []),
        ('coindesk_markets=["binance"]&category=linear', [(1, "BTCUSDT", "Binance"), (2, "ETHUSDT", "Binance")]),
        (
            'coindesk_instruments={"bybit":["ETH-USD-VANILLA-PERPETUAL"]}&coindesk_markets=binance&sort_by=rank&sort_order=asc',
            [(1, "BTCUSDT", "Binance"), (2, "ETHUSDT", "Binance"), (3, "ETHUSD", "Bybit")],
        ),
        ("coindesk_markets=bitmex", []),
    ],
)
async def test_parameters_narrow_the_table(query: str, ranked: list[tuple[int, str, str]]) -> None:
    """`exchange_filter` before the limit, `filters` after the ranking; both together must hold."""
    async with house(*desks()) as built:
        rows = (await built.frame(SPEC, query))["rows"]["results"]

        assert ranked == [(row["rank"], row["pair"], row["exchange"]) for row in rows]


async def test_controls_and_sources_tell_what_was_asked_and_who_answered() -> None:
    """Without a key the exchanges themselves."""
    async with house(*desks()) as built:
        frame = await built.frame(SPEC, "exchange_filter=bybit", {"sort_by": "price", "sort_order": None})

        assert {"exchange_filter": ["Bybit"], "sort_by": "price", "sort_order": "desc"} == frame["controls"]
        assert ["Bybit"] == frame["data_sources"]
        assert ["binance", "bybit", "okx", "deribit", "hyperliquid"] == frame["coindesk_markets"]


async def test_an_exchange_that_fails_is_named_and_the_others_stay() -> None:
    """The frame says that it is not whole."""
    first, second = desks()
    second.trouble = "bybit answered 403"
    async with house(first, second) as built:
        frame = await built.frame(SPEC, "")

        assert (2, "bybit: bybit answered 403") == (frame["rows"]["count"], frame["error"])
        assert "Bybit" not in frame["data_sources"]


@pytest.mark.parametrize(
    ("query", "code", "parameter"),
    [
        ("coindesk_limit=0", "out_of_range", "coindesk_limit"),
        ("coindesk_markets=mtgox", "unknown_value", "coindesk_markets"),
        ("exchange_filter=mtgox", "unknown_value", "exchange_filter"),
        ('coindesk_instruments={"mtgox":"BTCUSD"}', "unknown_value", "coindesk_instruments"),
        ("coindesk_instruments=BTC", "invalid_json", "coindesk_instruments"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(query: str, code: str, parameter: str) -> None:
    """Before anything is asked."""
    async with house(*desks()) as built:
        with pytest.raises(BadParameter) as refusal:
            asked(built.endpoint(SPEC), query)

        assert (code, parameter) == (refusal.value.code, refusal.value.parameter)


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(*desks(), vendors=vendors()) as built:
        usual = {
            "category": ("linear", ""),
            "coindesk_markets": ("binance,bybit,bitmex", ["okx"], ""),
            "coindesk_instruments": ({"binance": ["BTCUSDT"]}, '{"bybit":"ETHUSD"}', ""),
            "coindesk_limit": (1, "50", ""),
            "exchange_filter": ("Binance", ["Bybit"], ""),
        }

        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

        assert answered > 2_000
        assert refused > 2_000
