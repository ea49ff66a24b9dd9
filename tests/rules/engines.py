"""An engine that is fed, restarted and reloaded, and what must hold of all that it says."""

from typing import Any

import msgspec

from rules.alerts import AlertState, Change, Transition
from rules.compiled import Rule
from rules.engine import Engine
from tests.rules.market import NOON

LEVELS = {"levels": {"warning": "0.05%", "critical": "0.1%"}}


class House:
    """An engine with a database that holds its states, and a clock."""

    def __init__(self, rules: list[Rule]) -> None:
        self.rules = rules
        self.engine = Engine(rules)
        self.stored: dict[str, bytes] = {}
        self.now_ms = NOON
        self.out: list[Transition] = []

    def wait(self, ms: int) -> None:
        self.now_ms += ms

    def hear(self, event: Any) -> None:
        self._keep(self.engine.observe(event, self.now_ms))

    def tick(self) -> None:
        self._keep(self.engine.tick(self.now_ms))

    def restart(self, off_ms: int) -> None:
        alive_ms = self.now_ms
        self.now_ms += off_ms
        self.engine = Engine(self.rules)
        states = [msgspec.json.decode(raw, type=AlertState) for raw in self.stored.values()]
        self._keep(self.engine.restore(states, self.now_ms, alive_ms=alive_ms))

    def reload(self, rules: list[Rule]) -> None:
        self.rules = rules
        self._keep(self.engine.swap(rules, self.now_ms))

    def _keep(self, transitions: list[Transition]) -> None:
        self.out += transitions
        states, forgotten = self.engine.take_changed()
        for name in forgotten:
            self.stored.pop(name, None)
        self.stored |= {state.fingerprint: msgspec.json.encode(state) for state in states}


def check_episodes(out: list[Transition]) -> None:
    """FIRED and CLEARED take turns for every key; inside an episode the numbers are 0, 1, 2, ...; names are unique."""
    running: dict[str, Transition] = {}
    finished: set[str] = set()
    for transition in out:
        alert = transition.alert
        key = f"{alert.rule_id} {sorted(alert.key.items())}"
        before = running.get(key)
        if before is None:
            assert transition.change in (Change.FIRED, Change.PENDING), transition
            assert alert.episode_id not in finished
            assert alert.sequence == 0
        else:
            was_pending = before.change is Change.PENDING
            after = (Change.FIRED, Change.LAPSED) if was_pending else (Change.ESCALATED, Change.EASED, Change.CLEARED)
            assert transition.change in after, (before, transition)
            assert before.alert.episode_id == alert.episode_id
            assert before.alert.sequence + 1 == alert.sequence
            assert before.alert.at_ms <= alert.at_ms
        if transition.change in (Change.CLEARED, Change.LAPSED):
            running.pop(key)
            finished.add(alert.episode_id)
        else:
            running[key] = transition
