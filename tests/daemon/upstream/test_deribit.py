"""Deribit's futures and options, in our units, from small answers on loopback."""

from collections.abc import Mapping

import pytest

from daemon.upstream.deribit import Deribit
from daemon.upstream.records import Contract, OptionsInterest
from daemon.wire import deribit as wire
from tests.daemon.upstream.far_end import NOW, clock, far_end

PERPETUAL = wire.Summary("BTC-PERPETUAL", 99_999.0, 100_000.0, 100_010.0, None, 5e8, 1_000.0, 1e8, 0.0000174, NOW)
DATED = wire.Summary("BTC-26MAR27", 101_000.0, 100_000.0, 100_010.0, None, 1e6, 1.0, 1e5, None, NOW)
LINEAR = wire.Summary("BTC_USDC-PERPETUAL", 99_999.0, 100_000.0, 100_010.0, None, 7.0, 2.0, 2e5, 0.00001, NOW)
OPTION = wire.Summary("BTC-26MAR27-90000-C", 0.1, 0.11, None, 100_500.0, 4.0, 1.0, 1e4, None, NOW)


def summaries(query: Mapping[str, str]) -> bytes:
    rows = {
        ("BTC", "future"): [PERPETUAL, DATED],
        ("USDC", "future"): [LINEAR],
        ("BTC", "option"): [OPTION, wire.Summary("BTC-26MAR27-80000-P", interest=3.0)],
        ("USDC", "option"): [wire.Summary("SOL_USDC-26MAR27-150-C", underlying=160.0, interest=10.0), OPTION],
    }
    return wire.encode_summaries(rows.get((query["currency"], query["kind"]), []))


async def test_deribit_open_interest_is_dollars_for_inverse_and_coins_for_linear() -> None:
    """500 million dollars are 5,000 BTC; 7 BTC are 700,000 dollars."""
    async with far_end({wire.BOOK_SUMMARY: summaries}) as (end, http):
        found = {row.pair: row for row in await Deribit(http, end.url, clock=clock).contracts()}

    assert (
        Contract(
            venue="deribit",
            symbol="BTC-USD-PERP",
            pair="BTC-PERPETUAL",
            kind="INVERSE",
            last=99_999.0,
            mark=100_000.0,
            index=100_010.0,
            funding_rate=0.0000174,
            funding_interval_h=8.0,
            oi_base=5_000.0,
            oi_usd=5e8,
            volume_24h_usd=1e8,
            volume_24h_base=1_000.0,
            at_ms=NOW,
        )
        == found["BTC-PERPETUAL"]
    )
    linear = found["BTC_USDC-PERPETUAL"]
    assert ("VANILLA", "BTC-USDC-PERP", 7.0, 700_000.0) == (linear.kind, linear.symbol, linear.oi_base, linear.oi_usd)
    assert ("BTC-USD-20270326", None) == (found["BTC-26MAR27"].symbol, found["BTC-26MAR27"].funding_interval_h)


async def test_options_interest_is_coins_times_what_underlies_each_option() -> None:
    """Not times its mark price, which is in coins; what has no underlying price cannot be counted."""
    async with far_end({wire.BOOK_SUMMARY: summaries}) as (end, http):
        client = Deribit(http, end.url, clock=clock)

        assert [OptionsInterest(instrument="BTC-26MAR27-90000-C", oi_usd=402_000.0, at_ms=NOW)] == (
            await client.options_interest("BTC")
        )
        assert [1_600.0] == [row.oi_usd for row in await client.options_interest("SOL")]


async def test_deribits_volume_comes_with_its_row() -> None:
    """In dollars, as it says itself."""
    async with far_end({wire.BOOK_SUMMARY: summaries}) as (end, http):
        client = Deribit(http, end.url, clock=clock)
        found = await client.volume_24h("BTC-PERPETUAL")

        assert await client.volume_24h("ETH-PERPETUAL") is None
        with pytest.raises(ValueError, match="not a future"):
            await client.volume_24h("BTC-26MAR27-90000-C")

    assert found is not None
    assert (1e8, "BTC-PERPETUAL") == (found.volume_usd, found.raw["instrument_name"])


async def test_one_ticker_is_the_same_contract() -> None:
    """Another call, the same units."""
    async with far_end({wire.TICKER: wire.encode_ticker(PERPETUAL)}) as (end, http):
        found = await Deribit(http, end.url, clock=clock).ticker("BTC-PERPETUAL")

    assert (5e8, 5_000.0, 1e8) == (found.oi_usd, found.oi_base, found.volume_24h_usd)
