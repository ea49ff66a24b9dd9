"""Rules: those that run, in words; and a file of somebody's, checked without being used."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from daemon.config.load import check_rules
from daemon.config.mistakes import ConfigError, Mistake
from daemon.server.api.resource import Request, Resource, Scope, Severities, Told
from rules.alerts import Phase
from rules.compiled import Rule
from rules.kinds import describe

if TYPE_CHECKING:
    from daemon.house import House


class RuleAnswer(Told):
    """One rule at work."""

    id: str
    kind: str
    sentence: str
    """what it does, in words"""
    event: str
    """the event type that it looks at"""
    severities: list[Severities]
    """its levels, mildest first"""
    keys: int
    """how many instruments or coins it follows at present"""
    pending: int
    """how many of them are on their way to fire"""
    firing: int
    notify: list[str] | None
    """the sinks that it names; missing: all of them"""


class RulesAnswer(Told):
    """The rules in the order of the file."""

    rules: list[RuleAnswer]


class MistakeAnswer(Told):
    """One thing that is wrong with a file."""

    line: int
    column: int
    path: str
    """rules.3.above"""
    what: str
    right: str
    """what would be right; empty where we do not know"""


class CheckedAnswer(Told):
    """What is in a file."""

    is_right: bool
    sentences: list[str]
    """each rule in words; none where something is wrong"""
    mistakes: list[MistakeAnswer]
    """all of them, in the order of the file"""
    warnings: list[MistakeAnswer]
    """what is right and probably not meant, likewise; none where something is wrong"""


def is_private(rule: Rule) -> bool:
    """Whether it is about somebody's own account."""
    return rule.on.IS_PRIVATE


async def _rules(house: "House", request: Request) -> RulesAnswer:
    del request
    answers = []
    for spec in house.config.rules:
        rule = house.rules[spec.id]
        if is_private(rule):
            continue
        phases = [tracker.phase for tracker in house.engine.trackers(spec.id)]
        answers.append(
            RuleAnswer(
                id=spec.id,
                kind=spec.type,
                sentence=describe(spec).partition(": ")[2],
                event=str(rule.on.__struct_config__.tag),
                severities=[severity.value for severity in rule.ladder.severities],
                keys=len(phases),
                pending=phases.count(Phase.PENDING),
                firing=phases.count(Phase.FIRING) + phases.count(Phase.RECOVERING),
                notify=None if spec.notify is None else list(spec.notify),
            )
        )
    return RulesAnswer(rules=answers)


async def _check(house: "House", request: Request) -> CheckedAnswer:
    try:
        # a thread of its own: a megabyte of aliases takes its time, and alerts must not wait for it
        specs, doubts = await asyncio.to_thread(check_rules, request.body, house.config)
    except ConfigError as exc:
        return CheckedAnswer(is_right=False, sentences=[], mistakes=_answers(exc.mistakes), warnings=[])
    sentences = [describe(spec) for spec in specs]
    return CheckedAnswer(is_right=True, sentences=sentences, mistakes=[], warnings=_answers(doubts))


def _answers(mistakes: Iterable[Mistake]) -> list[MistakeAnswer]:
    return [
        MistakeAnswer(line=one.line, column=one.column, path=one.path, what=one.what, right=one.right)
        for one in mistakes
    ]


RESOURCES = (
    Resource(method="GET", path="/api/rules", summary="The rules that run", answer=RulesAnswer, work=_rules),
    Resource(
        method="POST",
        path="/api/rules/check",
        summary="Check a rules file: every mistake with its place, or each rule in words, and warnings",
        scope=Scope.READ,
        body="yaml",
        answer=CheckedAnswer,
        work=_check,
    ),
)
