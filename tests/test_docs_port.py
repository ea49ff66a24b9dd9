"""What the documents say of the port is true: every endpoint, parameter, code and setting is told, and the client runs."""

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from daemon.config.model import ServerConfig
from daemon.server.client import converse
from daemon.server.goodbye import Goodbye
from daemon.server.limits import Limits
from daemon.server.query import NAMES
from daemon.server.topics import Answer, Hub
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import Spec
from tests.pages import CODE, ROOT, blocks, made

ENDPOINTS = ROOT / "docs/endpoints.md"
ENDS = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.path.removeprefix("/tzone_apis/services/"))


def of_endpoint(spec: Spec[Any]) -> str:
    """The section about this endpoint on the page of its document."""
    _, _, place = spec.path.removeprefix("/tzone_apis/services/").partition("/")
    page = "futures" if "/futures/" in spec.path else "stablecoins"
    text = (ROOT / f"docs/endpoints-{page}.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        head, _, body = section.partition("\n")
        if place in (head, f"ws/{head}") or place in head.split(", "):
            return body
    return ""


@ENDS
def test_the_documents_tell_each_endpoint(spec: Spec[Any]) -> None:
    """Its path with the documented example, and each parameter that it alone has."""
    row = f"| `{spec.path}` | [{spec.about}]("

    assert [True] == [
        f"`{spec.example}`" in line for line in ENDPOINTS.read_text("utf-8").splitlines() if line.startswith(row)
    ]
    assert of_endpoint(spec)
    assert [] == [name for name in sorted(spec.own - NAMES) if f"`{name}`" not in of_endpoint(spec)]


def first_of_rows(page: Path, heading: str) -> set[str]:
    """What stands as code in the first column of the tables under this heading."""
    section = page.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    return {code for cell in cells for code in (CODE.findall(cell) or [cell])}


def test_the_reference_names_every_parameter_that_all_endpoints_have() -> None:
    """And no other."""
    told = first_of_rows(ENDPOINTS, "Parameters of all endpoints")

    assert NAMES | {"only_changes"} == {word for word in told if re.fullmatch(r"[a-z_]+", word)} - {
        "parameter",
        "written",
    }


def test_the_reference_names_every_error_code() -> None:
    """As they stand in the code, wherever an error frame is made."""
    made = {
        call.args[0].value
        for file in (ROOT / "daemon/server").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and (getattr(call.func, "id", "") or getattr(call.func, "attr", ""))
        in ("BadParameter", "error_payload", "_tell", "_tell_trouble")
        and isinstance(call.args[0], ast.Constant)
    }

    assert "missing" in made
    assert made == first_of_rows(ENDPOINTS, "Error frames") - {"code"}


def test_the_reference_names_every_close_code() -> None:
    """Those that we send."""
    assert {str(goodbye.code) for goodbye in Goodbye} == first_of_rows(ENDPOINTS, "Goodbyes") - {"close code"}


def test_the_readme_names_every_setting_of_the_port() -> None:
    """As it is written in the file."""
    settings = {field.alias or name for name, field in ServerConfig.model_fields.items()}

    assert settings == first_of_rows(ROOT / "README.md", "Settings of the port") - {"setting"}


async def test_the_python_client_of_the_documents_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As printed, apart from the port."""
    (text,) = blocks(ENDPOINTS, "python")
    path = next(spec.path for spec in SPECS if spec.path in text)
    async with Hub([Told(path)], Limits(), lambda: 0) as hub:
        app = web.Application()

        async def stream(request: web.Request) -> web.StreamResponse:
            return await converse(request, hub, hub.endpoints[path])

        app.router.add_get(path, stream)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            text = text.replace("127.0.0.1:8000", f"127.0.0.1:{runner.addresses[0][1]}")
            client = made(text.replace("asyncio.run(watch())", ""), "walk.client", tmp_path, monkeypatch)
            await client.watch()
        finally:
            await hub.stop()
            await runner.cleanup()

    asked, then = map(ast.literal_eval, capsys.readouterr().out.splitlines())
    assert [{"symbols": "BTC,ETH", "filters": '{"exchange": "Binance"}'}] == asked
    assert [{"filters": None, "sort_by": "funding_rate", "sort_order": "desc"}] == then


class Told:
    """An endpoint that answers with what it was asked."""

    is_stream = False

    def __init__(self, path: str) -> None:
        self.path = path

    def parse(self, asked: Mapping[str, Any], previous: str | None) -> str:
        return json.dumps(dict(asked))

    def key(self, params: str) -> str:
        return params

    def changes(self, params: str) -> int:
        return 0

    async def answer(self, params: str, now_ms: int, last: Answer | None) -> Answer:
        return Answer(0, f'{{"rows": {{"results": [{params}]}}}}'.encode(), 60.0)
