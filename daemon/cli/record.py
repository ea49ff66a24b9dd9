"""`tocsin record`: run the sources without rules, for a longer or denser past."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.durations import DURATION
from daemon.cli.files import config_option, loaded, unknown_name

if TYPE_CHECKING:
    from daemon.config.model import Config
    from daemon.wishes import Wish
    from storage.database import Database


@click.command(short_help="Write down what the venues say, without rules.")
@click.argument("database", metavar="FILE")
@config_option
@click.option("--every", "every_ms", type=DURATION, default="1s", show_default=True, help="Levels once in so long.")
@click.option("--keep", "keep_ms", type=DURATION, default="365d", show_default=True, help="Remove what is older.")
@click.option("--type", "types", multiple=True, help="Only this type of event; default: what the rules listen to.")
@click.option("--symbol", "symbols", multiple=True, help="With --type: only this coin or instrument; default: all.")
@click.option("--for", "for_ms", type=DURATION, default=None, help="Stop by itself after so long.")
def record(
    database: str,
    files: tuple[Path, ...],
    every_ms: int,
    keep_ms: int,
    types: tuple[str, ...],
    symbols: tuple[str, ...],
    for_ms: int | None,
) -> None:
    """Run the sources of the configuration and write what they say into FILE, a database of its own.

    No rule looks at it and nobody is told. Prices, funding and open interest are kept once in --every for each
    instrument; liquidations, settled funding and coins off their peg always. Ctrl-C stops it. Then:
    `tocsin backtest my.yaml --db FILE`.
    """
    config = loaded(files)
    wanted = _wishes(config, types, symbols)
    kept = asyncio.run(_recorded(config, database, wanted, every_ms, keep_ms, for_ms))
    click.echo(f"{kept:,} events written")


def _wishes(config: "Config", types: tuple[str, ...], symbols: tuple[str, ...]) -> "frozenset[Wish]":
    from daemon.keeping import PASSING
    from daemon.wishes import wishes
    from rules import spelling
    from rules.events import EVENTS
    from rules.selection import Selection

    if not types:
        if symbols:
            raise click.UsageError("--symbol needs --type; write --type funding_rate, too")
        return wishes(spec.compile() for spec in config.rules)
    for name in types:
        if name not in EVENTS:
            raise unknown_name("event type", name, list(EVENTS))
        if issubclass(EVENTS[name], PASSING) or EVENTS[name].IS_PRIVATE:
            raise click.UsageError(f"{name} is never kept: venues have it, or it is an account's own")
    try:
        for symbol in symbols:
            spelling.symbol(symbol)
    except ValueError as exc:
        raise click.UsageError(f"--symbol: {exc}") from None
    which = Selection.of([symbol.upper() for symbol in symbols]) if symbols else Selection(None)
    return frozenset((EVENTS[name], None, which) for name in types)


async def _recorded(
    config: "Config", address: str, wanted: "frozenset[Wish]", every_ms: int, keep_ms: int, for_ms: int | None
) -> int:
    from daemon import logs
    from daemon.app import announce, heed_signals
    from daemon.trial.recording import record as listen

    logs.set_up()
    stop = asyncio.Event()
    heed_signals(stop, announce)
    if for_ms is not None:
        asyncio.get_running_loop().call_later(for_ms / 1000, stop.set)

    def begun(database: "Database") -> None:
        click.echo(f"recording into {database.place}; Ctrl-C stops it")

    return await listen(config, address, wanted, every_ms=every_ms, keep_ms=keep_ms, stop=stop, begun=begun)
