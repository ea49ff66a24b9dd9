"""What was told last: a ticker that repeats itself ten times a second is told when it changes, and now and then."""

AGAIN_MS = 30_000  # what stays as it is is told again, for those who came later and so that nobody takes it for dead
_MOST = 20_000  # names; no venue lists a tenth of it


class Changes:
    """The latest value of each name, of a bounded number of names."""

    __slots__ = ("_latest",)

    def __init__(self) -> None:
        self._latest: dict[str, tuple[object, int]] = {}  # -> value, told again from then on

    def latest(self, name: str) -> object:
        """What was told last of this name, or None."""
        value, _ = self._latest.get(name, (None, 0))
        return value

    def is_new(self, name: str, value: object, now_ms: int) -> bool:
        """Whether to tell it: it differs from what was told before, or that was long ago. Then it counts as told."""
        latest = self._latest
        told = latest.get(name)
        if told is not None and told[0] == value and now_ms < told[1]:
            return False
        if told is None and len(latest) >= _MOST:
            latest.clear()
        latest[name] = value, now_ms + AGAIN_MS
        return True
