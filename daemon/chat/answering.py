"""Gives commands their answers: what changes something in its order, what only reads aside, so that nobody waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from daemon.chat.asked import Asked
from daemon.chat.commands import COMMANDS, UNLISTED, Command, Lines, Way, reply
from daemon.chat.facts import Facts
from daemon.chat.saying import line

log = logging.getLogger(__name__)

SLOW_MAX = 2  # that replay or read much, at once
READING_MAX = 8  # all that read

UNKNOWN = "There is no such command; /help lists those there are."
BUSY = "Other questions are still being answered; ask again when you see their answers."
WENT_WRONG = "That went wrong, and it is not your fault; the log of the daemon says more."

Say = Callable[[Lines], Awaitable[None]]  # answers where it was asked, and never raises


class Answering:
    """One bot's commands. To be entered; what still reads when it is left is ended, and its asker gets no answer.

    What changes something is done when `hear` returns, so that it is heard again after a crash. What only reads may be
    lost in one: whoever misses an answer asks again.
    """

    def __init__(self, facts: Facts, commands: Mapping[str, Command] = COMMANDS) -> None:
        self._facts = facts
        self._commands = commands
        self._reading: dict[asyncio.Task[None], Way] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._reading:
            task.cancel()
        if self._reading:
            await asyncio.wait(self._reading)

    async def hear(self, text: str, who: str, name: str, say: Say) -> None:
        """Answer, now or soon. `name` is that of this one message; what is no command is passed by."""
        first, *words = text.split() or [""]
        if not first.startswith("/"):
            return
        called = first[1:].partition("@")[0].lower()
        command = self._commands.get(called) or UNLISTED.get(called)
        asked = Asked(words=tuple(words), who=who, name=name)
        if command is None:
            await say([line(UNKNOWN)])
        elif command.way is Way.IN_ORDER:
            await say(await self._lines(command, asked))
        elif self._is_full(command.way):
            await say([line(BUSY)])
        else:
            task = asyncio.create_task(self._aside(command, asked, say), name=f"answer to {command.usage}")
            self._reading[task] = command.way
            task.add_done_callback(self._reading.pop)

    def _is_full(self, way: Way) -> bool:
        ways = list(self._reading.values())
        return len(ways) >= READING_MAX or (way is Way.SLOWLY and ways.count(way) >= SLOW_MAX)

    async def _aside(self, command: Command, asked: Asked, say: Say) -> None:
        try:
            await say(await self._lines(command, asked))
        except Exception:  # a bug of ours: an answer is missing, and the house goes on
            log.exception("answer could not be given", extra={"command": command.usage})

    async def _lines(self, command: Command, asked: Asked) -> Lines:
        try:
            return await reply(self._facts, command, asked)
        except Exception:  # a bug of ours; what was written is not in the log, because it may be anything
            log.exception("command went wrong", extra={"command": command.usage})
            return [line(WENT_WRONG)]
