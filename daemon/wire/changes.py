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


class Told:
    """What was told of one ticker, as it was sent: texts are compared before anybody reads a number.

    The decoders look at its fields themselves: a call for each would cost as much as the decode.
    """

    __slots__ = (
        "funding_until_ms",
        "index",
        "interest",
        "interest_until_ms",
        "interval_h",
        "mark",
        "price_until_ms",
        "rate",
        "settles",
        "symbol",
    )

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.mark: object = None
        self.index: object = None
        self.rate: object = None
        self.settles: object = None
        self.interval_h: object = None
        self.interest: object = None
        self.price_until_ms = self.funding_until_ms = self.interest_until_ms = 0  # each is told again from then on


class Tickers:
    """What was told of each ticker by the venue's name of it, of a bounded number of names."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def get(self, name: str) -> Told | None:
        """What was told of this name, or None if it is new."""
        return self._told.get(name)

    def begin(self, name: str, symbol: str) -> Told:
        """Nothing was told of this name yet."""
        if len(self._told) >= _MOST:
            self._told.clear()
        told = self._told[name] = Told(symbol)
        return told
