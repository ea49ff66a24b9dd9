"""The -c option, and what it leads to."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from daemon.config.model import Config

Command = TypeVar("Command", bound=Callable[..., Any])


def config_option(command: Command) -> Command:
    """-c FILE, several times; without it TOCSIN_CONFIG, and without that the shipped example."""
    about = "A configuration file; may be given several times. [env: TOCSIN_CONFIG; default: the shipped example]"
    return click.option("-c", "--config", "files", multiple=True, type=click.Path(path_type=Path), help=about)(command)


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


def unknown_name(kind: str, name: str, known: "list[str]") -> click.UsageError:
    """A name on the command line that nothing has; exit code 2."""
    from daemon.config.mistakes import nearest

    return click.UsageError(f"there is no {kind} '{name}'; {nearest(name, known)}")
