"""One process that has imported all of Tocsin, and forks whoever is asked for. Started by `tests.programs`.

Importing takes most of a second, and the tests start several hundred programs. What is forked is a process like any
other: it has arguments, surroundings and pipes of its own, is asked and killed by signals, and ends as Python ends.
"""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
from importlib import import_module
from io import TextIOWrapper
from typing import Any, TextIO

HEAVY = ("aiosqlite", "alembic.runtime.migration", "apprise", "asyncpg", "PIL.Image", "PIL.ImageDraw", "rich.progress")


def main() -> None:
    """Serve until whoever started us is gone; a child returns from here, and is the program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, and for those whom they send it
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()
    _import_all()
    gc.freeze()  # what is not looked at stays shared between all children
    wanted = _serve(control)
    if wanted is not None:
        _become(wanted)
        _live(wanted["module"])


def _import_all() -> None:
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as the door does it
    for name in ("daemon", "rules", "sinks", "storage"):
        for module in pkgutil.walk_packages(import_module(name).__path__, f"{name}."):
            if not module.name.endswith("__main__") and not module.name.startswith(
                "storage.migrations."
            ):  # alembic's own
                import_module(module.name)
    for name in HEAVY:
        import_module(name)


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """In a child, what is wanted of it; None when nobody is left who could ask."""
    waking, woken = socket.socketpair()
    for end in (waking, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    watchers: dict[int, int] = {}  # process -> where its end is to be told
    while True:
        ready, _, _ = select.select([control, waking], [], [])
        if waking in ready:
            waking.recv(4096)
            _bury(watchers)
        if control not in ready:
            continue
        word, handles, _, _ = socket.recv_fds(control, 4, 3)
        if not word:
            return None
        wanted: dict[str, Any] = json.loads(_exactly(control, int.from_bytes(word)))
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            for end in (control, waking, woken):
                end.close()
            for watcher in [*watchers.values(), handles[0]]:
                os.close(watcher)
            for number, handle in enumerate(handles[1:], start=1):
                os.dup2(handle, number)
                os.close(handle)
            return wanted
        watchers[child] = handles[0]
        os.write(handles[0], b"%d\n" % child)
        for handle in handles[1:]:
            os.close(handle)


def _bury(watchers: dict[int, int]) -> None:
    while watchers:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            break
        watcher = watchers.pop(child)
        os.write(watcher, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(watcher)


def _exactly(control: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        found += control.recv(count - len(found))
    return found


def _become(wanted: dict[str, Any]) -> None:
    """What differs from one program to the next."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(wanted["cwd"])
    os.environ.clear()
    os.environ.update(wanted["environ"])
    time.tzset()
    sys.argv[1:] = wanted["words"]
    sys.stdout, sys.stderr = _opened(1, sys.stdout), _opened(2, sys.stderr)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    gc.enable()


def _live(module: str) -> None:
    """As `python -m` does it, but that what all children share is not taken apart at the end of each."""
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as exc:
        if not isinstance(exc.code, int | None):  # a sentence, which Python prints
            raise
        code = exc.code or 0
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, before the exit functions as Python does
    atexit._run_exitfuncs()
    gc.collect()  # whoever was not closed complains
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _opened(number: int, before: TextIO) -> TextIOWrapper:
    """As Python opens them: a terminal and complaints are written line by line."""
    is_prompt = number == 2 or os.isatty(number)
    opened = open(number, "w", 1 if is_prompt else -1, before.encoding, before.errors, closefd=False)  # noqa: SIM115
    if os.environ.get("PYTHONUNBUFFERED"):
        opened.reconfigure(write_through=True)
    return opened


if __name__ == "__main__":
    main()
