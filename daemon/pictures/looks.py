"""What can be looked at of a rule: the number that it holds against its limits.

A condition is true or false, which is no course; but what it compares is one. Each of its comparisons by `<`, `<=`, `>`,
`>=` is a rule of its own here: the same events, the same language, the same windows, and the number in place of the answer.
`crossed_up(price, 100, 15m)` compares, too. Two numbers that both move are shown as their distance from each other.
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice

import msgspec

from daemon.keeping import PASSING
from daemon.pictures.sides import drawn
from daemon.pictures.spelled import spelled
from rules.alerts import Severity
from rules.compiled import Expressed, Ladder, Rule
from rules.events import Event, FeedHealth, Liquidation
from rules.expression import Program, compile_value
from rules.formula import adds_up, every
from rules.grammar import Binary, Call, Comparison, Duration, Field, Mistake, Node, Number, Unary, parse
from rules.levels import ladder
from rules.windows import TIMED

LOOKS_MAX = 4  # comparisons of one condition; each is replayed
SPARSE_MS = 120_000  # two samples, as far apart as they are unless `storage.sample_every` says otherwise
ALL_KEPT = (Liquidation, FeedHealth)  # of these every single one is stored
_OTHERWISE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def looks(rule: Rule) -> tuple[Rule, ...]:
    """The rule itself if it measures a number, else one for each number that its condition compares; none if it does not."""
    if None not in rule.ladder.shown:
        return (drawn(rule),)
    texts = rule.written
    if "when" not in texts:
        return ()
    found = _looks(rule.on, texts["when"], texts.get("clear"), texts.get("where"), rule.ladder.severities[0])
    return tuple(
        msgspec.structs.replace(
            rule,
            measure=partial(Expressed, one.program),
            is_timed=any(slot.name in TIMED for slot in one.program.slots),
            ladder=one.ladder,
            facts={"when": one.text, "of": len(found)},
        )
        for one in found
    )


def has_numbers(rule: Rule) -> bool:
    """Whether there will be anything to look at, without compiling it: a house may have ten thousand rules."""
    if None not in rule.ladder.shown:
        return True
    when = rule.written.get("when")
    return when is not None and next(_compared(parse(when), rule.on, True), None) is not None


def is_part(look: Rule) -> bool:
    """Whether it is a number of a condition, and not what the rule itself answers."""
    return "of" in look.facts


def is_stored(look: Rule) -> bool:
    """Whether the log holds enough to replay it.

    What is only sampled cannot be summed, nor be compared with what it was a few seconds ago; and some events are not kept.
    """
    if issubclass(look.on, ALL_KEPT):
        return True
    return not issubclass(look.on, PASSING) and not is_sum(look) and not 0 < look.window_ms < SPARSE_MS


def is_sum(look: Rule) -> bool:
    """Whether it adds up single events: what was not heard is then missing from it."""
    if look.kind != "expression":
        return look.on is Liquidation and look.is_timed
    return adds_up(str(look.facts.get("when", "")))


class _Look(msgspec.Struct, frozen=True):
    text: str
    program: Program
    ladder: Ladder


@lru_cache(maxsize=256)
def _looks(
    event: type[Event], when: str, clear: str | None, where: str | None, severity: Severity
) -> tuple[_Look, ...]:
    over = list(_compared(parse(clear), event, True)) if clear is not None else []
    found: dict[tuple[str, str, float], _Look] = {}
    for text, sign, limit in _compared(parse(when), event, True):
        falls = sign in ("<", "<=")
        back = next((value for other, way, value in over if other == text and (way in ("<", "<=")) is not falls), None)
        try:
            program = compile_value(text, event, where=where, falling=falls)
        except Mistake:  # longer than a formula may be, as two numbers and the minus between them
            continue
        steps = ladder({severity: limit}, strict=sign in ("<", ">"), clear=back, falling=falls)
        found.setdefault((text, sign, limit), _Look(text, program, steps))
    return tuple(islice(found.values(), LOOKS_MAX))


def _compared(node: Node, event: type[Event], is_meant: bool) -> Iterator[tuple[str, str, float]]:
    """(number, sign, limit) of each comparison that makes the condition hold, in the order of the text."""
    match node:
        case Unary("not", inner, _):
            yield from _compared(inner, event, not is_meant)
        case Binary(_, left, right, _):
            yield from _compared(left, event, is_meant)
            yield from _compared(right, event, is_meant)
        case Comparison(sign, left, right, _) if sign in _OTHERWISE:
            yield from _placed(left, sign if is_meant else _OTHERWISE[sign], right, event)
        case Call("crossed_up" | "crossed_down" as name, (value, level, _), _) if is_meant:
            yield from _placed(value, ">" if name == "crossed_up" else "<", level, event)


def _placed(left: Node, sign: str, right: Node, event: type[Event]) -> Iterator[tuple[str, str, float]]:
    """What moves on the left, what stands still on the right."""
    match _moves(left), _moves(right):
        case True, True:
            yield spelled(Binary("-", left, right, left.at)), sign, 0.0
        case True, False if (limit := _worth(right, event)) is not None:
            yield spelled(left), sign, limit
        case False, True if (limit := _worth(left, event)) is not None:
            yield spelled(right), _TURNED[sign], limit


def _moves(node: Node) -> bool:
    """Whether it depends on what comes in."""
    return any(isinstance(part, Field | Duration) for part in every(node))


def _worth(node: Node, event: type[Event]) -> float | None:
    """What a formula without fields comes to; None if to no number."""
    if isinstance(node, Number):
        return node.value
    assess, _ = compile_value(spelled(node), event).start({})
    return assess(None, 0, True)
