"""The `search` parameter: which rows hold this fragment in any of their values."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from daemon.server.masks import mask_of, most_kept
from daemon.server.rows import SEPARATOR, Row

_FIGURES = frozenset("0123456789+-.e")
_MANY = 200


class Search:
    """The texts of a table, each once however many rows have it, and its numbers, which only digits can match."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._found: dict[str, int] = {}
        self._figures: list[str] | None = None
        places: dict[str, list[int]] = {}
        for at, row in enumerate(rows):
            for word in row.words:
                if word in places:
                    places[word].append(at)
                else:
                    places[word] = [at]
        self._places = list(places.values())
        self._haystack = SEPARATOR.join(places).casefold()
        if self._haystack.count(SEPARATOR) >= max(len(places), 1):  # a text has several lines
            self._haystack = SEPARATOR.join([word.replace(SEPARATOR, " ") for word in places]).casefold()
        self._words = self._haystack.split(SEPARATOR)
        self._starts = [0, *accumulate(len(word) + 1 for word in self._words)]

    def matching(self, fragment: str) -> int:
        """The rows that hold it, without regard to case, as a mask."""
        fragment = fragment.casefold().replace(SEPARATOR, " ")
        found = self._found.get(fragment)
        if found is None:
            places = self._places
            found = mask_of([at for word in self._words_with(fragment) for at in places[word]], len(self._rows))
            if _FIGURES.issuperset(fragment):
                found |= self._rows_with_figures(fragment)
            if len(self._found) >= most_kept(len(self._rows)):
                self._found.clear()
            self._found[fragment] = found
        return found

    def _words_with(self, fragment: str) -> list[int]:
        haystack, starts = self._haystack, self._starts
        found: list[int] = []
        at = haystack.find(fragment) if self._places else -1
        while at >= 0:
            word = bisect_right(starts, at) - 1
            found.append(word)
            if len(found) == _MANY:  # looking into each is quicker than jumping to each
                rest = self._words[word + 1 :]
                return found + [place for place, text in enumerate(rest, word + 1) if fragment in text]
            at = haystack.find(fragment, starts[word + 1])
        return found

    def _rows_with_figures(self, fragment: str) -> int:
        if self._figures is None:
            self._figures = [row.figures for row in self._rows]
        return mask_of([at for at, text in enumerate(self._figures) if fragment in text], len(self._rows))
