"""The buttons under a message about one alert, and what has been done about it."""

from collections.abc import Callable

from msgspec.structs import replace

from daemon.chat.deeds import Action, deed, quiet_thing
from rules.alerts import Alert
from rules.delivery.letters import Form
from sinks.base import Button, Message
from storage.buttons import Buttons
from storage.claim import Delivery


class Keyboard:
    """Dresses messages that are about to leave."""

    def __init__(self, buttons: Buttons, clock: Callable[[], int]) -> None:
        self._buttons = buttons
        self._clock = clock

    async def dress(self, delivery: Delivery, message: Message) -> Message:
        """With buttons while there is something to answer, and with what others have done already."""
        alert = delivery.alert
        if delivery.form is not Form.ALERT or alert is None:
            return message
        pressed = await self._buttons.pressed(alert.episode_id)
        lines = (*message.lines, *(deed(panel, alert, self._clock()) for panel in pressed))
        if alert.ended_ms is not None and not alert.is_momentary:
            return replace(message, lines=lines)
        panel = await self._buttons.put(delivery.key, delivery.lane, alert.episode_id)
        if panel.press is not None:  # these were pressed: the message was sent once more
            return replace(message, lines=lines)
        return replace(message, lines=lines, buttons=rows(alert, panel.token))


def rows(alert: Alert, token: str) -> tuple[tuple[Button, ...], ...]:
    """What can be said to this alert. A momentary one is over already, so it cannot be seen or waited for."""

    def button(action: Action, words: str) -> Button:
        return Button(words, f"{action}:{token}")

    lasting = (button(Action.SEEN, "Acknowledge"),)
    snooze = (button(Action.HOUR, "Snooze 1h"), button(Action.HOURS, "Snooze 4h"))
    found: list[tuple[Button, ...]] = [snooze]
    if not alert.is_momentary:
        found = [lasting, (*snooze, button(Action.CLEAR, "Until it clears"))]
    if thing := quiet_thing(alert):
        found.append((button(Action.MUTE, f"Mute {thing} 24h"),))
    return tuple(found)
