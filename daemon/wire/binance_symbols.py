"""Binance's spelling of instruments (BTCUSDT, BTCUSDT_260327, BTCUSD_PERP), and which of them are margined in coins."""

from functools import lru_cache

from daemon.wire.trouble import check_name
from rules import instruments

VENUE = "binance"
_COIN_MARGINED = "USD"  # the quote of COIN-M; no stablecoin is called so
_PERPETUAL = "_PERP"  # which COIN-M writes out
_CONTRACT_USD, _BITCOIN_CONTRACT_USD = 10.0, 100.0


@lru_cache(maxsize=16_384)
def to_symbol(name: str) -> str:
    """BTCUSDT -> BTC-USDT-PERP. ValueError if the name is not an instrument."""
    check_name(name)
    return str(instruments.from_packed(name))


@lru_cache(maxsize=16_384)
def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTCUSDT; BTC-USDT-20260327 -> BTCUSDT_260327; BTC-USD-PERP -> BTCUSD_PERP."""
    instrument = instruments.parse(symbol)
    pair = instrument.base + instrument.quote
    if not instrument.is_perpetual:
        return f"{pair}_{instrument.expiry[2:]}"
    return pair + _PERPETUAL if instrument.quote == _COIN_MARGINED else pair


@lru_cache(maxsize=16_384)
def is_coin_margined(symbol: str) -> bool:
    """Whether this instrument is COIN-M's: counted in contracts of dollars, paid in the coin."""
    return symbol.split("-")[1:2] == [_COIN_MARGINED]


def contract_usd(symbol: str) -> float:
    """What one contract of COIN-M is worth in US dollars."""
    return _BITCOIN_CONTRACT_USD if symbol.startswith("BTC-") else _CONTRACT_USD
