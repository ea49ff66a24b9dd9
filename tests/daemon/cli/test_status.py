"""`tocsin status` against a real server on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.daemon.cli.typed import typed

FEED = {
    "name": "okx.public",
    "venue": "okx",
    "state": "up",
    "since_ms": 0,
    "events": 12_345,
    "reconnects": 2,
    "last_error": None,
}
HEALTH: dict[str, Any] = {"status": "ok", "label": "SIMULATED", "rules": 7, "firing": 1, "sources": [FEED], "lanes": []}


@asynccontextmanager
async def daemon_that_answers(body: str, *, status: int = 200, token: str | None = None) -> AsyncIterator[int]:
    """Its port."""

    async def healthz(request: web.Request) -> web.Response:
        if token is not None and request.headers.get("Authorization") != f"Bearer {token}":
            return web.Response(status=401)
        return web.Response(text=body, status=status, content_type="application/json")

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()


async def asked(tmp_path: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(typed, "status", *arguments, cwd=tmp_path, **environ)
    return done.returncode, done.stdout, done.stderr


async def test_a_well_daemon_is_shown_in_tables(tmp_path: Path) -> None:
    async with daemon_that_answers(json.dumps(HEALTH)) as port:
        code, said, _ = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert 0 == code
    assert "SIMULATED  ok: runs for -, 7 rules, 1 firing" in said
    assert "mistake" not in said
    assert ["okx.public", "up"] == next(line for line in said.splitlines() if "okx.public" in line).split()[:2]


async def test_no_name_is_cut_on_a_narrow_terminal(tmp_path: Path) -> None:
    """80 columns, and the longest feed we have with an error: everything can be read, the error below."""
    feed = FEED | {"name": "binance.settled_funding", "last_error": "the connection was cut"}
    async with daemon_that_answers(json.dumps(HEALTH | {"sources": [feed]})) as port:
        url = f"http://127.0.0.1:{port}"
        _, said, _ = await asked(tmp_path, "--url", url, COLUMNS="80", FORCE_COLOR="1", TERM="dumb")

    assert ["binance.settled_funding"] * 2 == [line.split()[0] for line in said.splitlines() if "binance" in line]
    assert "the connection was cut" in said.splitlines()[-1]


async def test_a_dead_sink_is_seen(tmp_path: Path) -> None:
    """It is why the whole is degraded, and what the chat said stands below."""
    lane = {"name": "desk", "state": "dead", "held": "Slack (desk): 404", "last_error": "older"}
    async with daemon_that_answers(json.dumps(HEALTH | {"status": "degraded", "lanes": [lane]})) as port:
        _, said, _ = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert ["desk dead", "desk Slack"] == [
        " ".join(line.split()[:2]) for line in said.splitlines() if line.startswith("desk")
    ]


async def test_json_is_the_answer_as_it_came(tmp_path: Path) -> None:
    async with daemon_that_answers(json.dumps(HEALTH)) as port:
        code, said, _ = await asked(tmp_path, "--json", "--url", f"http://127.0.0.1:{port}/")

    assert (0, HEALTH) == (code, json.loads(said))


async def test_a_feed_that_is_down_is_exit_code_1(tmp_path: Path) -> None:
    body = HEALTH | {"status": "degraded", "sources": [FEED | {"state": "down", "last_error": "[bold]refused"}]}
    async with daemon_that_answers(json.dumps(body)) as port:
        code, said, _ = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert 1 == code
    assert "[bold]refused" in said


async def test_address_and_token_come_from_the_configuration_and_no_proxy_is_asked(tmp_path: Path) -> None:
    async with daemon_that_answers(json.dumps(HEALTH), token="a-token-for-readers") as port:
        (tmp_path / "a.yaml").write_text(f"server: {{host: 0.0.0.0, port: {port}, token: '${{T}}'}}\n")
        code, _, _ = await asked(tmp_path, "-c", "a.yaml", T="a-token-for-readers", http_proxy="http://127.0.0.1:9")
        refused = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert 0 == code
    assert 1 == refused[0]
    assert "asks for its token" in refused[2]


async def test_nobody_there_is_a_sentence(tmp_path: Path) -> None:
    async with daemon_that_answers("") as port:
        pass
    code, _, said = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert 1 == code
    assert said.startswith(f"tocsin: no daemon answers at http://127.0.0.1:{port} (")


async def test_a_stranger_on_the_port_is_a_sentence(tmp_path: Path) -> None:
    for body in ("hello", "[]", "{}"):
        async with daemon_that_answers(body) as port:
            code, _, said = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

        assert (1, f"tocsin: what answers at http://127.0.0.1:{port} is no Tocsin\n") == (code, said)


async def test_files_that_are_saved_with_mistakes_are_said(tmp_path: Path) -> None:
    async with daemon_that_answers(json.dumps(HEALTH | {"mistakes": 1})) as port:
        code, said, _ = await asked(tmp_path, "--url", f"http://127.0.0.1:{port}")

    assert 0 == code
    assert (
        "the files as they are saved have 1 mistake, so what ran before runs on; `tocsin check` lists them"
        in said.splitlines()
    )
