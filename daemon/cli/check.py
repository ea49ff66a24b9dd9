"""`tocsin check`: every mistake of the files at once, their failing tests, or what their rules say."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.files import files_argument
from daemon.cli.trouble import CONFIGURATION_WRONG

if TYPE_CHECKING:
    from daemon.config.model import Config


@click.command(short_help="Say what is wrong with a file, or what its rules do.")
@files_argument
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], configs: tuple[Path, ...]) -> None:
    """Say everything that is wrong with FILE, or what its rules do.

    Several files are read as one configuration, as `run -c A -c B` does. Every mistake is printed as
    `file:line:column: where: what is wrong; what would be right`, and the exit code is 2. The files' own tests are
    run, too: one that fails is a mistake. What is right and probably not meant is said as a warning.
    """
    from daemon.config.foreign import describe_rule
    from daemon.config.load import chosen_files, load
    from daemon.config.mistakes import ConfigError

    paths = chosen_files((*files, *configs))
    try:
        config = load(paths)
        passed = _rehearsed(config)
    except ConfigError as exc:
        click.echo(str(exc))
        click.echo(_count(len(exc.mistakes), "mistake"), err=True)
        ctx.exit(CONFIGURATION_WRONG)
    sinks = ", ".join(config.sinks)
    tests = f", {_count(passed, 'test')} passed" if passed else ""
    for mistake in config.doubts:
        click.echo(mistake.said("warning: "))
    doubts = f", with {_count(len(config.doubts), 'warning')}" if config.doubts else ""
    rules = _count(len(config.rules), "rule")
    click.echo(f"{', '.join(map(str, paths))}: right{doubts}. {rules}, told to {sinks}{tests}")
    for rule in config.rules:
        click.echo(f"  {describe_rule(rule)}")


def _rehearsed(config: "Config") -> int:
    """Run the tests; how many there are. ConfigError if one fails."""
    if not config.tests:
        return 0
    from daemon.trial.rehearsal import rehearse

    return rehearse(config)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
