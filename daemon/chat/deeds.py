"""What a press does, and how it is told afterwards."""

from enum import StrEnum

from rules.alerts import Alert
from rules.delivery.matchers import Matchers, part, thing
from sinks.wording import say_when
from storage.buttons import Panel
from storage.silences import Silences

HOUR_MS = 3_600_000
MUTE_MS = 24 * HOUR_MS


class Action(StrEnum):
    """What can be pressed; the value travels in the button."""

    SEEN = "ack"
    HOUR = "1h"
    HOURS = "4h"
    CLEAR = "clear"
    MUTE = "mute"


_LENGTHS_MS = {Action.HOUR: HOUR_MS, Action.HOURS: 4 * HOUR_MS, Action.MUTE: MUTE_MS}


def quiet_thing(alert: Alert) -> str:
    """What `mute` keeps quiet: the instrument or the coin, on all venues; empty if the alert is about no single one."""
    name = thing(alert)
    return "" if part(alert, "feed") == name else name[:32]


def ends_ms(panel: Panel) -> int | None:
    """Until when a press keeps something quiet; None: it does not, or until the alert clears."""
    length_ms = _LENGTHS_MS.get(Action(panel.action)) if panel.action is not None else None
    return None if length_ms is None or panel.pressed_ms is None else panel.pressed_ms + length_ms


async def do(silences: Silences, panel: Panel, alert: Alert, *, worse_ms: int) -> None:
    """Do what was pressed. Twice is once: a silence has the name of its button, an acknowledgement that of its alert."""
    author = f"{panel.who} (Telegram)"
    match Action(panel.action or ""):
        case Action.SEEN:
            await silences.acknowledge(alert.episode_id, author, worse_ms=worse_ms)
        case Action.CLEAR:
            await silences.add(author=author, episode_id=alert.episode_id, silence_id=panel.token)
        case Action.HOUR | Action.HOURS:
            await silences.add(author=author, matchers=_same(alert), until_ms=ends_ms(panel), silence_id=panel.token)
        case Action.MUTE:
            meant = Matchers(symbols=(thing(alert),))
            await silences.add(author=author, matchers=meant, until_ms=ends_ms(panel), silence_id=panel.token)


def deed(panel: Panel, alert: Alert, now_ms: int) -> str:
    """Who did what: `snoozed by @anna until 13:00:00Z`."""
    until_ms = ends_ms(panel)
    until = "" if until_ms is None else f" until {say_when(until_ms, now_ms)}"
    match Action(panel.action or ""):
        case Action.SEEN:
            return f"acknowledged by {panel.who}, {say_when(panel.pressed_ms or 0, now_ms)}"
        case Action.CLEAR:
            return f"snoozed by {panel.who} until it clears"
        case Action.HOUR | Action.HOURS:
            return f"snoozed by {panel.who}{until}"
        case Action.MUTE:
            return f"{quiet_thing(alert)} muted by {panel.who}{until}"


def _same(alert: Alert) -> Matchers:
    """The same rule about the same thing at the same place, also if it clears and fires again."""
    name, venue = thing(alert), part(alert, "venue")
    if part(alert, "feed") == name:
        name = ""  # feeds are no symbols; the rule and the venue say which
    return Matchers(rules=(alert.rule_id,), symbols=(name,) if name else (), venues=(venue,) if venue else ())
