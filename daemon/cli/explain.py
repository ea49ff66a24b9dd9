"""`tocsin explain`: why does this rule speak, or not?"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.files import config_option, database_option, loaded, unknown_name
from daemon.cli.moments import say_moment
from daemon.cli.tables import ago, coloured, show
from daemon.clock import wall_ms

if TYPE_CHECKING:
    from daemon.trial.explaining import Explanation, Standing
    from rules.spec import RuleSpec
    from storage.listing import Entry

_COLOURS = {"firing": "red", "pending": "yellow", "recovering": "yellow", "inactive": "green"}


@click.command(short_help="Why does this rule speak, or not?")
@click.argument("name", metavar="ID")
@config_option
@database_option
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="So many rows a table.")
def explain(name: str, files: tuple[Path, ...], database: str | None, limit: int) -> None:
    """Say the rule ID in words, how near each instrument is to firing, and what became of its last messages.

    Everything is read from the database; the daemon may be running or not. Nothing is changed.
    """
    config = loaded(files)
    spec = next((spec for spec in config.rules if spec.id == name), None)
    if spec is None:
        raise unknown_name("rule", name, [spec.id for spec in config.rules], files)
    _show(asyncio.run(_explained(database or config.storage.address, spec, limit)), limit)


async def _explained(address: str, spec: "RuleSpec", limit: int) -> "Explanation":
    from daemon.trial.explaining import explain as read
    from storage.database import Database

    database = await Database.open(address, exclusive=False, create=False)
    try:
        return await read(database, spec, wall_ms(), limit=limit)
    finally:
        await database.close()


def _show(found: "Explanation", limit: int) -> None:
    from daemon.config.foreign import describe_rule
    from daemon.trial.explaining import outcome, said_key
    from daemon.trial.neighbours import said_value

    now_ms = wall_ms()
    click.echo(f"{describe_rule(found.spec)}\n")
    if found.standings:
        as_of = "" if now_ms - found.at_ms < 60_000 else f", as of {say_moment(found.at_ms)}"
        click.echo(f"what it looks at, the nearest to firing first{as_of}")
        if compared := found.standings[0].parts:
            click.echo(f"it compares {', '.join(part.formula for part in compared)}")
        headers = ("", "now", "limit", "to go", "state", "for", "heard")
        show(headers, _standings(found, now_ms, limit))
        if len(found.standings) > limit:
            click.echo(f"and {len(found.standings) - limit:,} more; --limit shows them")
        if found.deaf:
            click.echo(f"\nit has nothing to measure: {found.deaf}")
    else:
        click.echo(f"nothing that it looks at is stored: {found.deaf}")
    if found.transitions:
        click.echo("\nwhat happened last")
        show(
            ("when", "", "change", "severity", "value", "why", "muted"),
            (
                (
                    say_moment(one.at_ms),
                    said_key(one.key),
                    one.change,
                    one.severity,
                    "-" if one.value is None else said_value(found.spec, one.value, None),
                    one.reason,
                    one.muted or "",
                )
                for one in found.transitions
            ),
        )
    if found.messages:
        click.echo(f"\nthe last message: {outcome(found.messages[0], found.together, say_moment)}")
        headers = ("ID", "when", "sink", "", "change", "status", "why")
        show(headers, (_message(entry) for entry in found.messages), fold=frozenset({"why"}))
    elif found.transitions:
        click.echo("\nno message is remembered of it; see `notify` and `min_severity`")
    else:
        click.echo("\nit has never fired since what is remembered begins")


def _standings(found: "Explanation", now_ms: int, limit: int) -> "Iterator[tuple[object, ...]]":
    from daemon.trial.neighbours import unit_of

    say = unit_of(found.spec)
    for one in found.standings[:limit]:
        state = one.phase.value if one.severity is None or one.phase == "inactive" else f"{one.phase} {one.severity}"
        yield (
            one.key,
            "no data" if one.value is None else _now(one, found.spec),
            _limit(one, say),
            "-" if one.far is None or one.limit is None else "beyond" if one.far <= 0 else f"{one.far:.0%}",
            coloured(state, _COLOURS[one.phase.value]),
            "-" if one.since_ms is None else ago(one.since_ms, now_ms),
            "-" if one.heard_ms is None else f"{ago(one.heard_ms, now_ms)} ago",
        )


def _now(one: "Standing", spec: "RuleSpec") -> str:
    from daemon.trial.explaining import verdict
    from daemon.trial.neighbours import said_value

    if one.limit is None:
        said = verdict(one.value or 0.0)
        return f"{said}: {', '.join(part.value for part in one.parts)}" if one.parts else said
    return said_value(spec, one.value or 0.0, one.limit)


def _limit(one: "Standing", say: Callable[[float], str]) -> str:
    if one.limit is None:
        return ", ".join(part.limit for part in one.parts) or "-"
    return say(one.limit)


def _message(entry: "Entry") -> tuple[object, ...]:
    from daemon.trial.explaining import said_key

    return (
        entry.key[:8],
        say_moment(entry.created_ms),
        entry.lane,
        said_key(entry.alert_key) if entry.alert_key else "",
        entry.change or "",
        entry.status,
        entry.reason or "",
    )
