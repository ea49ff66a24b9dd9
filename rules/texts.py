"""Texts that a field never is: a condition that names one would be right, and never hold."""

from functools import lru_cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rules.events import Event
from rules.instruments import from_packed
from rules.spelling import VENUES


def never(event: type[Event], field: str, text: str) -> str | None:
    """Why this field of the event is never this text, and what would be right; None: it may be."""
    options = _options(event).get(field, ())
    if options and text not in options:
        return f"{field} is never '{text}'; it is {' or '.join(repr(option) for option in options)}"
    if field == "venue" and text != text.lower() and text.lower() in VENUES:
        return f"venue is never '{text}'; venues are written small: '{text.lower()}'"
    if field == "symbol" and text and text.count("-") != 2:
        return f"symbol is never '{text}'; write '{_instrument(text)}', or symbols: [...] beside the condition"
    return None


@lru_cache(maxsize=64)
def _options(event: type[Event]) -> dict[str, tuple[str, ...]]:
    """The words of each field that has but a few."""
    found = ((name, tuple(_words(hint))) for name, hint in get_type_hints(event).items())
    return {name: words for name, words in found if words}


def _words(hint: Any) -> list[str]:
    if get_origin(hint) is Literal:
        return [str(word) for word in get_args(hint)]
    return [word for part in get_args(hint) for word in _words(part)]


def _instrument(text: str) -> str:
    try:
        return str(from_packed(text.upper().replace("/", "").replace("-", "").replace("_", "")))
    except ValueError:
        return f"{text.upper().partition('-')[0]}-USDT-PERP"
