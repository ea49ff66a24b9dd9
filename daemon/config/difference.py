"""What a reload changed, so that a person sees it before trusting it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.config.mistakes import quote
from daemon.config.model import Config, SinkConfig

_AT_ONCE = ("routes", "inhibit", "alive")
_AT_START = ("sources", "storage", "server", "label")
_SECRET = frozenset({"url", "answer.app_token"})


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What became of one section's named things."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[tuple[str, tuple[str, ...]], ...] = ()  # name -> `above: 0.05% -> 0.06%`, one a field

    def lines(self, noun: str) -> list[str]:
        return [
            *(f"+ {noun} {name}" for name in self.added),
            *(f"- {noun} {name}" for name in self.removed),
            *(f"~ {noun} {name}: {', '.join(fields)}" for name, fields in self.changed),
        ]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Between two configurations. Falsy when nothing differs; its text is fit for the console and holds no secret."""

    rules: Changes
    sinks: Changes
    at_once: tuple[str, ...]  # other sections that changed
    at_start: tuple[str, ...]  # sections that changed and are only read when the daemon starts

    def __bool__(self) -> bool:
        return bool(str(self))

    def __str__(self) -> str:
        waiting = [f"! {name} changed; this takes effect when the daemon is started again" for name in self.at_start]
        others = [f"~ {name} changed" for name in self.at_once]
        return "\n".join([*self.rules.lines("rule"), *self.sinks.lines("sink"), *others, *waiting])


def difference(old: Config, new: Config, *, started: Config | None = None) -> Difference:
    """What is new, gone or changed, as it was written in the files.

    `started`: what the daemon was started with, if that was not the old one; going back to it needs no start.
    """
    begun = started or old
    return Difference(
        rules=_changes(_rules(old), _rules(new), secret=frozenset(), same=_same_rules(old, new)),
        sinks=_changes(_sinks(old), _sinks(new), secret=_SECRET, same=frozenset()),
        at_once=tuple(name for name in _AT_ONCE if getattr(old, name) != getattr(new, name)),
        at_start=tuple(
            name for name in _AT_START if getattr(new, name) not in (getattr(old, name), getattr(begun, name))
        ),
    )


def _rules(config: Config) -> dict[str, dict[str, Any]]:
    return {str(raw["id"]): raw for raw in config.written.get("rules", [])}


def _same_rules(old: Config, new: Config) -> frozenset[str]:
    """Rules that mean the same, though 5bp may have become 0.05%."""
    before = {rule.id: rule for rule in old.rules}
    return frozenset(rule.id for rule in new.rules if before.get(rule.id) == rule)


def _sinks(config: Config) -> dict[str, dict[str, Any]]:
    """A sink as it was written, but its secrets as they were read: a rotated token changes only that."""
    written = config.written.get("sinks") or {}
    return {name: _without_answer(written.get(name, {})) | _secrets(sink) for name, sink in config.sinks.items()}


def _without_answer(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != "answer"}


def _secrets(sink: SinkConfig) -> dict[str, Any]:
    """What holds a secret, part by part."""
    found: dict[str, Any] = {"url": sink.url}
    if sink.answer is not None:
        found["answer.users"] = sink.answer.users
    if sink.answer is not None and sink.answer.app_token is not None:
        found["answer.app_token"] = sink.answer.app_token
    return found


def _changes(
    old: Mapping[str, dict[str, Any]],
    new: Mapping[str, dict[str, Any]],
    *,
    secret: frozenset[str],
    same: frozenset[str],
) -> Changes:
    return Changes(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(
            (name, fields)
            for name in new
            if name in old and name not in same and (fields := tuple(_fields(old[name], new[name], secret)))
        ),
    )


def _fields(old: dict[str, Any], new: dict[str, Any], secret: frozenset[str]) -> list[str]:
    return [
        f"{quote(key)} changed" if key in secret else f"{quote(key)}: {_show(old, key)} -> {_show(new, key)}"
        for key in dict.fromkeys([*old, *new])
        if key not in old or key not in new or old[key] != new[key]
    ]


def _show(values: dict[str, Any], key: str) -> str:
    if key not in values:
        return "(not set)"
    value = values[key]
    if isinstance(value, list):
        return quote(f"[{', '.join(map(str, value))}]")
    if isinstance(value, dict):
        return quote("{" + ", ".join(f"{name}: {part}" for name, part in value.items()) + "}")
    return quote(value)
