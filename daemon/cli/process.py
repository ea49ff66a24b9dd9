"""`tocsin run` and `tocsin demo`: the commands that stay."""

import sys
from pathlib import Path

import click

from daemon.cli.files import config_option, loaded


@click.command(short_help="Watch the live venues and tell the sinks.")
@config_option
def run(files: tuple[Path, ...]) -> None:
    """Watch the live venues and tell the sinks.

    Without a file: every source that needs no key, the shipped rules, alerts on this console, and a SQLite file in
    your data folder. Files are read again when you save them. Ctrl-C stops it.
    """
    config = loaded(files)
    from daemon import app

    sys.exit(app.run(config))


@click.command(short_help="See it work, with simulated venues on this machine.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop by itself after so long.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=None, help="The page's; 0: any. [default: 8000, or any if taken]"
)
@click.option("--scenario", metavar="NAME|FILE", default=None, help="What happens on the market.")
@click.option(
    "--speed", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True, help="Times faster."
)
@click.option("--db", "database", metavar="FILE", default=None, help="Remember here; default: a temporary file.")
def demo(seconds: float | None, port: int | None, scenario: str | None, speed: float, database: str | None) -> None:
    """See it work: venues in a box on this machine, a daemon against them, alerts on this console."""
    from daemon.simulator.demo import main

    sys.exit(main(seconds=seconds, port=port, scenario=scenario, speed=speed, database=database))
