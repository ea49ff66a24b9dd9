"""The stablecoins of the box: those that the world quotes, those that only stand in lists, and what each was worth."""

from math import exp

import msgspec

from daemon.simulator import noise

DAY_S = 86_400
DOLLAR, EURO = "peggedUSD", "peggedEUR"
_TREMBLE = 4e-4
_SLIPS_EVERY = 5  # days: one of the small dollar coins leaves its peg for a day, so that no week is without
_SHALLOWEST, _DEEPEST = 0.012, 0.045
_A_YEAR = 0.22
_PER_USD = {"EUR": 0.86, "GBP": 0.75, "JPY": 151.0, "CHF": 0.8, "AUD": 1.52, "CAD": 1.39, "SGD": 1.29, "TRY": 41.9}


class Stable(msgspec.Struct, frozen=True):
    """A stablecoin: its names at the two vendors, what is in circulation in USD, and on which chains."""

    coin: str
    name: str
    gecko_id: str
    llama_id: str
    supply: float
    chains: dict[str, float]  # DefiLlama's label -> share
    peg: str = DOLLAR
    is_priced: bool = True
    slips: bool = False


STABLES = (
    Stable("USDT", "Tether", "tether", "1", 183.7e9, {"Tron": 0.44, "Ethereum": 0.4, "BSC": 0.05, "Solana": 0.02}),
    Stable("USDC", "USD Coin", "usd-coin", "2", 74.2e9, {"Ethereum": 0.64, "Solana": 0.13, "Base": 0.06, "BSC": 0.02}),
    Stable("DAI", "Dai", "dai", "5", 4.6e9, {"Ethereum": 0.9, "Polygon": 0.05, "BSC": 0.02}),
    Stable("USDE", "Ethena USDe", "ethena-usde", "146", 7.1e9, {"Ethereum": 0.96, "Solana": 0.01, "BSC": 0.02}),
)
"""Quoted by the world; a scenario can move them."""

STEADY = (
    Stable("USDS", "Sky Dollar", "usds", "209", 5.3e9, {"Ethereum": 0.93, "Solana": 0.05}),
    Stable("PYUSD", "PayPal USD", "paypal-usd", "120", 2.6e9, {"Ethereum": 0.74, "Solana": 0.26}, slips=True),
    Stable("FDUSD", "First Digital USD", "first-digital-usd", "119", 1.1e9, {"BSC": 0.6, "Ethereum": 0.4}, slips=True),
    Stable("TUSD", "TrueUSD", "true-usd", "7", 0.49e9, {"Tron": 0.58, "Ethereum": 0.36, "BSC": 0.06}, slips=True),
    Stable("EURC", "Euro Coin", "euro-coin", "50", 0.28e9, {"Ethereum": 0.55, "Base": 0.2, "Solana": 0.14}, EURO),
    Stable("USDX", "Stables Labs USDX", "usdx-money-usdx", "230", 0.1e9, {"BSC": 1.0}, is_priced=False),
)
"""In every list, at the price that `worth` says; nothing happens to them but a slip for a day in the past."""

ALL = (*STABLES, *STEADY)
BY_COIN = {stable.coin: stable for stable in ALL}


CURRENCIES = tuple(_PER_USD)


def per_usd(seed: int, currency: str, at_s: int) -> float:
    """Units of this currency for one US dollar."""
    moved = noise.walk(noise.key(seed, "fx", currency), at_s * 1_000, 0.001)
    return round(_PER_USD[currency] * (1 + moved), 6)


def worth(seed: int, stable: Stable, at_s: int) -> float | None:
    """What it was worth in US dollars; None for one that nobody prices."""
    if not stable.is_priced:
        return None
    target = 1 / per_usd(seed, "EUR", at_s) if stable.peg == EURO else 1.0
    trembling = 2 * noise.unit(noise.key(seed, "peg", stable.coin), at_s) - 1
    return round(target * (1 + _TREMBLE * trembling - _slipped(seed, stable, at_s // DAY_S)), 6)


def grown(seed: int, at_s: int, now_s: int) -> float:
    """What part of today's supply there was then, of all stablecoins alike."""
    name, years = noise.key(seed, "supply"), (at_s - now_s) / (365 * DAY_S)
    return exp(_A_YEAR * years + noise.walk(name, at_s * 1_000, 0.002) - noise.walk(name, now_s * 1_000, 0.002))


def _slipped(seed: int, stable: Stable, day: int) -> float:
    """How far below its peg it was on that day (days since 1970), as a fraction."""
    name = noise.key(seed, "slip")
    small = [one.coin for one in STEADY if one.slips]
    if not stable.slips or day % _SLIPS_EVERY or small[int(noise.unit(name, day) * len(small))] != stable.coin:
        return 0.0
    return _SHALLOWEST + (_DEEPEST - _SHALLOWEST) * noise.unit(name + 1, day)
