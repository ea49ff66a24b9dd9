"""Routes that are never taken, rules that nobody is told of, and sinks that nothing is told to."""

from collections.abc import Iterator, Mapping, Sequence

from daemon.config.delivery import AliveConfig, RouteConfig
from daemon.config.matching import always_means, is_anything, is_within, may_mean, named, unmet
from daemon.config.mistakes import Mistake, quote
from daemon.config.model import Settings, SinkConfig
from daemon.config.places import Place
from rules.compiled import Rule

Loc = tuple[str | int, ...]


def idle_routes(routes: Sequence[RouteConfig], rules: Sequence[Rule], root: Place) -> Iterator[Mistake]:
    """Those that are never reached for certain: an earlier one takes all that they could, whatever rules there are."""
    for index, route in enumerate(routes):
        earlier = next((number for number in range(index) if is_within(route, routes[number], rules)), None)
        if earlier is not None:
            place, _ = root.find(("routes", earlier))
            all_of = "everything" if is_anything(routes[earlier]) else "all of it"
            what = f"is never reached, because the route in {place.file}:{place.line} takes {all_of} first"
            yield _at(root, ("routes", index), what, "put narrow routes first, and the one without conditions last")


def doubtful_routes(routes: Sequence[RouteConfig], rules: Sequence[Rule], root: Place) -> Iterator[Mistake]:
    """Those that no rule takes, as the rules are now."""
    for index, route in enumerate(routes if rules else ()):
        meant = [rule for rule in rules if may_mean(route, rule)]
        if not meant:
            name, why, right = unmet(route, rules)
            yield _at(root, ("routes", index, name), f"is never taken, because {why}", right)
        elif all(rule.notify is not None for rule in meant):
            said = "says" if len(meant) == 1 else "say"
            what = f"is never taken, because {named(rule.rule_id for rule in meant)} {said} `notify`, which wins"
            yield _at(root, ("routes", index), what, "remove one of the two")


def unheard(
    routes: Sequence[RouteConfig], sinks: Mapping[str, SinkConfig], rules: Sequence[Rule], root: Place
) -> Iterator[Mistake]:
    """Who is named and never told, because `min_severity` is above all that could be said; and rules told to nobody."""
    silenced: list[int] = []
    for index, rule in enumerate(rules):
        names = _recipients(rule, routes, sinks)
        if not names and rule.notify is None and not _is_meant(rule, routes):
            silenced.append(index)
        loudest = max(rule.ladder.severities, key=lambda severity: severity.rank)
        known = sorted(names & sinks.keys())  # a file that was sent may tell sinks that do not run here
        deaf = [name for name in known if sinks[name].min_severity.rank > loudest.rank]
        for position, name in enumerate(rule.notify or ()):
            if name in deaf:
                what = f"'{quote(name)}' takes nothing below {sinks[name].min_severity}, and this is {loudest} at most"
                yield _at(root, ("rules", index, "notify", position), what, "raise the severity, or lower the sink's")
        if names and rule.notify is None and len(deaf) == len(names):
            want = "wants" if len(deaf) == 1 else "want"
            what = f"nobody is told: this is {loudest} at most, and {named(deaf)} {want} more by `min_severity`"
            yield _at(root, ("rules", index, "severity"), what, "raise the severity, or lower the sink's")
    if silenced:
        yield _told_to_nobody(silenced, routes, rules, root)


def unused(
    settings: Settings, sinks: Mapping[str, SinkConfig], rules: Sequence[Rule], root: Place
) -> Iterator[Mistake]:
    """Sinks of the files that nothing is ever told to."""
    told = {name for route in settings.routes for name in route.to}  # also by a route for rules that may come
    told.update(*(_recipients(rule, settings.routes, sinks) for rule in rules))
    for name, sink in settings.sinks.items() if rules else ():
        if name not in told and sink.answer is None and not _says_life(settings.alive, name):
            where = root.find(("sinks", name))[0]
            what = "nothing is ever told here, because every rule is told elsewhere"
            path = f"sinks.{quote(name)}"
            right = "name it in `notify` or in the `to` of a route, or remove it"
            yield Mistake(where.file, where.key_line, where.key_column, path, what, right)


def _is_meant(rule: Rule, routes: Sequence[RouteConfig]) -> bool:
    """Whether a route to nobody names the rule, or a label of it: that is no accident."""
    return any(not route.to and (route.rule or route.labels) and may_mean(route, rule) for route in routes)


def _told_to_nobody(
    indexes: Sequence[int], routes: Sequence[RouteConfig], rules: Sequence[Rule], root: Place
) -> Mistake:
    """One warning for all rules that routes send to no sink, at the first such route, or at the first such rule."""
    first = next(number for number, route in enumerate(routes) if not route.to and may_mean(route, rules[indexes[0]]))
    is_here = root.find(("routes", first))[1] == ("routes", first)
    names = named(rules[index].rule_id for index in indexes)
    of = f"{len(indexes)} rules," if len(indexes) > 1 else "the rule"
    by = "this route" if is_here else f"route {first + 1} of the running daemon"
    return _at(
        root,
        ("routes", first, "to") if is_here else ("rules", indexes[0]),
        f"nobody is told of {of} {names}, because {by} sends to no sink",
        "name a sink; if the log and /ws/alerts are enough, say so in the rule: notify: []",
    )


def _recipients(rule: Rule, routes: Sequence[RouteConfig], sinks: Mapping[str, SinkConfig]) -> set[str]:
    """Every sink that an alert of this rule may be sent to."""
    if rule.notify is not None:
        return set(rule.notify)
    names: set[str] = set()
    for severity in rule.ladder.severities:
        for route in routes:
            if may_mean(route, rule) and (not route.severity or severity in route.severity):
                names |= set(route.to)
                if always_means(route, rule, severity, route):
                    break
        else:
            names |= set(sinks)
    return names


def _says_life(alive: AliveConfig | None, name: str) -> bool:
    return alive is not None and alive.at is not None and (not alive.to or name in alive.to)


def _at(root: Place, loc: Loc, what: str, right: str) -> Mistake:
    where, trail = root.find(loc)
    return Mistake(where.file, where.line, where.column, ".".join(map(quote, trail)), what, right)
