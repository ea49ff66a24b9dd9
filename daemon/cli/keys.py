"""`tocsin keys`: who may read from other machines, and who may act."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from daemon.cli.files import config_option, loaded, nearer
from daemon.cli.trouble import FAILED

if TYPE_CHECKING:
    from daemon.config.model import Config
    from storage.access import Access

T = TypeVar("T")
_NAME_MAX = 60


def _name(ctx: click.Context, parameter: click.Parameter, name: str) -> str:
    if not name.strip() or len(name) > _NAME_MAX or not name.isprintable():
        raise click.BadParameter(f"write up to {_NAME_MAX} letters, who the key is for")
    return name.strip()


@click.group()
@config_option
@click.pass_context
def keys(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """API keys for clients of a daemon that listens beyond this machine. One that listens on 127.0.0.1 asks for none.

    Name the daemon's own files with -c: the keys are in its database, under its secret.
    """
    ctx.obj = (files, None)


@keys.command("create")
@click.argument("name", callback=_name)
@click.option(
    "--act", "may_act", is_flag=True, help="Also for acting: silences, acknowledgements. Else for reading only."
)
@config_option
@click.pass_context
def create(ctx: click.Context, name: str, may_act: bool, files: tuple[Path, ...]) -> None:
    """Make a key for NAME. It is shown once: the database holds only a digest of it."""
    config = _loaded(ctx, files)

    async def work(access: "Access") -> str:
        from daemon.clock import wall_ms
        from daemon.server.auth import make_key, secret_of
        from storage.access import ACT, READ

        configured = config.server.secret
        secret = await secret_of(access, configured.get_secret_value() if configured is not None else None)
        key, key_id, digest = make_key(secret)
        await access.add_key(key_id, name, digest, wall_ms(), scope=ACT if may_act else READ)
        return key

    key = asyncio.run(_with_access(config, work, create=True))
    click.echo(key)
    click.echo(f"the key of {name}; it is not shown again. Clients send it as `x-api-key`.", err=True)
    if not config.server.is_guarded:
        click.echo(f"server.host is {config.server.host}: while it is, nobody is asked for a key", err=True)


@keys.command("list")
@config_option
@click.pass_context
def listed(ctx: click.Context, files: tuple[Path, ...]) -> None:
    """All keys by id and name, what each is good for, also those that were revoked."""
    from datetime import UTC, datetime

    for key in asyncio.run(_with_access(_loaded(ctx, files), lambda access: access.keys())):
        made = f"{datetime.fromtimestamp(key.created_ms / 1000, UTC):%F %R} UTC"
        scope = "reads and acts" if key.may_act else "reads"
        click.echo(f"{key.key_id}  {key.name}  made {made}  {scope}{'' if key.revoked_ms is None else '  revoked'}")


@keys.command("revoke")
@click.argument("key")
@config_option
@click.pass_context
def revoke(ctx: click.Context, key: str, files: tuple[Path, ...]) -> None:
    """End KEY: its id, its name, or the key itself. Who is connected with it is shown out within seconds."""
    from daemon.clock import wall_ms
    from daemon.server.auth import id_of

    key = id_of(key)
    ended = asyncio.run(_with_access(_loaded(ctx, files), lambda access: access.revoke_key(key, wall_ms())))
    if not ended:
        click.echo(f"tocsin: there is no valid key called '{key}'; `tocsin keys list` shows them", err=True)
        ctx.exit(FAILED)
    click.echo(f"{ended} key{'s' if ended > 1 else ''} revoked")


def _loaded(ctx: click.Context, files: tuple[Path, ...]) -> "Config":
    return loaded(nearer(ctx, files, None)[0])


async def _with_access(config: "Config", work: "Callable[[Access], Awaitable[T]]", *, create: bool = False) -> T:
    from storage.access import Access
    from storage.database import Database

    database = await Database.open(config.storage.address, exclusive=False, create=create)
    try:
        return await work(Access(database))
    finally:
        await database.close()
