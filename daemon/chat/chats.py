"""The bots that can be answered: one listener for each, as the sinks are configured."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from secrets import token_hex
from typing import NamedTuple

import aiohttp

from daemon.chat.answering import Answering
from daemon.chat.api import BotApi
from daemon.chat.deeds import HTTP, Action
from daemon.chat.facts import Facts
from daemon.chat.keyboard import Keyboard
from daemon.chat.listening import Listener
from daemon.chat.pressed import Mouth
from daemon.chat.presses import Presses
from daemon.chat.saying import Voice
from daemon.chat.slack_api import SlackApi
from daemon.chat.slack_ear import SlackEar
from daemon.chat.slack_listening import SlackListener
from daemon.chat.slack_voice import SlackVoice
from daemon.chat.telegram_ear import TelegramEar
from daemon.config.model import SinkConfig
from rules.delivery import Acknowledgement
from sinks.address import SlackBot, TelegramChat
from sinks.address import parse as parse_address
from sinks.post import Patience
from sinks.telegram import API_URL
from storage.answers import Answers
from storage.bots import Lease
from storage.buttons import Buttons
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

TELEGRAM, SLACK = "Telegram", "Slack"
MAKE_GOOD_S = 60.0  # between two looks for presses that were not shown


class Bot(NamedTuple):
    """Whom we listen to, and the sinks that it serves. Its tokens are not for showing."""

    token: str
    app_token: str | None  # None: Telegram's
    api_url: str | None
    names: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Bot of {', '.join(self.names)}>"


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
        self._answers = Answers(facts.database)
        self.dress = Keyboard(self._buttons, self._answers, facts.clock, self._chat_of).dress

    async def acknowledge(self, episode_id: str, who: str) -> tuple[Acknowledgement | None, bool]:
        """Say without a button that somebody has seen an alert: the one that counts, and whether it is this one."""
        found = await self._answers.acknowledge(episode_id, who, action=Action.SEEN, chat=HTTP)
        self._facts.heard()
        return found

    async def run(self) -> None:
        """For ever. A reload disturbs only those of which something has changed: Slack keeps no press for later."""
        running: dict[Bot, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                self.changed.clear()
                wanted = bots_of(self._facts.sinks)
                gone = [running.pop(bot) for bot in set(running) - set(wanted)]
                for task in gone:
                    task.cancel()
                if gone:
                    await asyncio.wait(gone)  # so that nobody asks for one bot's updates twice
                for bot in wanted:
                    if bot not in running:
                        running[bot] = group.create_task(self._serve(bot), name=f"bot {bot.names[0]}")
                await self.changed.wait()

    async def _serve(self, bot: Bot) -> None:
        await (self._at_telegram(bot) if bot.app_token is None else self._at_slack(bot, bot.app_token))

    async def _at_telegram(self, bot: Bot) -> None:
        api = BotApi(self._session, bot.token, bot.api_url or API_URL, self._patience)
        voice = Voice(bot.names[0], api, sleep=self._sleep)
        presses = self._presses(voice, TELEGRAM)
        mark = blake2b(bot.token.encode(), digest_size=8).hexdigest()
        lease = Lease(self._facts.database, mark, self._holder)
        async with Answering(self._facts) as answering, asyncio.TaskGroup() as group:
            ear = TelegramEar(self._facts, presses, voice, answering, bot.names, mark)
            listener = Listener(bot.names[0], api, lease, ear.hear, sorry=ear.sorry, sleep=self._sleep)
            group.create_task(listener.run(), name=f"ear of {bot.names[0]}")
            group.create_task(self._make_good(bot, presses), name=f"presses of {bot.names[0]}")

    async def _at_slack(self, bot: Bot, app_token: str) -> None:
        api = SlackApi(self._session, bot.token, app_token, bot.api_url, self._patience)
        voice = SlackVoice(bot.names[0], api, sleep=self._sleep)
        presses = self._presses(voice, SLACK)
        ear = SlackEar(bot.names[0], presses, voice, lambda: self._facts.people(bot.names))
        async with asyncio.TaskGroup() as group:
            listener = SlackListener(bot.names[0], api, ear.hear, sleep=self._sleep)
            group.create_task(listener.run(), name=f"ear of {bot.names[0]}")
            group.create_task(self._make_good(bot, presses), name=f"presses of {bot.names[0]}")

    def _presses(self, mouth: Mouth, chat: str) -> Presses:
        facts = self._facts
        return Presses(self._buttons, self._answers, facts.silences, mouth, facts, facts.clock, chat=chat)

    def _chat_of(self, name: str) -> str:
        """In which chat a sink speaks."""
        sink = self._facts.sinks.get(name)
        place = None if sink is None else parse_address(sink.url.get_secret_value())
        return TELEGRAM if isinstance(place, TelegramChat) else SLACK if isinstance(place, SlackBot) else ""

    async def _make_good(self, bot: Bot, presses: Presses) -> None:
        """What a crash has left, at once; what a chat out of reach has left, now and then."""
        while True:
            try:
                await presses.make_good(bot.names)
            except StorageTrouble as exc:
                log.debug("presses are shown later", extra={"sink": bot.names[0], "reason": str(exc)})
            await self._sleep(MAKE_GOOD_S)


def bots_of(sinks: Mapping[str, SinkConfig]) -> list[Bot]:
    """The sinks that can be answered, by bot."""
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for name, sink in sinks.items():
        if sink.answer is None:
            continue
        place = parse_address(sink.url.get_secret_value())
        app_token = sink.answer.app_token.get_secret_value() if sink.answer.app_token is not None else None
        if isinstance(place, TelegramChat | SlackBot):
            found.setdefault((place.token, app_token, sink.api_url), []).append(name)
    return [Bot(*key, tuple(names)) for key, names in found.items()]
