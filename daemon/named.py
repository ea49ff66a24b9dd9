"""Whether there is what somebody names: a misspelt name would keep nothing quiet, or wait for nothing for ever."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from daemon.config.mistakes import GUESS, nearest, quote
from daemon.config.model import Config
from daemon.views.all import Views
from rules import spelling
from rules.coins import WELL_KNOWN
from rules.compiled import Rule
from rules.delivery.matchers import Matchers, part, thing
from rules.instruments import coin_of
from rules.kinds import KINDS
from rules.selection import Selection
from storage.database import Database
from storage.episodes import query_alerts
from storage.newest import heard_last

ALERTS_MAX = 1_000
_NO_RULES = "the files that were read have no rules"
_NAME = re.compile(r"[A-Z0-9][A-Z0-9./_-]{0,59}")
_INSTRUMENT = re.compile(r"[A-Z0-9]+-[A-Z0-9]{3,5}-(?:PERP|20\d{6})")


class Unknown(ValueError):
    """Nothing is called so; the text says what is near. `part` is what was named: rule, kind, symbol, venue, labels."""

    def __init__(self, part: str, what: str, right: str = "") -> None:
        super().__init__(f"{what}; {right}" if right else what)
        self.part = part


@dataclass(frozen=True, kw_only=True)
class Names:
    """What can be named."""

    rules: frozenset[str] | None  # None: nobody says which there are
    labels: Sequence[Mapping[str, str]]  # of each rule
    symbols: frozenset[str]  # of rules and of what was heard, in capitals: instruments, coins, feeds
    venues: frozenset[str]  # in small letters


async def doubts(
    meant: Matchers, database: Database, config: Config | None, views: Views | None = None, *, all_rules: bool = True
) -> list[str]:
    """What is doubtful about names that may be right, in sentences. Unknown for the first that nothing is called.

    Without `config` nobody says which rules there are. `all_rules` false: not those about somebody's own account.
    """
    if not (meant.symbols or meant.venues):  # then nobody needs to read what was heard
        return check(meant, names_in(config, all_rules=all_rules))
    found = [*await heard_last(database), *_living(views)]
    alerts = await query_alerts(database, limit=ALERTS_MAX)
    found += [(part(alert, "venue"), thing(alert)) for alert in alerts]
    return check(meant, names_in(config, found, all_rules=all_rules))


def check(meant: Matchers, names: Names) -> list[str]:
    """As `doubts`, of names that are known already."""
    for name in meant.rules if names.rules is not None else ():
        if name not in (names.rules or ()):
            right = nearest(name, names.rules) if names.rules else _NO_RULES
            raise Unknown("rule", f"there is no rule '{quote(name)}'", right)
    for name in meant.kinds:
        if name not in KINDS:
            raise Unknown("kind", f"there is no kind of rule '{quote(name)}'", nearest(name, KINDS))
    for label, value in meant.labels.items() if names.rules is not None else ():
        if not any(labels.get(label) == value for labels in names.labels):
            every = sorted({f"{one}: {labels[one]}" for labels in names.labels for one in labels})
            right = nearest(label, every) if names.rules else _NO_RULES
            raise Unknown("labels", f"no rule has the label {quote(label)}: {quote(value)}", right)
    for name in meant.venues:
        if name.lower() not in names.venues:
            raise Unknown("venue", f"there is no venue '{quote(name)}'", nearest(name, names.venues))
    return [doubt for name in meant.symbols if (doubt := _check_symbol(name, names))]


def _check_symbol(name: str, names: Names) -> str | None:
    upper = name.strip().upper()
    one = Selection(frozenset((upper,)))
    if any(one.matches(symbol) for symbol in names.symbols):
        return None
    if not _NAME.fullmatch(upper):
        raise Unknown("symbol", f"'{quote(name)}' is no symbol; write BTC, or BTC-USDT-PERP")
    try:
        spelling.symbol(upper)
    except ValueError as exc:
        raise Unknown("symbol", str(exc)) from None
    venue, dot, _ = upper.partition(".")
    if upper in WELL_KNOWN or _INSTRUMENT.fullmatch(upper) or (dot and venue.lower() in names.venues):
        return f"{upper} was not heard of lately"
    right = _near(upper, {*names.symbols, *map(coin_of, names.symbols)})
    raise Unknown("symbol", f"no rule or venue speaks of '{quote(name)}'", right)


def _near(upper: str, symbols: Iterable[str]) -> str:
    """A guess, and never the whole list: there may be hundreds."""
    by_lower = {symbol.lower(): symbol for symbol in symbols}
    said = nearest(upper, by_lower)
    return f"{GUESS}{by_lower[said.removeprefix(GUESS)[:-1]]}?" if said.startswith(GUESS) else ""


def names_in(config: Config | None, heard: Iterable[tuple[str, str]] = (), *, all_rules: bool = True) -> Names:
    """Those of a configuration, and of what was heard: (venue, instrument, coin or feed)."""
    rules: list[Rule] = []
    venues = set(spelling.VENUES)
    if config is not None:
        rules = [rule for rule in (spec.compile() for spec in config.rules) if all_rules or not rule.on.IS_PRIVATE]
        for name, source in (config.sources or {}).items():
            venues |= {name, *(getattr(source, "exchanges", None) or ())}
    symbols = {name for rule in rules for name in rule.symbols.names or ()}
    venues |= {name for rule in rules for name in rule.venues.names or ()}
    for venue, symbol in heard:
        venues.add(venue)
        symbols.add(symbol.upper())
    return Names(
        rules=None if config is None else frozenset(rule.rule_id for rule in rules),
        labels=[rule.labels for rule in rules],
        symbols=frozenset(symbols) - {""},
        venues=frozenset(venue.lower() for venue in venues) - {""},
    )


def _living(views: Views | None) -> Iterator[tuple[str, str]]:
    if views is not None:
        yield from ((one.venue, one.symbol) for one in views.futures.all())
        yield from ((quote.venue, quote.coin) for quote in views.pegs.latest())
