"""`tocsin run`: one process from the first frame to the last message, stopped by a signal."""

import asyncio
import gc
import logging
import os
import resource
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

import click

from daemon import logs
from daemon.config.model import Config
from daemon.house import House
from daemon.scribe import Scribe
from daemon.server.serve import PortTaken
from daemon.sources.registry import KEY_FREE
from storage.trouble import StorageTrouble

GARBAGE = (700, 10, 10)  # Python's own pace; `main` has slowed it for the start
WORDS_MAX = 1_000  # that wait to be said
OTHER_FILES = 512  # the database, chats, venues
FINE, FAILED, CONFIGURATION_WRONG = 0, 1, 2

log = logging.getLogger(__name__)


class Say(Protocol):
    """A word to whoever sits at the console."""

    def __call__(self, text: str, *, is_error: bool = False) -> None: ...


def run(config: Config) -> int:
    """Live until Ctrl-C or SIGTERM; the exit code."""
    allow_sockets(config.server.connections)
    logs.set_up()
    return attended(lambda say: _run(config, say))


def attended(work: Callable[[Say], Coroutine[Any, Any, int]]) -> int:
    """Run it while threads write what is logged and said: the exit code.

    Where a terminal is halted and nobody reads on, the process ends in here: the interpreter would wait for it for ever.
    """
    mouth = Mouth()
    with logs.aside() as written:
        try:
            code = asyncio.run(work(mouth.say))
        except asyncio.CancelledError:  # the loop is over; the second signal asked for exactly this
            mouth.say(
                "tocsin stopped at once: what was on its way is uncertain, and `tocsin outbox` lists it", is_error=True
            )
            code = FAILED
        finally:
            is_said = mouth.close()
    if not (is_said and written.is_written):
        os._exit(code)
    return code


class Mouth:
    """Says things in a thread; nobody may listen any more (`tocsin run | head`), or not just now (Ctrl-S)."""

    def __init__(self) -> None:
        self._scribe = Scribe("console", WORDS_MAX)

    def say(self, text: str, *, is_error: bool = False) -> None:
        """Returns at once."""
        self._scribe.take(lambda: announce(text, is_error=is_error))

    def close(self) -> bool:
        """Say what is left, within a moment; whether all was said."""
        return self._scribe.finish()


def announce(text: str, *, is_error: bool = False) -> None:
    """Say it here and now, if anybody still reads."""
    with suppress(OSError, ValueError):  # ValueError: it was closed
        click.echo(text, err=is_error)


async def _run(config: Config, say: Say) -> int:
    stop = asyncio.Event()
    heed_signals(stop, say)
    async with AsyncExitStack() as stack:
        try:
            house = await _opened(config, stack, stop, say)
        except (StorageTrouble, PortTaken) as exc:
            say(f"tocsin: {exc}", is_error=True)
            return FAILED
        if house is None:
            say("tocsin stopped before it had begun")
            return FINE
        gc.freeze()  # what a start has made stays: only what comes now is looked through, and as often as usual
        gc.set_threshold(*GARBAGE)
        say(greeting(house))
        try:
            await house.live(stop)
        except StorageTrouble as exc:
            say(f"tocsin stopped without its database: {exc}", is_error=True)
            return FAILED
        say("tocsin stopped: what was decided is written down, what was not sent yet is sent at the next start")
    return FINE


async def _opened(config: Config, stack: AsyncExitStack, stop: asyncio.Event, say: Say) -> House | None:
    """The house, or None if we are to stop before it is open: nothing is on its way yet, so nothing is waited for."""
    opening = asyncio.create_task(House.open(config, stack, say=say), name="open")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        opening.cancel()
        await asyncio.wait({opening})
    return None if opening.cancelled() else opening.result()


def greeting(house: House) -> str:
    """Where everything is."""
    files = ", ".join(str(file) for file in house.config.files)
    count = len(house.rules)
    rules = f"{count} rule{'' if count == 1 else 's'}; save the file and it is read again"
    sources = ", ".join(KEY_FREE if house.config.sources is None else house.config.sources) or "none"
    keys = "" if house.gate is None else f"  keys      {_keys(house.gate.valid_keys)}\n"
    return (
        f"tocsin runs\n  page      {house.server.url}\n{keys}  sources   {sources}\n"
        f"  rules     {files} ({rules})\n"
        f"  database  {house.database.place}\n  sinks     {', '.join(house.config.sinks)}\n  Ctrl-C stops it"
    )


def _keys(count: int) -> str:
    if not count:
        return "none yet, and nobody can read without one: tocsin keys create NAME"
    return f"{count} valid; whoever reads needs one (docs/access.md)"


def allow_sockets(clients: int) -> None:
    """Ask the system for as many open files as the configured clients need; it may grant fewer."""
    wanted = clients + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))


def heed_signals(stop: asyncio.Event, say: Say) -> None:
    """The first signal ends politely, the second at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def heed() -> None:
        if stop.is_set():
            if main is not None:
                main.cancel()
            return
        say("stopping: what came in is finished, what is on its way arrives; Ctrl-C again stops at once")
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, heed)
