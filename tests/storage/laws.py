"""What may happen to alerts and to what is told of them, in any order, over a real SQLite file; and what must hold."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Row, select

from rules.alerts import Change, Severity, Transition
from rules.delivery import Letter, Matchers, Policy, Post, SinkPolicy
from rules.delivery.hours import Quiet
from rules.delivery.letters import by_clock
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Batch, Journal
from storage.outbox import Outbox
from storage.schema import outbox as rows_of
from storage.silences import Silences
from storage.standings import load_standings
from tests.databases import with_tables
from tests.rules.delivery.changes import Story
from tests.storage.episodes import Clock
from tests.storage.recipients import HOUR_MS, KEEP_QUIET, NIGHT, SMALL_HOURS, is_quiet
from tests.storage.recipients import policy as policy
from tests.storage.unthreaded import unthreaded

Answer = TypeVar("Answer")

HALF_HOUR_MS = 1_800_000
SPRING, AUTUMN = (
    1_774_731_600_000,
    1_792_875_600_000,
)  # 2026-03-28 and 2026-10-24, 21:00 UTC: the clocks change at night
EVERY_TIME = settings(  # the same stories in each run of the test suite; `make laws` plays others
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # making a failure smaller takes minutes on real files
)


class Laws(RuleBasedStateMachine):
    """Stories, silences, acknowledgements and restarts; how messages are delivered is for those who inherit."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.stories: list[Story] = []
        self.silences: list[str] = []
        self.silenced = 0  # so many silences there have been
        self.is_heard = False  # somebody has said something, ever
        self.seen: dict[str, int] = {}  # alerts that somebody has seen, and when
        self.nights: dict[str, set[Quiet | None]] = defaultdict(set)  # that a sink has ever wanted
        self.rooms: dict[str, int] = {}  # how many messages a chat takes soon; any number of those that are not named
        self.latest_ms = 0
        self.address = str(with_tables(Path(self.folder.name) / "t.db"))

    def now_ms(self) -> int:
        """The time by which is decided: it never goes back, whatever the clock does."""
        self.latest_ms = max(self.latest_ms, self.clock())
        return self.latest_ms

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self.runner.run(work)

    @initialize(day_ms=st.sampled_from([SPRING, AUTUMN]), hours=st.integers(0, 12))
    def open(self, day_ms: int, hours: int) -> None:
        self.use(policy())
        self.clock = Clock(day_ms + hours * HOUR_MS)
        self.post = Post(self.policy)
        self.take_up()

    def use(self, wanted: Policy) -> None:
        self.policy = wanted
        for name, sink in wanted.sinks.items():
            self.nights[name].add(sink.quiet)

    def take_up(self) -> None:
        self.database = unthreaded(self.run(Database.open(self.address, clock=self.clock)))
        self.outbox, self.journal = Outbox(self.database), Journal(self.database)
        self.acts = Silences(self.database)
        self.open_lanes()

    def open_lanes(self) -> None:
        """Those of the configuration."""
        self.run(self.outbox.sync_lanes(dict.fromkeys(self.policy.sinks, "address"), self.clock()))

    def teardown(self) -> None:
        self.finish()
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(
        which=st.integers(0, 3),
        step=st.sampled_from(["fire", "fire", "fire", "worse", "better", "clear", "clear"]),
        kind=st.sampled_from(["hot", "hot", "single", "cascade", "storm"]),
        count=st.sampled_from([1, 1, 2, 5]),
        momentary=st.booleans(),
        cooldown=st.sampled_from([0, 0, 0, 0, 5, 90]),
        then_ms=st.sampled_from([0, 0, 1, 1_500, 2_500]),
        coin=st.sampled_from(["BTC", "BTC", "BTC", "ETH"]),
    )
    def decide(
        self,
        which: int,
        step: str,
        kind: str,
        count: int,
        momentary: bool,
        cooldown: int,
        then_ms: int,
        coin: str = "BTC",
    ) -> None:
        """Something is decided; most of it is due at once, or after two seconds."""
        now = self.now_ms()
        changes: list[Transition] = []
        firing = [story for story in self.stories if story.is_firing]
        if step == "fire" or not firing:
            muted = {"muted": "cooldown", "muted_until_ms": now + cooldown * 60_000} if cooldown else {}
            for _ in range(count):
                is_momentary = momentary and kind not in KEEP_QUIET
                story = Story(f"{coin}-USDT-PERP", rule=kind, number=len(self.stories), is_momentary=is_momentary)
                self.stories.append(story)
                changes.append(story.tell(Change.FIRED, now, [*Severity][which % 3], **muted))  # type: ignore[arg-type]  # one of two shapes
        for story in firing[which : which + count] if step != "fire" else ():
            if step == "worse" and story.severity is not Severity.CRITICAL:
                changes.append(story.tell(Change.ESCALATED, now, Severity.CRITICAL))
            elif step == "better" and story.severity is Severity.CRITICAL:
                changes.append(story.tell(Change.EASED, now, Severity.WARNING))
            elif step == "clear":
                changes.append(story.tell(Change.CLEARED, now))
        self.write(changes, self.post.take(changes, now))
        if then_ms:
            self.pass_until(self.clock() + then_ms)

    @rule(ms=st.sampled_from([1, 500, 2_000, 60_000, 600_000, HOUR_MS, 5 * HOUR_MS]))
    def wait(self, ms: int) -> None:
        self.pass_until(self.clock() + ms)

    @rule(quiet=st.sampled_from([NIGHT, SMALL_HOURS]), early_ms=st.sampled_from([500, 1_500, 2_500]))
    def wait_for_the_edge(self, quiet: Quiet, early_ms: int) -> None:
        """Until a moment before somebody falls asleep, or wakes."""
        before = is_quiet(quiet, self.clock())
        at = self.clock() // HALF_HOUR_MS * HALF_HOUR_MS
        while is_quiet(quiet, at) == before:
            at += HALF_HOUR_MS
        self.pass_until(max(self.clock(), at - early_ms))

    def pass_until(self, ends: int) -> None:
        """Time passes, and nobody misses what becomes due in it."""
        self.settle()
        while (at := self.next_ms(ends)) < ends:
            self.clock.now_ms = at
            self.settle()
        self.clock.now_ms = ends
        self.settle()

    def settle(self) -> None:
        self.tick()
        if self.is_heard:
            self.hear()
        self.drain()

    def next_ms(self, ends: int) -> int:
        """When something becomes due, later than now; at the latest when the time ends."""
        raise NotImplementedError

    def drain(self) -> None:
        """Everything that may leave now leaves."""
        raise NotImplementedError

    @rule(what=st.sampled_from(["symbol", "rule", "one", "end"]), minutes=st.sampled_from([5, 90, 600]))
    def silence(self, what: str, minutes: int) -> None:
        firing = [story for story in self.stories if story.is_firing]
        if what == "end" and self.silences:
            self.run(self.acts.end(self.silences.pop(), "anna"))
        elif what == "one" and firing:
            assert firing[0].alert is not None
            episode = firing[0].alert.episode_id
            self.run(self.acts.add(author="anna", episode_id=episode, silence_id=self.next_silence()))
        else:
            meant = Matchers(rules=("hot",)) if what == "rule" else Matchers(symbols=("BTC",))
            until_ms = self.clock() + minutes * 60_000
            name = self.next_silence()
            self.run(self.acts.add(author="anna", matchers=meant, until_ms=until_ms, silence_id=name))
        self.hear()

    def next_silence(self) -> str:
        """Its name: not by chance, or a story would not be the same twice."""
        self.silenced += 1
        self.silences.append(f"{self.silenced:08}")
        return self.silences[-1]

    @rule(which=st.integers(0, 3))
    def acknowledge(self, which: int) -> None:
        """Somebody has seen it, as bad as it is now."""
        standings = sorted(self.post.standings, key=lambda one: one.episode_id)
        for standing in standings[which : which + 1]:
            self.run(self.acts.acknowledge_all([standing.episode_id], "anna", at_ms=self.clock()))
            self.hear()

    def hear(self) -> None:
        silences, acknowledgements = self.run(self.acts.active(self.clock())), self.run(self.acts.acknowledged())
        self.is_heard = True
        self.seen = {ack.episode_id: ack.at_ms for ack in acknowledgements}
        self.write([], self.nothing_seen(self.post.hear(silences, acknowledgements, self.now_ms())))

    def tick(self) -> None:
        """Time alone speaks."""
        self.write([], self.nothing_seen(self.post.tick(self.now_ms())))

    def nothing_seen(self, letters: list[Letter]) -> list[Letter]:
        """Of what somebody has seen nobody is told that it still fires, whatever ends: until it gets worse."""
        seen = self.seen_by_somebody()
        assert [] == [one for one in letters if one.episode_id in seen]
        return letters

    def seen_by_somebody(self) -> set[str]:
        """Alerts that fire, and are no worse than when they were acknowledged."""
        return {one.episode_id for one in self.post.standings if self.seen.get(one.episode_id, -1) >= one.worse_ms}

    def start_again(self) -> None:
        """What the post remembers is what it had written."""
        self.run(self.database.close())
        self.latest_ms = 0
        self.take_up()
        self.post = Post(self.policy)
        self.post.restore(self.run(load_standings(self.database)))
        self.post.keep([s.alert.episode_id for s in self.stories if s.alert is not None and s.is_firing])
        self.hear()

    def write(self, transitions: list[Transition], letters: list[Letter]) -> None:
        letters = by_clock(letters, self.now_ms() - self.clock())
        batch = Batch(transitions=transitions, notices=letters, told=self.post.take_changed())
        if batch:
            self.run(self.journal.commit(batch, self.clock()))

    def claim(self, lane: str) -> Delivery | None:
        """The lane's next message, and what must hold of it whatever becomes of it."""
        sink = self.policy.sinks[lane]
        room = self.rooms.get(lane)
        delivery = self.run(self.outbox.claim(lane, self.clock(), sink=sink, why_muted=self.why_muted, room=room))
        if delivery is not None:
            self.sleeps_well(sink, delivery)
        return delivery

    def why_muted(self, lane: str, alert: Any, now_ms: int) -> Any:
        mute = self.post.why_muted(lane, alert, now_ms)
        if mute is not None:
            self.post.keep_back(lane, alert, mute)
        return mute

    # -- what must hold -----------------------------------------------------------------------------------------------

    def sleeps_well(self, sink: SinkPolicy, delivery: Delivery) -> None:
        if sink.quiet is not None and is_quiet(sink.quiet, self.clock()):
            loudest = sink.quiet.loudest
            assert loudest is not None, f"{delivery.change} to one whom nothing wakes"
            assert delivery.severity.rank >= loudest.rank, f"{delivery.change} in the night"

    def finish(self) -> None:
        """Everything ends, and the books are looked at."""
        raise NotImplementedError

    def rows(self) -> Sequence[Row[Any]]:
        """The whole outbox."""
        return self.run(self._rows())

    async def _rows(self) -> Sequence[Row[Any]]:
        async with self.database.reader() as connection:
            return (await connection.execute(select(rows_of).order_by(rows_of.c.id))).all()

    def reasons_are_given(self, rows: Sequence[Row[Any]]) -> None:
        """Whatever was not sent says why; what waits for a digest names it, and was kept back when it is said to."""
        by_key = {row.key: row for row in rows}
        for row in rows:
            if row.status == "suppressed":
                assert row.muted and row.last_error
                nights = self.nights[row.lane]
                is_night = row.muted.startswith("quiet hours until ")
                is_much = row.muted.startswith(("more than ", "more waited than "))
                assert (is_night or is_much) == (row.merged_into is not None)
                assert not is_night or any(night and is_quiet(night, row.finished_ms) for night in nights)
                assert row.merged_into is None or by_key[row.merged_into].form == "digest"
            assert row.last_error or row.status in ("sent", "waiting", "sending")
