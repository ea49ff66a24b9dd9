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
PIPE = subprocess.PIPE
_ASKING = threading.Lock()


_Heard = asyncio.StreamReader | None


class Program:
    """A process that was begun; whoever begins it sees to it that it ends. Speaks as `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, ends: asyncio.StreamReader, out: _Heard, err: _Heard) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, self.stderr = out, err
        self._ended = asyncio.create_task(self._ends(ends), name=f"end of {pid}")

    async def wait(self) -> int:
        """Its exit code, or the signal that ended it as a negative number."""
        return await asyncio.shield(self._ended)

    async def communicate(self) -> tuple[bytes, bytes]:
        """All that it still says, until it has ended."""
        said = await asyncio.gather(*(heard.read() if heard else _nothing() for heard in (self.stdout, self.stderr)))
        await self.wait()
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has ended, and we have not heard of it yet
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _ends(self, ends: asyncio.StreamReader) -> int:
        self.returncode = int(await ends.readline())
        return self.returncode


async def _nothing() -> bytes:
    return b""


async def begun(
    *words: str | Path,
    module: str = "daemon",
    cwd: Path = ROOT,
    environ: Mapping[str, str] = os.environ,
    stdout: int = PIPE,
    stderr: int = PIPE,
) -> Program:
    """`python -m MODULE WORDS`, on its way."""
    out, its_out = await _heard(stdout)
    err, its_err = await _heard(stderr)
    ends, its_end = await _heard(PIPE)
    assert ends is not None
    await asyncio.to_thread(_ask, (its_end, its_out, its_err), module, words, cwd, environ)
    for handle, given in ((its_out, stdout), (its_err, stderr), (its_end, PIPE)):
        if handle != given:
            os.close(handle)
    return Program(int(await ends.readline()), ends, out, err)


async def _heard(wanted: int) -> tuple[_Heard, int]:
    """Who hears what is said, and where it is to be said."""
    if wanted == subprocess.DEVNULL:
        return None, os.open(os.devnull, os.O_WRONLY)
    if wanted != PIPE:
        return None, wanted
    ours, theirs = os.pipe()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb")
    )
    return reader, theirs


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
