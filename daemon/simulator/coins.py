"""What every coin of the box is worth, now and before, in any currency: as one vendor sees it."""

from collections.abc import Iterable

import msgspec

from daemon.simulator.listings import COINS
from daemon.simulator.stablecoins import ALL, BY_COIN, CURRENCIES, Stable, per_usd, worth
from daemon.simulator.track import Track
from daemon.simulator.world import World
from daemon.wire.coingecko import DOLLAR_COINS
from rules.events import Event, StablecoinQuote

DAY_MS = 86_400_000
_BY_ID = {coin.gecko_id: coin for coin in COINS}
_STABLE_BY_ID = {stable.gecko_id: stable for stable in ALL}


class Worth(msgspec.Struct, frozen=True):
    """A coin as it stands, in US dollars; the change is in percent."""

    id: str
    symbol: str
    name: str
    price: float | None
    value: float | None
    change_24h: float | None
    at_ms: int


class Coins:
    """Coins follow the world's prices; stablecoins what was quoted last, or their peg."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began_ms = world.now_ms
        self._quotes: dict[str, StablecoinQuote] = {}
        self._quoted: dict[str, Track] = {}

    def note(self, events: Iterable[Event]) -> None:
        """Remember these quotes."""
        for event in events:
            if isinstance(event, StablecoinQuote):
                self._quotes[event.coin] = event
                track = self._quoted.get(event.coin)
                if track is None:
                    track = self._quoted[event.coin] = Track(0, event.at_ms, event.price, daily=0.0)
                track.note(event.at_ms, event.price)

    def all(self, now_ms: int) -> list[Worth]:
        """Every coin, the most valuable first."""
        rows = [self._stable(stable, now_ms) for stable in ALL]
        others = (self._quotes.keys() - BY_COIN.keys()) & DOLLAR_COINS.keys()  # only a test has spoken of them
        rows += [self._stable(Stable(name, name, DOLLAR_COINS[name], "", 0.0, {}), now_ms) for name in others]
        for coin in COINS:
            price, before = self._world.price(coin.name), self._world.prices[coin.name].at(now_ms - DAY_MS)
            value, change = price * coin.supply, (price / before - 1) * 100
            rows.append(Worth(coin.gecko_id, coin.name.lower(), coin.title, price, value, change, now_ms))
        return sorted(rows, key=lambda row: -(row.value or 0.0))

    def price_at(self, coin_id: str, at_ms: int) -> float | None:
        """What one of them was worth, or None if nobody priced it."""
        if coin_id in _BY_ID:
            return self._world.prices[_BY_ID[coin_id].name].at(at_ms)
        stable = _STABLE_BY_ID.get(coin_id)
        if stable is None:
            return None
        if at_ms >= self._began_ms and stable.coin in self._quoted:
            return self._quoted[stable.coin].at(at_ms)
        return worth(self._world.seed, stable, at_ms // 1_000)

    def rate(self, currency: str, at_ms: int) -> float | None:
        """Units of this currency (eur, btc) for one US dollar; None if there is no such currency."""
        name = currency.upper()
        if name == "USD":
            return 1.0
        if name in ("BTC", "ETH"):
            return 1 / self._world.prices[name].at(at_ms)
        return per_usd(self._world.seed, name, at_ms // 1_000) if name in CURRENCIES else None

    def _stable(self, stable: Stable, now_ms: int) -> Worth:
        quote = self._quotes.get(stable.coin)
        at_ms = now_ms if quote is None else quote.at_ms
        price = worth(self._world.seed, stable, at_ms // 1_000) if quote is None else quote.price
        value = stable.supply if quote is None else quote.market_cap_usd
        before = worth(self._world.seed, stable, (at_ms - DAY_MS) // 1_000)
        change = None if price is None or before is None else (price / before - 1) * 100
        return Worth(stable.gecko_id, stable.coin.lower(), stable.name, price, value, change, at_ms)
