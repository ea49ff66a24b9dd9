"""overall-market-snapshot: three cards."""

import pytest

from daemon.server.tzone.overall_market_snapshot import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import GlobalMarket
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import picture
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
WHOLE = GlobalMarket(total_usd=2_345_678_901.4, btc_percent=52.344, eth_percent=9.885, at_ms=NOW_MS)
PICTURES = [picture("bitcoin", "BTC"), picture("ethereum", "ETH")]


async def test_it_has_the_shape_of_the_document() -> None:
    """Three cards, of which two have a picture."""
    async with house(vendors=RecordVendors(whole=WHOLE, infos=PICTURES)) as built:
        frame = await built.frame(SPEC, "")

    assert [] == same_shape(frame, golden("overall-market-snapshot"), DIFFERENCES)
    assert 80 == frame["adaptive_interval"]
    assert [
        {"title": "Total Crypto Market Cap", "value": "$2,345,678,901"},
        {"title": "BTC Dominance", "value": "52.34 %", "logo": "https://x/bitcoin.png", "symbol": "BTC"},
        {"title": "ETH Dominance", "value": "9.88 %", "logo": "https://x/ethereum.png", "symbol": "ETH"},
    ] == frame["results"]


async def test_the_documented_request_is_answered() -> None:
    """As printed: the card of bitcoin."""
    async with house(vendors=RecordVendors(whole=WHOLE)) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert ["BTC Dominance"] == [card["title"] for card in frame["results"]]
    assert 1 == frame["count"]


async def test_cards_sort_by_the_number_behind_the_text() -> None:
    """As text, 9.88 % would come after 52.34 %; filters know both."""
    async with house(vendors=RecordVendors(whole=WHOLE)) as built:
        frame = await built.frame(SPEC, "sort_by=VALUE")
        above = await built.frame(SPEC, 'filters={"value":">50"}')
        by_text = await built.frame(SPEC, 'filters={"value":"52.34 %"}')

    assert [None, "BTC", "ETH"] == [card.get("symbol") for card in frame["results"]][::-1]
    assert [None, "BTC"] == [card.get("symbol") for card in above["results"]]
    assert ["BTC"] == [card.get("symbol") for card in by_text["results"]]


async def test_pictures_are_not_waited_for_and_unknown_numbers_are_null() -> None:
    """Nothing is made up."""
    whole = GlobalMarket(total_usd=None, btc_percent=50.0, eth_percent=None, at_ms=NOW_MS)
    async with house(vendors=RecordVendors(whole=whole)) as built:
        frame = await built.frame(SPEC, "sort_by=value&sort_order=desc")

    assert ["50.00 %", None, None] == [card["value"] for card in frame["results"]]
    assert frame["results"][0]["logo"] is None


async def test_an_old_answer_is_marked_with_its_age_and_the_reason() -> None:
    """And without any there is a reason."""
    vendors = RecordVendors(whole=WHOLE)
    async with house(vendors=vendors) as built:
        await built.frame(SPEC, "")
        vendors.whole = None
        built.now_ms += 3_600_000
        frame = await built.frame(SPEC, "")

    assert (True, 3_600.0) == (frame["stale"], frame["age_s"])
    assert "the vendor is down" in frame["error"]
    assert "52.34 %" == frame["results"][1]["value"]

    async with house() as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=RecordVendors(whole=WHOLE, infos=PICTURES)) as built:
        answered, refused = await refused_or_answered(built.endpoint(SPEC), {}, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
