"""One parameter at a time: text or typed in, a checked value or a named refusal out."""

from collections.abc import Iterable
from math import isfinite

import msgspec

LONGEST_TEXT = 256
_STARTS = frozenset("0123456789+-.")
_LONGEST_NUMBER = 40


class BadParameter(Exception):
    """A parameter that cannot be honoured: which one, why (a code for programs), and what would be right (for people).

    Codes: invalid_json, wrong_type, not_a_number, out_of_range, too_long, missing, unknown_field, unknown_parameter,
    unknown_value.
    """

    def __init__(self, code: str, parameter: str, message: str) -> None:
        self.code = code
        self.parameter = _printable(parameter)[:100]
        self.message = _printable(message)
        super().__init__(f"{self.parameter}: {self.message}")

    def frame(self) -> bytes:
        """The answer as JSON: {"error": {"code", "parameter", "message"}}."""
        return msgspec.json.encode({"error": {"code": self.code, "parameter": self.parameter, "message": self.message}})


def shown(value: object) -> str:
    """A value as a message may quote it: short, and never with its insides."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:40] + "…")
    if isinstance(value, int) and abs(value) > 10**40:
        return "that number"
    if value is None or isinstance(value, int | float):
        return "null" if value is None else str(value).lower()
    return "a list" if isinstance(value, list | tuple) else "an object"


def listed(names: Iterable[str], most: int = 40) -> str:
    """Names for a message: `a, b, c`, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def number_in(text: str) -> int | float | None:
    """The number that is written here ("1", " 2.50", "1e9"), None if the text says anything else or nothing finite."""
    text = text.strip()
    if not text or text[0] not in _STARTS or len(text) > _LONGEST_NUMBER or "_" in text or not text.isascii():
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def a_number(
    name: str, value: object, *, least: float, most: float, what: str = "a number", example: str = ""
) -> int | float:
    """A number within its bounds, from 5, 5.0 or "5"."""
    found = number_in(value) if isinstance(value, str) else value
    right = f"{what} from {least:,} to {most:,}" + (f", e.g. {example}" if example else "")
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
        raise BadParameter("not_a_number", name, f"{shown(value)} is not {right}")
    if not least <= found <= most:
        raise BadParameter("out_of_range", name, f"{shown(value)} is out of range: it must be {right}")
    return found


def a_whole_number(name: str, value: object, *, least: int, most: int) -> int:
    """A whole number within its bounds, from 5, 5.0 or "5"."""
    found = a_number(name, value, least=least, most=most, what="a whole number")
    if found != int(found):
        raise BadParameter(
            "not_a_number", name, f"{shown(value)} is not a whole number; it must be one from {least:,} to {most:,}"
        )
    return int(found)


def a_text(name: str, value: object, *, longest: int = LONGEST_TEXT, example: str = "") -> str:
    """Text of bounded length; a number counts as its text."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 10**40:
        value = str(value)
    if not isinstance(value, str):
        raise BadParameter("wrong_type", name, f"{shown(value)} is not text" + (f"; e.g. {example}" if example else ""))
    if len(value) > longest:
        raise BadParameter("too_long", name, f"{len(value):,} characters are too many: at most {longest:,}")
    return value


def one_of(name: str, value: object, choices: Iterable[str]) -> str:
    """One of these words, however it is capitalised; answers with our spelling."""
    known = {choice.casefold(): choice for choice in choices}
    found = known.get(a_text(name, value).strip().casefold())
    if found is None:
        raise BadParameter("unknown_value", name, f"{shown(value)} is not one of {listed(known.values())}")
    return found


def _printable(text: str) -> str:
    """Without lone surrogates, which no frame could carry."""
    return text.encode("utf-8", "replace").decode()
