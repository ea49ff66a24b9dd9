"""`tocsin test`: do the rules do what their file's tests say?"""

from pathlib import Path

import click

from daemon.cli.files import files_argument
from daemon.cli.trouble import FAILED

_NAMED = 5  # tests that are named to whoever asked for one that is not there


@click.command(short_help="Run the tests of a file on a virtual clock.")
@files_argument
@click.option("--only", metavar="WORDS", help="Only tests whose name holds these words.")
@click.option("--verbose", "-v", is_flag=True, help="Every test's name, not only of those that fail.")
@click.pass_context
def test(
    ctx: click.Context, files: tuple[Path, ...], configs: tuple[Path, ...], only: str | None, verbose: bool
) -> None:
    """Run the tests of FILE on a virtual clock: no network, no database, nobody is told.

    What fails is shown as it was expected and as it came, ready to be pasted. Exit code 1: a test fails.
    """
    from daemon.config.load import chosen_files, load
    from daemon.trial.report import told
    from daemon.trial.trials import run_all

    config = load(chosen_files((*files, *configs)))
    passed, failed = 0, 0
    for outcome in run_all(config, only=only):
        if outcome.failures:
            failed += 1
            click.echo(told(outcome))
        else:
            passed += 1
            if verbose:
                click.echo(f"passed  {outcome.test.trial.name}")
    if config.tests and not passed + failed:
        names = ", ".join(f"'{test.trial.name}'" for test in config.tests[:_NAMED])
        more = f" and {len(config.tests) - _NAMED:,} more" if len(config.tests) > _NAMED else ""
        raise click.UsageError(f"no test's name holds '{only}'; there are {names}{more}")
    if not config.tests:
        click.echo("no tests are written; see docs/trying-rules.md", err=True)
    else:
        click.echo(f"{_count(passed, 'test')} passed" + (f", {failed:,} failed" if failed else ""))
    ctx.exit(FAILED if failed else 0)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
