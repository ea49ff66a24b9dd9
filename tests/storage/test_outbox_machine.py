"""Whatever happens in whatever order: at most one in flight, never doubled without a label, every row with an end."""

import asyncio
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rules.alerts import Change, Severity
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Journal
from storage.outbox import Outbox
from tests.databases import with_tables
from tests.storage.episodes import NOW, Clock, Episode
from tests.storage.laws import EVERY_TIME
from tests.storage.unthreaded import unthreaded

LANES = ("desk", "phone")
ENDED = {"sent", "uncertain", "dead", "expired", "merged", "suppressed"}
lanes = st.sampled_from(LANES)


class OutboxMachine(RuleBasedStateMachine):
    """A real SQLite file, a chat that is a counter, and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(NOW)
        self.flying: dict[str, Delivery] = {}
        self.episodes: list[Episode] = []
        self.may_have_arrived: Counter[str] = Counter()  # copies by key
        self.arrived: dict[str, list[Change]] = defaultdict(list)  # (lane, episode) -> what was told
        self.decided: set[str] = set()

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        with_tables(Path(self.folder.name) / "t.db")
        self.database = unthreaded(self.run(Database.open(str(Path(self.folder.name) / "t.db"), clock=self.clock)))
        self.outbox, self.journal = Outbox(self.database), Journal(self.database)
        self.run(self.outbox.sync_lanes(dict.fromkeys(LANES, "address"), NOW))

    def teardown(self) -> None:
        self.drain()
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(
        which=st.integers(0, 3),
        loud=st.booleans(),
        muted=st.sampled_from([None, None, None, "quiet hours"]),
        lasts_ms=st.sampled_from([500, 5_000, 60_000]),
    )
    def decide(self, which: int, loud: bool, muted: str | None, lasts_ms: int) -> None:
        running = [e for e in self.episodes if e.alert is not None and e.alert.is_firing]
        severity = Severity.CRITICAL if loud else Severity.WARNING
        if which < len(running):
            episode = running[which]
            change = (Change.ESCALATED, Change.EASED, Change.CLEARED, Change.CLEARED)[which]
        else:
            episode = Episode(f"C{len(self.episodes)}-USDT-PERP", started_ms=self.clock())
            self.episodes.append(episode)
            change = Change.FIRED
        batch = episode.change(change, *LANES, at_ms=self.clock(), severity=severity, muted=muted, lasts_ms=lasts_ms)
        self.run(self.journal.commit(batch, self.clock()))
        self.decided |= {notice.key for notice in batch.notices}

    @rule(ms=st.sampled_from([1, 400, 3_000, 20_000]))
    def wait(self, ms: int) -> None:
        self.clock.now_ms += ms

    @rule(lane=lanes)
    def claim(self, lane: str) -> None:
        may = self.run(self.outbox.next_at_ms(lane, self.clock()))
        delivery = self.run(self.outbox.claim(lane, self.clock()))
        if delivery is None:
            return
        assert lane not in self.flying
        assert may is not None
        assert may <= self.clock()
        copies = self.may_have_arrived[delivery.key]
        assert copies == 0 or (copies == 1 and delivery.is_repeat)
        assert delivery.alert is not None
        story = self.arrived[f"{lane} {delivery.alert.episode_id}"]
        if delivery.change is Change.CLEARED and delivery.merged == 1 and not delivery.is_repeat:
            assert story
        self.flying[lane] = delivery

    @precondition(lambda self: self.flying)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(["sent", "sent", "lost answer", "refused", "busy", "never", "gone", "crash"]),
    )
    def answer(self, data: st.DataObject, outcome: str) -> None:
        lane = data.draw(st.sampled_from(sorted(self.flying)))
        delivery = self.flying[lane]
        now = self.clock()
        if outcome == "crash":
            self.crash()
            return
        del self.flying[lane]
        if outcome == "lost answer" and delivery.edits is not None:
            outcome = "refused"
        match outcome:
            case "sent":
                self.note(delivery)
                assert self.run(self.outbox.sent(delivery.key, f"m{delivery.key}", now))
            case "lost answer":
                self.note(delivery)
                again = self.run(
                    self.outbox.uncertain(delivery.key, "no answer", resend=delivery.severity is Severity.CRITICAL)
                )
                assert not (again and delivery.is_repeat)
            case "refused":
                assert self.run(self.outbox.retry_at(delivery.key, now + 1_000, "connection refused"))
            case "busy":
                self.run(self.outbox.hold_lane(lane, now + 2_000, "too many requests", key=delivery.key))
            case "never":
                assert self.run(self.outbox.dead(delivery.key, "invalid"))
            case _:
                self.run(self.outbox.disable_lane(lane, "blocked", key=delivery.key))

    @rule()
    def crash(self) -> None:
        """What was in flight may have arrived."""
        for delivery in self.flying.values():
            self.note(delivery)
        self.flying.clear()
        self.run(self.database.close())
        self.database = unthreaded(self.run(Database.open(str(Path(self.folder.name) / "t.db"), clock=self.clock)))
        self.outbox, self.journal = Outbox(self.database), Journal(self.database)
        self.run(self.outbox.recover(self.clock(), {Severity.CRITICAL}))
        self.run(self.outbox.sync_lanes(dict.fromkeys(LANES, "address"), self.clock()))

    @rule(lane=lanes)
    def mend(self, lane: str) -> None:
        self.run(self.outbox.enable_lane(lane))

    def note(self, delivery: Delivery) -> None:
        self.may_have_arrived[delivery.key] += delivery.edits is None  # an edit made twice is one edit
        assert delivery.alert is not None
        assert delivery.change is not None
        self.arrived[f"{delivery.lane} {delivery.alert.episode_id}"].append(delivery.change)

    @invariant()
    def every_message_is_somewhere(self) -> None:
        entries = self.run(self.outbox.listing(limit=10_000))
        assert {entry.key for entry in entries} == self.decided
        sending = [entry.lane for entry in entries if entry.status == "sending"]
        assert sorted(self.flying) == sorted(sending)
        for entry in entries:
            if entry.status in ENDED:
                assert entry.finished_ms is not None
                assert entry.reason or entry.status == "sent"

    def drain(self) -> None:
        """In the end everything is told or says why not."""
        for lane, delivery in list(self.flying.items()):
            self.note(delivery)
            self.run(self.outbox.sent(delivery.key, None, self.clock()))
            del self.flying[lane]
        self.clock.now_ms += 30_000
        for lane in LANES:
            self.run(self.outbox.enable_lane(lane))
            while (delivery := self.run(self.outbox.claim(lane, self.clock()))) is not None:
                copies = self.may_have_arrived[delivery.key]
                assert copies == 0 or delivery.is_repeat
                self.note(delivery)
                self.run(self.outbox.sent(delivery.key, None, self.clock()))
        entries = self.run(self.outbox.listing(limit=10_000))
        assert all(entry.status in ENDED for entry in entries)
        by_key = {entry.key: entry for entry in entries}
        for entry in entries:
            if entry.merged_into is not None:
                assert by_key[entry.merged_into].status in ENDED
        assert max(self.may_have_arrived.values(), default=0) <= 2


OutboxMachine.TestCase.settings = settings(EVERY_TIME, max_examples=10, stateful_step_count=30)
test_any_order_of_things = OutboxMachine.TestCase
