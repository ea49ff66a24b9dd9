"""What Apprise lets slip while it sends: its log lines and the exception behind them, read as an outcome."""

from __future__ import annotations

import logging
import re
import socket
import sys
import threading
from typing import TYPE_CHECKING, Self

from sinks.base import Busy, SinkTrouble, Uncertain, Unreached
from sinks.outcome import trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = "apprise"

_ADVICE = re.compile(r"retry after (\d+)", re.IGNORECASE)
_STATUS = re.compile(r"error=(\d{3})\b")
_NEVER_LEFT = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "SSLError")  # urllib3's, by name


class Overheard(logging.Handler):
    """Listens to Apprise's logger while it is entered, to the thread that entered it and to no other."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.exception: BaseException | None = None
        self._thread_id = 0

    def __enter__(self) -> Self:
        self._thread_id = threading.get_ident()
        logging.getLogger(LOGGER).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(LOGGER).removeHandler(self)
        self.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line. Apprise logs inside its `except` and drops the exception: here it is still the current one."""
        if record.thread == self._thread_id:
            self.lines.append(record.getMessage())
            self.exception = self.exception or sys.exc_info()[1]

    @property
    def last(self) -> str:
        return self.lines[-1] if self.lines else "no reason given"

    def meaning(self, text: str) -> SinkTrouble:
        """The trouble this was, in the caller's words.

        `A connection error occurred` is all that Apprise says of a refused connection and of a lost answer alike. The
        exception tells them apart; where it does not, the message may have arrived.
        """
        whole = "\n".join(self.lines)
        if advice := _ADVICE.search(whole):
            return Busy(text, retry_after_s=float(advice[1]))
        if self.exception is not None:
            return Unreached(text) if any(map(_never_left, _causes(self.exception))) else Uncertain(text)
        if status := _STATUS.search(whole):
            return trouble(int(status[1]), text)
        return Uncertain(text)


def _never_left(exc: BaseException) -> bool:
    """Whether this can only come from a connection that was never made."""
    return isinstance(exc, ConnectionRefusedError | socket.gaierror) or type(exc).__name__ in _NEVER_LEFT


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The exception and what is wrapped inside it: urllib3 keeps it in `reason`, requests in `args`."""
    waiting: list[object] = [exc]
    for _ in range(16):
        if not waiting:
            return
        current = waiting.pop()
        if isinstance(current, BaseException):
            yield current
            waiting += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
