"""A headless Chromium, spoken to over its DevTools protocol: enough to open a page, run its scripts and look at it."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.patience import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip


def found() -> str | None:
    """Where the system's browser is."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page; `tell` is a command of the protocol, `run` an expression in the page."""

    def __init__(self, ws: ClientConnection) -> None:
        self._ws = ws
        self._numbers = itertools.count(1)
        self.session = ""
        self.complaints: list[str] = []  # exceptions, errors in the console, and what the page may not load

    async def tell(self, method: str, **params: Any) -> Any:
        """Send one command and wait for its answer; what the page complains of meanwhile is kept."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._ws.send(json.dumps(message | ({"sessionId": self.session} if self.session else {})))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                heard = json.loads(await self._ws.recv())
                if heard.get("id") == number:
                    assert "error" not in heard, heard["error"]
                    return heard["result"]
                self._keep(heard)

    async def run(self, expression: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        found = await self.tell("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true; its value."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await self.run(expression)):  # noqa: ASYNC110 - the page announces nothing, and it ends
                await asyncio.sleep(0.05)
            return value

    async def show(self, url: str) -> None:
        """Go there, until it is loaded."""
        await self.tell("Page.navigate", url=url)
        await self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    async def picture(self) -> bytes:
        """What it looks like, as PNG; for those who want to see why a test fails."""
        return base64.b64decode((await self.tell("Page.captureScreenshot"))["data"])

    def _keep(self, heard: dict[str, Any]) -> None:
        method, params = heard.get("method"), heard.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(str(params["entry"]))


@asynccontextmanager
async def browsing(program: str, folder: Path, *flags: str) -> AsyncIterator[Tab]:
    """A tab of a new browser, gone with all its processes at the end of the block. `folder` is its empty profile."""
    flags = (*flags, "--no-sandbox") if os.geteuid() == 0 else flags
    process = await asyncio.create_subprocess_exec(
        program, *_FLAGS, *flags, f"--user-data-dir={folder}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    drain = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while b"DevTools listening on " not in (line := await process.stderr.readline()):
                assert line, "the browser ended before it listened"
        drain = asyncio.create_task(process.stderr.read(), name="browser's words")
        url = line.decode().split("DevTools listening on ")[1].strip()
        async with connect(url, proxy=None, max_size=None, ping_interval=None) as ws:
            tab = Tab(ws)
            target = (await tab.tell("Target.createTarget", url="about:blank"))["targetId"]
            tab.session = (await tab.tell("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                await tab.tell(f"{domain}.enable")
            yield tab
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if drain is not None:
            await drain
