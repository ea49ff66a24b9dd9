"""As many points as can be told apart, extremes and gaps kept."""

from collections.abc import Iterator, Sequence

from daemon.pictures.chart import Point

POINTS_MAX = 600


def thinned(points: Sequence[Point], begins_ms: int, ends_ms: int, *, most: int = POINTS_MAX) -> list[Point]:
    """At most so many: of each stretch of time the lowest and the highest."""
    if len(points) <= most:
        return list(points)
    each = 3 if any(value is None for _, value in points) else 2
    length_ms = max(1, ends_ms - begins_ms) / (most // each - 1)
    found: list[Point] = []
    for part in _parts(points, begins_ms, length_ms):
        values = [point for point in part if point[1] is not None]
        if values:
            ends = {min(values, key=_value), max(values, key=_value)}
            found += sorted(ends, key=lambda point: point[0])
        if len(values) < len(part) and found and found[-1][1] is not None:
            found.append((part[-1][0], None))
    if found[-1:] != [points[-1]]:  # the latest is what one looks at
        found.append(points[-1])
    return found


def _parts(points: Sequence[Point], begins_ms: int, length_ms: float) -> Iterator[list[Point]]:
    part: list[Point] = []
    number = 0
    for point in points:
        its = int((point[0] - begins_ms) / length_ms)
        if part and its != number:
            yield part
            part = []
        number = its
        part.append(point)
    if part:
        yield part


def _value(point: Point) -> float:
    return 0.0 if point[1] is None else point[1]
