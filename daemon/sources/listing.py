"""Which of a venue's instruments somebody wants, and which wanted names the venue does not know."""

from collections.abc import Iterable, Sequence

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
