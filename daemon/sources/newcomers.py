"""Names that somebody has just begun to want, for those who must not wait until the venue next speaks of them."""

import asyncio
from collections.abc import Iterable


class Newcomers:
    """Told again and again what is wanted; hands out what was not wanted before, once. Each has one reader."""

    def __init__(self) -> None:
        self._wanted: frozenset[str] = frozenset()
        self._waiting: dict[str, None] = {}
        self._some = asyncio.Event()

    def want(self, names: Iterable[str]) -> None:
        """These are wanted now, and no others."""
        wanted = frozenset(names)
        for name in self._wanted - wanted:
            self._waiting.pop(name, None)
        self.add(wanted - self._wanted)
        self._wanted = wanted

    def begin_anew(self) -> None:
        """All are new: what the venue said meanwhile was missed."""
        self.add(self._wanted)

    async def next(self) -> list[str]:
        """Wait for some, and take them all."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        names, self._waiting = list(self._waiting), {}
        return names

    def add(self, names: Iterable[str]) -> None:
        """These are new, whatever was wanted before."""
        self._waiting.update(dict.fromkeys(sorted(names)))
        if self._waiting:
            self._some.set()
