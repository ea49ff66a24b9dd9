"""`tocsin backtest`: what the rules would have said of the stored past, and what other limits would have."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.durations import DURATION
from daemon.cli.files import database_option, files_argument, unknown_name
from daemon.cli.moments import MOMENT, say_moment
from daemon.cli.progress import bar
from daemon.cli.tables import show
from daemon.cli.trouble import FAILED
from daemon.clock import wall_ms
from rules.units import say_duration

if TYPE_CHECKING:
    from daemon.config.model import Config
    from daemon.trial.backtest import Backtest, Report, RuleReport
    from daemon.trial.play import Spoken
    from daemon.trial.tally import Tally
    from rules.spec import RuleSpec

_BAR = 24  # columns of the longest bar
_LEVELS = " ▁▂▃▄▅▆▇█"
_HELD_MAX = 8  # places that are named
_DAYS_MAX = 60  # columns of the line of days


@click.command(short_help="What the rules would have said of the stored past.")
@files_argument
@database_option
@click.option("--since", type=MOMENT, default="30d", show_default=True, help="From: 30d ago, or 2026-05-01.")
@click.option("--until", type=MOMENT, default=None, help="To: 1d ago, or 2026-06-01; default: now.")
@click.option("--rule", "names", multiple=True, metavar="ID", help="Only this rule; may be given several times.")
@click.option("--neighbours/--no-neighbours", default=True, help="Try other limits, too.  [default: yes]")
@click.option("--flap", "flap_ms", type=DURATION, default="10m", show_default=True, help="A flap: fired so soon again.")
@click.option("--messages", is_flag=True, help="Print every message as it would have been sent.")
@click.pass_context
def backtest(
    ctx: click.Context,
    files: tuple[Path, ...],
    configs: tuple[Path, ...],
    database: str | None,
    since: int,
    until: int | None,
    names: tuple[str, ...],
    neighbours: bool,
    flap_ms: int,
    messages: bool,
) -> None:
    """Try the rules of FILE on what is stored: the daemon's own engine and post, by the clock of the past.

    Nobody is told, nothing is written; the daemon may be running or not. `tocsin import` and `tocsin record` give it
    a longer past.
    """
    from daemon.config.load import chosen_files, load
    from daemon.trial.backtest import Backtest
    from daemon.trial.neighbours import FACTORS

    until_ms = until or wall_ms()
    if since >= until_ms:
        ends = "now" if until is None else say_moment(until)
        raise click.UsageError(f"--since {say_moment(since)} is not before {ends}; --since is when it begins")
    config = load(chosen_files((*files, *configs)))
    specs = _chosen(config, names)
    if not specs:
        click.echo(
            f"{', '.join(map(str, config.files))}: there are no rules to try; write some under `rules:`", err=True
        )
        ctx.exit(FAILED)
    told = _print if messages else lambda spoken: None
    trial = Backtest(config, specs=specs, factors=FACTORS if neighbours else (), flap_ms=flap_ms, spoken=told)
    report = asyncio.run(_replayed(database or config.storage.address, trial, since, until_ms))
    if not report.events:
        click.echo(f"nothing that these rules look at is stored between {_stretch(report)}", err=True)
        _say_elsewhere(report, sorted(trial.wanted))
        ctx.exit(FAILED)
    _show(report)


def _chosen(config: "Config", names: tuple[str, ...]) -> "list[RuleSpec]":
    known = {spec.id: spec for spec in config.rules}
    for name in names:
        if name not in known:
            raise unknown_name("rule", name, list(known))
    return [known[name] for name in names or known]


async def _replayed(address: str, trial: "Backtest", since_ms: int, until_ms: int) -> "Report":
    from daemon.trial.backtest import replay
    from storage.database import Database

    database = await Database.open(address, exclusive=False, create=False)
    try:
        with bar("replaying") as progress:
            return await replay(database, trial, since_ms, until_ms, progress=progress)
    finally:
        await database.close()


def _print(spoken: "Spoken") -> None:
    click.echo(f"{say_moment(spoken.at_ms)}  {spoken.sink}\n    " + "\n    ".join(spoken.text.splitlines()))


def _stretch(report: "Report") -> str:
    return f"{say_moment(report.since_ms)} and {say_moment(report.until_ms)}"


def _say_elsewhere(report: "Report", types: "list[str]") -> None:
    """What is stored instead, or when."""
    if not report.elsewhere:
        click.echo("nothing at all is stored; `tocsin import` and `tocsin record` give it a past", err=True)
        return
    click.echo(f"they listen to {', '.join(types)}; stored are", err=True)
    for one in report.elsewhere[:_HELD_MAX]:
        times = f"from {say_moment(one.first_ms)} to {say_moment(one.last_ms)}"
        click.echo(f"  {one.type} of {one.venue} {one.symbol}: {one.events:,}, {times}", err=True)
    if len(report.elsewhere) > _HELD_MAX:
        click.echo(f"  and {len(report.elsewhere) - _HELD_MAX:,} more; `tocsin events` shows them", err=True)


def _show(report: "Report") -> None:
    """The whole file in a table, then each rule's neighbours."""
    first_ms = report.span.first_ms or report.since_ms
    total = ", ".join(f"{count:,} to {sink}" for sink, count in report.messages.items()) or "none"
    kept = f"; {report.kept_back:,} kept back" if report.kept_back else ""
    click.echo(f"{report.events:,} events between {say_moment(first_ms)} and {say_moment(report.until_ms)}")
    click.echo(f"messages: {total}{kept}\n")
    show(("rule", *_HEADERS), ((rule.spec.id, *_cells(rule.tally)) for rule in report.rules))
    for rule in report.rules:
        if rule.tally.fires:
            click.echo(f"\n{rule.spec.id}, {_days(rule.tally)}")
        if len(rule.neighbours) > 1:
            _show_neighbours(rule)
    for rule in report.rules:
        if rule.deaf:
            click.echo(f"\n{rule.spec.id} heard nothing of this past: {rule.deaf}")
        elif rule.sparse:
            click.echo(f"\n{rule.spec.id} heard less of this past than it hears of the market: {rule.sparse}")


def _show_neighbours(rule: "RuleReport") -> None:
    if not any(row.tally.fires for row in rule.neighbours):
        return
    click.echo(f"\n{rule.spec.id} with other limits")
    most = max(row.tally.messages for row in rule.neighbours)
    show(
        ("limit", "", *_HEADERS, "messages"),
        (
            (
                row.limits,
                "yours" if row.factor == 1 else f"{row.factor:g}x",
                *_cells(row.tally),
                _drawn(row.tally, most),
            )
            for row in rule.neighbours
        ),
    )


_HEADERS = ("fires", "escalated", "unheard", "messages", "firing", "worst hour", "flaps")


def _cells(tally: "Tally") -> tuple[object, ...]:
    worst = tally.worst_hour
    return (
        f"{tally.fires:,}",
        f"{tally.escalations:,}",
        f"{tally.unheard:,}",
        f"{tally.messages:,}",
        say_duration(tally.firing_ms - tally.firing_ms % 1_000) or "-",
        "-" if worst is None else f"{worst[1]:,} at {say_moment(worst[0])}",
        f"{tally.flaps:,}",
    )


def _drawn(tally: "Tally", most: int) -> str:
    """A bar beside the number."""
    return "█" * max(round(_BAR * tally.messages / most), 1) if tally.messages else ""


def _days(tally: "Tally") -> str:
    """`fires by day from 2026-05-01: ▁█`. A column is a day, or as many days as it takes for all to fit."""
    first, last = min(tally.days), max(tally.days)
    width = -(-(last - first + 1) // _DAYS_MAX)
    columns = [0] * ((last - first) // width + 1)
    for day, fires in tally.days.items():
        columns[(day - first) // width] += fires
    most = max(columns)
    drawn = "".join(_LEVELS[-(-fires * (len(_LEVELS) - 1) // most)] for fires in columns)
    since = say_moment(first * 86_400_000)[:10]
    if width == 1:
        return f"fires by day from {since}: {drawn}"
    return f"fires from {since}, {'a week' if width == 7 else f'{width} days'} a column: {drawn}"
