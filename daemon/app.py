"""`tocsin run`: one process from the first frame to the last message, stopped by a signal."""

import asyncio
import logging
import resource
import signal
from contextlib import AsyncExitStack

import click

from daemon import logs
from daemon.config.model import Config
from daemon.house import House
from daemon.server.serve import PortTaken
from daemon.sources.registry import KEY_FREE
from storage.trouble import StorageTrouble

OTHER_FILES = 512  # the database, chats, venues
FINE, FAILED, CONFIGURATION_WRONG = 0, 1, 2

log = logging.getLogger(__name__)


def run(config: Config) -> int:
    """Live until Ctrl-C or SIGTERM; the exit code."""
    allow_sockets(config.server.connections)
    logs.set_up()
    try:
        return asyncio.run(_run(config))
    except asyncio.CancelledError:  # the loop is over; the second signal asked for exactly this
        announce(
            "tocsin stopped at once: what was on its way is uncertain, and `tocsin outbox` lists it", is_error=True
        )
        return FAILED


async def _run(config: Config) -> int:
    stop = asyncio.Event()
    heed_signals(stop)
    async with AsyncExitStack() as stack:
        try:
            house = await House.open(config, stack, say=announce)
        except (StorageTrouble, PortTaken) as exc:
            announce(f"tocsin: {exc}", is_error=True)
            return FAILED
        announce(greeting(house))
        try:
            await house.live(stop)
        except StorageTrouble as exc:
            announce(f"tocsin stopped without its database: {exc}", is_error=True)
            return FAILED
        announce("tocsin stopped: what was decided is written down, what was not sent yet is sent at the next start")
    return FINE


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


def announce(text: str, *, is_error: bool = False) -> None:
    """A word to whoever sits at the console."""
    click.echo(text, err=is_error)


def heed_signals(stop: asyncio.Event) -> None:
    """The first signal ends politely, the second at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def heed() -> None:
        if stop.is_set():
            if main is not None:
                main.cancel()
            return
        announce("stopping: what came in is finished, what is on its way arrives; Ctrl-C again stops at once")
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, heed)
