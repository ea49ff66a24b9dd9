"""The `filters` parameter: a JSON object of fields and what they must be."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from daemon.server.keys import Key, key_of
from daemon.server.parameters import BadParameter, number_in, shown

LONGEST = 8_192
MOST_FIELDS = 32
MOST_VALUES = 200
LONGEST_VALUE = 256
_ORDERINGS = (">=", "<=", ">", "<")
_RIGHT = 'a JSON object such as {"exchange": "Binance", "open_interest": ">1000000"}'


@dataclass(frozen=True, slots=True)
class Condition:
    """One field and what it must be: any of the values or bounds (if there are any), and none of the others."""

    field: str  # folded
    equals: tuple[Key, ...] = ()
    bounds: tuple[tuple[str, int | float], ...] = ()  # (">=", 5)
    unlike: tuple[Key, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it asks for nothing: {"exchange": []}."""
        return not (self.equals or self.bounds or self.unlike)


def read_filters(value: object) -> tuple[Condition, ...]:
    """Read the text of a query string or the object of a message; equal filters give equal answers.

    A value is text, a number, true, false, null (missing) or a list of these: any of them; an empty list asks for
    nothing. Text may open with >, >=, <, <= and a number, or with != and anything ("!=null": there is a value).
    """
    if isinstance(value, str):
        value = _decoded(value)
    if not isinstance(value, Mapping):
        raise BadParameter("wrong_type", "filters", f"{shown(value)} is not {_RIGHT}")
    if len(value) > MOST_FIELDS:
        raise BadParameter("too_long", "filters", f"{len(value)} fields are too many: at most {MOST_FIELDS}")
    conditions = {_condition(str(field), wanted) for field, wanted in value.items()}
    return tuple(sorted((one for one in conditions if not one.is_open), key=repr))


def _decoded(text: str) -> object:
    if len(text) > LONGEST:
        raise BadParameter("too_long", "filters", f"{len(text):,} characters are too many: at most {LONGEST:,}")
    if not text.strip():
        return {}
    try:
        return msgspec.json.decode(text)
    except RecursionError:
        raise BadParameter("invalid_json", "filters", f"nested too deeply; it must be {_RIGHT}") from None
    except ValueError as exc:  # msgspec's own trouble, and text that is no Unicode
        why = str(exc) if isinstance(exc, msgspec.MsgspecError) else "it is not text"
        raise BadParameter("invalid_json", "filters", f"not JSON ({why}); it must be {_RIGHT}") from exc


def _condition(field: str, wanted: object) -> Condition:
    name = f"filters.{field[:60]}"
    if len(field) > LONGEST_VALUE:
        raise BadParameter("too_long", name, f"a field's name has at most {LONGEST_VALUE} characters")
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    if len(values) > MOST_VALUES:
        raise BadParameter("too_long", name, f"{len(values):,} values are too many: at most {MOST_VALUES}")
    equals: dict[Key, None] = {}
    bounds: dict[tuple[str, int | float], None] = {}
    unlike: dict[Key, None] = {}
    for value in values:
        if isinstance(value, str):
            _read_text(name, value, equals, bounds, unlike)
        elif value is None or isinstance(value, bool | int | float):
            equals[key_of(value)] = None
        else:
            raise BadParameter(
                "wrong_type",
                name,
                f"{shown(value)} cannot be compared; write text, a number, true, false, null or a list of these",
            )
    return Condition(field.casefold(), _ordered(equals), tuple(sorted(bounds)), _ordered(unlike))


def _read_text(
    name: str,
    text: str,
    equals: dict[Key, None],
    bounds: dict[tuple[str, int | float], None],
    unlike: dict[Key, None],
) -> None:
    if len(text) > LONGEST_VALUE:
        raise BadParameter("too_long", name, f"{len(text):,} characters are too many: at most {LONGEST_VALUE}")
    asked = text.strip()
    if asked.startswith("!="):
        rest = asked[2:].strip()
        unlike[None if rest.casefold() == "null" else key_of(rest)] = None
        return
    for sign in _ORDERINGS:
        if asked.startswith(sign):
            limit = number_in(asked[len(sign) :])
            if limit is None:
                raise BadParameter(
                    "not_a_number", name, f"in {shown(text)} a number must follow {sign}, e.g. {sign}1000000"
                )
            bounds[sign, limit] = None
            return
    equals[key_of(text)] = None


def _ordered(keys: dict[Key, None]) -> tuple[Key, ...]:
    return tuple(sorted(keys, key=repr))
