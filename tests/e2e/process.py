"""Tocsin as a process of its own: started, listened to, and in the end always gone."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.programs import ROOT as ROOT
from tests.programs import Program, begun


class Running:
    """One process, and what it has said so far."""

    def __init__(self, process: Process | Program) -> None:
        self.process = process
        self.out = self.err = ""
        self._news = asyncio.Condition()
        assert process.stdout is not None and process.stderr is not None
        self._ears = [
            asyncio.create_task(self._listen("out", process.stdout), name="out"),
            asyncio.create_task(self._listen("err", process.stderr), name="err"),
        ]

    @property
    def pid(self) -> int:
        return self.process.pid

    async def said(self, pattern: str, *, where: str = "out") -> re.Match[str]:
        """Wait until what was said matches; the match."""
        sought = re.compile(pattern, re.MULTILINE)
        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                await self._news.wait_for(lambda: sought.search(self._heard(where)) or self._is_deaf())
        except TimeoutError:
            pass  # what it did say is more telling, below
        found = sought.search(self._heard(where))
        assert found is not None, f"never said {pattern!r} on {where}{self._words}"
        return found

    async def url(self) -> str:
        """Where its page is; it has said so once it lives."""
        return (await self.said(r"^  page +(http://\S+)$"))[1]

    async def ends(self) -> int:
        """Its exit code, and all its words are in."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                code = await self.process.wait()
                await asyncio.wait(self._ears)
        except TimeoutError:
            raise AssertionError(f"never ended{self._words}") from None
        return code

    async def stops(self) -> int:
        """Asked politely, it ends within seconds; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ends()

    async def dies(self) -> None:
        """Killed, with no time for a last word."""
        if self.process.returncode is None:
            self.process.kill()
        await self.ends()

    @property
    def _words(self) -> str:
        """For whoever must find out why it did not do what it should."""
        return f"\n--- out\n{self.out}\n--- err\n{self.err}"

    def _heard(self, where: str) -> str:
        return self.out if where == "out" else self.err

    def _is_deaf(self) -> bool:
        return all(ear.done() for ear in self._ears)

    async def _listen(self, where: str, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(65_536):
            async with self._news:
                setattr(self, where, self._heard(where) + piece.decode())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


@asynccontextmanager
async def tocsin(
    *words: str | Path, module: str = "daemon", home: Path | None = None, is_forked: bool = True
) -> AsyncIterator[Running]:
    """`tocsin WORDS`, or another program of this project. It is gone at the end of the block, by force if need be.

    Where it is not forked it begins as for everybody, with an interpreter and its imports.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["COLUMNS"] = "200"  # or its tables are folded as on a small terminal
    if home is not None:  # where its data would go without a configuration
        environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home)}
    process: Process | Program
    if is_forked:
        process = await begun(*words, module=module, environ=environment)
    else:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *map(str, words), cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE
        )
    running = Running(process)
    try:
        yield running
    finally:
        await running.dies()


async def answer(*words: str | Path) -> tuple[int, str, str]:
    """A command that ends by itself: its exit code, its words, its complaints."""
    async with tocsin(*words) as command:
        return await command.ends(), command.out, command.err
