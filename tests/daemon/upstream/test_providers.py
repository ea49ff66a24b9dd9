"""Who may be asked."""

import pytest

from daemon.clock import wall_ms
from daemon.upstream.cache import Cache, Unavailable
from daemon.upstream.http import Http
from daemon.upstream.market import Market
from daemon.upstream.market_config import MarketConfig


async def test_an_upstream_that_the_configuration_does_not_name_is_not_asked() -> None:
    """A `sources` section means exactly those it names; the others' absence has a reason, not an empty table."""
    async with Http() as http, Cache(wall_ms) as cache:
        market = Market(http, cache, MarketConfig(urls={}, only=frozenset()), wall_ms)

        with pytest.raises(Unavailable, match="coingecko is not among the sources of the configuration"):
            await market.global_market()
        with pytest.raises(Unavailable, match="bybit is not among the sources"):
            await market.contracts_of(["bybit"])
