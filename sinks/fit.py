"""Making words fit: what a chat would choke on is taken out, what is too long is cut, nothing is split in half."""

import re
from collections.abc import Callable, Sequence

Weigh = Callable[[str], int]  # what one character costs under somebody's limit

ELLIPSIS = "…"
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_HALVES = re.compile(r"[\ud800-\udfff]")
_JOINERS = "\u200d\ufe0e\ufe0f"  # a cut after one of these would leave half an emoji


def tidy(text: str) -> str:
    """One line without control characters (a terminal obeys those) and without halves of characters."""
    return _HALVES.sub("\ufffd", _BREAKS.sub(" ", text)).strip()


def utf16_units(char: str) -> int:
    """How Telegram counts: an astral character, most emoji among them, counts twice."""
    return 2 if ord(char) > 0xFFFF else 1


def weight(text: str, weigh: Weigh = utf16_units) -> int:
    """What the text costs."""
    return sum(map(weigh, text))


def cut(text: str, room: int, weigh: Weigh = utf16_units) -> str:
    """The text if it fits the room, else its beginning and an ellipsis; empty if not even that fits."""
    if weight(text, weigh) <= room:
        return text
    left = room - weight(ELLIPSIS, weigh)
    if left < 0:
        return ""
    end = 0
    for char in text:
        left -= weigh(char)
        if left < 0:
            break
        end += 1
    return text[:end].rstrip(_JOINERS + " \n") + ELLIPSIS


def shorten(lines: Sequence[str], listed: int, unlisted: int, room: int, weigh: Weigh = utf16_units) -> list[str]:
    """The lines, of which the first ones are a list, with as much of the list as fits the room; the rest is counted.

    `unlisted` things have no line; if there are any, the line behind the list counts them. A line takes one more than its
    characters: the break behind it.
    """
    costs = [weight(line, weigh) + 1 for line in lines]
    tail = lines[listed + bool(unlisted) :]
    left, kept = room - sum(costs[len(lines) - len(tail) :]), listed
    if not listed or sum(costs) <= room:
        return list(lines)
    while kept and sum(costs[:kept]) + weight(say_rest(unlisted + listed - kept), weigh) + 1 > left:
        kept -= 1
    return [*lines[:kept], say_rest(unlisted + listed - kept), *tail]


def say_rest(count: int) -> str:
    """How many are left out, and where they are."""
    return f"and {count} more; all of them: tocsin outbox --all"
