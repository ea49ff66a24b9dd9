"""A browser at a guarded daemon: docs/access.md as a page does it, in the system's Chromium where there is one."""

from pathlib import Path

import pytest

from daemon.simulator.box import Box
from tests.e2e.browser import browsing, found
from tests.e2e.living import living, until
from tests.e2e.market import quiet
from tests.e2e.test_access import FEED, configured, keys

LOG_IN = "fetch('/auth/token', {method: 'POST', headers: {'x-api-key': %r}}).then(answer => answer.status)"
STATUS = "fetch('/healthz').then(answer => answer.status)"
REASON = "fetch('/healthz').then(answer => answer.json()).then(body => body.error.code)"
LOG_OUT = "fetch('/auth/logout', {method: 'POST'}).then(answer => answer.status)"
OPEN = f"""new Promise(done => {{
    window.socket = new WebSocket(location.origin.replace('http', 'ws') + '{FEED}');
    window.codes = [];
    socket.onmessage = () => done('a frame');
    socket.onclose = event => {{ codes.push(event.code); done('closed'); }};
}})"""


async def test_a_page_logs_in_reads_and_is_shown_out(tmp_path: Path) -> None:
    """Scripts never see the cookies; another port of the same host has them, and is foreign all the same."""
    program = found()
    if program is None:
        pytest.skip("no Chromium here")
    async with Box(quiet()) as box:
        files = configured(tmp_path, box)
        key = await keys(files, "create", "desk")
        async with (
            living(files) as house,
            living(_second(tmp_path, box)) as neighbour,
            browsing(program, tmp_path / "profile") as tab,
        ):
            await tab.show(f"{house.server.url}/healthz")
            assert "missing" == await tab.run(REASON)
            assert "closed" == await tab.run(OPEN)
            assert 401 == await tab.run(LOG_IN % "guess")
            assert 200 == await tab.run(LOG_IN % key)
            assert "" == await tab.run("document.cookie")
            assert await tab.run(STATUS) in (200, 503)
            assert "a frame" == await tab.run(OPEN)

            await tab.show(f"{neighbour.server.url}/healthz")
            foreign = OPEN.replace("location.origin", repr(house.server.url))
            assert "closed" == await tab.run(foreign)

            await tab.show(f"{house.server.url}/healthz")
            assert "a frame" == await tab.run(OPEN)
            assert 200 == await tab.run(LOG_OUT)
            await tab.until("codes.length")
            assert [4001] == await tab.run("codes")
            assert "missing" == await tab.run(REASON)
            assert house.showroom is not None
            await until(lambda: house.showroom is not None and house.showroom.hub.connections == 0)


def _second(folder: Path, box: Box) -> list[Path]:
    """Another daemon on the same host, open to everybody."""
    other = folder / "other"
    other.mkdir()
    return configured(other, box, host="127.0.0.1", tables=False)
