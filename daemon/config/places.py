"""Where every value of a configuration was written."""

from collections.abc import Sequence


class Place:
    """One value's file, line and column (from 1), its key's, and the places of what is inside it."""

    __slots__ = ("children", "column", "file", "key_column", "key_line", "line")

    def __init__(self, file: str, line: int, column: int, children: "dict[str | int, Place] | None" = None) -> None:
        self.file, self.line, self.column, self.children = file, line, column, children
        self.key_line, self.key_column = line, column  # a list's items have no key of their own

    def find(self, loc: Sequence[str | int]) -> "tuple[Place, tuple[str | int, ...]]":
        """The place `loc` names, or the closest one around it, and the part of `loc` that led there.

        Parts that were never written are stepped over: pydantic puts the names of union members into its locations.
        """
        place, trail = self, []
        for part in loc:
            child = (place.children or {}).get(part)
            if child is not None:
                place = child
                trail.append(part)
        return place, tuple(trail)
