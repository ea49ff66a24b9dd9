"""How the accounts of a venue of the box stand: who is long and who is short, and what its insurance fund holds."""

from daemon.simulator import noise
from daemon.simulator.world import World
from rules.events import InsuranceFund, LongShortRatio

PERIOD_MS = 300_000
_SHARE_A_DAY, _FUND_A_DAY, _JITTER = 0.004, 0.005, 0.01
_USUAL = {"USDT": 7.2e8, "USDC": 4.1e7, "BTC": 260.0, "ETH": 1_900.0}  # what a fund holds on average
_PRICED = frozenset(("BTC", "ETH"))


class Accounts:
    """The same for the same seed and time."""

    def __init__(self, world: World, venue: str) -> None:
        self._world, self._venue = world, venue

    def ratios(self, symbol: str, rows: int) -> list[LongShortRatio]:
        """The last `rows` periods of five minutes, oldest first."""
        last = self._world.now_ms // PERIOD_MS
        return [self._ratio(symbol, place * PERIOD_MS) for place in range(last - rows + 1, last + 1)]

    def funds(self) -> list[InsuranceFund]:
        """What is held of each coin."""
        return [self._fund(coin, usual) for coin, usual in _USUAL.items()]

    def _ratio(self, symbol: str, at_ms: int) -> LongShortRatio:
        name = noise.key(self._world.seed, "accounts", self._venue, symbol)
        drift = noise.walk(name, at_ms, _SHARE_A_DAY) + _JITTER * (noise.unit(name, at_ms // PERIOD_MS) - 0.5)
        longs = round(min(0.9, max(0.1, 0.56 + drift)), 4)
        shorts = round(1 - longs, 4)
        return LongShortRatio(
            venue=self._venue,
            symbol=symbol,
            ratio=longs / shorts,
            long_share=longs,
            short_share=shorts,
            at_ms=at_ms,
            received_ms=at_ms,
        )

    def _fund(self, coin: str, usual: float) -> InsuranceFund:
        at_ms = self._world.now_ms // 60_000 * 60_000
        drift = noise.walk(noise.key(self._world.seed, "fund", self._venue, coin), at_ms, _FUND_A_DAY)
        amount = round(usual * (1 + drift), 4)
        price = self._world.price(coin) if coin in _PRICED else 1.0
        return InsuranceFund(
            venue=self._venue,
            coin=coin,
            amount=amount,
            amount_usd=round(amount * price, 2),
            at_ms=at_ms,
            received_ms=at_ms,
        )
