"""The log: constant sentences with fields beside them, for people on a terminal and as JSON for machines."""

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError

QUIET = ("aiosqlite", "apscheduler", "websockets", "aiohttp.access", "asyncio", "alembic", "watchfiles")
SUBJECTS = ("service", "sink", "feed")  # who it is about, in the fields; people read that first
_COLOURS = {"debug": 2, "info": 32, "warning": 33, "error": 31, "critical": 31}
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
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # at DEBUG it prints tokens


def _no_bad_requests(record: logging.LogRecord) -> bool:
    """Whatever strangers send to the port is answered with 400 and is no trouble of ours; our own bugs stay."""
    exc = record.exc_info[1] if record.exc_info else None
    return not isinstance(exc, HttpProcessingError)


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
