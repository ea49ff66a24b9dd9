"""CoinGecko over REST: the whole market, coins and their images, price history, derivatives exchanges."""

from collections.abc import Sequence

from pydantic import SecretStr

from daemon.clock import Clock, wall_ms
from daemon.upstream.host import Host, Params
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.records import CoinInfo, DerivativeExchange, GlobalMarket, PricePoint
from daemon.wire import coingecko_market as wire

LIVE = wire.REST_URL
PRO = wire.PRO_REST_URL
KEYLESS = Budget(weight=5, per_s=60)  # a pool shared with everybody at our address
WITH_KEY = Budget(weight=30, per_s=60)
DEMO_HEADER, PRO_HEADER = "x-cg-demo-api-key", "x-cg-pro-api-key"  # the wrong pairing of key and host is refused
PRO_HOST = "//pro-api."


class CoinGecko:
    """Typed calls of api.coingecko.com, without a key, with a demo key, or (at the host for it) with a pro key."""

    def __init__(
        self, http: Http, base_url: str = LIVE, key: SecretStr | None = None, *, clock: Clock = wall_ms
    ) -> None:
        secret = key.get_secret_value() if key else ""
        header = PRO_HEADER if PRO_HOST in base_url else DEMO_HEADER
        self._host = Host(
            http,
            base_url,
            budget=WITH_KEY if secret else KEYLESS,
            headers={header: secret} if secret else None,
            secrets=(secret,) if secret else (),
        )
        self._clock = clock

    async def global_market(self) -> GlobalMarket:
        """All coins together. One answer serves total, Bitcoin's and Ether's share."""
        found = await self._host.get(wire.GLOBAL, wire.decode_global)
        return GlobalMarket(
            total_usd=found.market_cap.get("usd"),
            btc_percent=found.percent.get("btc"),
            eth_percent=found.percent.get("eth"),
            at_ms=found.at_s * 1000 or self._clock(),
        )

    async def coins(self, ids: Sequence[str], vs_currency: str = "usd") -> list[CoinInfo]:
        """These coins, the largest first; ids that CoinGecko does not know are left out. One call for each 250."""
        found: list[CoinInfo] = []
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), wire.PER_PAGE):
            some = wanted[start : start + wire.PER_PAGE]
            found += await self._markets(vs_currency, {"ids": ",".join(some)})
        return found

    async def largest(self, vs_currency: str = "usd", page: int = 1) -> list[CoinInfo]:
        """A page of 250 coins by market value: enough for the icons of what is traded."""
        return await self._markets(vs_currency, {"page": page})

    async def coin(self, coin_id: str) -> CoinInfo:
        """Name and image of one coin. ValueError for what is no id."""
        row = await self._host.get(wire.coin_path(coin_id), wire.decode_coin, wire.FEWEST)
        return _info(row, "usd")

    async def chart(self, coin_id: str, vs_currency: str = "usd", days: int = 7) -> list[PricePoint]:
        """Prices, oldest first: every 5 minutes for a day, hourly up to 90 days, daily beyond. ValueError for what is no id."""
        params: Params = {"vs_currency": vs_currency.lower(), "days": days}
        points = await self._host.get(wire.chart_path(coin_id), wire.decode_chart, params)
        return [PricePoint(point.at_ms, point.price) for point in points]

    async def derivative_exchanges(self) -> list[DerivativeExchange]:
        """Exchanges with their images, by open interest."""
        rows = await self._host.get(wire.EXCHANGES, wire.decode_exchanges, {"per_page": 100})
        return [
            DerivativeExchange(
                id=row.id,
                name=row.name,
                image=row.image,
                open_interest_btc=row.open_interest_btc,
                volume_24h_btc=row.volume_24h_btc,
            )
            for row in rows
        ]

    async def _markets(self, vs_currency: str, more: Params) -> list[CoinInfo]:
        currency = vs_currency.lower()
        params: Params = {
            "vs_currency": currency,
            "order": "market_cap_desc",
            "per_page": wire.PER_PAGE,
            "price_change_percentage": "24h",
            **more,
        }
        return [_info(row, currency) for row in await self._host.get(wire.MARKETS, wire.decode_markets, params)]


def _info(row: wire.Coin, currency: str) -> CoinInfo:
    return CoinInfo(
        id=row.id,
        symbol=row.symbol,
        name=row.name,
        image=row.image,
        price=row.price,
        change_24h_percent=row.change_24h,
        market_cap=row.market_cap,
        vs_currency=currency,
    )
