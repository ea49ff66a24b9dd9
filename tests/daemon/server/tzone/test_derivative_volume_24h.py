"""derivative/ws/24h_volume: one card and its details."""

import pytest

from daemon.server.tzone.derivative_volume_24h import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import Contract
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordDesk, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.results[].details[].raw.symbol is only in ours": "the document has a comment in place of the upstream's row (12)",
    "$.results[].details[].raw.quoteVolume is only in ours": "the same",
}


def desk(venue: str, pair: str, usd: float | None, *, trouble: str | None = None) -> RecordDesk:
    """An exchange with one perpetual of bitcoin."""
    contract = Contract(
        venue=venue, symbol="BTC-USDT-PERP", pair=pair, kind="VANILLA", volume_24h_usd=usd, at_ms=NOW_MS
    )
    return RecordDesk(venue, rows=[contract], trouble=trouble)


def desks(**troubles: str) -> list[RecordDesk]:
    """What four exchanges would say."""
    return [
        desk("binance", "BTCUSDT", 700_000_000.4, trouble=troubles.get("binance")),
        desk("bybit", "BTCUSDT", 400_000_000.0, trouble=troubles.get("bybit")),
        desk("okx", "BTC-USDT-SWAP", 900_000_000.0, trouble=troubles.get("okx")),
        desk("deribit", "BTC-PERPETUAL", 100_000_000.0, trouble=troubles.get("deribit")),
    ]


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """Only Binance is left, so the card is about Binance."""
    async with house(*desks()) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert [] == same_shape(frame, golden("24h_volume"), DIFFERENCES)
    (card,) = frame["results"]
    assert ("24h Derivative Volumes", "700,000,000 USD") == (card["title"], card["value"])
    assert [("binance", "BTCUSDT", 700_000_000.4)] == [
        (detail["market"], detail["instrument"], detail["volume"]) for detail in card["details"]
    ]


async def test_the_card_sums_what_the_filters_leave_and_not_just_its_page() -> None:
    """700 + 400 + 900 + 100 million, of which one page shows two; above 500 million there are 1,600."""
    async with house(*desks()) as built:
        page = (await built.frame(SPEC, "sort_by=volume&sort_order=desc&page=1&page_size=2"))["results"][0]
        above = (await built.frame(SPEC, 'filters={"volume":">500000000"}'))["results"][0]
        found = (await built.frame(SPEC, "search=swap"))["results"][0]

    assert ("2,100,000,000 USD", ["okx", "binance"]) == (page["value"], [row["market"] for row in page["details"]])
    assert "1,600,000,000 USD" == above["value"]
    assert ("900,000,000 USD", 1) == (found["value"], len(found["details"]))


async def test_names_of_exchanges_are_understood() -> None:
    """okex is okx; BitMEX has closed and brings nothing."""
    async with house(*desks()) as built:
        frame = await built.frame(SPEC, 'filters={"market":["OKEx","bitmex"]}')
        nothing = await built.frame(SPEC, 'filters={"market":"bitmex"}')

    assert ["okx"] == [detail["market"] for detail in frame["results"][0]["details"]]
    assert (1, "0 USD", []) == (
        nothing["count"],
        nothing["results"][0]["value"],
        nothing["results"][0]["details"],
    )


async def test_who_told_the_volumes_is_named() -> None:
    """The document says CoinDesk, and that is so when CoinDesk answers."""
    async with house(*desks()) as built:
        ours = (await built.frame(SPEC, ""))["results"][0]
    coindesk = [RecordDesk(one.venue, provider="CoinDesk", rows=one.rows) for one in desks()]
    async with house(*coindesk) as built:
        theirs = (await built.frame(SPEC, ""))["results"][0]

    assert "total volumes across selected derivatives contracts (OKX, Binance, Bybit, Deribit)" == ours["subtext"]
    assert golden("24h_volume")["results"][0]["subtext"] == theirs["subtext"]  # type: ignore[index]  # as printed


async def test_an_exchange_that_fails_is_named_and_the_others_are_summed() -> None:
    """If all fail there is only the reason."""
    async with house(*desks(okx="okx answered 503")) as built:
        frame = await built.frame(SPEC, "")

    assert "1,200,000,000 USD" == frame["results"][0]["value"]
    assert "okx: okx answered 503" == frame["error"]

    troubles = {one.venue: "away" for one in desks()}
    async with house(*desks(**troubles)) as built:
        with pytest.raises(Unavailable, match=r"binance: away.*deribit: away"):
            await built.frame(SPEC, "")


async def test_a_volume_that_nobody_tells_is_null() -> None:
    """Not zero."""
    async with house(*(desk(one.venue, one.rows[0].pair, None) for one in desks())) as built:
        frame = await built.frame(SPEC, "")

    assert frame["results"][0]["value"] is None
    assert frame["error"]


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(*desks()) as built:
        usual = {
            "sort_by": ("volume", "market", "value", "title"),
            "filters": ('{"market":"binance"}', '{"volume":">1"}', '{"title":"24h Derivative Volumes"}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
