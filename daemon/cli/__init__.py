"""What people type. Heavy rooms are imported inside the commands that need them: `check` answers in a blink."""

from importlib import import_module
from typing import Any

import click

from daemon.cli.trouble import sentence_of

_ROOMS = {  # in the order in which people need them
    "run": "process",
    "demo": "process",
    "check": "check",
    "test": "test",
    "backtest": "backtest",
    "explain": "explain",
    "fields": "vocabulary",
    "schema": "vocabulary",
    "events": "log",
    "record": "record",
    "import": "importing",
    "status": "status",
    "outbox": "outbox",
    "silences": "silences",
    "sinks": "recipients",
    "keys": "keys",
}
_NAMES = {"import": "import_"}  # what Python keeps for itself


class Tocsin(click.Group):
    """Knows its commands by name and imports the one that is asked for.

    Trouble that has a sentence becomes that sentence and an exit code; anything else is our bug, and loud.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return None
        command: click.Command = getattr(
            import_module(f"daemon.cli.{_ROOMS[cmd_name]}"), _NAMES.get(cmd_name, cmd_name)
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _ROOMS and not args[0].startswith("-"):
            from daemon.config.mistakes import nearest

            ctx.fail(f"there is no command '{args[0]}'; {nearest(args[0], _ROOMS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as exc:
            if (answer := sentence_of(exc)) is None:
                raise
            code, sentence = answer
            click.echo(sentence, err=True)
            ctx.exit(code)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"tocsin {version('tocsin')}")
        ctx.exit()


@click.group(cls=Tocsin, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say which version."
)
def tocsin() -> None:
    """Tocsin watches crypto derivatives and stablecoins and tells you in chat when your rules fire.

    \b
    tocsin demo            see it work, with simulated venues on this machine
    tocsin run             the live venues, with the shipped rules, on this console
    tocsin check my.yaml   is this file right? what do its rules say?

    Exit codes: 0 all is well, 1 it failed while running, 2 the configuration is wrong.
    """
