"""`tocsin outbox`: what was decided, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from daemon.cli.files import config_option, database_address, database_option
from daemon.cli.tables import ago, show
from daemon.cli.trouble import FAILED
from daemon.clock import wall_ms
from rules.units import say_duration

if TYPE_CHECKING:
    from storage.listing import Entry, Lane
    from storage.outbox import Outbox

_KEY_SHOWN = 8
_UNFINISHED = ("waiting", "sending", "uncertain", "dead", "expired")
Answer = TypeVar("Answer")


@click.group(invoke_without_command=True, short_help="What was told, and what waits.")
@config_option
@database_option
@click.option("--all", "everything", is_flag=True, help="Messages that arrived or were muted, too.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="The newest so many.")
@click.pass_context
def outbox(ctx: click.Context, files: tuple[Path, ...], database: str | None, everything: bool, limit: int) -> None:
    """Show the lanes, and the messages that wait, are uncertain or will never arrive."""
    ctx.obj = (files, database)
    if ctx.invoked_subcommand is None:
        lanes, counts, entries = asyncio.run(_inside(ctx.obj, lambda box: _look(box, everything, limit)))
        _show(lanes, counts, entries)


@outbox.command()
@click.argument("key", metavar="ID")
@click.pass_context
def retry(ctx: click.Context, key: str) -> None:
    """Send the message ID after all, and enable its lane. The first letters of the ID are enough."""
    said, code = asyncio.run(_inside(ctx.obj, lambda box: _retry(box, key)))
    click.echo(said, err=code != 0)
    ctx.exit(code)


@outbox.command(short_help="Let messages leave LANE again.")
@click.argument("lane")
@click.pass_context
def enable(ctx: click.Context, lane: str) -> None:
    """Let messages leave LANE again, after you have mended what was wrong with its recipient."""
    if asyncio.run(_inside(ctx.obj, lambda box: box.enable_lane(lane))):
        click.echo(f"{lane}: enabled")
    else:
        click.echo(f"tocsin: there is no lane '{lane}'; `tocsin outbox` lists them", err=True)
        ctx.exit(FAILED)


async def _inside(where: tuple[tuple[Path, ...], str | None], act: "Callable[[Outbox], Awaitable[Answer]]") -> Answer:
    """Open the database beside the daemon, act, and close it."""
    from storage.database import Database
    from storage.outbox import Outbox

    database = await Database.open(database_address(*where), exclusive=False, create=False)
    try:
        return await act(Outbox(database))
    finally:
        await database.close()


async def _look(
    box: "Outbox", everything: bool, limit: int
) -> "tuple[list[Lane], dict[tuple[str, str], int], list[Entry]]":
    return await box.lanes(), await box.counts(), await box.listing(() if everything else _UNFINISHED, limit=limit)


async def _retry(box: "Outbox", prefix: str) -> tuple[str, int]:
    keys = await box.find(prefix)
    if len(keys) != 1:
        what = "no message has this ID" if not keys else f"{len(keys)} messages or more begin so; write more of the ID"
        return f"tocsin: {prefix}: {what}", FAILED
    if await box.retry(keys[0]):
        return f"{keys[0][:_KEY_SHOWN]}: waits to be sent", 0
    return f"tocsin: {keys[0][:_KEY_SHOWN]}: it was sent, is told by another message, or waits already", FAILED


def _show(lanes: "list[Lane]", counts: dict[tuple[str, str], int], entries: "list[Entry]") -> None:
    now_ms = wall_ms()
    if not lanes:
        click.echo("no lanes yet; the daemon makes them when it starts")
        return
    statuses = list(dict.fromkeys([*_UNFINISHED, "sent", *(status for _, status in counts)]))
    statuses = [status for status in statuses if any(key[1] == status for key in counts)] or ["waiting"]
    show(
        ("lane", "state", *statuses),
        (
            (lane.name, _lane_state(lane, now_ms), *(f"{counts.get((lane.name, status), 0):,}" for status in statuses))
            for lane in lanes
        ),
        fold=frozenset({"state"}),
    )
    if entries:
        click.echo()
        headers = ("ID", "age", "lane", "status", "severity", "failed", "what", "why")
        show(headers, (_cells(entry, now_ms) for entry in entries), fold=frozenset({"what", "why"}))


def _cells(entry: "Entry", now_ms: int) -> tuple[object, ...]:
    what = entry.headline or " ".join(filter(None, (entry.rule_id, entry.change, *entry.alert_key.values())))
    key, age, failed = entry.key[:_KEY_SHOWN], ago(entry.created_ms, now_ms), entry.attempts or ""
    return key, age, entry.lane, entry.status, entry.severity, failed, what, entry.reason or ""


def _lane_state(lane: "Lane", now_ms: int) -> str:
    if lane.disabled_reason is not None:
        return f"disabled: {lane.disabled_reason}"
    if lane.not_before_ms is not None and lane.not_before_ms > now_ms:
        return f"waits {say_duration(lane.not_before_ms - now_ms)}: {lane.held_reason or 'asked to'}"
    return f"failed {lane.failures} times in a row" if lane.failures else "well"
