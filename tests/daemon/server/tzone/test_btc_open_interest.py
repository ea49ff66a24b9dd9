"""derivative/ws/btc_open_interest: one card and its details."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.btc_open_interest import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import Contract, OptionsInterest
from rules.events import OpenInterest
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import picture
from tests.daemon.server.tzone.house import NOW_MS, House, RecordDesk, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
OPTIONS = [
    OptionsInterest(instrument="BTC-25DEC26-100000-C", oi_usd=120_000_000.6, at_ms=NOW_MS - 5_000),
    OptionsInterest(instrument="BTC-25DEC26-80000-P", oi_usd=30_000_000.0, at_ms=NOW_MS - 5_000),
    OptionsInterest(instrument="BTC-25SEP26-90000-C", oi_usd=50_000_000.0, at_ms=NOW_MS - 5_000),
]


def perpetual(symbol: str, pair: str, usd: float | None) -> Contract:
    """A perpetual of Deribit."""
    return Contract(venue="deribit", symbol=symbol, pair=pair, kind="INVERSE", mark=100_000.0, oi_usd=usd, at_ms=NOW_MS)


def deribit() -> RecordDesk:
    """Two perpetuals of bitcoin, one of ether, and a future."""
    return RecordDesk(
        "deribit",
        rows=[
            perpetual("BTC-USDC-PERP", "BTC_USDC-PERPETUAL", 2e6),
            perpetual("BTC-USD-PERP", "BTC-PERPETUAL", 5e8),
            perpetual("BTC-USD-20261225", "BTC-25DEC26", 7e7),
            perpetual("ETH-USD-PERP", "ETH-PERPETUAL", 9e7),
            perpetual("BTC-USDT-PERP", "BTC_USDT-PERPETUAL", None),
        ],
    )


def vendors() -> RecordVendors:
    """Options and a picture."""
    return RecordVendors(options=OPTIONS, infos=[picture("bitcoin", "BTC")])


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """Options, as the title says: 120 + 30 + 50 million dollars, the largest first."""
    async with house(deribit(), vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert [] == same_shape(frame, golden("btc_open_interest"), DIFFERENCES)
    (card,) = frame["results"]
    assert "200,000,001 USD" == card["value"]
    assert "https://x/bitcoin.png" == card["logo"]
    assert [120_000_000.6, 50e6, 30e6] == [detail["open_interest"] for detail in card["details"]]
    assert ("Deribit", (NOW_MS - 5_000) // 1_000) == (card["details"][0]["source"], card["details"][0]["last_update"])


async def test_the_perpetual_goes_by_its_own_title() -> None:
    """All of bitcoin's at Deribit; what expires, and what nobody counts in dollars, is not among them."""
    async with house(deribit(), vendors=vendors()) as built:
        frame = await built.frame(SPEC, "kind=Perpetual")

    (card,) = frame["results"]
    assert ("Bitcoin Perpetual Open Interest", "502,000,000 USD") == (card["title"], card["value"])
    assert "total BTC perpetual open interest (Deribit)" == card["subtext"]
    assert ["BTC-PERPETUAL", "BTC_USDC-PERPETUAL"] == [detail["instrument"] for detail in card["details"]]


async def test_what_we_stream_of_the_perpetual_is_newer() -> None:
    """And moves the card."""
    async with house(deribit(), vendors=vendors()) as built:
        endpoint = built.endpoint(SPEC)
        params = endpoint.parse({"kind": "perpetual"}, None)
        before = endpoint.changes(params)
        stream(built, 6e8)
        frame = await built.frame(SPEC, 'kind=perpetual&filters={"instrument":"BTC-PERPETUAL"}')

        assert endpoint.changes(params) > before
        assert "600,000,000 USD" == frame["results"][0]["value"]


def stream(built: House, usd: float) -> None:
    """A later word of Deribit's stream."""
    built.views.observe(
        OpenInterest(
            venue="deribit",
            symbol="BTC-USD-PERP",
            oi_base=usd / 100_000,
            oi_usd=usd,
            at_ms=NOW_MS + 1,
            received_ms=NOW_MS + 1,
        )
    )


async def test_the_card_sums_what_the_filters_leave_and_not_just_its_page() -> None:
    """Calls are 120 + 50 million."""
    async with house(deribit(), vendors=vendors()) as built:
        calls = (await built.frame(SPEC, "search=-C&page=1&page_size=1"))["results"][0]
        nothing = await built.frame(SPEC, 'filters={"market":"binance"}')

    assert ("170,000,001 USD", 1) == (calls["value"], len(calls["details"]))
    assert (1, "0 USD") == (nothing["count"], nothing["results"][0]["value"])


async def test_an_empty_list_has_a_reason_and_no_total() -> None:
    """Zero would be a lie; with no answer there is only the reason."""
    async with house(deribit(), vendors=RecordVendors(options=[])) as built:
        frame = await built.frame(SPEC, "")

    assert (None, None) == (frame["results"][0]["value"], frame["results"][0]["logo"])
    assert "Deribit lists no open options" == frame["error"]

    async with house(deribit()) as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")


async def test_the_source_of_the_perpetual_is_who_answered() -> None:
    """CoinDesk, when it has a key."""
    desk = deribit()
    desk.provider = "CoinDesk"
    async with house(desk, vendors=vendors()) as built:
        perpetuals = (await built.frame(SPEC, "kind=perpetual"))["results"][0]["details"]
        options = (await built.frame(SPEC, "kind=options"))["results"][0]["details"]

    assert {"CoinDesk"} == {detail["source"] for detail in perpetuals}
    assert {"Deribit"} == {detail["source"] for detail in options}


async def test_an_unknown_kind_is_refused_by_name() -> None:
    """With those that are known."""
    async with house(deribit(), vendors=vendors()) as built:
        with pytest.raises(BadParameter, match="kind: 'futures' is not one of options, perpetual"):
            await built.frame(SPEC, "kind=futures")


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(deribit(), vendors=vendors()) as built:
        usual = {
            "kind": ("options", "perpetual", ""),
            "sort_by": ("open_interest", "instrument", "value"),
            "filters": ('{"market":"deribit"}', '{"open_interest":">1e8"}', '{"symbol":"BTC"}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
