"""Rules that are right in themselves, and will not do what they seem to say."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from daemon.config import foreign
from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place
from rules.events import EVENTS
from rules.selection import EVERYTHING

if TYPE_CHECKING:
    from rules.spec import RuleSpec

_OF_MANY = frozenset({"datamaxi", "amberdata", "coindesk"})  # these speak for venues that are no sources of ours
_ACCOUNTS = "coinlocally"


def unbrought(specs: "Sequence[RuleSpec]", sources: Collection[str] | None, root: Place) -> Iterator[Mistake]:
    """Venues and accounts of rules that none of the sources speaks of; no section: those that need no key run."""
    running = foreign.key_free_sources() if sources is None else sources
    if not running:  # a file for tests and backtests
        return
    for index, spec in enumerate(specs):
        if _is_private(spec) and _ACCOUNTS not in running:
            what = f"hears nothing, because no source here speaks of accounts: `{_ACCOUNTS}` does"
            yield _at(root, ("rules", index, "type"), what, f"add `{_ACCOUNTS}: {{key: ...}}` {_where(sources)}")
            continue
        for position, venue in enumerate(spec.venues if _OF_MANY.isdisjoint(running) else ()):
            if venue != EVERYTHING and venue.lower() not in running:
                what, right = f"no source here speaks of '{quote(venue)}'", f"sources that run: {', '.join(running)}"
                if venue.lower() in foreign.source_configs():
                    right = f"add `{venue.lower()}:` {_where(sources)}"
                yield _at(root, ("rules", index, "venues", position), what, right)


def idle_severities(specs: "Sequence[RuleSpec]", root: Place) -> Iterator[Mistake]:
    """A severity beside levels, which have their own."""
    for index, spec in enumerate(specs):
        if getattr(spec, "levels", None) and "severity" in spec.model_fields_set:
            what = "counts for nothing here, because each of the `levels` says its own"
            yield _at(root, ("rules", index, "severity"), what, "remove it")


def _is_private(spec: "RuleSpec") -> bool:
    event = spec.ON or EVENTS.get(getattr(spec, "on", ""))
    return event is not None and event.IS_PRIVATE


def _where(sources: Collection[str] | None) -> str:
    return "under `sources:`" if sources is not None else "under `sources:`, beside all others that shall run"


def _at(root: Place, loc: tuple[str | int, ...], what: str, right: str) -> Mistake:
    where, trail = root.find(loc)
    return Mistake(where.file, where.line, where.column, ".".join(map(quote, trail)), what, right)
