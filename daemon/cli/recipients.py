"""`tocsin sinks`: does a message arrive?"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.files import config_option, loaded, nearer, unknown_name
from daemon.cli.trouble import FAILED

if TYPE_CHECKING:
    from daemon.config.model import Config, SinkConfig


@click.group()
@config_option
@click.pass_context
def sinks(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """Try the recipients."""
    ctx.obj = (files, None)


@sinks.command("test")
@click.argument("name")
@config_option
@click.pass_context
def test(ctx: click.Context, name: str, files: tuple[Path, ...]) -> None:
    """Send one message to the sink NAME, now, and say what became of it."""
    files, _ = nearer(ctx, files, None)
    config = loaded(files)
    if name not in config.sinks:
        raise unknown_name("sink", name, list(config.sinks), files)
    said = asyncio.run(_deliver(name, config.sinks[name], config.label))
    click.echo(f"{name}: {said or 'the message was taken'}", err=said is not None)
    if said is None and asyncio.run(_open_lane(name, config)):
        click.echo(f"{name}: what waited for it is sent now")
    ctx.exit(0 if said is None else FAILED)


async def _open_lane(name: str, config: "Config") -> bool:
    """The far end lives: if its lane was closed because it seemed dead, open it. True if it was."""
    from storage.database import Database
    from storage.outbox import Outbox
    from storage.trouble import StorageTrouble

    try:
        database = await Database.open(config.storage.address, exclusive=False, create=False)
    except StorageTrouble:  # nothing has run here yet, so nothing waits
        return False
    try:
        outbox = Outbox(database)
        closed = any(lane.name == name and lane.disabled_reason is not None for lane in await outbox.lanes())
        return closed and await outbox.enable_lane(name)
    finally:
        await database.close()


async def _deliver(name: str, told: "SinkConfig", label: str | None) -> str | None:
    """None if the far end said yes, else why not. Tried once: that is what a test is for."""
    import aiohttp

    from sinks.base import Message, SinkTrouble
    from sinks.registry import build

    message = Message(
        headline=f"{f'{label}  ' if label else ''}This is a test of Tocsin",
        lines=(f"If you can read this, the sink '{name}' works.",),
        footer="sent by: tocsin sinks test",
    )
    async with aiohttp.ClientSession() as session:
        sink = build(name, told.url.get_secret_value(), api_url=told.api_url, session=session)
        try:
            await sink.deliver(message)
        except SinkTrouble as exc:
            return f"not delivered: {exc}"
        finally:
            await sink.aclose()
    return None
