"""What one Telegram bot does with an update: a press, a command, a stranger."""

import logging
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from daemon.chat.answering import WENT_WRONG, Answering
from daemon.chat.facts import Facts
from daemon.chat.pressed import Pressed, bounded
from daemon.chat.presses import Presses
from daemon.chat.saying import Voice, line
from daemon.wire.telegram import Message, Place, Press, Update

log = logging.getLogger(__name__)

STRANGERS_MAX = 1_000  # remembered, so that each is refused once
REFUSED = "I answer only people who are on my list. Ask whoever runs me, and give your number: {number}"


class TelegramEar:
    """Hears what the people on the list say."""

    def __init__(
        self,
        facts: Facts,
        presses: Presses,
        voice: Voice,
        answering: Answering,
        names: Sequence[str],
        mark: str,
    ) -> None:
        self._facts = facts
        self._answering = answering
        self._presses = presses
        self._voice = voice
        self._names = names
        self._mark = mark
        self._refused: OrderedDict[int, None] = OrderedDict()

    async def hear(self, update: Update) -> None:
        """Deal with it; StorageTrouble if that must be done again later."""
        if (press := update.callback_query) is not None:
            pressed = _pressed(press)
            await self._presses.hear(pressed, is_stranger=pressed.user not in self._facts.people(self._names))
        elif update.message is not None and update.message.text and update.message.user is not None:
            await self._read(update.message, update.message.text, update.message.user.id, update.update_id)

    async def sorry(self, update: Update) -> None:
        """Tell whoever waits for an answer that there is none, because of us."""
        if (press := update.callback_query) is not None:
            await self._voice.note(_pressed(press), WENT_WRONG)
            return
        message = update.message
        if message is None or message.user is None or str(message.user.id) not in self._facts.people(self._names):
            return
        await self._voice.answer(message, [line(WENT_WRONG)])

    async def _read(self, message: Message, text: str, user: int, number: int) -> None:
        assert message.user is not None
        if str(user) not in self._facts.people(self._names):
            if text.startswith("/"):
                await self._refuse(message, user)
            return
        await self._answering.hear(
            text, message.user.said, f"{self._mark}:{number}", lambda lines: self._voice.answer(message, lines)
        )

    async def _refuse(self, message: Message, user: int) -> None:
        """Once, and then no more: a stranger could make us talk for ever."""
        if user in self._refused:
            return
        self._refused[user] = None
        if len(self._refused) > STRANGERS_MAX:
            self._refused.popitem(last=False)
        log.warning("stranger refused", extra={"sink": self._names[0], "user": user})
        await self._voice.answer(message, [line(REFUSED.format(number=user))])


def _pressed(press: Press) -> Pressed:
    place = None if press.message is None else bounded(msgspec.json.encode(Place.of(press.message)))
    return Pressed(id=press.id, user=str(press.user.id), who=press.user.said, data=press.data, place=place)
