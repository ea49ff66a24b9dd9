"""Hyperliquid's perpetuals, in our units, from a small answer on loopback."""

from daemon.upstream.hyperliquid import Hyperliquid
from daemon.upstream.records import Contract
from daemon.wire import hyperliquid as wire
from tests.daemon.upstream.far_end import HOUR, NOW, clock, far_end


async def test_hyperliquid_pays_every_hour_and_counts_coins() -> None:
    """0.00001 an hour is 0.00008 in eight; 20 BTC at 100,000 are two million."""
    rows = [
        wire.Context("BTC", 0.00001, 20.0, 100_000.0, 100_010.0, 9e9, 9e4, 100_005.0),
        wire.Context("@107", 0.0, 1.0, 1.0, 1.0),
    ]
    async with far_end({wire.INFO: wire.encode_contexts(rows)}) as (end, http):
        found = await Hyperliquid(http, end.url, clock=clock).contracts()

    assert [
        Contract(
            venue="hyperliquid",
            symbol="BTC-USDT-PERP",
            pair="BTC",
            kind="QUANTO",
            last=100_005.0,
            mark=100_000.0,
            index=100_010.0,
            funding_rate=0.00001,
            funding_interval_h=1.0,
            next_funding_ms=NOW + HOUR,
            oi_base=20.0,
            oi_usd=2_000_000.0,
            volume_24h_usd=9e9,
            volume_24h_base=9e4,
            at_ms=NOW,
            is_oi_ambiguous=True,
        )
    ] == found
