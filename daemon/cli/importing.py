"""`tocsin import`: a past from files, for backtests."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.files import database_address, database_option, unknown_name
from daemon.cli.progress import bar
from daemon.cli.trouble import CONFIGURATION_WRONG, FAILED
from daemon.clock import wall_ms

if TYPE_CHECKING:
    from daemon.trial.records import Asked, Wrong
    from rules.events import AnyEvent
    from storage.database import Database

_AT_ONCE = 5_000
_SAID_MAX = 20  # mistakes that are printed one by one
_AHEAD_MS = 86_400_000  # clocks and zones differ
_WRONG_MAX = 1_000  # whoever has more has the wrong file


@click.command("import", short_help="Bring in a past from CSV or JSONL files.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("-c", "--config", "configs", multiple=True, type=click.Path(path_type=Path), help="Whose database.")
@database_option
@click.option("--type", "kind", help="What the rows are, where no column says it: funding_rate, mark_price, ...")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="The file calls this field otherwise.")
@click.option("--set", "same", multiple=True, metavar="FIELD=VALUE", help="The same in every row.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="Do not read this column.")
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[Path, ...],
    database: str | None,
    kind: str | None,
    columns: tuple[str, ...],
    same: tuple[str, ...],
    ignore: tuple[str, ...],
    configs: tuple[Path, ...],
) -> None:
    """Write the rows of FILE into the database as events of the past.

    Columns are called like the fields of `tocsin fields`, and `time`. What is there already is not written again, so
    that a file may be imported twice. Rows that cannot be read are said with their line; the others are written.
    """
    from daemon.trial.records import Asked
    from rules.events import EVENTS

    if kind is not None and kind not in EVENTS:
        raise unknown_name("event type", kind, list(EVENTS))
    asked = Asked(
        type=kind,
        columns=_pairs(columns),
        same=_pairs(same),
        ignored=frozenset(ignore),
        until_ms=wall_ms() + _AHEAD_MS,
    )
    address = database_address(configs, database)
    ctx.exit(asyncio.run(_import(files, asked, address)))


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise click.UsageError(f"'{text}' is no pair; write FIELD=..., for instance venue=bybit")
        pairs[name] = value
    return pairs


async def _import(files: tuple[Path, ...], asked: "Asked", address: str) -> int:
    from daemon.trial.records import Unreadable
    from storage.database import Database

    database = await Database.open(address, exclusive=False)
    code = 0
    try:
        for file in files:
            try:
                code = max(code, await _one(file, asked, database))
            except Unreadable as exc:
                click.echo(str(exc), err=True)
                code = CONFIGURATION_WRONG
    finally:
        await database.close()
    return code


async def _one(file: Path, asked: "Asked", database: "Database") -> int:
    from daemon.trial.records import Wrong, read
    from storage.history import add_history

    size = _size(file)
    seen = new = 0
    wrong: list[Wrong] = []
    waiting: list[AnyEvent] = []
    with bar(str(file)) as progress:
        for row in read(file, asked, position=lambda at: progress(at, size)):
            if isinstance(row, Wrong):
                wrong.append(row)
                if len(wrong) >= _WRONG_MAX:
                    break
                continue
            seen += 1
            waiting.append(row)
            if len(waiting) >= _AT_ONCE:
                new += await add_history(database, waiting)
                waiting.clear()
        new += await add_history(database, waiting)
    _say_wrong(file, wrong)
    click.echo(f"{file}: {new:,} new, {seen - new:,} were there already{_left_out(len(wrong))}")
    return FAILED if wrong else 0


def _say_wrong(file: Path, wrong: "list[Wrong]") -> None:
    """Each mistake once, at the first row that makes it, and how many others do."""
    alike: dict[str, list[Wrong]] = {}
    for one in wrong:
        alike.setdefault(one.what, []).append(one)
    for first, *others in list(alike.values())[:_SAID_MAX]:
        more = f" (and {len(others):,} more row{'' if len(others) == 1 else 's'})" if others else ""
        click.echo(f"{first}{more}", err=True)
    if len(alike) > _SAID_MAX:
        click.echo(f"{file}: {sum(map(len, list(alike.values())[_SAID_MAX:])):,} more rows are wrong", err=True)
    if len(wrong) >= _WRONG_MAX:
        click.echo(f"{file}: so many are wrong that it was read no further; is it the right file?", err=True)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _left_out(count: int) -> str:
    return f", {count:,} left out" if count else ""
