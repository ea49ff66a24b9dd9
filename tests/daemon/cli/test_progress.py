"""How far a long command is, seen on a terminal: a real one, as far as the program can tell."""

import asyncio
import os
import pty
import re
import struct
import termios
from fcntl import ioctl
from pathlib import Path

from tests.daemon.cli.test_trying import SINCE, imported
from tests.daemon.cli.typed import ROOT, typed
from tests.programs import PIPE, begun

WIDTH = 100
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ERASES = re.compile(r"\x1b\[[0-9;?]*K|\x1b\[[0-9;?]*J")


async def on_terminal(*arguments: str, cwd: Path, is_all: bool = False) -> tuple[int, str, str]:
    """`tocsin ARGUMENTS` with its complaints, or all it says, on a terminal: exit code, piped words, the terminal's."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("TOCSIN_CONFIG", "NO_COLOR", "CI")}
    environ |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "200"}
    process = await begun(*arguments, cwd=cwd, environ=environ, stdout=theirs if is_all else PIPE, stderr=theirs)
    os.close(theirs)
    seeing = asyncio.create_task(asyncio.to_thread(_seen, ours), name="terminal")
    piped, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, piped.decode(), await seeing


def _seen(terminal: int) -> str:
    """All that is written to it, until nobody holds its other end."""
    pieces = []
    try:
        while piece := os.read(terminal, 65_536):
            pieces.append(piece)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(terminal)
    return b"".join(pieces).decode()


async def test_a_terminal_sees_a_bar_that_goes_away(tmp_path: Path) -> None:
    """It counts to the end and is erased; what is piped beside it is the same as without a terminal."""
    imported(tmp_path)
    asked = ("backtest", "rules.yaml", "--db", "past.db", *SINCE, "--until", "2026-01-07")
    without = typed(*asked, cwd=tmp_path)
    code, words, shown = await on_terminal(*asked, cwd=tmp_path)
    drawn, erased = shown.rindex("replaying"), [match.start() for match in _ERASES.finditer(shown)]

    assert (0, 0, without.stdout) == (without.returncode, code, words)
    assert "5 events" in words
    assert re.search(r"replaying .*━.* 5/5", _CONTROL.sub("", shown))
    assert erased and max(erased) > drawn
    assert "" == _CONTROL.sub("", shown[max(erased) :]).strip()


async def test_all_on_a_terminal_the_result_stands_below_no_bar(tmp_path: Path) -> None:
    """As people run it: what is left on the screen is the result alone."""
    imported(tmp_path)
    asked = ("backtest", "rules.yaml", "--db", "past.db", *SINCE, "--until", "2026-01-07")
    code, _, shown = await on_terminal(*asked, cwd=tmp_path, is_all=True)
    result = shown.index("5 events between")

    assert 0 == code
    assert shown.index("replaying") < result
    assert "replaying" not in shown[result:]
    assert _ERASES.search(shown, shown.rindex("replaying"), result)


async def test_a_pipe_sees_nothing_of_it(tmp_path: Path) -> None:
    """Neither in the words nor in the complaints."""
    imported(tmp_path)
    done = typed("backtest", "rules.yaml", "--db", "past.db", *SINCE, cwd=tmp_path, TERM="xterm-256color", NO_COLOR="")

    assert (0, "") == (done.returncode, done.stderr)
    assert "replaying" not in done.stdout and "━" not in done.stdout and "\x1b" not in done.stdout
