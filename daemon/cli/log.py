"""`tocsin events`: what happened, from the log."""

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.durations import DURATION
from daemon.cli.files import config_option, database_address, database_option, unknown_name
from daemon.clock import wall_ms

if TYPE_CHECKING:
    from storage.database import Database
    from storage.log import Logged

_EVERY_S = 0.5  # how often a tail looks for more
_AT_ONCE = 1_000
_ELSEWHERE = frozenset({"type", "venue", "symbol", "coin", "feed", "at_ms", "received_ms"})


@click.command(short_help="What happened, from the log.")
@config_option
@database_option
@click.option("--type", "kind", help="Only this type of event; `tocsin fields` lists them.")
@click.option("--venue", help="Only what this venue said.")
@click.option("--symbol", help="Only this coin, instrument or feed: BTC, BTC-USDT-PERP, okx.market.")
@click.option("--since", "since_ms", type=DURATION, help="Only the last 30m, 1h, 2d.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="The newest so many.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on; Ctrl-C ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def events(
    files: tuple[Path, ...],
    database: str | None,
    kind: str | None,
    venue: str | None,
    symbol: str | None,
    since_ms: int | None,
    limit: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Show the log of what happened on the markets, oldest first. The daemon may be running or not."""
    if kind is not None:
        from rules.events import EVENTS

        if kind not in EVENTS:
            raise unknown_name("event type", kind, list(EVENTS))
    wanted = {
        "type": kind,
        "venue": venue.lower() if venue else None,
        "symbol": symbol if symbol is None or "." in symbol else symbol.upper(),  # feeds have a dot and are small
        "since_ms": None if since_ms is None else wall_ms() - since_ms,
    }
    asyncio.run(_show(database_address(files, database), wanted, limit, follow=follow, as_json=as_json))


async def _show(address: str, wanted: dict[str, Any], limit: int, *, follow: bool, as_json: bool) -> None:
    from storage.database import Database
    from storage.log import newest_id, query_events

    database = await Database.open(address, exclusive=False, create=False)
    try:
        last = await newest_id(database)  # taken first: what comes in between is shown twice by nobody
        found = await query_events(database, **wanted, limit=limit)
        for logged in found:
            click.echo(line(logged, as_json=as_json))
        if not found and not follow:
            click.echo(
                "nothing like that has happened" if any(wanted.values()) else "nothing has happened yet", err=True
            )
        last = max(last, found[-1].id if found else 0)
        while follow:
            await asyncio.sleep(_EVERY_S)
            last = await _more(database, wanted, last, as_json=as_json)
    finally:
        await database.close()


async def _more(database: "Database", wanted: dict[str, Any], last: int, *, as_json: bool) -> int:
    """Print what came after `last`; returns the new last."""
    from storage.log import query_events

    for logged in await query_events(database, **wanted, after_id=last, limit=_AT_ONCE):
        click.echo(line(logged, as_json=as_json))
        last = logged.id
    return last


def line(logged: "Logged", *, as_json: bool) -> str:
    """One event on one line. What a venue sent is shown without the characters that move a cursor."""
    if as_json:
        return logged.payload
    facts: dict[str, Any] = json.loads(logged.payload)
    said = " ".join(_shown(*fact) for fact in facts.items() if fact[0] not in _ELSEWHERE and fact[1] is not None)
    when = _moment(logged.at_ms).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    text = f"{when}  {logged.type:<16} {logged.venue:<10} {logged.symbol:<18} {said}"
    return "".join(char if char.isprintable() else "?" for char in text).rstrip()


def _shown(name: str, value: object) -> str:
    """Times as times, and numbers without the noise of binary fractions; `--json` has them as they are stored."""
    if name.endswith("_at_ms") and isinstance(value, int):
        try:
            return f"{name.removesuffix('_ms')}={_moment(value):%Y-%m-%dT%H:%MZ}"
        except (OverflowError, ValueError, OSError):  # a venue may send any number
            return f"{name}={value}"
    if isinstance(value, bool):
        return f"{name}={value}".lower()
    if isinstance(value, float):
        return f"{name}={Decimal(f'{value:.10g}'):f}"
    return f"{name}={value}"


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
