"""A trader's own words: {field} and {field:.1%}, and nothing that Python's format would also allow."""

import re
from collections.abc import Mapping
from math import isfinite
from string import Formatter

from rules.units import say_number

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPEC = re.compile(r"[+,]?\d{0,2},?(?:\.\d{1,2})?[%fgde]?", re.ASCII)


def check(text: str) -> tuple[str, ...]:
    """The names that a template uses; ValueError says what is wrong with it."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as exc:
        raise ValueError(f"the braces do not fit: {exc}; write {{symbol}} for a field and {{{{ for a brace") from None
    names = []
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if not _NAME.fullmatch(name) or conversion:
            raise ValueError(f"'{{{name}}}' is not the name of a field; write {{symbol}} or {{value:.2f}}")
        if not _SPEC.fullmatch(spec or ""):
            raise ValueError(
                f"'{{{name}:{spec}}}' has a format we do not know; write {{{name}:.2f}}, {{{name}:.1%}} or {{{name}:,}}"
            )
        names.append(name)
    return tuple(names)


def fill(text: str, facts: Mapping[str, object]) -> str:
    """The words with their values; a fact that is missing is shown as `?`, never an error."""
    out = []
    for literal, name, spec, _ in Formatter().parse(text):
        out.append(literal)
        if name is not None:
            value = facts.get(name)
            try:
                out.append("?" if value is None else _say(value, spec or ""))
            except (ValueError, TypeError):  # the format is for numbers and this is a text
                out.append(str(value))
            except OverflowError:  # an integer that no float can hold
                out.append("?")
    return "".join(out)


def _say(value: object, spec: str) -> str:
    """As the trader wants it; a number without a wish as people write it: 8 orders, not 8.0."""
    if isinstance(value, float) and isfinite(value):
        if not spec:
            return say_number(value)
        if spec.endswith("d") and value.is_integer():
            return format(int(value), spec)
    return format(value, spec)
