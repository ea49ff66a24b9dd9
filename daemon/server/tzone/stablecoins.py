"""Stablecoins as clients name them: by ticker, by CoinGecko's id or by name."""

from daemon.upstream.records import Stablecoin


def names_of(coin: Stablecoin) -> tuple[str, ...]:
    """What a filter on `stablecoin` may say: USDT, tether, Tether."""
    return tuple(name for name in (coin.symbol, coin.gecko_id, coin.name) if name)


def alive(coins: list[Stablecoin]) -> list[Stablecoin]:
    """Those that still exist, the largest first."""
    return sorted((coin for coin in coins if not coin.is_gone), key=lambda coin: -(coin.circulating_usd or 0.0))
