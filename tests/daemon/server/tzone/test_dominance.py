"""btc_dom and eth_dom: one card each."""

from typing import Any

import pytest

from daemon.server.tzone.dominance import BITCOIN, ETHER
from daemon.server.tzone.endpoint import Spec
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import GlobalMarket
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
WHOLE = GlobalMarket(total_usd=1e12, btc_percent=52.344, eth_percent=17.886, at_ms=NOW_MS)
BOTH = pytest.mark.parametrize(
    ("spec", "name", "title", "value"),
    [(BITCOIN, "btc_dom", "Bitcoin Dominance", "52.34 %"), (ETHER, "eth_dom", "Ethereum Dominance", "17.89 %")],
)


@BOTH
async def test_the_documented_request_is_answered_in_the_documented_shape(
    spec: Spec[Any], name: str, title: str, value: str
) -> None:
    """Title and Value with their capitals, the percent as it was sent."""
    async with house(vendors=RecordVendors(whole=WHOLE)) as built:
        frame = await built.frame(spec, spec.example)

    assert [] == same_shape(frame, golden(name), DIFFERENCES)
    assert [{"Title": title, "Value": value}] == frame["results"]
    assert f"/tzone_apis/services/stablecoins/{name}" == spec.path


@BOTH
async def test_keys_may_be_written_either_way(spec: Spec[Any], name: str, title: str, value: str) -> None:
    """The snapshot's cards have small letters; the number behind the text is compared."""
    del name, title, value
    async with house(vendors=RecordVendors(whole=WHOLE)) as built:
        assert 1 == (await built.frame(spec, 'filters={"value":">17"}&sort_by=value'))["count"]
        assert 0 == (await built.frame(spec, 'filters={"VALUE":">53"}'))["count"]


async def test_one_answer_of_the_vendor_serves_both() -> None:
    """And none at all is a reason."""
    vendors = RecordVendors(whole=WHOLE)
    async with house(vendors=vendors) as built:
        await built.frame(BITCOIN, "")
        vendors.whole = None
        frame = await built.frame(ETHER, "")

    assert "17.89 %" == frame["results"][0]["Value"]
    assert "stale" not in frame

    async with house() as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(ETHER, "")


@BOTH
async def test_any_parameters_are_answered_or_refused(spec: Spec[Any], name: str, title: str, value: str) -> None:
    """Ten thousand of them."""
    del name, title, value
    async with house(vendors=RecordVendors(whole=WHOLE)) as built:
        answered, refused = await refused_or_answered(built.endpoint(spec), {"sort_by": ("Title", "value")}, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
