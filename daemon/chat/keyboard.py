"""The buttons under a message about alerts, and what has been done about them."""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from daemon.chat.answered import is_answered, say
from daemon.chat.deeds import Action, can_be_answered, is_lasting, quiet_thing
from rules.alerts import Alert
from rules.delivery.letters import Form
from sinks.base import Button, Message
from storage.answers import Answers
from storage.buttons import Buttons
from storage.deliveries import Delivery

ALERTS_MAX = 500  # of a digest, of which is asked what was done about them


class Keyboard:
    """Dresses messages that are about to leave."""

    def __init__(
        self, buttons: Buttons, answers: Answers, clock: Callable[[], int], chat_of: Callable[[str], str]
    ) -> None:
        """`chat_of` says in which chat a sink speaks."""
        self._buttons = buttons
        self._answers = answers
        self._clock = clock
        self._chat_of = chat_of

    async def dress(self, delivery: Delivery, message: Message) -> Message:
        """With buttons while there is something to answer, and with what others have done already, in any chat."""
        alerts = [member.alert for member in delivery.members]
        if not alerts and delivery.alert is not None:
            alerts = [delivery.alert]
        if not alerts or delivery.form is Form.WORDS:
            return message
        token = None
        if any(map(can_be_answered, alerts)):
            # before it is asked who has answered: whoever does so later finds this message, and that it offers too much
            episode_id = alerts[0].episode_id if delivery.form is Form.ALERT else None
            panel = await self._buttons.put(delivery.key, delivery.lane, episode_id)
            token = panel.token if panel.press is None else None  # these were pressed: the message was sent once more
        now_ms = self._clock()
        answers = await self._answers.of([alert.episode_id for alert in alerts[:ALERTS_MAX]])
        lines = await say(self._buttons, answers, alerts, answers, now_ms, self._chat_of(delivery.lane))
        dressed = replace(message, lines=(*message.lines, *lines))
        if token is None or is_answered(alerts, answers, now_ms):
            return dressed
        return replace(dressed, buttons=rows(alerts, token))


def rows(alerts: Collection[Alert], token: str) -> tuple[tuple[Button, ...], ...]:
    """What can be said to these. What is momentary is over already, so it cannot be seen or waited for."""

    def button(action: Action, words: str) -> Button:
        return Button(words, f"{action}:{token}")

    lasting = sum(map(is_lasting, alerts))
    snooze = (button(Action.HOUR, "Snooze 1h"), button(Action.HOURS, "Snooze 4h"))
    found: list[tuple[Button, ...]] = [snooze]
    if lasting:
        clear = "Until it clears" if lasting == 1 else "Until they clear"
        found = [(button(Action.SEEN, "Acknowledge"),), (*snooze, button(Action.CLEAR, clear))]
    if thing := quiet_thing(alerts):
        found.append((button(Action.MUTE, f"Mute {thing[:32]} 24h"),))
    return tuple(found)
