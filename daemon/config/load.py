"""From files to a Config, or to every mistake that is in them."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daemon.config import foreign
from daemon.config.checks import misplaced
from daemon.config.doubts import idle_severities, unbrought
from daemon.config.explain import describe, explain, misspelled, split
from daemon.config.fractions import bare_fractions
from daemon.config.inhibitions import doubtful_inhibitions, idle_inhibitions
from daemon.config.merge import PRIVATE, read_files
from daemon.config.mistakes import GUESS, ConfigError, Mistake, closest, nearest, quote
from daemon.config.model import CONSOLE, Config, Settings, Signature, console_sink
from daemon.config.places import Place
from daemon.config.routing import doubtful_routes, idle_routes, unheard, unused
from daemon.config.secrets import fill
from daemon.config.shape import keys_of
from daemon.config.trials import trials
from daemon.config.yaml import read
from rules.alerts import Severity

VARIABLE = "TOCSIN_CONFIG"
SENT = "rules.yaml"  # what a text without a file is called in its mistakes
_EXAMPLE = "rules.example.yaml"
Model = TypeVar("Model", bound=BaseModel)
_SECTIONS = ("sources", "sinks", "routes", "inhibit", "alive", "rules", "tests", "storage", "server", "label")


def load(paths: Sequence[Path], *, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the files as one configuration. Raises ConfigError with all mistakes of all files."""
    files = _each_once(paths)
    before = signature(files)
    written, root, mistakes = read_files(list(files))
    mistakes += _unknown_sections(written, root)
    settings, wrong = _settings(written, root, environ)
    mistakes += wrong
    sources, wrong = _sources(written, root, environ)
    mistakes += wrong
    rules, wrong = _rules(written, root)
    mistakes += wrong
    compiled = _compiled(settings, rules) if settings is not None and not wrong else []
    if settings is not None and not wrong:
        mistakes += [*idle_inhibitions(settings.inhibit, compiled, root), *idle_routes(settings.routes, compiled, root)]
    tests, wrong = trials(written, root)
    mistakes += wrong
    mistakes += misplaced(written, root)
    if mistakes or settings is None:
        raise ConfigError(mistakes)
    sinks = settings.sinks or {CONSOLE: console_sink()}
    doubts = (
        *doubtful_inhibitions(settings.inhibit, compiled, {spec.id: spec for spec in rules}, root),
        *doubtful_routes(settings.routes, compiled, root),
        *unheard(settings.routes, sinks, compiled, root),
        *unused(settings, sinks, compiled, root),
        *_doubts(rules, written, sources, root),
    )
    return Config(
        files=files,
        sources=sources,
        sinks=sinks,
        rules=tuple(rules),
        tests=tuple(tests),
        storage=settings.storage,
        server=settings.server,
        label=settings.label,
        routes=tuple(settings.routes),
        inhibit=tuple(settings.inhibit),
        alive=settings.alive,
        signature=before,
        doubts=tuple(sorted(doubts)),
        written=written,
    )


def check_rules(source: bytes, running: Config) -> tuple[tuple[Any, ...], tuple[Mistake, ...]]:
    """The rules of a text that somebody sent, and what is doubtful about them; ConfigError with all its mistakes.

    They are read as if they were added to what is `running`. No secret and no file is read; sections that are not about
    rules are for the operator to set.
    """
    written, root, mistakes = read(source, SENT)
    if not isinstance(written, dict):
        raise ConfigError(mistakes or [Mistake(SENT, 1, 1, "", "these are no rules", "begin with rules:")])
    unread = [
        Mistake(SENT, where.key_line, where.key_column, str(name), "is not checked here", "only rules are")
        for name, where in (root.children or {}).items()
        if name in _SECTIONS and name != "rules"
    ]
    mistakes += _unknown_sections(written, root)
    rules, wrong = _rules(written, root)
    mistakes += wrong
    mistakes += misplaced({"rules": written.get("rules", []), "sinks": _sinks_known(written, running)}, root)
    if mistakes:
        raise ConfigError(mistakes)
    doubts = (
        *unread,
        *unheard(running.routes, running.sinks, [spec.compile() for spec in rules], root),
        *_doubts(rules, written, running.sources, root),
    )
    return tuple(rules), tuple(sorted(doubts))


def _sinks_known(written: Mapping[str, Any], running: Config) -> dict[str, None]:
    """Those that run, and those that the text itself brings."""
    own = written.get("sinks")
    return dict.fromkeys([*running.sinks, *(own if isinstance(own, dict) else ())])


def _doubts(
    rules: Sequence[Any], written: Mapping[str, Any], sources: Collection[str] | None, root: Place
) -> Iterator[Mistake]:
    """What is doubtful about rules in themselves."""
    yield from unbrought(rules, sources, root)
    yield from idle_severities(rules, root)
    yield from bare_fractions(rules, written.get("rules", []), root)


def chosen_files(given: Sequence[Path], environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files to read: those given, else those of TOCSIN_CONFIG (several like a PATH), else the shipped example."""
    named = environ.get(VARIABLE, "")
    return list(given) or [Path(part) for part in named.split(os.pathsep) if part] or [example_file()]


def example_file() -> Path:
    """The rules we ship: beside this module when installed, at the project's root in a checkout."""
    packaged = Path(__file__).with_name(_EXAMPLE)
    return packaged if packaged.exists() else Path(__file__).resolve().parents[2] / _EXAMPLE


def signature(files: Sequence[Path]) -> Signature:
    """What changes when a file is written, replaced, or a link on the way to it points elsewhere."""
    signature: list[tuple[str, int, int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
            signature.append((os.path.realpath(file), status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            signature.append(None)
    return tuple(signature)


def _each_once(paths: Sequence[Path]) -> tuple[Path, ...]:
    return tuple({path.absolute(): path for path in paths}.values())


def _unknown_sections(written: dict[str, Any], root: Place) -> list[Mistake]:
    return [
        Mistake(where.file, where.key_line, where.key_column, quote(key), "is not a section", _meant_section(key))
        for key, where in (root.children or {}).items()
        if key not in _SECTIONS and isinstance(key, str) and key in written
    ]


def _meant_section(key: str) -> str:
    right = nearest(key, _SECTIONS)
    return right if right.startswith(GUESS) else f"{right}; a place for anchors begins with {PRIVATE}"


def _compiled(settings: Settings, specs: Sequence[Any]) -> list[Any]:
    """The rules ready to run, where a section asks what they can say; each costs a moment, and a file has thousands."""
    is_asked = settings.routes or settings.inhibit or len(settings.sinks) > 1
    is_asked = is_asked or any(sink.min_severity is not Severity.INFO for sink in settings.sinks.values())
    return [spec.compile() for spec in specs] if is_asked else []


def _settings(
    written: dict[str, Any], root: Place, environ: Mapping[str, str]
) -> tuple[Settings | None, list[Mistake]]:
    own = {key: value for key, value in written.items() if key in keys_of(Settings)}
    return _validate(Settings, own, root, (), environ)


def _validate(
    model: type[Model], value: Any, place: Place, loc: tuple[str | int, ...], environ: Mapping[str, str]
) -> tuple[Model | None, list[Mistake]]:
    filled, mistakes = fill(model, value, place, loc, environ)
    try:
        return model.model_validate(filled), mistakes
    except ValidationError as exc:
        unread = {(mistake.line, mistake.column, mistake.file) for mistake in mistakes}  # said once is enough
        wrong = [at for at in explain(exc, model, place, loc) if (at.line, at.column, at.file) not in unread]
        return None, mistakes + wrong


def _sources(
    written: dict[str, Any], root: Place, environ: Mapping[str, str]
) -> tuple[dict[str, BaseModel] | None, list[Mistake]]:
    if "sources" not in written:
        return None, []
    block, (place, _) = written["sources"], root.find(("sources",))
    if not isinstance(block, dict):
        right = "write a block of `name:` lines; without the section every source that needs no key runs"
        what = f"{describe(block)} cannot stand here"
        return None, [Mistake(place.file, place.line, place.column, "sources", what, right)]
    configs, sources, mistakes = foreign.source_configs(), {}, []
    for name, value in block.items():
        where, _ = place.find((name,))
        path = f"sources.{quote(name)}"
        if value is not None and not isinstance(value, dict):
            what, right = f"{describe(value)} cannot stand here", f"write `{quote(name)}:` with nothing behind it"
            mistakes.append(Mistake(where.file, where.line, where.column, path, what, right))
            continue
        if name not in configs:
            what, right = "is not a source", nearest(name, configs)
            mistakes.append(Mistake(where.file, where.key_line, where.key_column, path, what, right))
            continue
        told, wrong = _validate(configs[name], {} if value is None else value, where, ("sources", name), environ)
        mistakes += wrong
        if told is not None:
            sources[name] = told
    return sources, mistakes


def _rules(written: dict[str, Any], root: Place) -> tuple[list[Any], list[Mistake]]:
    block, (place, _) = written.get("rules", []), root.find(("rules",))
    if not isinstance(block, list):
        what, right = f"{describe(block)} cannot stand here", "write a list: each rule begins with `- id: name`"
        return [], [Mistake(place.file, place.line, place.column, "rules", what, right)]
    rules: list[Any] = []
    mistakes: list[Mistake] = []
    for index, raw in enumerate(block):
        where = (place.children or {})[index]
        loc = ("rules", index)
        if not isinstance(raw, dict):
            what, right = f"{describe(raw)} is not a rule", "write `- id: name`, and below it `type:` and the rest"
            mistakes.append(Mistake(where.file, where.line, where.column, f"rules.{index}", what, right))
            continue
        try:
            rules.append(foreign.parse_rule(raw))
        except ValidationError as exc:
            mistakes += explain(exc, foreign.rule_shape(raw), where, loc)
            mistakes += _rest(raw, where, loc)
        except ValueError as exc:
            what, right = split(str(exc))
            mistakes.append(Mistake(where.file, where.line, where.column, f"rules.{index}", what, right))
    return rules, mistakes


def _rest(raw: dict[str, Any], where: Place, loc: tuple[str | int, ...]) -> list[Mistake]:
    """What else is wrong with a rule whose `type` is nearly right: whoever mends it should not find one after another."""
    key = "type" if "type" in raw else misspelled("type", raw)
    if key is None or foreign.rule_shape(raw) is not None:
        return []
    kind = closest(str(raw[key]), foreign.rule_kinds())
    if kind is None:
        return []
    guessed = {name: value for name, value in raw.items() if name != key} | {"type": kind}
    try:
        foreign.parse_rule(guessed)
    except ValidationError as exc:
        return explain(exc, foreign.rule_shape(guessed), where, loc)
    return []
