"""A button was pressed: by whom, on what, and whether it is the first."""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from daemon.chat.deeds import Action, deed, do
from daemon.chat.saying import Voice
from daemon.config.model import SinkConfig
from daemon.wire.telegram import Press
from rules.alerts import Alert
from storage.buttons import Buttons, Panel
from storage.silences import Silences

STRANGER = "You are not on the list of those who may answer here."
EXPIRED = "These buttons have expired. Write /mute, or wait for the next message."
UNKNOWN = "This button is not known here."
OVER = "This alert has cleared already."


_TOKEN = re.compile(r"[0-9a-f]{1,64}")  # what else comes back is not ours


class Ledger(Protocol):
    """What presses need of the house."""

    @property
    def sinks(self) -> Mapping[str, SinkConfig]:
        """By name, as they are configured now."""

    def worse_ms(self, episode_id: str) -> int:
        """When this alert got worse last; what was seen before that was less."""

    def heard(self) -> None:
        """Something was written that the house should read."""


class Presses:
    """Hears the presses of one bot."""

    def __init__(
        self, buttons: Buttons, silences: Silences, voice: Voice, ledger: Ledger, clock: Callable[[], int]
    ) -> None:
        self._buttons = buttons
        self._silences = silences
        self._voice = voice
        self._ledger = ledger
        self._clock = clock

    async def hear(self, press: Press, *, is_stranger: bool) -> None:
        """Do it, answer it, and close the message. The same press again (a crash came between) ends the same."""
        judged = STRANGER if is_stranger else await self._judge(press)
        if isinstance(judged, str):
            await self._voice.note(press, judged)
        else:
            await self._done(press, *judged)

    async def _judge(self, press: Press) -> str | tuple[Panel, Alert]:
        """The press that counts, which may be another, and its alert; or why there is none."""
        name, _, token = press.data.partition(":")
        if name not in set(Action) or not _TOKEN.fullmatch(token):
            return UNKNOWN
        panel = await self._buttons.find(token)
        if panel is None:
            return EXPIRED
        if not self._may(press.user.id, panel):
            return STRANGER
        alert = await self._buttons.alert(panel.episode_id)
        if alert is None:
            return EXPIRED
        if panel.press is None and alert.ended_ms is not None and not alert.is_momentary:
            return OVER
        pressed = await self._buttons.press(token, press.id, name, press.user.said)
        return EXPIRED if pressed is None or pressed.press is None else (pressed, alert)

    async def _done(self, press: Press, panel: Panel, alert: Alert) -> None:
        if panel.press == press.id:
            await do(self._silences, panel, alert, worse_ms=self._ledger.worse_ms(alert.episode_id))
            self._ledger.heard()
        words = deed(panel, alert, self._clock())
        await self._voice.note(press, words if panel.press == press.id else f"Done already: {words}")
        if press.message is not None and await self._is_ours_to_edit(panel):
            await self._voice.close(press.message, words)

    async def _is_ours_to_edit(self, panel: Panel) -> bool:
        """A message that has changed since it was pressed says more by now than what was pressed."""
        sink = self._ledger.sinks.get(panel.lane)
        return (sink is not None and not sink.edit) or await self._buttons.is_newest(panel)

    def _may(self, user: int, panel: Panel) -> bool:
        sink = self._ledger.sinks.get(panel.lane)
        return sink is not None and sink.answer is not None and user in sink.answer.users
