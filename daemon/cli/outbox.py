"""`tocsin outbox`: what was decided, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from daemon.cli.files import Where, config_option, database_address, database_option, nearer
from daemon.cli.moments import say_moment
from daemon.cli.tables import ago, show
from daemon.cli.trouble import FAILED
from daemon.clock import wall_ms
from rules.units import say_duration

if TYPE_CHECKING:
    from storage.asked import Carrier
    from storage.database import Database
    from storage.listing import Entry, Lane
    from storage.outbox import Outbox

_KEY_SHOWN = 8
_OF_MANY = ("summary", "digest")
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
        _show(*asyncio.run(_inside(ctx.obj, lambda box, database: _look(box, database, everything, limit))))


@outbox.command()
@click.argument("key", metavar="ID")
@config_option
@database_option
@click.pass_context
def retry(ctx: click.Context, key: str, files: tuple[Path, ...], database: str | None) -> None:
    """Send the message ID after all, and enable its lane. The first letters of the ID are enough."""
    said, code = asyncio.run(_inside(nearer(ctx, files, database), lambda box, _: _retry(box, key)))
    click.echo(said, err=code != 0)
    ctx.exit(code)


@outbox.command(short_help="Let messages leave LANE again.")
@click.argument("lane")
@config_option
@database_option
@click.pass_context
def enable(ctx: click.Context, lane: str, files: tuple[Path, ...], database: str | None) -> None:
    """Let messages leave LANE again, after you have mended what was wrong with its recipient."""
    if asyncio.run(_inside(nearer(ctx, files, database), lambda box, _: box.enable_lane(lane))):
        click.echo(f"{lane}: enabled")
    else:
        click.echo(f"tocsin: there is no lane '{lane}'; `tocsin outbox` lists them", err=True)
        ctx.exit(FAILED)


async def _inside(where: Where, act: "Callable[[Outbox, Database], Awaitable[Answer]]") -> Answer:
    """Open the database beside the daemon, act, and close it."""
    from storage.database import Database
    from storage.outbox import Outbox

    database = await Database.open(database_address(*where), exclusive=False, create=False)
    try:
        return await act(Outbox(database), database)
    finally:
        await database.close()


async def _look(
    box: "Outbox", database: "Database", everything: bool, limit: int
) -> "tuple[list[Lane], dict[str, int | None], dict[tuple[str, str], int], list[Entry], dict[str, Carrier]]":
    from storage.asked import carriers_of

    lanes, now_ms = await box.lanes(), wall_ms()
    tries_ms = {lane.name: await box.next_at_ms(lane.name, now_ms) for lane in lanes if lane.failures}
    entries = await box.listing(() if everything else _UNFINISHED, limit=limit)
    return lanes, tries_ms, await box.counts(), entries, await carriers_of(database, entries)


async def _retry(box: "Outbox", prefix: str) -> tuple[str, int]:
    keys = await box.find(prefix)
    if len(keys) != 1:
        what = (
            "no message has this ID; `tocsin outbox --all` lists them"
            if not keys
            else f"{len(keys)} messages or more begin so; write more of the ID"
        )
        return f"tocsin: {prefix}: {what}", FAILED
    if await box.retry(keys[0]):
        return f"{keys[0][:_KEY_SHOWN]}: waits to be sent", 0
    return f"tocsin: {keys[0][:_KEY_SHOWN]}: it was sent, is told by another message, or waits already", FAILED


def _show(
    lanes: "list[Lane]",
    tries_ms: "dict[str, int | None]",
    counts: dict[tuple[str, str], int],
    entries: "list[Entry]",
    carriers: "dict[str, Carrier]",
) -> None:
    now_ms = wall_ms()
    if not lanes:
        click.echo("no lanes yet; the daemon makes them when it starts")
        return
    statuses = list(dict.fromkeys([*_UNFINISHED, "sent", *(status for _, status in counts)]))
    statuses = [status for status in statuses if any(key[1] == status for key in counts)] or ["waiting"]
    show(
        ("lane", "state", *statuses),
        (
            (
                lane.name,
                _lane_state(lane, tries_ms.get(lane.name), now_ms),
                *(f"{counts.get((lane.name, status), 0):,}" for status in statuses),
            )
            for lane in lanes
        ),
        fold=frozenset({"state"}),
    )
    if entries:
        click.echo()
        headers = ("ID", "age", "lane", "status", "severity", "failed", "what", "why")
        show(headers, (_cells(entry, carriers, now_ms) for entry in entries), fold=frozenset({"what", "why"}))


def _cells(entry: "Entry", carriers: "dict[str, Carrier]", now_ms: int) -> tuple[object, ...]:
    what = entry.headline or " ".join(filter(None, (entry.rule_id, entry.change, *entry.alert_key.values())))
    key, age, failed = entry.key[:_KEY_SHOWN], ago(entry.created_ms, now_ms), entry.attempts or ""
    why = entry.reason or ""
    if (carrier := carriers.get(entry.merged_into or "")) is not None and carrier.form in _OF_MANY:
        kept_back = "" if entry.status == "merged" else why.removeprefix("muted: ")  # else it only names the message
        why = ": ".join(filter(None, (_told_in(carrier, now_ms), kept_back)))
    return key, age, entry.lane, entry.status, entry.severity, failed, what, why


def _told_in(carrier: "Carrier", now_ms: int) -> str:
    """`told in the digest of 2026-05-01 07:00Z`."""
    if carrier.status == "sent" and carrier.finished_ms is not None:
        return f"told in the {carrier.form} of {say_moment(carrier.finished_ms)}"
    if carrier.status == "waiting":
        due_ms = carrier.due_ms or 0
        return f"waits for the {carrier.form}{f' of {say_moment(due_ms)}' if due_ms > now_ms else ''}"
    if carrier.status == "sending":
        return f"on its way in the {carrier.form}"
    return f"to be told in the {carrier.form} {carrier.key[:_KEY_SHOWN]}, which is {carrier.status}"


def _lane_state(lane: "Lane", try_ms: int | None, now_ms: int) -> str:
    """`try_ms`: when its next message may leave; None while none waits."""
    if lane.disabled_reason is not None:
        return f"disabled: {lane.disabled_reason}"
    if lane.not_before_ms is not None and lane.not_before_ms > now_ms:
        return f"waits {_rounded(lane.not_before_ms - now_ms)}: {lane.held_reason or 'asked to'}"
    if not lane.failures:
        return "well"
    failed = f"failed {lane.failures} times in a row" if lane.failures > 1 else "failed"
    if try_ms is None:
        return failed
    return f"{failed}, tries again {f'in {_rounded(try_ms - now_ms)}' if try_ms > now_ms else 'now'}"


def _rounded(length_ms: int) -> str:
    """In whole seconds, at least one."""
    return say_duration(-(-length_ms // 1_000) * 1_000)
