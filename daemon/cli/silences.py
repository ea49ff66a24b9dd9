"""`tocsin silences`: what is not told for a while. The running daemon hears of it within a second."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from daemon.cli.durations import DURATION
from daemon.cli.files import (
    EXAMPLE_ONLY,
    Where,
    config_option,
    database_address,
    database_option,
    is_example,
    loaded,
    nearer,
)
from daemon.cli.tables import ago, show
from daemon.cli.trouble import FAILED
from daemon.clock import wall_ms
from rules.units import say_duration

if TYPE_CHECKING:
    from rules.delivery import Silence
    from storage.database import Database

Answer = TypeVar("Answer")
_SEVERITIES = ("info", "warning", "critical")


@click.group(invoke_without_command=True, short_help="What is not told for a while.")
@config_option
@database_option
@click.pass_context
def silences(ctx: click.Context, files: tuple[Path, ...], database: str | None) -> None:
    """Keep alerts quiet for a while. States go on; what still fires when a silence ends is told once."""
    ctx.obj = (files, database)
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, everything=False)


@silences.command("list", short_help="Show the silences that count.")
@click.option("--all", "everything", is_flag=True, help="Those that have ended, too.")
@config_option
@database_option
@click.pass_context
def list_(ctx: click.Context, everything: bool, files: tuple[Path, ...], database: str | None) -> None:
    """Show the silences that count now."""
    _list(nearer(ctx, files, database), everything)


@silences.command(short_help="Keep alerts quiet until a time.")
@click.option("--for", "for_ms", type=DURATION, help="How long: 30m, 4h, 2d.")
@click.option("--rule", "rules", multiple=True, help="The id of a rule; may be given several times, like the others.")
@click.option("--kind", "kinds", multiple=True, help="A kind of rules: liquidation, funding.")
@click.option("--symbol", "symbols", multiple=True, help="A coin or an instrument: BTC, BTC-USDT-PERP.")
@click.option("--venue", "venues", multiple=True, help="binance, bybit.")
@click.option("--severity", "severities", multiple=True, type=click.Choice(_SEVERITIES), help="Exactly this loud.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of the rule: team=desk.")
@click.option("--alert", "episode", metavar="ID", help="This one alert; without --for until it clears.")
@click.option("--everything", is_flag=True, help="All alerts; needs --for.")
@click.option("--reason", default="", help="Why, for whoever wonders.")
@config_option
@database_option
@click.pass_context
def add(
    ctx: click.Context,
    for_ms: int | None,
    rules: tuple[str, ...],
    kinds: tuple[str, ...],
    symbols: tuple[str, ...],
    venues: tuple[str, ...],
    severities: tuple[str, ...],
    labels: tuple[str, ...],
    episode: str | None,
    everything: bool,
    reason: str,
    files: tuple[Path, ...],
    database: str | None,
) -> None:
    """Do not tell alerts that match all of this, from now on."""
    from daemon.named import check, doubts, names_in
    from rules.alerts import Severity
    from rules.delivery import Matchers
    from storage.silences import Silences

    named = (rules, kinds, symbols, venues, severities, labels)
    if episode is not None and any(named):
        raise click.UsageError("--alert names one alert; leave the others out")
    if episode is None and not any(named) and not everything:
        raise click.UsageError("this would silence everything; name --rule or --symbol, or say --everything")
    if everything and (episode is not None or any(named)):
        raise click.UsageError("--everything means all alerts; leave it out, or the others")
    if for_ms is None and episode is None:
        raise click.UsageError("say how long: --for 4h")
    if for_ms is not None and for_ms <= 0:
        raise click.UsageError("a silence lasts for some time; write --for 4h")
    where = nearer(ctx, files, database)
    matchers = Matchers(
        rules=rules,
        kinds=kinds,
        symbols=symbols,
        venues=venues,
        severities=tuple(map(Severity, severities)),
        labels=dict(map(_label, labels)),
    )

    # with --db alone nobody says which rules there are
    config = loaded(where[0]) if where[0] or where[1] is None else None
    with _refusing(where):  # before a database is looked for, which may be another's as the rules are
        check(Matchers(rules=rules, kinds=kinds, labels=matchers.labels), names_in(config))

    async def work(database: "Database") -> "Silence":
        acts = Silences(database)
        if episode is not None and not await acts.has_alert(episode):
            raise click.UsageError(f"there is no alert '{episode}'; /api/alerts lists them")
        with _refusing(where):
            for doubt in await doubts(matchers, database, config):
                click.echo(f"tocsin: {doubt}", err=True)
        until_ms = None if for_ms is None else wall_ms() + for_ms
        return await acts.add(
            author=_who(), matchers=matchers, episode_id=episode, reason=reason.strip(), until_ms=until_ms
        )

    silence = asyncio.run(_inside(where, work))
    click.echo(f"{silence.silence_id}: {_meant(silence)} quiet {_until(silence, wall_ms())}")


@silences.command(short_help="End a silence now.")
@click.argument("silence_id", metavar="ID")
@config_option
@database_option
@click.pass_context
def end(ctx: click.Context, silence_id: str, files: tuple[Path, ...], database: str | None) -> None:
    """End the silence ID now; the first letters are enough."""
    from rules.delivery.silences import called
    from storage.silences import Silences

    async def work(database: "Database") -> tuple[str, int]:
        acts = Silences(database)
        found = called(await acts.find(silence_id), silence_id, wall_ms())
        if len(found) != 1:
            what = "no silence has this ID" if not found else "several begin so; write more of the ID"
            return f"tocsin: {silence_id}: {what}; `tocsin silences list` shows them", FAILED
        if await acts.end(found[0].silence_id, _who()):
            return f"{found[0].short_id}: ended", 0
        return f"tocsin: {found[0].short_id}: it has ended already", FAILED

    said, code = asyncio.run(_inside(nearer(ctx, files, database), work))
    click.echo(said, err=code != 0)
    ctx.exit(code)


def _list(where: Where, everything: bool) -> None:
    from storage.silences import Silences

    now_ms = wall_ms()

    async def work(database: "Database") -> "list[Silence]":
        acts = Silences(database)
        return await acts.listing() if everything else await acts.active(now_ms)

    found = asyncio.run(_inside(where, work))
    if not found:
        click.echo("no silences" if everything else "no silence counts now")
        return
    show(
        ("ID", "age", "who", "what", "until", "why"),
        (
            (one.short_id, ago(one.created_ms, now_ms), one.author, _meant(one), _until(one, now_ms), one.reason)
            for one in found
        ),
        fold=frozenset({"what", "why"}),
    )


async def _inside(where: Where, act: "Callable[[Database], Awaitable[Answer]]") -> Answer:
    """Open the database beside the daemon, act, and close it."""
    from storage.database import Database

    database = await Database.open(database_address(*where), exclusive=False, create=False)
    try:
        return await act(database)
    finally:
        await database.close()


@contextmanager
def _refusing(where: Where) -> "Iterator[None]":
    """What nothing is called would silence nothing."""
    from daemon.named import Unknown

    try:
        yield
    except Unknown as exc:
        is_elsewhere = exc.part in ("rule", "labels") and is_example(where[0])
        raise click.UsageError(f"{exc}{EXAMPLE_ONLY if is_elsewhere else ''}") from None


def _meant(silence: "Silence") -> str:
    return f"alert {silence.episode_id}" if silence.episode_id is not None else str(silence.matchers)


def _until(silence: "Silence", now_ms: int) -> str:
    if silence.ended_ms is not None:
        return f"ended by {silence.ended_by}"
    if silence.until_ms is None:
        return "until it clears"
    left_ms = silence.until_ms - now_ms
    return f"for {say_duration(-(-left_ms // 1_000) * 1_000)}" if left_ms > 0 else "ended"


def _label(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise click.UsageError(f"--label {text}: write NAME=VALUE")
    return name, value


def _who() -> str:
    """Whoever is logged in, as far as this machine knows."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a user without a name, in a container
        return "command line"
