"""A command as somebody wrote it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What follows the command, and whose it is."""

    words: tuple[str, ...]
    who: str
    name: str  # of this one command: heard again after a crash it is the same


class Wrong(ValueError):
    """It cannot be done as it was written; the text says why."""
