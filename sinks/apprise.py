"""Every other service, through Apprise: good as an address book, and watched closely as a transport."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from rules.alerts import Change, Severity
from sinks.address import scrub
from sinks.base import Busy, Gone, Message, Receipt, Shows, Uncertain
from sinks.fit import cut, tidy
from sinks.outcome import EditLost
from sinks.overheard import LOGGER, Overheard
from sinks.pace import UNPACED, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from sinks.address import AppriseUrl
    from sinks.base import SinkTrouble

_TITLE_MAX = 250
_loading = threading.Lock()  # the filters of `warnings` belong to the process, and two lanes may load at once


class AppriseSink:
    """One recipient behind an Apprise URL: its own object, its own thread, one message at a time.

    Apprise runs a send to its end whatever we do, so a message that took longer than `patience_s` is uncertain, and
    the lane is busy until that send is over. It names no messages, so nothing can be edited.
    """

    can_edit = False
    shows = Shows.NEVER
    pace: Pace = UNPACED  # Apprise waits by itself, service by service

    def __init__(self, name: str, address: AppriseUrl, *, patience_s: float = 30.0, read_s: float = 10.0) -> None:
        self.name = name
        self._address = address
        self._patience_s = patience_s
        self._read_s = read_s  # Apprise's own 4 s give up on services that merely think
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"sink-{name}")
        self._running: asyncio.Future[SinkTrouble | None] | None = None
        self._service: Any = None  # Apprise's object; made in the thread, because loading it takes half a second

    def __repr__(self) -> str:
        return f"<AppriseSink {self.name} {self._address}>"

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send, and read from Apprise's result and log what became of it."""
        if edits is not None:
            raise EditLost(f"{self._who}: it cannot edit")
        if self._running is not None and not self._running.done():
            raise Busy(f"{self._who}: an earlier message is still on its way")
        if self._service is None and (wrong := await self._begin(self._prepare)) is not None:
            raise wrong
        sending = self._begin(self._send, message)
        done, _ = await asyncio.wait({sending}, timeout=self._patience_s)  # a wait that leaves the thread alone
        if not done:
            raise Uncertain(f"{self._who}: no answer within {self._patience_s:g} s; it may still arrive")
        if (wrong := sending.result()) is not None:
            raise wrong
        return Receipt()

    async def aclose(self) -> None:
        """Let go of the thread; a send that hangs ends by its own time limit."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    @property
    def _who(self) -> str:
        return f"{self._address.schema} ({self.name})"

    def _begin(self, work: Callable[..., SinkTrouble | None], *args: Message) -> asyncio.Future[SinkTrouble | None]:
        self._running = asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
        return self._running

    def _prepare(self) -> SinkTrouble | None:
        """In the lane's thread, once: load Apprise and let it read the address."""
        _quieten()
        service = _load(self._address.url, self._read_s)
        if service is None:
            return Gone(f"{self._who}: Apprise does not understand this address")
        if (count := sum(map(len, service))) > 1:
            return Gone(f"{self._who}: {count} recipients in one address; write one sink for each")
        self._service = service
        return None

    def _send(self, message: Message) -> SinkTrouble | None:
        """In the lane's thread: one attempt, and what went wrong with it."""
        title = cut(tidy(message.headline), _TITLE_MAX) or "(no words)"
        body = "\n".join(line for line in map(tidy, (*message.lines, message.footer)) if line)
        with Overheard() as overheard:
            is_sent = self._service.notify(
                title=title if body else "",
                body=body or title,
                notify_type=_kind(message),
                body_format="text",  # else `rate < 0.1` goes out as broken markup
            )
        if is_sent:
            return None
        return overheard.meaning(f"{self._who}: {scrub(cut(tidy(overheard.last), 200), self._address.secrets)}")


def _load(url: str, read_s: float) -> Any:
    """The Apprise object for one recipient, or None if the address means nothing to it. Slow the first time."""
    with _loading, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it imports what later Pythons have dropped
        from apprise import Apprise, AppriseAsset
        from apprise.common import OverflowMode, PersistentStoreMode

        # without Apprise's own time limit: with one it would send from a pool that all lanes share
        asset = AppriseAsset(service_timeout=0, storage_mode=PersistentStoreMode.MEMORY)
        service = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not service:
        return None
    service.retry = 0  # its retries are blind: they repeat what may have arrived
    service.overflow_mode = OverflowMode.TRUNCATE
    service.socket_read_timeout = read_s
    lane = Apprise(asset=asset)
    lane.add(service)
    return lane


def _quieten() -> None:
    """At DEBUG these loggers write tokens and URLs in clear, and Apprise repeats bad tokens even at WARNING."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.WARNING)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def _kind(message: Message) -> str:
    if message.change is Change.CLEARED:
        return "success"
    return {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}[message.severity]
