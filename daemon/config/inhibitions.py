"""Inhibitions that could never mute anything, and those that would mute too much."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING

from daemon.config.delivery import SAME, InhibitConfig, MatchConfig
from daemon.config.matching import is_anything, may_mean, named, overlap, parts, thing_of, unmet
from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place
from rules.alerts import Severity
from rules.compiled import Rule

if TYPE_CHECKING:
    from rules.spec import RuleSpec

_LASTING = "name a rule that goes on firing, such as a sum over a window (window: 1m, total: $25m)"
_PAIRS_MAX = 100_000  # of more rules somebody agrees with somebody; a reload has better things to do
_NARROW = "say what is meant: {when: cascade, mutes: {kind: liquidation}, same: symbol}"


def idle_inhibitions(inhibit: Sequence[InhibitConfig], rules: Sequence[Rule], root: Place) -> Iterator[Mistake]:
    """Those that are wrong for certain: they mute nothing whatever happens, or everything."""
    for index, one in enumerate(inhibit):
        if is_anything(one.when) and is_anything(one.mutes) and not one.same:
            what = "whatever fires first would keep everything else quiet"
            yield _at(root, ("inhibit", index), what, _NARROW)
        elif momentary := _momentary(one, rules):
            what = f"mutes nothing, because {named(momentary)} {'is' if len(momentary) == 1 else 'are'} said once"
            loc = ("inhibit", index, "when", "rule" if one.when.rule else "kind")
            yield _at(root, loc, f"{what} and never firing", _LASTING)
        else:
            mistake, is_certain = _never_same(index, one, *_sides(one, rules), root)
            if mistake is not None and is_certain:
                yield mistake


def doubtful_inhibitions(
    inhibit: Sequence[InhibitConfig], rules: Sequence[Rule], specs: "Mapping[str, RuleSpec]", root: Place
) -> Iterator[Mistake]:
    """Those that mute nothing as the rules are now, or may mute more or less than was meant."""
    for index, one in enumerate(inhibit if rules else ()):
        sources, muted = _sides(one, rules)
        for side, match, found in (("when", one.when, sources), ("mutes", one.mutes, muted)):
            if not found:
                name, why, right = unmet(match, rules)
                yield _at(root, ("inhibit", index, side, name), f"mutes nothing, because {why}", right)
        mistake, _ = _never_same(index, one, sources, muted, root)
        if mistake is not None:
            yield mistake
        for rule_id in one.mutes.rule if sources and mistake is None else ():
            lame = [rule for rule in muted if rule.rule_id == rule_id]
            if lame and not any(_meet(source, lame[0], one) for source in sources):
                lack = next((name for name in one.same if not _has(lame[0], name)), None)
                why = f"have no {lack}" if lack is not None else "are about something else"
                what = f"'{quote(rule_id)}' is never muted, because its alerts {why}"
                yield _at(root, ("inhibit", index, "mutes"), what, "give it an inhibition of its own")
        ids = {rule.rule_id for rule in muted}
        both = [rule.rule_id for rule in sources if rule.rule_id in ids and _same_severity(rule, one)]
        if both and not one.same:
            what = f"alerts of {named(both)} keep each other quiet: only the first to fire is told"
            right = "narrow `mutes`, for instance {severity: [info, warning]}, or add same: symbol"
            yield _at(root, ("inhibit", index, "mutes"), what, right)
        yield from _by_chance(index, one, {rule.rule_id: rule for rule in (*sources, *muted)}, specs, root)
    if (circle := _circle(inhibit, rules)) is not None:
        closing, names = circle
        said = ", ".join(f"'{quote(one)}' mutes '{quote(other)}'" for one, other in pairwise(names))
        what = f"closes a circle, {said}: while all of them fire nobody may be told of any"
        yield _at(root, ("inhibit", closing), what, "leave one of them out, so that one is always told")


def _at(root: Place, loc: tuple[str | int, ...], what: str, right: str) -> Mistake:
    where, trail = root.find(loc)
    return Mistake(where.file, where.line, where.column, ".".join(map(quote, trail)), what, right)


def _momentary(one: InhibitConfig, rules: Sequence[Rule]) -> list[str]:
    """The rules that `when` means, if all of them are said once and never firing."""
    loose = one.when.model_copy(update={"severity": [], "venues": [], "symbols": []})
    meant = [rule for rule in rules if may_mean(loose, rule)]
    return [rule.rule_id for rule in meant] if all(rule.is_momentary for rule in meant) else []


def _sides(one: InhibitConfig, rules: Sequence[Rule]) -> tuple[list[Rule], list[Rule]]:
    """The rules that may keep others quiet, and those that may be kept quiet."""
    sources = [rule for rule in rules if not rule.is_momentary and may_mean(one.when, rule)]
    return sources, [rule for rule in rules if may_mean(one.mutes, rule)]


def _meet(source: Rule, other: Rule, one: InhibitConfig) -> bool:
    return all(_agree(source, other, name) for name in one.same)


def _agree(source: Rule, other: Rule, name: str) -> bool:
    """Whether an alert of the one can be about the same symbol, venue, ... as an alert of the other."""
    if not _has(source, name) or not _has(other, name):
        return False
    match name:
        case "symbol":
            return thing_of(source) == thing_of(other) and overlap(source.symbols, other.symbols)
        case "venue":
            return overlap(source.venues, other.venues)
    return True


def _has(rule: Rule, name: str) -> bool:
    return thing_of(rule) is not None if name == "symbol" else name in parts(rule)


def _never_same(
    index: int, one: InhibitConfig, sources: Sequence[Rule], muted: Sequence[Rule], root: Place
) -> tuple[Mistake | None, bool]:
    """Why no two alerts can agree in all of `same`, and whether that is certain; None if some can.

    Certain is what follows from the rules or kinds that are named. What other rules may change is not: which coins they
    look at, and which of them are an `info`.
    """
    if not sources or not muted or len(sources) * len(muted) > _PAIRS_MAX:
        return None, False
    if any(_meet(source, other, one) for source in sources for other in muted):
        return None, False
    is_named = [bool(side.rule or side.kind) for side in (one.when, one.mutes)]
    for position, name in enumerate(one.same):
        loc = ("inhibit", index, "same", position)
        for side, is_certain in zip((sources, muted), is_named, strict=True):
            if not any(_has(rule, name) for rule in side):
                whose = named(rule.rule_id for rule in side)
                what = f"mutes nothing, because alerts of {whose} have no {name}"
                return _at(root, loc, what, _could(sources, muted)), is_certain
        if not any(_agree(source, other, name) for source in sources for other in muted):
            whose, others = (named(rule.rule_id for rule in side) for side in (sources, muted))
            what = f"mutes nothing, because alerts of {whose} and {others} are never about the same {name}"
            things = [{thing_of(rule) for rule in side} for side in (sources, muted)]
            is_certain = all(is_named) and name == "symbol" and things[0].isdisjoint(things[1])
            return _at(root, loc, what, _could(sources, muted)), is_certain
    what = f"mutes nothing, because no two alerts can agree in {' and '.join(one.same)}"
    return _at(root, ("inhibit", index, "same"), what, "leave one of them out"), False


def _could(sources: Sequence[Rule], muted: Sequence[Rule]) -> str:
    names = [name for name in SAME if any(_agree(source, other, name) for source in sources for other in muted)]
    return f"they can agree in {', '.join(names)}" if names else "leave `same` out"


_Node = tuple[str, Severity]  # alerts of one rule and severity


def _circle(inhibit: Sequence[InhibitConfig], rules: Sequence[Rule]) -> tuple[int, list[str]] | None:
    """Rules that keep each other quiet in turn, the first named again at the end, and the inhibition that closes it.

    Of two that would do so to each other both speak, so circles are of three or more.
    """
    mutes: dict[_Node, dict[_Node, int]] = {}
    for index, one in enumerate(inhibit if len(inhibit) > 1 else ()):
        sources, muted = _sides(one, rules)
        if len(sources) * len(muted) > _PAIRS_MAX:
            continue
        for source, other in product(sources, muted):
            if source is not other and _meet(source, other, one):
                for pair in product(_nodes(source, one.when), _nodes(other, one.mutes)):
                    mutes.setdefault(pair[0], {}).setdefault(pair[1], index)
    one_way = {
        source: {other: index for other, index in others.items() if source not in mutes.get(other, ())}
        for source, others in mutes.items()
    }
    while ends := {node for others in one_way.values() for node in others if not one_way.get(node)}:
        one_way = {
            source: {other: index for other, index in others.items() if other not in ends}
            for source, others in one_way.items()
        }
    begins = next((node for node, others in one_way.items() if others), None)
    if begins is None:
        return None
    path = [begins]
    while (node := next(iter(one_way[path[-1]]))) not in path:
        path.append(node)
    path = [*path[path.index(node) :], node]
    closes = max(one_way[source][other] for source, other in pairwise(path))
    return closes, [rule_id for rule_id, _ in path]


def _nodes(rule: Rule, match: MatchConfig) -> list[_Node]:
    return [(rule.rule_id, one) for one in rule.ladder.severities if not match.severity or one in match.severity]


def _same_severity(rule: Rule, one: InhibitConfig) -> bool:
    """Whether the rule has a severity at which it both mutes and is muted."""
    return any(
        all(not match.severity or severity in match.severity for match in (one.when, one.mutes))
        for severity in rule.ladder.severities
    )


def _by_chance(
    index: int, one: InhibitConfig, rules: Mapping[str, Rule], specs: "Mapping[str, RuleSpec]", root: Place
) -> Iterator[Mistake]:
    """Parts that an alert does not have, but only its latest event: a sum over both sides ends on one of them."""
    for position, name in enumerate(one.same):
        for rule_id, rule in rules.items():
            if _has(rule, name) and not _is_its_own(rule, specs[rule_id], name):
                what = f"the {name} of '{quote(rule_id)}' is that of whatever came last, because it mixes several"
                right = f"leave {name} out"
                if "by" in type(specs[rule_id]).model_fields:
                    right = f"add {name} to what it tracks, by: [{', '.join((*rule.by, name))}], or {right}"
                yield _at(root, ("inhibit", index, "same", position), what, right)


def _is_its_own(rule: Rule, spec: "RuleSpec", name: str) -> bool:
    """Whether all events of one alert agree in it: it is tracked apart, or there is only one."""
    if name == "side" and (getattr(spec, "side", "either") != "either" or name in (getattr(spec, "where", None) or "")):
        return True
    names = {"venue": rule.venues.names, "symbol": rule.symbols.names}.get(name)
    tracked = {thing_of(rule)} if name == "symbol" else {name}
    return rule.on.IS_PRIVATE or not tracked.isdisjoint(rule.by) or (names is not None and len(names) == 1)
