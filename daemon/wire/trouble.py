"""How trouble with a frame is told: in a sentence, never with the whole frame."""

LONGEST_NAME = 64  # of an instrument; the longest that venues use today have about 30 characters
_LONGEST = 200


def brief(trouble: object) -> str:
    """The text of an exception or a reason, cut to what a log line can hold."""
    text = str(trouble)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def check_name(name: str) -> None:
    """ValueError for what is too long to be an instrument: names are cached, and repeated in messages."""
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name of {len(name)} characters is not an instrument")
