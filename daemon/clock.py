"""The time, as something that can be handed in: wall-clock milliseconds since 1970 UTC."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def wall_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
