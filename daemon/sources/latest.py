"""Of facts that are asked for again and again: which of them is news."""

from collections.abc import Iterable


class Latest:
    """The time of the newest fact of each name that somebody wants."""

    def __init__(self) -> None:
        self._at_ms: dict[str, int] = {}

    def is_news(self, name: str, at_ms: int) -> bool:
        """Whether this is newer than what was told of the name; then it counts as told."""
        if at_ms <= self._at_ms.get(name, -1):
            return False
        self._at_ms[name] = at_ms
        return True

    def keep(self, names: Iterable[str]) -> None:
        """Forget the others: whoever wants one of them later is told again."""
        wanted = set(names)
        self._at_ms = {name: at_ms for name, at_ms in self._at_ms.items() if name in wanted}
