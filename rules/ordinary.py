"""What an event says beside the few fields that a test cares about: the ordinary value of every other field."""

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from rules.events import Event, FearGreed, FundingRate, InsuranceFund, Liquidation, LongShortRatio, OpenInterest
from rules.events import StablecoinQuote as Quote

PRICE = 50_000.0  # of one base coin, where sizes need one

Fields = Mapping[str, Any]


def filled(event: type[Event], given: Fields) -> dict[str, Any]:
    """Every field that the event needs: those given, what follows from them, else 1, an empty text, the first word."""
    fields = dict(given)
    for name, follow in _FOLLOWS.get(event, {}).items():
        if name not in fields and (value := follow(fields)) is not None:
            fields[name] = value
    hints = get_type_hints(event, include_extras=True)
    for field in msgspec.structs.fields(event):
        if field.required and field.name not in fields:
            fields[field.name] = _plain(hints[field.name], int(given.get("at_ms", 0)))
    return fields


def unit(event: type[Event], name: str) -> str:
    """What a field is counted in, as `tocsin fields` says it; empty for a text."""
    return _unit(get_type_hints(event, include_extras=True)[name])


def _unit(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        own = [note.extra["unit"] for note in notes if isinstance(note, msgspec.Meta) and note.extra]
        return str(own[-1]) if own else _unit(inner)
    if get_origin(hint) in (Union, UnionType):
        return next((found for part in get_args(hint) if (found := _unit(part))), "")
    return ""


def _plain(hint: Any, at_ms: int) -> Any:
    """A value of this type that says nothing."""
    if _unit(hint) == "ms since 1970 UTC":
        return at_ms
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0], at_ms)
    if get_origin(hint) in (Union, UnionType):
        return None if type(None) in get_args(hint) else _plain(get_args(hint)[0], at_ms)
    if get_origin(hint) is Literal:
        return get_args(hint)[0]
    return {str: "", bool: False, int: 1, float: 1.0}.get(hint, ())


def _number(fields: Fields, name: str) -> float | None:
    value = fields.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _times(one: str, other: str) -> Callable[[Fields], float | None]:
    def follow(fields: Fields) -> float | None:
        first, second = _number(fields, one), _number(fields, other) or PRICE
        return None if first is None else first * second

    return follow


def _over(one: str, other: str) -> Callable[[Fields], float | None]:
    def follow(fields: Fields) -> float | None:
        first, second = _number(fields, one), _number(fields, other) or PRICE
        return None if first is None else first / second

    return follow


def _share(of_longs: bool) -> Callable[[Fields], float]:
    def follow(fields: Fields) -> float:
        ratio = _number(fields, "ratio") or 1.0
        longs = ratio / (1 + ratio)
        return longs if of_longs else 1 - longs

    return follow


def _mood(fields: Fields) -> str:
    index = _number(fields, "index") or 0.0
    words = ((25, "Extreme Fear"), (46, "Fear"), (55, "Neutral"), (76, "Greed"))
    return next((word for below, word in words if index < below), "Extreme Greed")


_FOLLOWS: dict[type[Event], dict[str, Callable[[Fields], Any]]] = {  # in this order: later ones see the earlier
    FundingRate: {"interval_h": lambda fields: 8.0},
    Liquidation: {
        "price": lambda fields: PRICE,
        "quantity": _over("notional_usd", "price"),
        "notional_usd": _times("quantity", "price"),
    },
    OpenInterest: {"oi_base": _over("oi_usd", ""), "oi_usd": _times("oi_base", "")},
    Quote: {"target": lambda fields: 1.0, "price": lambda fields: 1.0},
    LongShortRatio: {"ratio": lambda fields: 1.0, "long_share": _share(True), "short_share": _share(False)},
    InsuranceFund: {"amount_usd": lambda fields: fields.get("amount"), "amount": lambda fields: fields["amount_usd"]},
    FearGreed: {"index": lambda fields: 50, "mood": _mood},
}
