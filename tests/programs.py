"""Programs of this project as processes of their own: `tocsin`, and those that tests bring along."""

import asyncio
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[1]
PIPE, DEVNULL = subprocess.PIPE, subprocess.DEVNULL
_ASKING = threading.Lock()


class Ear:
    """A pipe, and what was said into it; it is closed when nobody is left who could say more."""

    def __init__(self) -> None:
        self._ours, self.theirs = os.pipe()
        self.heard = asyncio.StreamReader()
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(self._ours, False)
        self._loop.add_reader(self._ours, self._hear)

    def hear_all(self) -> None:
        """What was said until now."""
        while self._is_open and self._hear():
            pass

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._loop.remove_reader(self._ours)
            os.close(self._ours)
            self.heard.feed_eof()

    def _hear(self) -> bool:
        try:
            piece = os.read(self._ours, 65_536)
        except BlockingIOError:
            return False
        if piece:
            self.heard.feed_data(piece)
        else:
            self.close()
        return True


class Program:
    """A process that was begun; whoever begins it sees to it that it ends. Speaks as `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, ends: Ear, out: Ear | None, err: Ear | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, self.stderr = [ear.heard if ear is not None else None for ear in (out, err)]
        self._ears = [ear for ear in (out, err) if ear is not None]
        self._ended = asyncio.create_task(self._ends(ends), name=f"end of {pid}")

    async def wait(self) -> int:
        """Its exit code, or the signal that ended it as a negative number. All that it said is heard by then."""
        return await asyncio.shield(self._ended)

    async def communicate(self) -> tuple[bytes, bytes]:
        """All that it still says, until it has ended."""
        out, err = [await heard.read() if heard else b"" for heard in (self.stdout, self.stderr)]
        await self.wait()
        return out, err

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and we have not heard of it yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _ends(self, ends: Ear) -> int:
        self.returncode = int(await ends.heard.readline())
        ends.close()
        for ear in self._ears:
            ear.hear_all()
        return self.returncode


async def begun(
    *words: str | Path,
    module: str = "daemon",
    cwd: Path = ROOT,
    environ: Mapping[str, str] = os.environ,
    stdout: int = PIPE,
    stderr: int = PIPE,
) -> Program:
    """`python -m MODULE WORDS`, on its way."""
    ends = Ear()
    out, err = [Ear() if wanted == PIPE else None for wanted in (stdout, stderr)]
    with Path(os.devnull).open("wb") as nowhere:  # noqa: ASYNC230 - it never waits
        its_out, its_err = [
            ear.theirs if ear is not None else nowhere.fileno() if wanted == DEVNULL else wanted
            for ear, wanted in ((out, stdout), (err, stderr))
        ]
        await asyncio.to_thread(_ask, (ends.theirs, its_out, its_err), module, words, cwd, environ)
    for ear in filter(None, (ends, out, err)):
        os.close(ear.theirs)
    return Program(int(await ends.heard.readline()), ends, out, err)


def done(
    *words: str | Path, cwd: Path, environ: Mapping[str, str], module: str = "daemon"
) -> "subprocess.CompletedProcess[str]":
    """`python -m MODULE WORDS`, ended by itself."""
    ours, its_end = os.pipe()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, os.fdopen(ours, "rb") as ends:
        _ask((its_end, out.fileno(), err.fileno()), module, words, cwd, environ)
        os.close(its_end)
        pid = int(ends.readline())
        if not select.select([ends], [], [], PATIENCE_S)[0]:
            os.kill(pid, signal.SIGKILL)
        code = int(ends.readline())
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read().decode())
    return subprocess.CompletedProcess(words, code, *said)


def _ask(
    handles: Sequence[int], module: str, words: Sequence[str | Path], cwd: Path, environ: Mapping[str, str]
) -> None:
    wanted = {"module": module, "words": [*map(str, words)], "cwd": str(cwd), "environ": dict(environ)}
    text = json.dumps(wanted).encode()
    with _ASKING:
        control = _control()
        socket.send_fds(control, [len(text).to_bytes(4)], handles)
        control.sendall(text)


@cache
def _control() -> socket.socket:
    """To the process that forks; there is one for all tests of this process, and it ends with it."""
    ours, theirs = socket.socketpair()
    forking = subprocess.Popen(
        [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
    )
    theirs.close()

    def leave() -> None:
        ours.close()
        forking.wait()

    atexit.register(leave)
    return ours
