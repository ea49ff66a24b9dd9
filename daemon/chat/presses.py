"""A button was pressed: by whom, on what, and whether it is the first."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.chat.answered import is_answered, say, standing, with_the_rest
from daemon.chat.deeds import LASTING, Action, can_be_answered, deed, do, is_over
from daemon.chat.pressed import Closed, Mouth, Pressed
from daemon.config.model import SinkConfig
from rules.alerts import Alert
from storage.answers import Answers
from storage.buttons import Buttons, Panel
from storage.silences import Silences
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

STRANGER = "You are not on the list of those who may answer here."
EXPIRED = "These buttons have expired. Use a command, or wait for the next message."
UNKNOWN = "This button is not known here."
OVER = "This alert has cleared already."


_TOKEN = re.compile(r"[0-9a-f]{1,64}")  # what else comes back is not ours


class Household(Protocol):
    """What presses need of the house."""

    @property
    def sinks(self) -> Mapping[str, SinkConfig]:
        """By name, as they are configured now."""

    def heard(self) -> None:
        """Something was written that the house should read."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A press that was heard, and what it is about."""

    panel: Panel  # without a press: these alerts had been answered under other messages
    alerts: Sequence[Alert]
    is_theirs: bool  # else somebody else was first


class Presses:
    """Hears the presses of one bot, in two steps: what a press does is done first, and told afterwards."""

    def __init__(
        self,
        buttons: Buttons,
        answers: Answers,
        silences: Silences,
        mouth: Mouth,
        household: Household,
        clock: Callable[[], int],
        *,
        chat: str,
    ) -> None:
        self._buttons = buttons
        self._answers = answers
        self._silences = silences
        self._mouth = mouth
        self._household = household
        self._clock = clock
        self._chat = chat
        self._in_hand: set[str] = set()  # being told just now

    async def hear(self, pressed: Pressed, *, is_stranger: bool) -> None:
        """Do it, answer it, and close the message. The same press again (a crash came between) ends the same."""
        await self.tell(pressed, await self.take(pressed, is_stranger=is_stranger))

    async def take(self, pressed: Pressed, *, is_stranger: bool) -> Taken | str:
        """Write it down and do it, or say why not. StorageTrouble if it must be pressed again.

        What somebody else was first with is done again too, unless the message tells of it: twice is once, and after a
        crash the first may have been written down and not done.
        """
        taken = STRANGER if is_stranger else await self._judge(pressed)
        if isinstance(taken, Taken) and taken.panel.shown_ms is None:
            await self._do(taken.panel, taken.alerts)
        return taken

    async def tell(self, pressed: Pressed, taken: Taken | str) -> None:
        """Answer the press, and let the message say who did what."""
        if isinstance(taken, str):
            await self._mouth.note(pressed, taken)
            return
        panel = taken.panel
        words = await self._words(panel, taken.alerts)
        note = words if taken.is_theirs else f"Done already: {words or 'there is news, look at the next message'}"
        self._in_hand.add(panel.token)
        try:
            if self._mouth.notes_all:
                await self._mouth.note(pressed, note)
            is_seen = panel.shown_ms is not None or (bool(words) and await self._show(panel, words, pressed.place))
            if not self._mouth.notes_all and not (is_seen and taken.is_theirs):
                await self._mouth.note(pressed, note)
        finally:
            self._in_hand.discard(panel.token)

    async def make_good(self, lanes: Sequence[str]) -> None:
        """Finish what a crash has left, or a chat out of reach: pressed, and not done or not shown."""
        for panel in await self._buttons.unshown(lanes):
            if panel.token in self._in_hand:
                continue
            try:
                await self._make_good(panel)
            except StorageTrouble:
                raise
            except Exception:
                log.exception("press could not be made good", extra={"sink": panel.lane})
                await self._buttons.shown(panel.token)  # and never again

    async def _make_good(self, panel: Panel) -> None:
        alerts = await self._buttons.about(panel)
        if not alerts:
            await self._buttons.shown(panel.token)
            return
        await self._do(panel, alerts)
        if words := await self._words(panel, alerts):
            await self._show(panel, words, None)
        else:  # what was answered under another message does not count any more
            await self._buttons.shown(panel.token)

    async def _judge(self, pressed: Pressed) -> str | Taken:
        """The press that counts, which may be another, and its alerts; or why there is none."""
        name, _, token = pressed.data.partition(":")
        if name not in set(Action) or not _TOKEN.fullmatch(token):
            return UNKNOWN
        panel = await self._buttons.find(token)
        if panel is None:
            return EXPIRED
        if not self._may(pressed.user, panel):
            return STRANGER
        alerts = await self._buttons.about(panel)
        if not alerts:
            return EXPIRED
        if panel.press is None and is_over(Action(name), alerts):
            return OVER
        first = await self._answers.press(
            token,
            pressed.id,
            name,
            pressed.who,
            pressed.place,
            chat=self._chat,
            is_lasting=name in LASTING,
            is_done=lambda alerts, answers: is_answered(alerts, answers, self._clock(), Action(name)),
        )
        if first is None or (first.press is None and first.expires_ms <= self._clock()):
            return EXPIRED
        return Taken(panel=first, alerts=alerts, is_theirs=first.press == pressed.id)

    async def _do(self, panel: Panel, alerts: Sequence[Alert]) -> None:
        if panel.press is not None:
            await do(self._silences, panel, alerts)
            self._household.heard()

    async def _words(self, panel: Panel, alerts: Sequence[Alert]) -> str:
        """Who did what with these buttons, or under other messages about the same."""
        now_ms = self._clock()
        answers = await self._answers.of([alert.episode_id for alert in alerts])
        own = next((one for one in answers if one.panel.token == panel.token), None)
        shown = standing(answers, now_ms) if own is None else with_the_rest(own, answers)
        lines = await say(self._buttons, shown, alerts, answers, now_ms, self._chat)
        return "; ".join(lines or ([] if panel.press is None else [deed(panel, alerts, now_ms)]))

    async def _show(self, panel: Panel, words: str, place: str | None) -> bool:
        """Whether the message tells it now."""
        place = panel.place or place
        if place is None:
            return False
        if not await self._is_ours_to_edit(panel):
            await self._buttons.shown(panel.token)
            return False
        closed = await self._mouth.close(place, words)
        if closed is Closed.DONE:
            await self._write_anew(panel)  # it may have changed since we looked, and we have written over that
        if closed is not Closed.LATER:
            await self._buttons.shown(panel.token)
        return closed is Closed.DONE

    async def _is_ours_to_edit(self, panel: Panel) -> bool:
        """A message that has changed since it was pressed, or that the end changes, says more than what was pressed."""
        sink = self._household.sinks.get(panel.lane)
        if sink is None:
            return False
        if not sink.edit:
            return True
        if panel.episode_id is not None and not any(map(can_be_answered, await self._buttons.about(panel))):
            return False
        return await self._buttons.is_newest(panel) and not await self._is_left_to_end(panel)

    async def _write_anew(self, panel: Panel) -> None:
        sink = self._household.sinks.get(panel.lane)
        if panel.episode_id is None:
            await self._is_left_to_end(panel)
        elif sink is not None and sink.edit and await self._buttons.write_over(panel):
            self._household.heard()

    async def _is_left_to_end(self, panel: Panel) -> bool:
        sink = self._household.sinks.get(panel.lane)
        return sink is not None and sink.edit and await self._buttons.is_left_to_end(panel)

    def _may(self, user: str, panel: Panel) -> bool:
        sink = self._household.sinks.get(panel.lane)
        return sink is not None and sink.answer is not None and user in sink.answer.names
