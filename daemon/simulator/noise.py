"""Chance that can be asked again: the same name and place give the same number, in any order and any process."""

from functools import lru_cache
from hashlib import blake2b
from math import sqrt

DAY_MS = 86_400_000
_MASK = (1 << 64) - 1
_PERIODS_MS = tuple(300_000 * 4**octave for octave in range(10))  # from five minutes to two and a half years
_OCTAVE = 0.6  # so that all of them together move about as much in a day as was asked for


@lru_cache(maxsize=8_192)
def key(*parts: object) -> int:
    """A number that stands for a name: `key(seed, "price", "BTC")`."""
    return int.from_bytes(blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def unit(name: int, place: int) -> float:
    """At least 0 and below 1 (splitmix64)."""
    mixed = (name + place * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / (1 << 53)


@lru_cache(maxsize=32_768)
def walk(name: int, at_ms: int, daily: float) -> float:
    """A path that wanders by about `daily` a day, by twice as much in four days, and never far in the end."""
    total = 0.0
    for octave, period_ms in enumerate(_PERIODS_MS):
        place, rest = divmod(at_ms, period_ms)
        share = rest / period_ms
        one, other = unit(name + octave, place), unit(name + octave, place + 1)
        total += (2 * (one + (other - one) * share) - 1) * sqrt(period_ms / DAY_MS)
    return total * daily * _OCTAVE
