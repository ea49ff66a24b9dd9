"""`tocsin demo`: the venues in a box and a daemon against them, in one process and two commands' time."""

import asyncio
import shutil
import socket
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import yaml

from daemon import app, logs
from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.house import House
from daemon.server.serve import PortTaken
from daemon.simulator import scenario as scenarios
from daemon.simulator.box import Box
from storage.trouble import StorageTrouble

LABEL = "SIMULATED"
LOOPBACK, USUAL_PORT = "127.0.0.1", 8000
RULES = Path(__file__).with_name("rules.demo.yaml")


def main(*, seconds: float | None, port: int | None, scenario: str | None, speed: float, database: str | None) -> int:
    """Play until Ctrl-C, or for so many seconds; the exit code."""
    logs.set_up()
    return app.attended(lambda say: _demo(seconds, port, scenario or scenarios.DEFAULT, speed, database, say))


async def _demo(
    seconds: float | None, port: int | None, scenario: str, speed: float, database: str | None, say: app.Say
) -> int:
    stop = asyncio.Event()
    app.heed_signals(stop, say)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-demo-")))
        try:
            script = scenarios.load(scenario)
            box = await stack.enter_async_context(Box(script, speed=speed))
            config = load(_files(folder, box, _free_port() if port is None else port, database))
            house = await House.open(config, stack, say=say)
        except ConfigError as exc:
            say(str(exc), is_error=True)
            return app.CONFIGURATION_WRONG
        except (StorageTrouble, PortTaken) as exc:
            say(f"tocsin: {exc}", is_error=True)
            return app.FAILED
        say(_greeting(house, script.about, folder))
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop.set)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(box.play(), name="scenario")
            await house.live(stop)
            playing.cancel()
        say(f"the demo is over: {house.recorder.events_seen:,} events, {house.recorder.transitions_seen} changes")
    return app.FINE


def _free_port() -> int:
    """The usual port, or 0 (any) if somebody has it: nobody should have to read about ports to see a demo."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: old connections may linger
        try:
            probe.bind((LOOPBACK, USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def _files(folder: Path, box: Box, port: int, database: str | None) -> list[Path]:
    """The rules, for people to play with, and the settings that point every source at the box."""
    rules = folder / "rules.yaml"
    shutil.copyfile(RULES, rules)
    settings = folder / "settings.yaml"
    written = {
        "label": LABEL,
        "sources": box.sources_config(),
        "storage": {"url": database or str(folder / "demo.db")},
        "server": {"port": port},
    }
    settings.write_text(yaml.safe_dump(written), encoding="utf-8")
    return [rules, settings]


def _greeting(house: House, about: str, folder: Path) -> str:
    return (
        f"Tocsin demo: simulated venues on this machine, nothing leaves it.\n"
        f"  playing   {about}\n"
        f"  page      {house.server.url}\n"
        f"  rules     {folder / 'rules.yaml'}  (change a limit, save it, and watch)\n"
        f"  database  {house.database.place}\n"
        f"  Ctrl-C stops it; the next step is `make run`, the live venues\n"
    )
