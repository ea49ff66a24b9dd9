"""DefiLlama stablecoins over REST: every coin by chain, market values, prices and exchange rates by day."""

from pydantic import SecretStr

from daemon.upstream.host import Host
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.records import ChainSupply, DailyPrices, DailyRates, MarketCapPoint, Stablecoin, SupplyPoint
from daemon.wire import defillama_market as wire

LIVE = wire.REST_URL
BUDGET = Budget(weight=30, per_s=60)  # the limit is not documented; others have seen 300 a minute
LONGEST = 64 * 1024 * 1024  # one coin on a hundred chains by day, and all prices by day


class DefiLlama:
    """Typed calls of stablecoins.llama.fi. Data is rebuilt about once an hour: asking sooner than every 5 minutes is idle."""

    def __init__(self, http: Http, base_url: str = LIVE, key: SecretStr | None = None) -> None:
        del key  # a paid twin has its key in the address
        self._host = Host(http, base_url, budget=BUDGET)

    async def stablecoins(self) -> list[Stablecoin]:
        """Every coin, largest first; amounts are US dollars and not to be multiplied by the price."""
        coins = await self._host.get(wire.STABLECOINS, wire.decode_stablecoins, {"includePrices": "true"})
        return [_stablecoin(coin) for coin in coins]

    async def charts(self, chain: str = wire.ALL) -> list[MarketCapPoint]:
        """Market value of all coins by day, oldest first, summed over all pegs; the last point is live."""
        days = await self._host.get(wire.charts_path(chain), wire.decode_charts)
        return [MarketCapPoint(day.at_s, sum(day.usd.values())) for day in days]

    async def prices(self) -> list[DailyPrices]:
        """The last prices of each day in US dollars by CoinGecko id, oldest first."""
        days = await self._host.get(wire.PRICES, wire.decode_prices, longest=LONGEST)
        return [DailyPrices(day.at_s, dict(day.prices)) for day in days]

    async def rates(self) -> list[DailyRates]:
        """Units of each currency for one US dollar by day, oldest first."""
        days = await self._host.get(wire.RATES, wire.decode_rates, longest=LONGEST)
        return [DailyRates(day.at_s, dict(day.prices)) for day in days]

    async def supply(self, coin_id: str) -> list[SupplyPoint]:
        """Units of one coin (DefiLlama's number) by day, oldest first: native units, not US dollars."""
        points = await self._host.get(wire.coin_path(coin_id), wire.decode_supply, longest=LONGEST)
        return [SupplyPoint(point.at_s, point.units) for point in points]


def _stablecoin(coin: wire.Coin) -> Stablecoin:
    return Stablecoin(
        id=coin.id,
        name=coin.name,
        symbol=coin.symbol,
        gecko_id=coin.gecko_id,
        peg_type=coin.peg_type,
        price=coin.price,
        circulating_usd=coin.usd,
        circulating_prev_day_usd=coin.prev_day_usd,
        chains={label: ChainSupply(chain.usd, chain.prev_day_usd) for label, chain in coin.chains.items()},
        is_gone=coin.is_gone,
        is_yield_bearing=coin.is_yield_bearing,
    )
