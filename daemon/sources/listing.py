"""Which of a venue's instruments somebody wants, and which wanted names the venue does not know."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from daemon.clock import Clock
from rules.selection import Selection


def chosen(selection: Selection | None, listed: Iterable[str]) -> list[str]:
    """The listed symbols that are wanted, in order; none if nobody wants any."""
    return [] if selection is None else sorted({symbol for symbol in listed if selection.matches(symbol)})


def unlisted(selections: Iterable[Selection | None], listed: Sequence[str]) -> tuple[str, ...]:
    """Wanted names that match nothing here; empty if nothing is listed at all, because then we know nothing."""
    names = {name for selection in selections if selection is not None for name in selection.names or ()}
    return tuple(
        sorted(name for name in names if not any(Selection(frozenset((name,))).matches(symbol) for symbol in listed))
    )


def named(names: Iterable[str], to_symbol: Callable[[str], str]) -> list[str]:
    """Our names of a venue's instruments; those that `to_symbol` cannot name (ValueError) are left out."""
    found = []
    for name in names:
        try:
            found.append(to_symbol(name))
        except ValueError:
            continue
    return found


LIST_KEPT_MS = 600_000


class Listed:
    """A venue's instruments, asked for again when the list has grown old: wishes change more often than listings."""

    def __init__(self, ask: Callable[[], Awaitable[list[str]]], clock: Clock) -> None:
        """`ask` raises what asking over REST raises."""
        self._ask, self._clock = ask, clock
        self._symbols: list[str] = []
        self._until_ms = 0

    async def symbols(self) -> list[str]:
        """Our names of what the venue lists."""
        if self._clock() >= self._until_ms:
            self._symbols = await self._ask()
            self._until_ms = self._clock() + LIST_KEPT_MS
        return self._symbols
