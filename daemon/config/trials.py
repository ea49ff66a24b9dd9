"""The tests of a file: read as they are written, each with the place that a failure points at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from daemon.config import foreign
from daemon.config.explain import describe, explain
from daemon.config.mistakes import Mistake, nearest, quote
from daemon.config.model import CONSOLE
from daemon.config.places import Place

if TYPE_CHECKING:
    from rules.trials import Trial

Loc = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class WrittenTrial:
    """One test, and where it stands."""

    trial: "Trial"
    place: Place
    path: str  # tests.3

    def mistake(self, loc: Loc, what: str, right: str = "") -> Mistake:
        """Something about the part of it at `loc`."""
        where, trail = self.place.find(loc)
        path = ".".join((self.path, *(quote(part) for part in trail)))
        return Mistake(where.file, where.line, where.column, path, what, right)


def trials(written: dict[str, Any], root: Place) -> tuple[list[WrittenTrial], list[Mistake]]:
    """The tests, and all that is wrong with them."""
    block, (place, _) = written.get("tests") or [], root.find(("tests",))
    if not isinstance(block, list):
        what, right = f"{describe(block)} cannot stand here", "write a list: each test begins with `- name: ...`"
        return [], [Mistake(place.file, place.line, place.column, "tests", what, right)]
    found: list[WrittenTrial] = []
    mistakes: list[Mistake] = []
    names: dict[str, Place] = {}
    for index, raw in enumerate(block):
        where = (place.children or {})[index]
        path = f"tests.{index}"
        if not isinstance(raw, dict):
            what, right = f"{describe(raw)} is not a test", "write `- name: ...`, and below it `series:` and `expect:`"
            mistakes.append(Mistake(where.file, where.line, where.column, path, what, right))
            continue
        model = foreign.trial_shape()
        try:
            test = WrittenTrial(trial=model.model_validate(raw), place=where, path=path)
        except ValidationError as exc:
            mistakes += explain(exc, model, where, ("tests", index))
            continue
        mistakes += _unknown_names(test, written)
        named, _ = where.find(("name",))
        first = names.setdefault(test.trial.name.strip().lower(), named)
        if first is not named:
            what = f"another test has this name, in {first.file}:{first.line}:{first.column}"
            mistakes.append(test.mistake(("name",), what, "say what is so in this one"))
        if not any(moment.states or moment.messages for moment in test.trial.expect):
            mistakes.append(test.mistake(("expect",), "this test expects nothing", "write `states:` or `messages:`"))
        found.append(test)
    return found, mistakes


def _unknown_names(test: WrittenTrial, written: dict[str, Any]) -> Iterator[Mistake]:
    """Rules and sinks that the file does not have."""
    rules = written.get("rules")
    ids = [raw.get("id") for raw in rules if isinstance(raw, dict)] if isinstance(rules, list) else []
    known = [name for name in ids if isinstance(name, str)]
    sinks = written.get("sinks") or {CONSOLE: None}
    trial = test.trial
    running = known if trial.rules is None else trial.rules
    for index, name in enumerate(trial.rules or ()):
        if name not in known:
            yield test.mistake(("rules", index), f"there is no rule '{quote(name)}'", nearest(name, known))
    for index, moment in enumerate(trial.expect):
        for name in moment.states:
            if name not in running:
                what = f"the rule '{quote(name)}' does not run here" if name in known else f"no rule '{quote(name)}'"
                right = nearest(name, [rule for rule in running if rule in known] or known)
                yield test.mistake(("expect", index, "states", name), what, right)
        for name in moment.messages:
            if isinstance(sinks, dict) and name not in sinks:
                yield test.mistake(
                    ("expect", index, "messages", name), f"there is no sink '{quote(name)}'", nearest(name, sinks)
                )
