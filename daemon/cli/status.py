"""`tocsin status`: how the running daemon and its feeds are."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from daemon.cli.files import config_option, loaded
from daemon.cli.tables import ago, coloured, show
from daemon.cli.trouble import FAILED, FINE
from daemon.clock import wall_ms

OK, UNAUTHORIZED = HTTPStatus.OK, HTTPStatus.UNAUTHORIZED
_PATIENCE_S = 5.0
_COLOURS = {"up": "green", "down": "red", "dead": "red", "failing": "red"}
_ANSWER_MAX = 4 * 1024 * 1024


@click.command(short_help="How the running daemon and its feeds are.")
@config_option
@click.option(
    "--url", help="The daemon's address, for instance http://127.0.0.1:8000; default: from the configuration."
)
@click.option("--json", "as_json", is_flag=True, help="The answer as it came.")
@click.pass_context
def status(ctx: click.Context, files: tuple[Path, ...], url: str | None, as_json: bool) -> None:
    """Ask the running daemon how its feeds are. Exit code 1: it does not answer, or something is down."""
    server = loaded(files).server if url is None or files else None
    token = server.token.get_secret_value() if server is not None and server.token is not None else None
    if url is None and server is not None:
        url = f"http://{_reachable(server.host)}:{server.port}"
    code, text = _ask(f"{str(url).rstrip('/')}/healthz", token)
    if code is None:
        click.echo(f"tocsin: no daemon answers at {url} ({text})", err=True)
        ctx.exit(FAILED)
    if code == UNAUTHORIZED:
        advice = "name its configuration with -c" if server is None else "set server.token there and here"
        click.echo(f"tocsin: the daemon at {url} asks for its token; {advice}", err=True)
        ctx.exit(FAILED)
    try:
        health = json.loads(text)
        is_well = code == OK and health["status"] == "ok"
    except (ValueError, KeyError, TypeError):
        click.echo(f"tocsin: what answers at {url} is no Tocsin", err=True)
        ctx.exit(FAILED)
    if as_json:
        click.echo(text)
    else:
        _show(health)
    ctx.exit(FINE if is_well else FAILED)


def _reachable(host: str) -> str:
    """Where to knock when the daemon listens on every address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _ask(url: str, token: str | None) -> tuple[int | None, str]:
    """The answer's code and text; no code and the reason if there was none. Proxies are not asked: it is our machine."""
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    try:
        request = Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
        with build_opener(ProxyHandler({})).open(request, timeout=_PATIENCE_S) as answer:
            return answer.status, answer.read(_ANSWER_MAX).decode("utf-8", "replace")
    except HTTPError as exc:  # 503 is an answer too: something is down, and the body says what
        return exc.code, exc.read(_ANSWER_MAX).decode("utf-8", "replace")
    except URLError as exc:
        return None, str(exc.reason)
    except (OSError, ValueError) as exc:
        return None, str(exc)


def _show(health: dict[str, Any]) -> None:
    """How it is in a line, the feeds and the lanes in tables, and what went wrong last beneath them."""
    now_ms = wall_ms()
    label = f"{health['label']}  " if health.get("label") else ""
    rules, firing = health.get("rules", 0), health.get("firing", 0)
    running = ago(health.get("started_ms"), now_ms)
    click.echo(f"{label}{health['status']}: runs for {running}, {_count(rules, 'rule')}, {firing:,} firing\n")
    if mistakes := health.get("mistakes"):
        what = f"the files as they are saved have {_count(mistakes, 'mistake')}, so what ran before runs on"
        click.secho(f"{what}; `tocsin check` lists them\n", fg="yellow")
    storage = health.get("storage") or {}
    if storage.get("held"):
        click.secho(f"the database holds it: {storage['held']}\n", fg="red")
    show(
        ("source", "state", "for", "frame", "event", "events", "reconnects"),
        (
            (
                row.get("name", "?"),
                coloured(state := str(row.get("state", "?")), _COLOURS.get(state, "yellow")),
                *(ago(row.get(key), now_ms) for key in ("since_ms", "last_frame_ms", "last_event_ms")),
                f"{row.get('events', 0):,}",
                row.get("reconnects", 0),
            )
            for row in health.get("sources", ())
        ),
    )
    click.echo()
    show(
        ("sink", "state", "last sent", "sent this run", "uncertain", "dead"),
        (
            (
                row.get("name", "?"),
                coloured(state := str(row.get("state", "?")), _COLOURS.get(state, "yellow")),
                ago(row.get("last_sent_ms"), now_ms),
                *(f"{row.get(key, 0):,}" for key in ("sent", "uncertain", "dead")),
            )
            for row in health.get("lanes", ())
        ),
    )
    rows = [*health.get("sources", ()), *health.get("lanes", ())]
    errors = [(row.get("name", "?"), row.get("held") or row.get("last_error")) for row in rows]
    if any(error for _, error in errors):
        click.echo()
        show(("", "last error"), [row for row in errors if row[1]], fold=frozenset({"last error"}))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
