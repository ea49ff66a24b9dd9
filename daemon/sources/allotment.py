"""Which connection carries which subscription, where a vendor allows only so many on each; what has a place keeps it."""

from collections.abc import Iterable

Unit = tuple[str, ...]
"""topics that belong on one connection"""


class Allotment:
    """Places on numbered connections, `per_connection` topics on each."""

    def __init__(self, per_connection: int) -> None:
        self._per_connection = per_connection
        self._places: dict[Unit, int] = {}

    @property
    def used(self) -> list[int]:
        """The connections that carry anything."""
        return sorted(set(self._places.values()))

    def of(self, number: int) -> list[str]:
        """The topics of one connection."""
        return [topic for unit, place in self._places.items() if place == number for topic in unit]

    def share(self, units: Iterable[Unit], *, most: int) -> list[Unit]:
        """Carry exactly these from now on, on at most `most` connections; answers those for which there is no room."""
        wanted = dict.fromkeys(units)
        self._places = {unit: place for unit, place in self._places.items() if unit in wanted}
        taken = [0] * most
        for unit, place in self._places.items():
            taken[place] += len(unit)
        left_out = []
        for unit in wanted:
            if unit in self._places:
                continue
            room = next((place for place in range(most) if taken[place] + len(unit) <= self._per_connection), None)
            if room is None:
                left_out.append(unit)
                continue
            self._places[unit] = room
            taken[room] += len(unit)
        return left_out
