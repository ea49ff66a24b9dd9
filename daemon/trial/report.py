"""A failing test in words: what was expected beside what came, as it would stand in the file."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import indent

from daemon.config.mistakes import Mistake
from daemon.trial.trials import Failure, Outcome, squeezed
from rules.units import write_duration

_PLAIN = re.compile(r"[A-Za-z0-9*][\w .*/+-]*")
_SHOWN = 100


def mistakes(outcomes: Iterable[Outcome]) -> list[Mistake]:
    """Each failure as a mistake of the file, at the line of what was expected."""
    return [_mistake(failure) for outcome in outcomes for failure in outcome.failures]


def told(outcome: Outcome) -> str:
    """All of a failed test, in lines."""
    where = outcome.test.place
    lines = [f"FAILED  {outcome.test.trial.name}  ({where.file}:{where.line})"]
    for failure in outcome.failures:
        lines.append(f"  at {write_duration(failure.at_ms)}, {failure.subject}")
        for word, items in (("expected", failure.expected), ("got", failure.got)):
            lines.append(f"    {word}:")
            lines.append(indent("\n".join(_written(failure, items)), "      "))
        if failure.hint:
            lines.append(f"    {failure.hint}")
        if failure.later_ms is not None:
            lines.append(f"    it came later, at {write_duration(failure.later_ms)}")
    return "\n".join(lines)


def _mistake(failure: Failure) -> Mistake:
    moment = write_duration(failure.at_ms)
    what = f"the test '{failure.test.trial.name}' fails at {moment}: {failure.subject}: {_difference(failure)}"
    return failure.test.mistake(failure.loc, what, "`tocsin test` shows all of it")


def _difference(failure: Failure) -> str:
    if not failure.is_messages:
        pairs = zip(failure.expected, failure.got, strict=True)
        one, other = next((pair for pair in pairs if pair[0] != pair[1]), (failure.expected[0], failure.got[0]))
        hint = f" ({failure.hint})" if failure.hint else ""
        return f"expected {one}, got {other.rpartition(': ')[2]}{hint}"
    for number, (one, other) in enumerate(zip(failure.expected, failure.got, strict=False), 1):
        line, came = _first_difference(one, other)
        if squeezed(line) == squeezed(came) and line != came:
            return f"the {_nth(number)} differs in its blanks alone; it says '{came}'"
        if line != came:
            return f"the {_nth(number)} is expected to say '{line}', and says '{came}'"
    if len(failure.expected) > len(failure.got):
        later = f", it came at {write_duration(failure.later_ms)}" if failure.later_ms is not None else ""
        return f"expected {_count(failure.expected)}, got {len(failure.got)}{later}"
    return f"one that nobody expected: '{_cut(failure.got[len(failure.expected)].splitlines()[0])}'"


def _first_difference(expected: str, got: str) -> tuple[str, str]:
    lines, came = expected.splitlines(), got.splitlines()
    if len(lines) <= 1:
        came = came[:1]
    size = max(len(lines), len(came))
    pairs = zip(lines + [""] * (size - len(lines)), came + [""] * (size - len(came)), strict=True)
    one, other = next((pair for pair in pairs if pair[0].rstrip() != pair[1]), ("", ""))
    return _cut(one), _cut(other)


def _written(failure: Failure, items: Sequence[str]) -> Iterator[str]:
    """As YAML, for the block `states:` or `messages:`."""
    if not failure.is_messages:
        yield f"{failure.subject}:"
        for item in items:
            key, _, state = item.rpartition(": ")
            yield f"  {_text(key)}: {state}"
        return
    sink = str(failure.loc[-1]) if failure.loc[-2] == "messages" else failure.subject.removeprefix("messages to ")
    yield f"{sink}:" if items else f"{sink}: []"
    for item in items:
        yield "  - |" if "\n" in item else f"  - {_text(item)}"
        if "\n" in item:
            yield indent(item, "    ")


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not text.endswith(" ") else json.dumps(text, ensure_ascii=False)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _nth(number: int) -> str:
    return {1: "first message", 2: "second message", 3: "third message"}.get(number, f"{number}th message")


def _count(items: Sequence[str]) -> str:
    return f"{len(items)} message{'' if len(items) == 1 else 's'}"
