"""What a press does, and how it is told afterwards."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from hashlib import blake2b
from itertools import permutations

from rules.alerts import Alert
from rules.delivery.matchers import PLACES, Matchers, part
from rules.instruments import coin_of
from sinks.wording import say_when
from storage.buttons import Panel
from storage.silences import Silences

HOUR_MS = 3_600_000
MUTE_MS = 24 * HOUR_MS
HTTP = "HTTP"  # where an answer is given that no chat has heard

_Box = tuple[frozenset[str], ...]  # names of rules, of things, of venues: every combination is meant


class Action(StrEnum):
    """What can be pressed; the value travels in the button."""

    SEEN = "ack"
    HOUR = "1h"
    HOURS = "4h"
    CLEAR = "clear"
    MUTE = "mute"


_LENGTHS_MS = {Action.HOUR: HOUR_MS, Action.HOURS: 4 * HOUR_MS, Action.MUTE: MUTE_MS}
LASTING = (Action.SEEN, Action.CLEAR)  # said to what still fires


def is_lasting(alert: Alert) -> bool:
    """It still fires, so somebody can have seen it, or wait for its end."""
    return alert.ended_ms is None and not alert.is_momentary


def can_be_answered(alert: Alert) -> bool:
    """It still fires, or was over when it was told, so that only the next one like it can be kept quiet."""
    return alert.ended_ms is None or alert.is_momentary


def is_over(action: Action, alerts: Collection[Alert]) -> bool:
    """Whether this would do nothing any more, because what it is about has cleared."""
    if action is Action.MUTE and not quiet_thing(alerts):
        return True
    return not any(map(is_lasting if action in LASTING else can_be_answered, alerts))


def quiet_thing(alerts: Collection[Alert]) -> str:
    """What `mute` keeps quiet, on all venues: the instrument or coin that all are about, or their instruments' coin.

    Empty if they are about several, or one is about none.
    """
    names = set(map(_thing, alerts))
    if len(names) > 1 and "" not in names:
        names = {coin_of(name) for name in names}
    return names.pop() if len(names) == 1 else ""


def ends_ms(panel: Panel) -> int | None:
    """Until when a press keeps something quiet; None: it does not, or until the alert clears."""
    length_ms = _LENGTHS_MS.get(Action(panel.action)) if panel.action is not None else None
    return None if length_ms is None or panel.pressed_ms is None else panel.pressed_ms + length_ms


def touched(panel: Panel, alerts: Collection[Alert]) -> list[Alert]:
    """Those of a message's alerts that the press is about: to have seen one it must have fired still."""
    if panel.action not in LASTING or panel.pressed_ms is None:
        return list(alerts)
    pressed_ms = panel.pressed_ms
    return [
        alert for alert in alerts if not alert.is_momentary and (alert.ended_ms is None or alert.ended_ms > pressed_ms)
    ]


async def do(silences: Silences, panel: Panel, alerts: Sequence[Alert]) -> None:
    """Do what was pressed under a message about these. Twice is once: what it makes is named after its button."""
    author, until_ms = panel.author, ends_ms(panel)
    meant = touched(panel, alerts) or list(alerts)
    match Action(panel.action or ""):
        case Action.SEEN:
            names = [one.episode_id for one in meant]
            await silences.acknowledge_all(names, author, at_ms=panel.pressed_ms or 0)
        case Action.CLEAR:
            single = {_name(panel, one.episode_id, len(meant)): one.episode_id for one in meant}
            await silences.add_all(single, author=author, until_ms=None)
        case Action.HOUR | Action.HOURS:
            alike = fold(_same(alert) for alert in meant)
            named = {_name(panel, str(one), len(alike)): one for one in alike}
            await silences.add_all(named, author=author, until_ms=until_ms)
        case Action.MUTE:
            if name := quiet_thing(alerts):
                await silences.add_all({panel.token: Matchers(symbols=(name,))}, author=author, until_ms=until_ms)


def deed(panel: Panel, alerts: Sequence[Alert], now_ms: int, *, chat: str = "", among: int = 0) -> str:
    """Who did what to these, as it reads in this chat: `6 alerts acknowledged by @anna in Slack, 12:01:00Z`.

    `among`: how many the message tells, if these are only some of them.
    """
    until_ms = ends_ms(panel)
    until = "" if until_ms is None else f" until {say_when(until_ms, now_ms)}"
    count = len(touched(panel, alerts) or alerts)
    several = max(len(alerts), among) > 1
    them = f"{count:,} alert{'' if count == 1 else 's'} " if several else ""
    who = f"{panel.who}{_where(panel, chat)}"
    match Action(panel.action or ""):
        case Action.SEEN:
            return f"{them}acknowledged by {who}, {say_when(panel.pressed_ms or 0, now_ms)}"
        case Action.CLEAR:
            return f"{them}snoozed by {who} until {'they clear' if several and count > 1 else 'it clears'}"
        case Action.HOUR | Action.HOURS:
            return f"{them}snoozed by {who}{until}"
        case Action.MUTE:
            return f"{quiet_thing(alerts)} muted by {who}{until}"


def _where(panel: Panel, chat: str) -> str:
    """Nothing in the chat where it was pressed."""
    if not panel.chat or panel.chat == chat:
        return ""
    return f" over {HTTP}" if panel.chat == HTTP else f" in {panel.chat}"


def fold(meant: Iterable[Matchers]) -> list[Matchers]:
    """As few silences as say the same: rules, things and venues that occur in every combination become lists of one."""
    boxes = {tuple(frozenset(names) for names in (one.rules, one.symbols, one.venues)) for one in meant}
    folded = min((_folded(boxes, order) for order in permutations(range(3))), key=len)
    found = [Matchers(rules=tuple(sorted(a)), symbols=tuple(sorted(b)), venues=tuple(sorted(c))) for a, b, c in folded]
    return sorted(found, key=str)


def _folded(boxes: Collection[_Box], order: Iterable[int]) -> set[_Box]:
    """Two that differ in one part only become one; a part without names means all of them."""
    found = set(boxes)
    for place in order:
        alike: dict[_Box, list[frozenset[str]]] = {}
        for box in found:
            alike.setdefault((*box[:place], *box[place + 1 :]), []).append(box[place])
        found = {
            (*rest[:place], frozenset[str]() if frozenset() in parts else frozenset[str]().union(*parts), *rest[place:])
            for rest, parts in alike.items()
        }
    return found


def _same(alert: Alert) -> Matchers:
    """The same rule about the same thing at the same place, also if it clears and fires again."""
    name, venue = _thing(alert), _part(alert, "venue")
    return Matchers(rules=(alert.rule_id,), symbols=(name,) if name else (), venues=(venue,) if venue else ())


def _thing(alert: Alert) -> str:
    """The instrument or coin; feeds are no symbols: the rule and the venue say which."""
    return next((name for place in PLACES if place != "feed" and (name := _part(alert, place))), "")


def _part(alert: Alert, name: str) -> str:
    """Of what the alert is about. One that lasts is about its key: its latest event may be any other by now."""
    return part(alert, name) if alert.is_momentary else alert.key.get(name, "")


def _name(panel: Panel, what: str, count: int) -> str:
    """The same press makes the same silences; the only one is called like its button, others differ where they begin."""
    return panel.token if count == 1 else blake2b(what.encode(), digest_size=4).hexdigest() + panel.token
