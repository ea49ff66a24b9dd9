"""Sets of rows as whole numbers, one bit a row: joined and cut in one step, and small enough to be kept."""

from collections.abc import Iterable, Sequence
from itertools import compress
from math import isqrt

_FEW = 48
_ASCII_TO_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


def mask_of(positions: Sequence[int], size: int) -> int:
    """The rows at these positions, of `size` rows."""
    if len(positions) < _FEW:
        mask = 0
        for at in positions:
            mask |= 1 << at
        return mask
    digits = bytearray(b"0") * size
    last = size - 1
    for at in positions:
        digits[last - at] = 49  # the digit 1; a number opens with its highest bit
    return int(digits, 2)


def flags_of(mask: int, size: int) -> bytes:
    """A byte a row: 1 if the mask has it, else 0."""
    return f"{mask:0{size}b}"[::-1].encode().translate(_ASCII_TO_FLAGS)


def positions_in(mask: int, size: int) -> list[int]:
    """The rows of a mask, from the first to the last."""
    if mask.bit_count() >= 3 * _FEW:
        return list(compress(range(size), flags_of(mask, size)))
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found


def union(masks: Iterable[int]) -> int:
    """The rows of any of these."""
    every = 0
    for mask in masks:
        every |= mask
    return every


def most_kept(size: int) -> int:
    """How many masks of so many rows may be kept: about two megabytes."""
    return max(16_000_000 // max(size, 1), 16)


class Stretches:
    """A fixed order of positions: the mask of any stretch of it costs about the square root of its length."""

    def __init__(self, positions: Sequence[int]) -> None:
        self._positions = positions
        self._step = max(isqrt(len(positions)), 1)
        self._parts = [self._bits(at, at + self._step) for at in range(0, len(positions), self._step)]

    def mask(self, first: int, last: int) -> int:
        """The rows at places first to last - 1 of the order."""
        if first >= last:
            return 0
        step = self._step
        whole, end = -(-first // step), last // step
        if whole > end:  # within one part
            return self._bits(first, last)
        return union(self._parts[whole:end]) | self._bits(first, whole * step) | self._bits(end * step, last)

    def _bits(self, first: int, last: int) -> int:
        mask = 0
        for at in self._positions[first:last]:
            mask |= 1 << at
        return mask
