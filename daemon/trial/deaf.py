"""Why a rule heard nothing: what is stored beside what it listens to."""

from collections.abc import Iterable, Sequence

from daemon.pictures.looks import ALL_KEPT
from rules.compiled import Rule
from rules.spec import RuleSpec
from rules.units import say_duration, say_setting
from storage.held import Held

_SHOWN = 4
_OF_ITS_VALUE = {  # what its events lack, where they are there and give it no value
    "funding_spread": "it compares predicted rates of two venues or more, and these are settled or of one venue alone",
    "basis": "it measures against the index, and no price here has its `index_price` beside it",
    "depeg": "it measures against the target, and no quote here has one",
}


def why_deaf(spec: RuleSpec, rule: Rule, held: Sequence[Held], *, is_tracked: bool) -> str:
    """A sentence without its subject. `is_tracked`: events came from its venues and symbols, and none had a value."""
    tag = str(rule.on.__struct_config__.tag)
    of_its_type = [one for one in held if one.type == tag]
    if not held:
        return f"it listens to {tag}, and nothing at all is stored"
    if not of_its_type:
        return f"it listens to {tag}, and what is stored is {_listed(one.type for one in held)}"
    if not is_tracked:
        places = _listed(f"{one.venue} {one.symbol}" for one in of_its_type)
        return f"the {tag} stored is that of {places}, and it looks at {_looked_at(rule)}"
    return _valueless(spec, rule)


def why_sparse(rule: Rule, held: Sequence[Held]) -> str:
    """Why a rule heard less of the past than it hears of the market: samples lie farther apart than it looks back.

    Empty: they do not, or every single event is stored.
    """
    if not rule.window_ms or issubclass(rule.on, ALL_KEPT):
        return ""
    tag = str(rule.on.__struct_config__.tag)
    mine = [
        one
        for one in held
        if one.type == tag
        and one.events > 1
        and rule.venues.matches(one.venue.upper())
        and rule.symbols.matches(one.symbol.upper())
    ]
    gaps_ms = sorted((one.last_ms - one.first_ms) / (one.events - 1) for one in mine)
    if not gaps_ms or gaps_ms[len(gaps_ms) // 2] <= rule.window_ms:
        return ""
    every = say_duration(round(gaps_ms[len(gaps_ms) // 2] / 1000) * 1000)
    return (
        f"it looks back {say_setting(rule.window_ms)}, and {tag} is stored every {every} or so: what was in between is not"
        " there (`storage.sample_every`, `tocsin record`)"
    )


def _valueless(spec: RuleSpec, rule: Rule) -> str:
    rate = getattr(spec, "rate", None)
    if rate is not None:
        other = "settled" if rate == "predicted" else "predicted"
        return f"it listens to {rate} rates, and those stored are {other}; with `rate: {other}` it would hear them"
    if (why := _OF_ITS_VALUE.get(spec.type)) is not None:
        return why
    if where := getattr(spec, "where", None):
        return f"its `where` lets none of them through: {where}"
    if rule.window_ms:
        return f"it looks back {say_setting(rule.window_ms)}, and nothing here goes on for so long without a gap"
    return "none of them says what it measures"


def _looked_at(rule: Rule) -> str:
    what = " or ".join(sorted(rule.symbols.names)) if rule.symbols.names is not None else "everything"
    where = "" if rule.venues.names is None else f" on {' or '.join(sorted(rule.venues.names)).lower()}"
    return f"{what}{where}"


def _listed(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:_SHOWN]) + (f" and {len(unique) - _SHOWN:,} more" if len(unique) > _SHOWN else "")
