"""What one Slack app does with an envelope: a press is done before it is acknowledged, and told afterwards."""

import asyncio
import logging
from collections.abc import Callable, Collection

import msgspec

from daemon.chat.pressed import Mouth, Pressed, bounded
from daemon.chat.presses import Presses, Taken
from daemon.chat.slack_listening import Send
from daemon.chat.slack_voice import Place
from daemon.wire.slack import Frame, acknowledgement, read_click
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

ACKNOWLEDGE_S = 2.0  # Slack waits for three, and the way back takes time too
DATA_MAX, NAME_MAX = 256, 100  # letters of what a press brings back, and of names

NO_COMMANDS = "I do not read commands in Slack; press the buttons under an alert."
AGAIN = "The database could not take this just now. Press again in a moment."
SLOW = "The database is slow just now. If this message does not change within a few seconds, press again."
BROKEN = "Something went wrong here; whoever runs me finds it in the log. Perhaps nothing was done."


class SlackEar:
    """Hears what the people on the list press."""

    def __init__(
        self,
        name: str,
        presses: Presses,
        mouth: Mouth,
        people: Callable[[], Collection[str]],
        *,
        acknowledge_s: float = ACKNOWLEDGE_S,
    ) -> None:
        self._name = name
        self._presses = presses
        self._mouth = mouth
        self._people = people  # who may, as it is configured now
        self._acknowledge_s = acknowledge_s

    async def hear(self, frame: Frame, send: Send) -> None:
        """Deal with it. A bug of ours costs one press and not the house."""
        if frame.envelope_id is None:
            return
        pressed = _pressed(frame)
        if pressed is None:
            is_command = frame.type == "slash_commands" and frame.accepts_response_payload
            await send(acknowledgement(frame.envelope_id, NO_COMMANDS if is_command else ""))
            return
        try:
            await self._answer(pressed, frame.envelope_id, send)
        except Exception:
            log.exception("press could not be dealt with", extra={"sink": self._name})
            await self._apologise(pressed)

    async def _apologise(self, pressed: Pressed) -> None:
        try:
            await self._mouth.note(pressed, BROKEN)
        except Exception:
            log.exception("nobody was told what went wrong", extra={"sink": self._name})

    async def _answer(self, pressed: Pressed, envelope_id: str, send: Send) -> None:
        is_stranger = pressed.user not in self._people()
        taking = asyncio.create_task(self._presses.take(pressed, is_stranger=is_stranger), name="press")
        try:
            done, _ = await asyncio.wait({taking}, timeout=self._acknowledge_s)
            if not await send(acknowledgement(envelope_id)):
                log.debug("the socket broke before a press was acknowledged", extra={"sink": self._name})
            if not done:
                await self._mouth.note(pressed, SLOW)
            await self._tell(pressed, taking, is_told=not done)
        finally:
            if not taking.done():
                taking.cancel()
                await asyncio.wait({taking})

    async def _tell(self, pressed: Pressed, taking: asyncio.Task[Taken | str], *, is_told: bool) -> None:
        try:
            taken = await taking
        except StorageTrouble as exc:
            log.warning("press could not be written down", extra={"sink": self._name, "reason": str(exc)})
            if not is_told:
                await self._mouth.note(pressed, AGAIN)
            return
        try:
            await self._presses.tell(pressed, taken)
        except StorageTrouble as exc:  # it is done, and will be shown later
            log.debug("press is shown later", extra={"sink": self._name, "reason": str(exc)})


def _pressed(frame: Frame) -> Pressed | None:
    """None for what is no press of a button of ours."""
    click = read_click(frame.payload) if frame.type == "interactive" else None
    if click is None or (button := click.button) is None:
        return None
    place = Place.of(click)
    when = button.action_ts or frame.envelope_id or ""
    return Pressed(
        id=f"{click.user.id}/{when}"[:NAME_MAX],
        user=click.user.id[:NAME_MAX],
        who=click.user.said[:NAME_MAX],
        data=button.value[:DATA_MAX],
        channel=click.container.channel_id[:NAME_MAX],
        place=bounded(msgspec.json.encode(place)) if place is not None else None,
    )
