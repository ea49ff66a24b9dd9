"""DefiLlama in the box: every stablecoin by chain, and what all of them were worth day by day."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from daemon.simulator import noise
from daemon.simulator.stablecoins import (
    ALL,
    BY_COIN,
    CURRENCIES,
    DAY_S,
    DOLLAR,
    STEADY,
    Stable,
    grown,
    per_usd,
    worth,
)
from daemon.simulator.venues.asked import Asked, said
from daemon.wire import defillama_market as wire
from rules.events import StablecoinQuote

T = TypeVar("T")

_FIRST_DAY = 18_628  # 2021-01-01, in days since 1970
_DAYS_OF_PRICES, _DAYS_OF_RATES = 730, 365
_VARIABLE = "peggedVAR"
_UNKNOWN_ID = 9_000  # from here on: coins that only a test has spoken of


class DefiLlama(Asked):
    """The real one is rebuilt about hourly; this one whenever it is asked."""

    name = "defillama"
    every = "3s"  # so often that a depeg of seconds is seen
    throttled = "Too many requests"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(wire.STABLECOINS, self._stablecoins),
            web.get("/stablecoin/{id}", self._stablecoin),
            web.get("/stablecoincharts/{chain}", self._charts),
            web.get(wire.PRICES, self._prices),
            web.get(wire.RATES, self._rates),
        ]

    async def _stablecoins(self, request: web.Request) -> web.Response:
        return said(wire.encode_stablecoins(self._coins()))

    async def _stablecoin(self, request: web.Request) -> web.Response:
        coin = next((coin for coin in self._coins() if coin.id == request.match_info["id"]), None)
        if coin is None:
            return web.Response(status=404, text="Not found")
        units = (coin.usd or 0.0) / (coin.price or 1.0)
        points = self._by_day(_FIRST_DAY, lambda at_s: wire.Supply(at_s, round(units * self._grown(at_s))))
        return said(wire.encode_supply(coin, points))

    async def _charts(self, request: web.Request) -> web.Response:
        chain = request.match_info["chain"]
        usd: dict[str, float] = {}
        for coin in self._coins():
            on_chain = {label.lower(): amount.usd or 0.0 for label, amount in coin.chains.items()}
            amount = coin.usd if chain.lower() == wire.ALL else on_chain.get(chain.lower())
            if amount:
                usd[coin.peg_type] = usd.get(coin.peg_type, 0.0) + amount
        if not usd:
            return web.Response(status=404, text="Chain not found")

        def day(at_s: int) -> wire.DayValue:
            share = self._grown(at_s)
            return wire.DayValue(at_s, {peg: float(round(amount * share)) for peg, amount in usd.items()})

        return said(wire.encode_charts([*self._by_day(_FIRST_DAY, day), wire.DayValue(self._now_s(), usd)]))

    async def _prices(self, request: web.Request) -> web.Response:
        today = self._now_s() // DAY_S

        def day(at_s: int) -> wire.DayPrices:
            prices = {stable.gecko_id: worth(self.world.seed, stable, at_s) for stable in ALL}
            return wire.DayPrices(at_s, {name: price for name, price in prices.items() if price is not None})

        live = {coin.gecko_id: coin.price for coin in self._coins() if coin.gecko_id and coin.price is not None}
        return said(
            wire.encode_prices([*self._by_day(today - _DAYS_OF_PRICES, day), wire.DayPrices(today * DAY_S, live)])
        )

    async def _rates(self, request: web.Request) -> web.Response:
        today, seed = self._now_s() // DAY_S, self.world.seed

        def day(at_s: int) -> wire.DayPrices:
            return wire.DayPrices(at_s, {"USD": 1.0} | {name: per_usd(seed, name, at_s) for name in CURRENCIES})

        return said(wire.encode_rates([*self._by_day(today - _DAYS_OF_RATES, day), day(self._now_s())]))

    def _coins(self) -> list[wire.Coin]:
        quotes = [event for event in self.latest.values() if isinstance(event, StablecoinQuote)]
        quoted = {quote.coin for quote in quotes}
        coins = [self._coin(place, quote) for place, quote in enumerate(quotes)]
        return coins + [self._steady(stable) for stable in STEADY if stable.coin not in quoted]

    def _coin(self, place: int, quote: StablecoinQuote) -> wire.Coin:
        stable = BY_COIN.get(quote.coin)
        other = stable.peg if stable is not None and stable.peg != DOLLAR else _VARIABLE
        return wire.Coin(
            id=stable.llama_id if stable else str(_UNKNOWN_ID + place),
            name=stable.name if stable else quote.coin,
            symbol=quote.coin,
            gecko_id=stable.gecko_id if stable else None,
            peg_type=DOLLAR if quote.target == 1.0 else other,
            price=quote.price,
            usd=quote.market_cap_usd,
            prev_day_usd=self._yesterday(quote.coin, quote.market_cap_usd),
            chains=self._chains(stable, quote.market_cap_usd),
        )

    def _steady(self, stable: Stable) -> wire.Coin:
        return wire.Coin(
            id=stable.llama_id,
            name=stable.name,
            symbol=stable.coin,
            gecko_id=stable.gecko_id,
            peg_type=stable.peg,
            price=worth(self.world.seed, stable, self._now_s()),
            usd=stable.supply,
            prev_day_usd=self._yesterday(stable.coin, stable.supply),
            chains=self._chains(stable, stable.supply),
        )

    def _chains(self, stable: Stable | None, usd: float | None) -> dict[str, wire.OnChain]:
        if stable is None or usd is None:
            return {}
        amounts = {chain: round(usd * share, 2) for chain, share in stable.chains.items()}
        return {
            chain: wire.OnChain(amount, self._yesterday(f"{stable.coin}/{chain}", amount))
            for chain, amount in amounts.items()
        }

    def _yesterday(self, what: str, usd: float | None) -> float | None:
        """Yesterday's supply; it differs by up to one in a hundred."""
        if usd is None:
            return None
        dice = noise.unit(noise.key(self.world.seed, "day", what), self._now_s() // DAY_S)
        return round(usd / (1 + 0.02 * (dice - 0.45)), 2)

    def _by_day(self, first: int, make: Callable[[int], T]) -> list[T]:
        """One for each full day (days since 1970) from the first one to yesterday."""
        return [make(day * DAY_S) for day in range(first, self._now_s() // DAY_S)]

    def _grown(self, at_s: int) -> float:
        return grown(self.world.seed, at_s, self._now_s())

    def _now_s(self) -> int:
        return self.clock() // 1_000
