"""Rules and recipients on a virtual clock: events in, messages out, as the daemon would decide and word them."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from rules.alerts import Transition
from rules.compiled import Rule
from rules.delivery import Notice, Policy, Post, Tray
from rules.engine import Engine
from rules.events import Event
from sinks.base import Message
from sinks.render import LATE_AFTER_MS, render


class Spoken(NamedTuple):
    """One message that left, at its moment, in the words of that moment."""

    at_ms: int
    sink: str
    notice: Notice
    message: Message

    @property
    def text(self) -> str:
        """What a chat shows, without its markup; what takes the place of an earlier message says so."""
        head = f"(edit) {self.message.headline}" if self.notice.is_edit else self.message.headline
        return "\n".join(line.rstrip() for line in (head, *self.message.lines, self.message.footer) if line)


class Play:
    """One engine and one post office without a database. Time moves only when it is told.

    What happens at one millisecond is decided in the order in which it is observed; messages leave when all of it is.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        policy: Policy,
        *,
        late_after_ms: Mapping[str, int] | None = None,
        decided: Callable[[Transition], object] = lambda transition: None,
        spoken: Callable[[Spoken], object] = lambda message: None,
    ) -> None:
        """`decided` and `spoken` are told each transition and each message, as they come."""
        self.engine = Engine(rules)
        self.now_ms = 0
        self.kept_back = 0  # letters that were not told by themselves, or not at all
        self._post = Post(policy)
        self._tray = Tray(self._post)
        self._late_after_ms = late_after_ms or {}
        self._decided = decided
        self._spoken = spoken
        self._next_ms: float = float("inf")  # when post and tray want to be asked

    def observe(self, event: Event) -> None:
        """One event, at the time when it was received; time never goes back."""
        at_ms = event.received_ms
        if at_ms > self.now_ms:
            due_ms = self.engine.next_ms()
            if self._next_ms < at_ms or (due_ms is not None and due_ms < at_ms):
                self._pass(at_ms)
            self.now_ms = at_ms
        transitions = self.engine.observe(event, self.now_ms)
        if transitions:
            self._take(transitions)

    def finish(self, at_ms: int) -> None:
        """All that is due until then, that moment included."""
        self._pass(at_ms + 1)
        self.now_ms = max(self.now_ms, at_ms)

    def _pass(self, to_ms: int) -> None:
        """Let time run up to that moment, each thing at its own."""
        while True:
            due_ms = self.engine.next_ms()
            at_ms = self._next_ms if due_ms is None else min(self._next_ms, due_ms)
            if at_ms >= to_ms:
                return
            self.now_ms = max(self.now_ms, int(at_ms))
            if due_ms is not None and due_ms <= self.now_ms:
                self._take(self.engine.tick(self.now_ms))
            self._tray.put((), self._post.tick(self.now_ms))
            for sink, notice in self._tray.take(self.now_ms):
                self._say(sink, notice)
            self._plan()

    def _take(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            self._decided(transition)
        self._tray.put(transitions, self._post.take(transitions, self.now_ms))
        self._plan()

    def _plan(self) -> None:
        self.kept_back += len(self._tray.kept)
        self._tray.kept.clear()
        times = [at_ms for at_ms in (self._post.next_ms(), self._tray.next_ms()) if at_ms is not None]
        self._next_ms = min(times, default=float("inf"))

    def _say(self, sink: str, notice: Notice) -> None:
        late_after_ms = self._late_after_ms.get(sink, LATE_AFTER_MS)
        message = render(notice, self.now_ms, late_after_ms=late_after_ms)
        self._spoken(Spoken(self.now_ms, sink, notice, message))
