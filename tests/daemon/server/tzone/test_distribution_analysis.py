"""ws/distribution_analysis: where each stablecoin is."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.distribution_analysis import SPEC
from daemon.upstream.cache import Unavailable
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import COINS, TETHER
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES = {
    "$.rows[].chains[].change_24h is only in ours": "the headers promise a 24-hour change, and no row had one (25)",
}


def vendors() -> RecordVendors:
    """Tether on three chains that count, and on one that does not."""
    return RecordVendors(stables=COINS)


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """Coins that are on Ethereum, the largest first; the range is passed over, as amounts have no time."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert [] == same_shape(frame, golden("distribution_analysis"), DIFFERENCES)
    assert ["USDT", "USDC"] == [row["stablecoin"] for row in frame["rows"]]
    assert {"chains": ["ethereum", "bsc", "tron", "solana", "polygon"], "period": "1d"} == frame["query_params"]


async def test_percents_are_of_the_chains_that_were_asked_for() -> None:
    """50 bn of 80 bn are 62.5 percent; 50 bn after 40 bn are 25 percent more, 30 bn after 40 bn a quarter less."""
    async with house(vendors=vendors()) as built:
        row = (await built.frame(SPEC, ""))["rows"][0]

    assert {
        "stablecoin": "USDT",
        "name": "Tether",
        "chains": [
            {"chain": "ethereum", "usd": 50e9, "percent": 62.5, "change_24h": 25.0},
            {"chain": "tron", "usd": 30e9, "percent": 37.5, "change_24h": -25.0},
        ],
        "total_usd": 80e9,
    } == row


async def test_a_change_is_null_where_nobody_knows_the_day_before() -> None:
    """Not zero."""
    async with house(vendors=vendors()) as built:
        row = (await built.frame(SPEC, 'filters={"stablecoin":"usd-coin"}'))["rows"][0]

    assert [("ethereum", 77.5, 0.0), ("solana", 22.5, None)] == [
        (chain["chain"], chain["percent"], chain["change_24h"]) for chain in row["chains"]
    ]


@pytest.mark.parametrize("chains", ["Solana, APTOS", '["solana","Aptos"]', "solana,aptos,solana"])
async def test_chains_are_a_list_however_it_is_written(chains: str) -> None:
    """Comma-separated or JSON, in any capitals; the total is of these alone."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f"chains={chains}")

    assert ["solana", "aptos"] == frame["query_params"]["chains"]
    assert [("USDC", 9e9), ("USDT", 1e9), ("EURC", 250e6)] == [
        (row["stablecoin"], row["total_usd"]) for row in frame["rows"]
    ]
    assert [100.0] * 3 == [row["chains"][0]["percent"] for row in frame["rows"]]


async def test_chains_change_by_a_message_with_a_list() -> None:
    """As a front end would send it."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example, {"chains": ["Tron"], "filters": None, "period": "7d"})

    assert {"chains": ["tron"], "period": "7d"} == frame["query_params"]
    assert [30e9] == [row["total_usd"] for row in frame["rows"]]


@pytest.mark.parametrize("field", ["usd", "market_cap", "total_usd", "USD"])
async def test_amounts_sort_by_the_sum(field: str) -> None:
    """By the header's name and by the nested field's; nested ones filter by themselves."""
    async with house(vendors=vendors()) as built:
        rows = (await built.frame(SPEC, f"sort_by={field}"))["rows"]
        small = (await built.frame(SPEC, 'filters={"usd":"<10000000000","chain":"Solana"}'))["rows"]

    assert ["EURC", "USDC", "USDT"] == [row["stablecoin"] for row in rows]
    assert ["USDC", "EURC"] == [row["stablecoin"] for row in small]


async def test_a_chain_that_no_stablecoin_is_on_is_refused() -> None:
    """With those that there are; the usual ones never are."""
    async with house(vendors=vendors()) as built:
        with pytest.raises(BadParameter, match="no stablecoin is on 'atlantis'; there are aptos, bsc, ethereum"):
            await built.frame(SPEC, "chains=tron,atlantis")

        assert [] == (await built.frame(SPEC, "chains=polygon"))["rows"]


async def test_an_empty_table_knows_its_nested_fields_and_a_reason() -> None:
    """Names are judged as on a full table."""
    async with house(vendors=RecordVendors(stables=[])) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert ([], "DefiLlama lists no stablecoins on any chain") == (frame["rows"], frame["error"])
        with pytest.raises(BadParameter, match="there is no field 'colour'"):
            await built.frame(SPEC, 'filters={"colour":"red"}')

    async with house() as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")


async def test_percents_add_up() -> None:
    """Whatever the chains."""
    async with house(vendors=RecordVendors(stables=[TETHER])) as built:
        row = (await built.frame(SPEC, "chains=ethereum,tron,aptos"))["rows"][0]

    assert 100 == pytest.approx(sum(chain["percent"] for chain in row["chains"]), abs=1e-3)
    assert 81e9 == row["total_usd"]


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=vendors()) as built:
        usual = {
            "chains": ("ethereum,bsc", '["tron"]', ["solana"], "atlantis", ""),
            "period": ("1d", "7d", ""),
            "sort_by": ("usd", "market_cap", "percentage", "change_24h"),
            "filters": ('{"chain":"ethereum"}', '{"percent":">50"}', '{"stablecoin":"tether"}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
