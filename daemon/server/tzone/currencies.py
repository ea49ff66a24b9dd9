"""Currencies in which prices can be asked for (CoinGecko, /simple/supported_vs_currencies), and what a dollar is in them."""

from collections.abc import Iterable, Mapping, Sequence

from daemon.server.parameters import one_of
from daemon.upstream.records import CoinInfo, DailyRates, Stablecoin

DOLLAR = "usd"
_COINS = ("bch", "bits", "bnb", "btc", "dot", "eos", "eth", "link", "ltc", "sats", "sol", "xlm", "xrp", "yfi")
_MONEY = (
    "aed", "ars", "aud", "bdt", "bhd", "bmd", "brl", "cad", "chf", "clp", "cny", "czk", "dkk", "eur", "gbp", "gel",
    "hkd", "huf", "idr", "ils", "inr", "jpy", "krw", "kwd", "lkr", "mmk", "mxn", "myr", "ngn", "nok", "nzd", "php",
    "pkr", "pln", "rub", "sar", "sek", "sgd", "thb", "try", "twd", "uah", "usd", "vef", "vnd", "xag", "xau", "xdr",
    "zar",
)  # fmt: skip
KNOWN = tuple(sorted((*_COINS, *_MONEY)))


def read_currency(given: Mapping[str, object]) -> str:
    """`vs_currency` in small letters, usd if nothing is said."""
    return one_of("vs_currency", given.get("vs_currency") or DOLLAR, KNOWN)


def official_rate(currency: str, days: Sequence[DailyRates]) -> float | None:
    """Units of the currency for one US dollar on the newest day that knows it."""
    if currency == DOLLAR:
        return 1.0
    return next((rate for day in reversed(days) if (rate := day.per_usd.get(currency.upper()))), None)


def implied_rate(coins: Iterable[Stablecoin], prices: Mapping[str, CoinInfo]) -> float | None:
    """The same from the first coin that has a price both in dollars and in the currency."""
    for coin in coins:
        found = prices.get(coin.gecko_id or "")
        if found is not None and found.price and coin.price:
            return found.price / coin.price
    return None
