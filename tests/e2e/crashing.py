"""The daemon, killed by its own hand at the n-th passing of a named point. `python -m tests.e2e.crashing POINT N FILE...`

Only this program knows of the points; the daemon is built and run as always.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from daemon import app
from daemon.config.load import load
from rules.alerts import Change
from sinks.apprise import AppriseSink
from sinks.slack import SlackBotSink, SlackWebhookSink
from sinks.telegram import TelegramSink
from storage.behind import Behind
from storage.journal import Batch, Journal
from storage.outbox import Outbox

SINKS = (AppriseSink, SlackBotSink, SlackWebhookSink, TelegramSink)


class Fuse:
    """Burns down by one each time the point is passed."""

    def __init__(self, count: int) -> None:
        self._left = count

    def burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def lay(point: str, fuse: Fuse) -> None:
    """Put the fuse at this point of the daemon."""
    match point:
        case "before-commit":  # all is written, nothing is committed
            _after(Journal, "write", fuse, lambda args, _: _decides(args))
        case "after-commit":
            _after(Journal, "commit", fuse, lambda args, _: _decides(args))
        case "after-end":  # that they are over is committed, and no lane knows
            _after(Journal, "commit", fuse, lambda args, _: _ends(args))
        case "after-claim":  # `send_started` is committed, nothing has left
            _after(Outbox, "claim", fuse, lambda _, delivery, **_more: delivery is not None)
        case "after-answer":  # the chat said yes, and nobody has written it down
            for sink in SINKS:
                _after(sink, "deliver", fuse, lambda _args, _receipt, **_more: True)
        case "after-note":
            _after(Outbox, "sent", fuse, lambda _args, _found: True)
        case "after-edit":
            for sink in SINKS:
                _after(sink, "deliver", fuse, lambda _args, _receipt, edits=None: edits is not None)
        case "after-catching-up":
            _after(Behind, "done", fuse, lambda _args, _: True)
        case _:
            raise SystemExit(f"there is no point '{point}'")


def _after(owner: type, name: str, fuse: Fuse, counts: Callable[..., bool]) -> None:
    work = getattr(owner, name)

    async def worked(*args: Any, **more: Any) -> Any:
        answer = await work(*args, **more)
        if counts(args, answer, **more):
            fuse.burn()
        return answer

    setattr(owner, name, worked)


def _decides(args: tuple[Any, ...]) -> bool:
    return any(isinstance(arg, Batch) and arg.transitions for arg in args)


def _ends(args: tuple[Any, ...]) -> bool:
    return any(isinstance(arg, Batch) and any(one.change is Change.CLEARED for one in arg.transitions) for arg in args)


if __name__ == "__main__":
    lay(sys.argv[1], Fuse(int(sys.argv[2])))
    sys.exit(app.run(load([Path(name) for name in sys.argv[3:]])))
