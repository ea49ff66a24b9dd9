"""Whatever is decided, muted, slept through or restarted: what must hold of every message, and of those not sent."""

import asyncio
import tempfile
from collections import defaultdict
from datetime import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import select

from rules.alerts import Change, Severity, Transition
from rules.delivery import Form, Inhibition, Matchers, Policy, Post, SinkPolicy, Tray
from rules.delivery.hours import Quiet
from rules.delivery.letters import Letter
from rules.delivery.policy import Cap
from rules.kinds import KINDS
from storage.claim import Delivery
from storage.database import Database
from storage.journal import Batch, Journal
from storage.outbox import Outbox
from storage.schema import outbox as rows_of
from storage.silences import Silences
from storage.standings import load_standings
from tests.rules.delivery.changes import Story
from tests.storage.episodes import Clock

HOUR_MS = 3_600_000
SPRING, AUTUMN = (
    1_774_731_600_000,
    1_792_875_600_000,
)  # 2026-03-28 and 2026-10-24, 21:00 UTC: the clocks change at night
BERLIN = "Europe/Berlin"


def policy() -> Policy:
    """Three people: one who sleeps, one who wants few messages and cannot be edited, one who takes all."""
    night = Quiet(starts=time(23), ends=time(7), zone=BERLIN)
    sinks = [
        SinkPolicy(name="sleeper", can_edit=True, quiet=night, min_severity=Severity.WARNING),
        SinkPolicy(name="busy", can_edit=False, cap=Cap(5, HOUR_MS)),
        SinkPolicy(name="all", can_edit=True),
    ]
    cascade, single = Matchers(rules=("cascade",)), Matchers(rules=("single",))
    spec = KINDS["funding"].SPEC
    rules = {
        name: spec.model_validate({"id": name, "type": "funding", "symbols": "*", "above": "0.05%"}).compile()
        for name in ("hot", "single", "cascade")
    }
    return Policy(
        sinks={sink.name: sink for sink in sinks},
        inhibitions=(Inhibition(when=cascade, mutes=single, same=("symbol",)),),
        rules=rules,
    )


class DeliveryMachine(RuleBasedStateMachine):
    """A real SQLite file beside a tray: both must tell the same."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stories: list[Story] = []
        self.told: dict[tuple[str, str], list[tuple[Change, bool]]] = defaultdict(list)  # (lane, episode) -> what
        self.keys: set[str] = set()
        self.silences: list[str] = []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize(day_ms=st.sampled_from([SPRING, AUTUMN]), hours=st.integers(0, 12))
    def open(self, day_ms: int, hours: int) -> None:
        self.policy = policy()
        self.clock = Clock(day_ms + hours * HOUR_MS)
        self.file = str(Path(self.folder.name) / "t.db")
        self.database = self.run(Database.open(self.file, clock=self.clock))
        self.post = Post(self.policy)
        self.tray = Tray(self.post)
        self.take_up()
        self.run(self.outbox.sync_lanes(dict.fromkeys(self.policy.sinks, "address"), self.clock()))

    def take_up(self) -> None:
        self.outbox, self.journal = Outbox(self.database), Journal(self.database)
        self.acts = Silences(self.database)

    def teardown(self) -> None:
        self.finish()
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    # -- what happens -------------------------------------------------------------------------------------------------

    def write(self, transitions: list[Transition], letters: list[Letter]) -> None:
        self.tray.put(transitions, letters)
        batch = Batch(transitions=transitions, notices=letters, told=self.post.take_changed())
        self.run(self.journal.commit(batch, self.clock()))

    @rule(
        which=st.integers(0, 3),
        step=st.sampled_from(["fire", "fire", "fire", "worse", "better", "clear", "clear"]),
        kind=st.sampled_from(["hot", "hot", "single", "cascade"]),
        count=st.sampled_from([1, 1, 2, 5]),
        momentary=st.booleans(),
    )
    def decide(self, which: int, step: str, kind: str, count: int, momentary: bool) -> None:
        now = self.clock()
        changes: list[Transition] = []
        firing = [story for story in self.stories if story.is_firing]
        if step == "fire" or not firing:
            for _ in range(count):
                story = Story(rule=kind, number=len(self.stories), is_momentary=momentary and kind != "cascade")
                self.stories.append(story)
                changes.append(story.tell(Change.FIRED, now, [*Severity][which % 3]))
        for story in firing[which : which + count] if step != "fire" else ():
            if step == "worse" and story.severity is not Severity.CRITICAL:
                changes.append(story.tell(Change.ESCALATED, now, Severity.CRITICAL))
            elif step == "better" and story.severity is Severity.CRITICAL:
                changes.append(story.tell(Change.EASED, now, Severity.WARNING))
            elif step == "clear":
                changes.append(story.tell(Change.CLEARED, now))
        self.write(changes, self.post.take(changes, now))

    @rule(ms=st.sampled_from([1, 500, 2_000, 60_000, 600_000, HOUR_MS, 5 * HOUR_MS]))
    def wait(self, ms: int) -> None:
        """Time passes, and nobody misses what becomes due in it."""
        ends = self.clock() + ms
        self.settle()
        while (at := min([ends, *(one for one in self.times() if one > self.clock())])) < ends:
            self.clock.now_ms = at
            self.settle()
        self.clock.now_ms = ends
        self.settle()

    def times(self) -> list[int]:
        found = [self.post.next_ms(), self.tray.next_ms()]
        return [at for at in found if at is not None]

    def settle(self) -> None:
        self.write([], self.post.tick(self.clock()))
        self.hear()
        self.drain()

    @rule(what=st.sampled_from(["symbol", "rule", "one", "end"]), minutes=st.sampled_from([5, 90, 600]))
    def silence(self, what: str, minutes: int) -> None:
        firing = [story for story in self.stories if story.is_firing]
        if what == "end" and self.silences:
            self.run(self.acts.end(self.silences.pop(), "anna"))
        elif what == "one" and firing:
            assert firing[0].alert is not None
            self.silences.append(
                self.run(self.acts.add(author="anna", episode_id=firing[0].alert.episode_id)).silence_id
            )
        else:
            meant = Matchers(rules=("hot",)) if what == "rule" else Matchers(symbols=("BTC",))
            until_ms = self.clock() + minutes * 60_000
            self.silences.append(self.run(self.acts.add(author="anna", matchers=meant, until_ms=until_ms)).silence_id)
        self.hear()

    def hear(self) -> None:
        now = self.clock()
        heard = self.run(self.acts.active(now)), self.run(self.acts.acknowledged())
        self.write([], self.post.hear(*heard, now))

    @rule()
    def restart(self) -> None:
        """What the post remembers is what it had written."""
        self.run(self.database.close())
        self.database = self.run(Database.open(self.file, clock=self.clock))
        self.take_up()
        self.post = self.tray.post = Post(self.policy)
        self.post.restore(self.run(load_standings(self.database)))
        self.post.keep([s.alert.episode_id for s in self.stories if s.alert is not None and s.is_firing])
        self.hear()

    @rule()
    def drain(self) -> None:
        """Everything that may leave leaves, and arrives; beside the tray, and the same."""
        now = self.clock()
        beside = self.tray.take(now)
        sent: list[tuple[str, Delivery]] = []
        for lane, sink in self.policy.sinks.items():
            while True:
                delivery = self.run(self.outbox.claim(lane, now, sink=sink, why_muted=self.why_muted))
                if delivery is None:
                    break
                self.check(lane, sink, delivery)
                sent.append((lane, delivery))
                self.run(self.outbox.sent(delivery.key, f"m{delivery.key}", now))
            due = self.run(self.outbox.next_at_ms(lane, now))
            assert due is None or due > now
        order = list(self.policy.sinks)
        beside.sort(key=lambda one: order.index(one[0]))
        assert [(lane, *seen(one)) for lane, one in sent] == [(lane, *seen(one)) for lane, one in beside]
        assert [(lane, one.edits is not None) for lane, one in sent if one.change] == [
            (lane, one.is_edit) for lane, one in beside if one.change
        ]

    def why_muted(self, lane: str, alert: Any, now_ms: int) -> Any:
        mute = self.post.why_muted(lane, alert, now_ms)
        if mute is not None:
            self.post.keep_back(lane, alert, mute)
        return mute

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self, lane: str, sink: SinkPolicy, delivery: Delivery) -> None:
        assert delivery.key not in self.keys
        self.keys.add(delivery.key)
        if sink.quiet is not None and sink.quiet.until_ms(self.clock()) is not None:
            assert sink.quiet.passes(delivery.severity), f"{delivery.change} in the night"
        if delivery.form is Form.ALERT:
            assert delivery.alert is not None and delivery.change is not None
            over = delivery.alert.ended_ms is not None
            self.told[lane, delivery.alert.episode_id].append((delivery.change, over))
        for member in delivery.members:
            over = member.alert.ended_ms is not None
            self.told[lane, member.alert.episode_id].append((member.changes[-1], over))
        if delivery.form is Form.DIGEST:
            kept = self.run(self.carried(delivery.key))
            assert sorted(kept) == sorted(
                (member.alert.episode_id, change.value) for member in delivery.members for change in member.changes
            )

    async def carried(self, key: str) -> list[tuple[str, str]]:
        async with self.database.reader() as connection:
            where = (rows_of.c.merged_into == key) & (rows_of.c.status == "suppressed")
            return [(row.episode_id, row.change) for row in await connection.execute(select(rows_of).where(where))]

    def finish(self) -> None:
        """All clears, a day passes, and the books are looked at."""
        now = self.clock()
        changes = [story.tell(Change.CLEARED, now) for story in self.stories if story.is_firing]
        self.write(changes, self.post.take(changes, now))
        for _ in range(5):
            self.wait(8 * HOUR_MS)
        entries = self.run(self.outbox.listing(limit=100_000))
        assert {"sent", "merged", "suppressed", "expired"} >= {entry.status for entry in entries}
        assert [] == [entry.key for entry in entries if entry.status == "suppressed" and not entry.reason]
        assert [] == [entry.key for entry in entries if entry.status == "expired" and not entry.reason]
        momentary = {s.alert.episode_id for s in self.stories if s.alert is not None and s.is_momentary}
        for (lane, episode), told in self.told.items():
            assert episode in momentary or told[-1][1], f"{lane} never heard the end of {episode}: {told}"
        assert [] == list(self.post.standings)


def seen(one: Any) -> tuple[Any, ...]:
    """What a person would see of a delivery, or of a tray's notice."""
    members = [(member.alert.episode_id, member.changes) for member in one.members]
    alert = one.alert.episode_id if one.form is Form.ALERT and one.alert is not None else None
    return one.form, one.change, one.severity, alert, members, one.words


TestDelivery = DeliveryMachine.TestCase
TestDelivery.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
