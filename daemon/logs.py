"""The log: constant sentences with fields beside them, for people on a terminal and as JSON for machines."""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from daemon.scribe import Scribe

QUIET = ("aiosqlite", "apscheduler", "websockets", "aiohttp.access", "asyncio", "alembic", "watchfiles")
SUBJECTS = ("service", "sink", "feed")  # who it is about, in the fields; people read that first
_COLOURS = {"debug": 2, "info": 32, "warning": 33, "error": 31, "critical": 31}
WAITING_MAX = 10_000  # records
Processor = Any  # structlog's processors have no common type worth naming


def set_up(level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Everything that is logged goes to `stream` (standard error): coloured on a terminal, JSON lines elsewhere.

    A record with `said=True` repeats what the console was told; a person at a terminal need not read it twice.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    last: list[Processor] = [_unmarked, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    if stream.isatty():
        last = [_unmarked, _for_people]
        if sys.stdout.isatty():
            handler.addFilter(lambda record: not getattr(record, "said", False))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in QUIET:  # they tell of every step; ours speaks on change
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_no_bad_requests)
    logging.getLogger("asyncio").addFilter(_no_cut_connects)
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # at DEBUG it prints tokens


@contextmanager
def aside(waiting_max: int = WAITING_MAX) -> Iterator["Aside"]:
    """Until the end of this, lines are written by a thread: a terminal that is halted must not halt the house.

    What does not fit into the queue is counted, and the count is said once there is room.
    """
    root = logging.getLogger()
    handlers = root.handlers
    desk = Aside(handlers, waiting_max)
    root.handlers = [desk]
    try:
        yield desk
    finally:
        root.handlers = handlers
        desk.finish()


class Aside(logging.Handler):
    """Takes records and hands them to a thread that writes."""

    def __init__(self, handlers: Sequence[logging.Handler], waiting_max: int) -> None:
        super().__init__()
        self.is_written = False  # all of it, when it is over
        self._handlers = handlers
        self._scribe = Scribe("log", waiting_max)
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        if not self._scribe.take(lambda: self._write(record)):
            self._lost += 1

    def finish(self) -> None:
        """Write what waits, within a moment."""
        self.is_written = self._scribe.finish()

    def _write(self, record: logging.LogRecord) -> None:
        self._pass(record)
        if self._scribe.is_idle and (lost := self._count_lost()):
            self._pass(_about_lost(lost))

    def _count_lost(self) -> int:
        self.acquire()  # `emit` is called under it, too
        lost, self._lost = self._lost, 0
        self.release()
        return lost

    def _pass(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)  # which tells of its own troubles, and goes on


def _about_lost(count: int) -> logging.LogRecord:
    text = "lines of the log were lost, because nobody took them"
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, None, None)
    record.lines = count
    return record


def _no_bad_requests(record: logging.LogRecord) -> bool:
    """Whatever strangers send to the port is answered with 400 and is no trouble of ours; our own bugs stay."""
    exc = record.exc_info[1] if record.exc_info else None
    return not isinstance(exc, HttpProcessingError)


def _no_cut_connects(record: logging.LogRecord) -> bool:
    """PostgreSQL's driver leaves an error that nobody looks at when it is cancelled while it connects."""
    return not (record.exc_info and "unexpected connection_lost() call" in str(record.exc_info[1]))


def _unmarked(_: object, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record.pop("said", None)
    return record


def _for_people(_: object, __: str, record: MutableMapping[str, Any]) -> str:
    """`03:13:43Z warning  okx.market: service stumbled  error='no connection' retry_in_s=0.4`, and a plain traceback.

    Values with blanks or control characters are quoted: what a venue sent cannot move the cursor.
    """
    level, event, trouble = str(record.pop("level")), str(record.pop("event")), record.pop("exc_info", None)
    record.pop("timestamp", None)
    subject = "".join(f"{record.pop(name)}: " for name in SUBJECTS if name in record)
    fields = " ".join(f"{name}={_shown(value)}" for name, value in record.items())
    line = f"{datetime.now(UTC):%H:%M:%SZ} {_tinted(f'{level:<8}', _COLOURS.get(level, 0))} {subject}{event}"
    text = f"{line}  {_tinted(fields, 2)}" if fields else line
    # no local variables are drawn: tokens are among them
    return f"{text}\n{''.join(traceback.format_exception(*trouble)).rstrip()}" if trouble else text


def _shown(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else repr(text)


def _tinted(text: str, colour: int) -> str:
    return text if os.environ.get("NO_COLOR") else f"\x1b[{colour}m{text}\x1b[0m"
