"""Names and pictures of coins and exchanges: nice to have, and nothing waits long for them.

Tickers collide (a hundred coins call themselves PEPE): the largest by market value wins. Pictures come from CoinGecko;
the address service that many still link to (clearbit) is dead, so what CoinGecko does not know stays unknown.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Self

from daemon.upstream import exchanges
from daemon.upstream.cache import Cache, Fetch, T, Unavailable
from daemon.upstream.ports import Coins, Stablecoins
from daemon.upstream.records import CoinInfo
from daemon.wire.coingecko import DOLLAR_COINS

PATIENCE_S = 1.0
FRESH_S, STALE_S = 21_600.0, 30 * 86_400.0
_ALWAYS = frozenset((*DOLLAR_COINS.values(), "bitcoin", "ethereum"))
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")
_EXCHANGE_IDS = {
    "binance_futures": "binance",
    "bybit": "bybit",
    "okex_swap": "okx",
    "deribit": "deribit",
    "hyperliquid": "hyperliquid",
    "bitmex": "bitmex",
    "bitget_futures": "bitget",
    "kraken_futures": "kraken",
    "gate_futures": "gateio",
    "gate": "gateio",
    "huobi_dm": "huobipro",
    "kumex": "kucoin",
    "bitfinex_futures": "bitfinex",
    "crypto_com_futures": "cryptodotcom",
    "coinbase_international_derivatives": "coinbaseinternational",
    "bullish_futures": "bullish",
    "dydx_chain": "dydxv4",
}
"""CoinGecko's ids of derivatives exchanges -> our names."""


class Icons:
    """Looks names and pictures up in two pages of CoinGecko that are kept for hours, and among DefiLlama's stablecoins."""

    def __init__(self, cache: Cache, coins: Coins, stablecoins: Stablecoins) -> None:
        self._cache, self._coins, self._stablecoins = cache, coins, stablecoins

    async def coin(self, symbol: str) -> CoinInfo | None:
        """The largest coin with this ticker, or None."""
        return (await self.coins((symbol,))).get(symbol.strip().upper())

    async def coins(self, symbols: Collection[str]) -> dict[str, CoinInfo]:
        """The same by ticker in capitals; unknown ones are left out."""
        wanted = {symbol.strip().upper() for symbol in symbols}
        known = (await self._ask("icons", self._largest, _NOBODY)).by_symbol
        found = {symbol: known[symbol] for symbol in wanted & known.keys()}
        if wanted - found.keys():
            named = (await self._ask("stablecoin names", self._named, _NOBODY)).by_symbol
            found.update((symbol, named[symbol]) for symbol in (wanted & named.keys()) - found.keys())
        return found

    async def knows(self, coin_id: str) -> bool:
        """Whether an id of CoinGecko is worth a question: made-up ones would use up what we may ask, for everybody."""
        if coin_id in _ALWAYS:
            return True
        if not _ID.fullmatch(coin_id):
            return False
        large = (await self._ask("icons", self._largest, _NOBODY)).ids
        stable = (await self._ask("stablecoin names", self._named, _NOBODY)).ids
        return coin_id in large or coin_id in stable or not (large and stable)

    async def exchange(self, venue: str) -> str | None:
        """The address of the exchange's picture, or None."""
        nothing: Mapping[str, str] = {}
        logos = await self._ask("exchange logos", self._logos, nothing)
        return next((logo for name, logo in logos.items() if exchanges.is_same(name, venue)), None)

    async def _ask(self, key: str, fetch: Fetch[T], otherwise: T) -> T:
        try:
            answer = await self._cache.get(key, fetch, fresh_s=FRESH_S, stale_s=STALE_S, patience_s=PATIENCE_S)
        except Unavailable:
            return otherwise
        return answer.value

    async def _largest(self) -> "_Known":
        return _Known.of(await self._coins.largest())

    async def _named(self) -> "_Known":
        """Stablecoins, of which many are too small for the page of large coins: a name, and no picture."""
        rows = await self._stablecoins.stablecoins()
        return _Known.of(
            [
                CoinInfo(id=row.gecko_id or "", symbol=row.symbol, name=row.name, market_cap=row.circulating_usd)
                for row in rows
                if not row.is_gone
            ]
        )

    async def _logos(self) -> Mapping[str, str]:
        rows = await self._coins.derivative_exchanges()
        named = [(_EXCHANGE_IDS.get(row.id, row.id), row.image) for row in rows]
        return {name: image for name, image in reversed(named) if image}


class _Known(NamedTuple):
    """A list of coins: the largest of each ticker, and the ids of all."""

    by_symbol: Mapping[str, CoinInfo]
    ids: Collection[str]

    @classmethod
    def of(cls, coins: Sequence[CoinInfo]) -> Self:
        largest: dict[str, CoinInfo] = {}
        for coin in sorted(coins, key=lambda coin: -(coin.market_cap or 0.0)):
            largest.setdefault(coin.symbol.upper(), coin)
        return cls(largest, frozenset(coin.id for coin in coins if coin.id))


_NOBODY = _Known({}, ())
