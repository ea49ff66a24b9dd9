"""The bots that can be answered: one listener for each, as the sinks are configured."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from secrets import token_hex

import aiohttp

from daemon.chat.api import BotApi
from daemon.chat.commands import answer
from daemon.chat.facts import Facts
from daemon.chat.keyboard import Keyboard
from daemon.chat.listening import Listener
from daemon.chat.presses import Presses
from daemon.chat.saying import Voice, line
from daemon.config.model import SinkConfig
from daemon.wire.telegram import Message, Update
from sinks.address import TelegramChat
from sinks.address import parse as parse_address
from sinks.post import Patience
from sinks.telegram import API_URL
from storage.bots import Lease
from storage.buttons import Buttons

log = logging.getLogger(__name__)

STRANGERS_MAX = 1_000  # remembered, so that each is refused once
REFUSED = "I answer only people who are on my list. Ask whoever runs me, and give your number: {number}"

Bot = tuple[str, str]  # token and address of the API


class Chats:
    """All of them. `run` listens; `changed` makes it look at the configuration again."""

    def __init__(
        self,
        facts: Facts,
        session: aiohttp.ClientSession,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.changed = asyncio.Event()
        self._facts = facts
        self._session = session
        self._patience = patience or Patience()
        self._sleep = sleep
        self._holder = token_hex(8)
        self._buttons = Buttons(facts.database)
        self.dress = Keyboard(self._buttons, facts.clock).dress

    async def run(self) -> None:
        """For ever."""
        while True:
            self.changed.clear()
            async with asyncio.TaskGroup() as group:
                bots = [
                    group.create_task(self._listener(bot, names).run(), name=f"bot {names[0]}")
                    for bot, names in bots_of(self._facts.sinks).items()
                ]
                await self.changed.wait()
                for bot in bots:
                    bot.cancel()

    def _listener(self, bot: Bot, names: list[str]) -> Listener:
        token, api_url = bot
        api = BotApi(self._session, token, api_url, self._patience)
        voice = Voice(names[0], api, sleep=self._sleep)
        mark = blake2b(token.encode(), digest_size=8).hexdigest()
        presses = Presses(self._buttons, self._facts.silences, voice, self._facts, self._facts.clock)
        ear = _Ear(self._facts, presses, voice, names, mark)
        return Listener(names[0], api, Lease(self._facts.database, mark, self._holder), ear.hear, sleep=self._sleep)


class _Ear:
    """What one bot does with an update."""

    def __init__(self, facts: Facts, presses: Presses, voice: Voice, names: list[str], mark: str) -> None:
        self._facts = facts
        self._presses = presses
        self._voice = voice
        self._names = names
        self._mark = mark
        self._refused: OrderedDict[int, None] = OrderedDict()

    async def hear(self, update: Update) -> None:
        """Deal with it; StorageTrouble if that must be done again later."""
        if (press := update.callback_query) is not None:
            await self._presses.hear(press, is_stranger=press.user.id not in self._users())
        elif update.message is not None and update.message.text and update.message.user is not None:
            await self._read(update.message, update.message.text, update.message.user.id, update.update_id)

    async def _read(self, message: Message, text: str, user: int, number: int) -> None:
        assert message.user is not None
        if user not in self._users():
            if text.startswith("/"):
                await self._refuse(message, user)
            return
        lines = await answer(self._facts, text, message.user.said, f"{self._mark}:{number}")
        if lines is not None:
            await self._voice.answer(message, lines)

    async def _refuse(self, message: Message, user: int) -> None:
        """Once, and then no more: a stranger could make us talk for ever."""
        if user in self._refused:
            return
        self._refused[user] = None
        if len(self._refused) > STRANGERS_MAX:
            self._refused.popitem(last=False)
        log.warning("stranger refused", extra={"sink": self._names[0], "user": user})
        await self._voice.answer(message, [line(REFUSED.format(number=user))])

    def _users(self) -> frozenset[int]:
        sinks = self._facts.sinks
        answers = [sinks[name].answer for name in self._names if name in sinks]
        return frozenset(user for one in answers if one is not None for user in one.users)


def bots_of(sinks: Mapping[str, SinkConfig]) -> dict[Bot, list[str]]:
    """The sinks that can be answered, by bot."""
    found: dict[Bot, list[str]] = {}
    for name, sink in sinks.items():
        if sink.answer is None:
            continue
        place = parse_address(sink.url.get_secret_value())
        if isinstance(place, TelegramChat):
            found.setdefault((place.token, sink.api_url or API_URL), []).append(name)
    return found
