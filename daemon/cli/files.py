"""The -c option, and what it leads to."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from daemon.config.model import Config

Where = tuple[tuple[Path, ...], str | None]  # files, and the database that --db names
Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """-c FILE, several times; without it TOCSIN_CONFIG, and without that the shipped example."""
    about = "A configuration file; may be given several times. [env: TOCSIN_CONFIG; default: the shipped example]"
    return click.option("-c", "--config", "files", multiple=True, type=click.Path(path_type=Path), help=about)(command)


def files_argument(command: Command) -> Command:
    """FILE..., or -c FILE as the other commands have it; the command gets `files` and `configs`."""
    named = click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
    about = "The same as FILE, as the other commands have it."
    return named(
        click.option("-c", "--config", "configs", multiple=True, type=click.Path(path_type=Path), help=about)(command)
    )


def loaded(files: tuple[Path, ...]) -> "Config":
    """The configuration; ConfigError ends the command with exit code 2."""
    from daemon.config.load import chosen_files, load

    return load(chosen_files(files))


def database_address(files: tuple[Path, ...], database: str | None) -> str:
    """Where the daemon with these files remembers things; --db says it without a file."""
    return database if database is not None else loaded(files).storage.address


def database_option(command: Command) -> Command:
    """--db, for a database that no file names (the demo's)."""
    return click.option("--db", "database", metavar="URL", help="This database, not the configured one.")(command)


def nearer(ctx: click.Context, files: tuple[Path, ...], database: str | None) -> Where:
    """Of -c and --db before and behind a subcommand, those behind it."""
    group: Where = ctx.obj
    return files or group[0], database if database is not None else group[1]


EXAMPLE_ONLY = "; without -c only the shipped example is read"


def is_example(files: tuple[Path, ...]) -> bool:
    """Whether nobody has named a file."""
    from daemon.config.load import chosen_files, example_file

    return chosen_files(files) == [example_file()]


def unknown_name(kind: str, name: str, known: "list[str]", files: tuple[Path, ...] | None = None) -> click.UsageError:
    """A name on the command line that nothing has; exit code 2. `files`: where it was looked for."""
    from daemon.config.mistakes import nearest

    right = nearest(name, known)
    where = EXAMPLE_ONLY if files is not None and is_example(files) else ""
    return click.UsageError(f"there is no {kind} '{name}'{f'; {right}' if right else ''}{where}")
