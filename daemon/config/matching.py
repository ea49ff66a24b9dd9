"""Which rules of the files a block of conditions can mean, as far as the rules alone tell."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from daemon.config.delivery import MatchConfig
from daemon.config.mistakes import nearest, quote
from rules.alerts import Severity
from rules.compiled import Rule
from rules.delivery.matchers import PLACES
from rules.events import Event
from rules.instruments import coin_of
from rules.selection import Selection

CONDITIONS = ("rule", "kind", "severity", "labels", "venues", "symbols")  # the cheapest to ask first
_SHOWN = 3


def may_mean(match: MatchConfig, rule: Rule) -> bool:
    """Whether some alert of this rule can match."""
    return all(_may(match, name, rule) for name in CONDITIONS if getattr(match, name))


def always_means(match: MatchConfig, rule: Rule, severity: Severity, within: MatchConfig) -> bool:
    """Whether every alert of this rule and severity matches, of those that match `within`."""
    return (
        (not match.rule or rule.rule_id in match.rule)
        and (not match.kind or rule.kind in match.kind)
        and (not match.severity or severity in match.severity)
        and (not match.venues or _covers(match.venues, within.venues, rule.venues))
        and (not match.symbols or _covers(match.symbols, within.symbols, rule.symbols))
        and all(rule.labels.get(name) == value for name, value in match.labels.items())
    )


def is_within(narrow: MatchConfig, wide: MatchConfig, rules: Sequence[Rule]) -> bool:
    """Whether whatever matches `narrow` surely matches `wide`, too, whatever rules there will be.

    A rule that is named is known: its kind and its labels are its own.
    """
    known = [rule for rule in rules if rule.rule_id in narrow.rule]
    kinds, labels = set(narrow.kind), [narrow.labels]
    if known:
        kinds, labels = {rule.kind for rule in known}, [{**narrow.labels, **rule.labels} for rule in known]
    return (
        (not wide.rule or _is_part(narrow.rule, wide.rule))
        and (not wide.kind or _is_part(kinds, wide.kind))
        and (not wide.severity or _is_part(narrow.severity, wide.severity))
        and (not wide.venues or _covers(wide.venues, narrow.venues, Selection(None)))
        and (not wide.symbols or _covers(wide.symbols, narrow.symbols, Selection(None)))
        and all(one.get(name) == value for one in labels for name, value in wide.labels.items())
    )


def is_anything(match: MatchConfig) -> bool:
    """Whether it sets no condition at all."""
    return not any(getattr(match, name) for name in CONDITIONS)


def unmet(match: MatchConfig, rules: Sequence[Rule]) -> tuple[str, str, str]:
    """Of conditions that no rule meets: the one to blame (empty: all together), why, and what would be right."""
    for name in CONDITIONS:
        if getattr(match, name) and not any(_may(match, name, rule) for rule in rules):
            return (name, *_why(match, name, rules))
    return "", "no rule here is all of this at once", "leave a condition out"


def parts(rule: Rule) -> frozenset[str]:
    """What an alert of this rule can name: its key, and its latest event."""
    return _parts(rule.on, rule.by)


def thing_of(rule: Rule) -> str | None:
    """Whether its alerts are about a symbol, a coin or a feed; None: about none of them."""
    return next((name for name in PLACES if name in _parts(rule.on, rule.by)), None)


def overlap(one: Selection, other: Selection) -> bool:
    """Whether something may be meant by both."""
    if one.names is None or other.names is None:
        return True
    return any(_alike(name, another) for name in one.names for another in other.names)


def named(ids: Iterable[str]) -> str:
    """`'a', 'b', 'c', ...`."""
    shown = [f"'{quote(name)}'" for name in ids]
    return ", ".join(shown[:_SHOWN]) + (", ..." if len(shown) > _SHOWN else "")


@lru_cache(maxsize=256)
def _parts(event: type[Event], by: tuple[str, ...]) -> frozenset[str]:
    return frozenset((*by, *event.__struct_fields__, *event.DERIVED))


def _may(match: MatchConfig, name: str, rule: Rule) -> bool:
    match name:
        case "rule":
            return rule.rule_id in match.rule
        case "kind":
            return rule.kind in match.kind
        case "severity":
            return not set(match.severity).isdisjoint(rule.ladder.severities)
        case "venues":
            return overlap(Selection.of(match.venues), rule.venues)
        case "symbols":
            meant = Selection.of(match.symbols)
            return meant.names is None or (thing_of(rule) is not None and overlap(meant, rule.symbols))
    return all(rule.labels.get(label) == value for label, value in match.labels.items())


def _alike(one: str, other: str) -> bool:
    """Two instruments are alike if they are the same, a coin and anything if it is about that coin."""
    return one == other if "-" in one and "-" in other else coin_of(one) == coin_of(other)


def _is_part(narrow: Collection[str], wide: Collection[str]) -> bool:
    return bool(narrow) and set(narrow) <= set(wide)


def _covers(wide: Sequence[str], within: Sequence[str], rule: Selection) -> bool:
    """Whether what both the conditions `within` and the rule mean is surely meant by `wide`."""
    all_of_it = Selection.of(wide)
    narrow = [one.names for one in (Selection.of(within or ("*",)), rule)]
    return all_of_it.names is None or any(
        names is not None and all(all_of_it.matches(name) for name in names) for names in narrow
    )


def _why(match: MatchConfig, name: str, rules: Sequence[Rule]) -> tuple[str, str]:
    wanted = " or ".join(map(quote, getattr(match, name)))
    match name:
        case "kind":
            return f"no rule here is of the kind {wanted}", _known({rule.kind for rule in rules})
        case "severity":
            severities = {severity for rule in rules for severity in rule.ladder.severities}
            return f"no rule here is ever {wanted}", _known(severities)
        case "labels":
            labels = [f"{label}: {value}" for label, value in match.labels.items()]
            there = {f"{label}: {value}" for rule in rules for label, value in rule.labels.items()}
            what = f"no rule here has the label {quote(' and '.join(labels))}"
            return what, nearest(labels[0], there) if there else "write it under `labels:` of a rule"
        case "venues" | "symbols":
            return f"no rule here looks at {wanted}", f"write it under `{name}:` of a rule"
    return f"there is no rule {wanted}", ""


def _known(names: Iterable[str]) -> str:
    return f"there are {', '.join(sorted(names))}"
