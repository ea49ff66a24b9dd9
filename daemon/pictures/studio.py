"""Makes pictures of alerts in a thread of its own: a luxury that nobody waits for, and that can break nothing."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from daemon.clock import Clock
from daemon.pictures.memory import Recalled, unstored
from daemon.pictures.series import is_shown, values_of
from rules.alerts import Alert
from rules.compiled import Rule
from sinks.base import Picture
from storage.database import Database

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
WAITING_MAX = 8  # pictures asked for and not yet made; beyond that there is none
KEPT_S = 5.0  # the same alert goes to several sinks at about the same time
GOODBYE_S = 1.0
_REASONS_MAX = 100

_Name = tuple[str, int, str, str | None]


class Studio:
    """`picture` answers a picture, or None: too late, too many, nothing to show, or it went wrong."""

    def __init__(
        self,
        *,
        rules: Callable[[], Mapping[str, Rule]],
        storage: str,
        clock: Clock,
        recall: Callable[[Alert], Recalled] = lambda alert: {},
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`rules` by name as they are now; `storage` is the address of the database, which is only read.

        `recall` says what is remembered of an alert's rule and key.
        """
        self._rules, self._clock, self._recall, self._patience_s = rules, clock, recall, patience_s
        self._worker = _Worker(storage)
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pictures")
        self._making: dict[_Name, asyncio.Future[Picture | None]] = {}
        self._reasons: set[str] = set()
        self._is_closed = False

    def warm(self) -> None:
        """Load what drawing needs, so that the first alert does not wait for it. Returns at once."""
        if not self._is_closed:
            self._submit(("", 0, "", None), self._worker.warm)

    async def picture(self, alert: Alert, label: str | None = None) -> Picture | None:
        """What the rule has measured around this alert. Whoever stops waiting disturbs nobody else who does."""
        rule = self._rules().get(alert.rule_id)
        if rule is None or self._is_closed or not is_shown(rule, alert):
            return None
        name = (alert.episode_id, alert.sequence, rule.spec_hash, label)
        making = self._making.get(name)
        if making is None:
            if sum(1 for one in self._making.values() if not one.done()) >= WAITING_MAX:
                return None
            gives_up, until_ms = monotonic() + self._patience_s, self._clock()
            recalled = self._recall(alert) if unstored(rule) else {}  # here, where it does not move meanwhile
            making = self._submit(name, lambda: self._worker.make(rule, alert, label, until_ms, gives_up, recalled))
        await asyncio.wait((making,), timeout=self._patience_s)  # which leaves it alone when we are cancelled
        if not making.done() or making.cancelled() or making.exception() is not None:
            return None
        return making.result()

    async def aclose(self) -> None:
        """End the thread; a picture that is being made is not waited for."""
        if self._is_closed:
            return
        self._is_closed = True
        for making in self._making.values():
            making.cancel()
        self._worker.leave()
        last = asyncio.get_running_loop().run_in_executor(self._executor, self._worker.close)
        self._executor.shutdown(wait=False)
        await asyncio.wait((last,), timeout=GOODBYE_S)
        if last.done() and (trouble := last.exception()) is not None:
            log.warning("the pictures' database was not closed well", extra={"error": str(trouble)})

    def _submit(self, name: _Name, work: Callable[[], Picture | None]) -> "asyncio.Future[Picture | None]":
        loop = asyncio.get_running_loop()
        making = loop.run_in_executor(self._executor, work)
        self._making[name] = making

        def note(done: "asyncio.Future[Picture | None]") -> None:
            loop.call_later(KEPT_S, self._making.pop, name, None)
            if not done.cancelled() and (trouble := done.exception()) is not None:
                self._say(trouble)

        making.add_done_callback(note)
        return making

    def _say(self, trouble: BaseException) -> None:
        """Once a reason: what cannot be drawn today cannot be drawn a thousand times."""
        reason = f"{type(trouble).__name__}: {trouble}"
        if reason not in self._reasons and len(self._reasons) < _REASONS_MAX:
            self._reasons.add(reason)
            log.warning("a picture could not be made", extra={"error": reason}, exc_info=trouble)


class _Worker:
    """What lives in the thread: an event loop and a connection of its own, both made when first needed."""

    def __init__(self, storage: str) -> None:
        self._storage = storage
        self._runner: asyncio.Runner | None = None
        self._database: Database | None = None
        self._is_leaving = threading.Event()

    def warm(self) -> None:
        """Everything that is slow the first time."""
        from daemon.pictures import sample  # Pillow is loaded here, not in the loop

        sample.draw_sample()
        self._run_loop().run(self._open())

    def make(
        self, rule: Rule, alert: Alert, label: str | None, until_ms: int, gives_up: float, recalled: Recalled
    ) -> Picture | None:
        """Read, replay, draw; nothing if nobody waits any more."""
        if self._is_leaving.is_set() or monotonic() > gives_up:
            return None
        runner = self._run_loop()
        try:
            database = runner.run(self._open())
            series = runner.run(values_of(database, rule, alert, until_ms, recalled))
        except Exception:
            self._forget(runner)
            raise
        if series is None or self._is_leaving.is_set() or monotonic() > gives_up:
            return None
        from daemon.pictures.composing import compose, sentence
        from daemon.pictures.drawing import draw

        chart = compose(series.look, alert, series, label)
        return Picture(png=draw(chart), says=sentence(series.look, alert, chart))

    def leave(self) -> None:
        """From another thread: begin nothing more."""
        self._is_leaving.set()

    def close(self) -> None:
        """The last thing that the thread does."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            try:
                self._forget(runner)
            finally:
                runner.close()

    def _run_loop(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner

    async def _open(self) -> Database:
        if self._database is None:
            self._database = await Database.open(self._storage, exclusive=False, create=False)
        return self._database

    def _forget(self, runner: asyncio.Runner) -> None:
        """After trouble the next picture begins with a new connection."""
        database, self._database = self._database, None
        if database is not None:
            runner.run(database.close())
