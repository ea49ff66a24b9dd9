"""How two values of a table are compared: numbers as numbers, text without regard to case, venues by what they are."""

from daemon.server.parameters import number_in

Key = int | float | str | None
"""None is a missing value; NaN, lists and objects count as missing too."""

VENUE_FIELDS = frozenset(("exchange", "market", "source", "venue"))
"""Fields (folded) whose values are venues, labelled by provider or not."""

_PROVIDER = "coindesk-"
_SAME = {"okex": "okx"}


def key_of(value: object) -> Key:
    """What this value equals and how it sorts; text that writes a number is that number."""
    if isinstance(value, str):
        written = number_in(value)
        return value.casefold() if written is None else written
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value if value == value else None
    return None


def venue(key: Key) -> Key:
    """The venue itself: CoinDesk-binance, Binance -> binance; OKEx -> okx."""
    if not isinstance(key, str):
        return key
    name = key.removeprefix(_PROVIDER)
    return _SAME.get(name, name)
