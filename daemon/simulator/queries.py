"""What clients write behind the question mark, read as a venue reads it: nonsense counts as not given."""


def count(text: str | None, *, usual: int, most: int) -> int:
    """How many rows are asked for."""
    return max(1, min(int(text), most)) if text and text.isdecimal() else usual


def moment(text: str | None) -> int | None:
    """A time in ms."""
    return int(text) if text and text.isdecimal() and len(text) < 16 else None
