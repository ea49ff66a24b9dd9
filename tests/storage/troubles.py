"""Whatever far ends do, and wherever we are killed: the same laws, and no message twice without a word about it."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import Row

from rules.alerts import Change, Severity, Transition
from rules.delivery import Form, Letter, Words
from rules.delivery.gather import GOOD_NEWS
from rules.sentences import Sentences
from sinks.render import render
from storage.deliveries import Delivery
from storage.outbox import own_words
from tests.rules.delivery.changes import Story
from tests.storage.laws import Laws
from tests.storage.recipients import HOUR_MS, KEEP_QUIET, LANES, is_quiet

LOUD = {Severity.CRITICAL}  # sent once more when the answer was lost
TAKEN = {"yes", "taken, answer lost", "taken, killed"}  # what stands in the chat afterwards
MOODS = [
    *("yes", "yes", "taken, answer lost", "taken, answer lost", "answer lost", "unreached", "unreached"),
    *("too many", "dead", "never", "killed", "taken, killed", "taken, killed"),
]
SEVERAL = st.one_of(
    st.lists(st.sampled_from(MOODS), min_size=1, max_size=4),
    st.tuples(  # a message that cannot be changed is followed by another
        st.sampled_from(["never", "dead"]), st.sampled_from(["taken, killed", "taken, answer lost", "killed"])
    ).map(list),
)


class Killed(Exception):
    """Here the process ends, with no time for a last word."""


class Copy(msgspec.Struct):
    """One message as it stands in a chat."""

    name: str
    key: str
    form: Form
    is_labelled: bool
    is_loud: bool
    tells: frozenset[str]  # keys of the outbox rows that it told when it came
    episodes: dict[str, bool]  # each, and whether the message says that it is over


class TroubledMachine(Laws):
    """Chats that are lists, with moods; one message of a lane at a time, as the daemon's lanes do it."""

    def __init__(self) -> None:
        super().__init__()
        self.chats: dict[str, list[Copy]] = {lane: [] for lane in LANES}
        self.moods: dict[str, deque[str]] = defaultdict(deque)
        self.doubtful: set[str] = set()  # keys of rows of which a copy may or may not have come
        self.asked_for: set[str] = set()  # keys of rows that a person has sent again
        self.is_set_back = False  # the clock, ever
        self.missed: set[tuple[str, str, Change]] = set()  # (lane, alert, change) while the file did not name the lane

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(lane=st.sampled_from(LANES), moods=SEVERAL)
    def spoil(self, lane: str, moods: list[str]) -> None:
        """So will it treat the next requests."""
        self.moods[lane].extend(moods)

    @rule(lane=st.sampled_from(LANES), room=st.sampled_from([0, 3, 5, 100]))
    def crowd(self, lane: str, room: int) -> None:
        """From now on it takes so many messages soon."""
        self.rooms[lane] = room

    def next_ms(self, ends: int) -> int:
        now = self.clock()
        times = [self.post.next_ms(), *(self.run(self.outbox.next_at_ms(lane, now)) for lane in self.policy.sinks)]
        return min([ends, *(max(at, now + 1) for at in times if at is not None)])

    @rule(
        lane=st.sampled_from(LANES),
        moods=SEVERAL,
        step=st.sampled_from(["fire", "fire", "worse", "clear", "clear"]),
        which=st.sampled_from([1, 2, 2]),
        count=st.sampled_from([1, 1, 2, 5]),
    )
    def fail(self, lane: str, moods: list[str], step: str, which: int, count: int) -> None:
        """Just what is decided now meets these moods."""
        self.moods[lane] = deque(moods)
        self.decide(which=which, step=step, kind="hot", count=count, momentary=False, cooldown=0, then_ms=1_500)
        self.pass_until(self.clock() + 5_000)

    @rule(
        lane=st.sampled_from(LANES),
        moods=SEVERAL,
        parts=st.lists(
            st.tuples(
                st.sampled_from(["single", "single", "hot", "cascade"]),
                st.sampled_from([1, 1, 2]),
                st.sampled_from([1, 2, 4]),
                st.sampled_from([1, 500, 1_500]),
            ),
            min_size=2,
            max_size=4,
        ),
        is_late=st.booleans(),
        is_killed=st.booleans(),
    )
    def gather(
        self, lane: str, moods: list[str], parts: list[tuple[str, int, int, int]], is_late: bool, is_killed: bool
    ) -> None:
        """What may become one message is decided bit by bit, perhaps just before somebody falls asleep."""
        sink = self.policy.sinks.get(lane)
        if is_late and sink is not None and (quiet := sink.quiet) is not None:
            while is_quiet(quiet, self.clock()):
                self.pass_until(self.clock() + HOUR_MS)
            self.wait_for_the_edge(quiet, 2_500)
        self.moods[lane] = deque(moods)
        for kind, which, count, then_ms in parts:
            self.decide(which=which, step="fire", kind=kind, count=count, momentary=False, cooldown=0, then_ms=then_ms)
        self.pass_until(self.clock() + 2_500)
        if is_killed:
            self.start_again()

    @rule(is_killed=st.booleans())
    def restart(self, is_killed: bool) -> None:
        """Asked politely, all is written down before; killed, what was not yet is lost."""
        if not is_killed:
            self.write([], [])
        self.start_again()

    @rule(which=st.integers(0, 3))
    def decide_for_nothing(self, which: int) -> None:
        """Killed before what was decided is written: it never was."""
        now = self.now_ms()
        for story in [story for story in self.stories if story.is_firing][which : which + 1]:
            before = story.alert, story.severity
            self.post.take([story.tell(Change.CLEARED, now)], now)
            story.alert, story.severity = before
        self.post.tick(now)
        self.start_again()

    def start_again(self) -> None:
        """As the daemon does it: dead sinks get one more try."""
        super().start_again()
        for lane in self.policy.sinks:
            self.run(self.outbox.enable_lane(lane))

    def open_lanes(self) -> None:
        """What was on its way is in doubt."""
        for lane in self.policy.sinks:
            self.run(self.outbox.recover(self.clock(), LOUD, lane=lane))
        self.run(self.outbox.recover(self.clock(), LOUD))
        super().open_lanes()

    @rule(lane=st.sampled_from(LANES))
    def enable(self, lane: str) -> None:
        """By hand, after a repair."""
        self.run(self.outbox.enable_lane(lane))

    @rule()
    def drain(self) -> None:
        """Each lane says what it may say now; what is too old by then is ended."""
        self.run(self.outbox.expire(self.clock()))
        for lane in self.policy.sinks:
            for _ in range(100):
                try:
                    delivery = self.claim(lane)
                    if delivery is None:
                        break
                    self.deliver(lane, delivery)
                except Killed:
                    self.start_again()
            else:
                raise AssertionError(f"{lane} never comes to rest")

    def write(self, transitions: list[Transition], letters: list[Letter]) -> None:
        away = [lane for lane in LANES if lane not in self.policy.sinks]
        self.missed |= {(lane, one.alert.episode_id, one.change) for lane in away for one in transitions}
        super().write(transitions, letters)

    # -- as a lane does it --------------------------------------------------------------------------------------------

    def deliver(self, lane: str, delivery: Delivery) -> None:
        if delivery.edits is not None:
            if (is_changed := self.edit(lane, delivery)) is None:
                return
            if is_changed:
                self.run(self.outbox.sent(delivery.key, delivery.edits, self.clock()))
                return
            self.run(self.outbox.send_anew(delivery.key))
        mood = self.mood(lane)
        if mood in TAKEN:
            self.arrive(lane, delivery)
        if mood in ("taken, answer lost", "answer lost", "killed", "taken, killed"):
            self.doubtful |= self.tells(delivery)
        now = self.clock()
        match mood:
            case "yes":
                assert self.run(self.outbox.sent(delivery.key, self.chats[lane][-1].name, now))
                if delivery.refreshes is not None:
                    self.change(lane, delivery.refreshes, delivery, self.mood(lane))
            case "taken, answer lost" | "answer lost":
                resend = delivery.severity in LOUD
                again = self.run(self.outbox.uncertain(delivery.key, "no answer", resend=resend, at_ms=now + 1_000))
                assert again == (resend and not delivery.is_repeat)
            case "unreached":
                assert self.run(self.outbox.retry_at(delivery.key, now + 1_000, "connection refused"))
            case "too many":
                self.run(self.outbox.hold_lane(lane, now + 30_000, "too many requests", key=delivery.key))
            case "never":
                assert self.run(self.outbox.dead(delivery.key, "invalid"))
            case "dead":
                words = Words(headline=f"WARNING  sink {lane} takes no more messages")
                tell = [own_words(other, words, Severity.WARNING, now) for other in self.policy.sinks if other != lane]
                self.run(self.outbox.disable_lane(lane, "blocked", tell, key=delivery.key))
            case _:
                raise Killed

    def edit(self, lane: str, delivery: Delivery) -> bool | None:
        """Change the messages, the latest first: whether that could be; None: later, or never."""
        is_changed = True
        for number, name in enumerate(filter(None, (delivery.edits_too, delivery.edits))):
            match mood := self.mood(lane):
                case "yes" | "killed" | "taken, killed":
                    self.change(lane, name, delivery, mood)
                case "taken, answer lost" | "answer lost" | "unreached":
                    self.change(lane, name, delivery, mood)
                    assert self.run(self.outbox.retry_at(delivery.key, self.clock() + 1_000, "no answer"))
                    return None
                case "too many":
                    until_ms = self.clock() + 30_000
                    self.run(self.outbox.hold_lane(lane, until_ms, "too many requests", key=delivery.key))
                    return None
                case "never" | "dead":
                    is_changed = is_changed and number > 0
        return is_changed

    def mood(self, lane: str) -> str:
        return self.moods[lane].popleft() if self.moods[lane] else "yes"

    def change(self, lane: str, name: str, delivery: Delivery, mood: str) -> None:
        """A message in the chat says from now on how it stands."""
        (copy,) = (one for one in self.chats[lane] if one.name == name)
        assert delivery.alert is not None
        if mood in TAKEN:
            copy.episodes[delivery.alert.episode_id] = delivery.alert.ended_ms is not None
        if mood in ("killed", "taken, killed"):
            raise Killed

    def arrive(self, lane: str, delivery: Delivery) -> None:
        told = [delivery.alert] if delivery.form is Form.ALERT and delivery.alert is not None else []
        told += [member.alert for member in delivery.members]
        headline = render(delivery.notice(), self.clock(), say=lambda alert, now_ms: Sentences("x")).headline
        self.chats[lane].append(
            Copy(
                name=f"m{len(self.chats[lane])}",
                key=delivery.key,
                form=delivery.form,
                is_labelled=headline.endswith(f" (may be a repeat) #{delivery.key[:6]}"),
                is_loud=delivery.severity in LOUD,
                tells=self.tells(delivery),
                episodes={alert.episode_id: alert.ended_ms is not None for alert in told},
            )
        )

    def tells(self, delivery: Delivery) -> frozenset[str]:
        return frozenset({delivery.key, *(row.key for row in self.rows() if row.merged_into == delivery.key)})

    # -- what must hold -----------------------------------------------------------------------------------------------

    def claim(self, lane: str) -> Delivery | None:
        """What is silenced at this moment is not told beside others either."""
        delivery = super().claim(lane)
        if delivery is not None and delivery.form is Form.SUMMARY and not delivery.attempts + delivery.is_repeat:
            for member in delivery.members if delivery.change not in GOOD_NEWS else ():
                assert self.post.why_muted(lane, member.alert, self.clock()) is None
        return delivery

    def finish(self) -> None:
        """Chats are well again, mutes end, all clears, a night passes, and the books are looked at."""
        self.moods.clear()
        for lane in self.policy.sinks:
            self.run(self.outbox.enable_lane(lane))
        for silence in self.run(self.acts.active(self.clock())):
            self.run(self.acts.end(silence.silence_id, "anna"))
        self.clear(lambda story: story.rule in KEEP_QUIET)
        self.pass_hours(8)
        self.nobody_is_forgotten()
        self.clear(lambda story: True)
        self.pass_hours(16)
        rows = self.rows()
        self.reasons_are_given(rows)
        self.nothing_is_told_twice()
        self.every_end_is_told(rows)
        self.digests_tell_what_was_kept_back(rows)
        assert {"waiting", "sending"}.isdisjoint(row.status for row in rows)
        assert [] == list(self.post.standings)

    def clear(self, which: Callable[[Story], bool]) -> None:
        now = self.now_ms()
        changes = [story.tell(Change.CLEARED, now) for story in self.stories if story.is_firing and which(story)]
        self.write(changes, self.post.take(changes, now))

    def pass_hours(self, hours: int) -> None:
        for _ in range(hours // 8):
            self.wait(8 * HOUR_MS)

    def nobody_is_forgotten(self) -> None:
        """Whoever was not told because of something that is over has been told that it still fires, if nobody knew."""
        rows, seen = self.rows(), self.seen_by_somebody()
        firing = [story.alert for story in self.stories if story.alert is not None and story.is_firing]
        for alert in [alert for alert in firing if alert.episode_id not in seen]:
            for lane, sink in self.policy.sinks.items():
                news = [one for one in rows if (one.lane, one.episode_id) == (lane, alert.episode_id)]
                if (lane, alert.episode_id, Change.ESCALATED) in self.missed:
                    continue
                bad = [one for one in news if one.change not in (Change.EASED, Change.CLEARED)]
                for last in bad[-1:] if alert.severity.rank >= sink.min_severity.rank else ():
                    assert last.status != "suppressed" or last.merged_into is not None, last.muted

    def nothing_is_told_twice(self) -> None:
        """But once more, with a label, if it is loud and the answer to it was lost."""
        for lane, chat in self.chats.items():
            told: dict[str, list[Copy]] = defaultdict(list)
            for copy in chat:
                for key in copy.tells:
                    told[key].append(copy)
                assert not copy.is_labelled or not self.doubtful.isdisjoint(copy.tells), f"no repeat: {copy}"
            for key, copies in told.items():
                assert all(copy.is_labelled for copy in copies[1:]), f"{lane} was told {copies}"
                assert key in self.asked_for or len(copies) == 1 or (len(copies) == 2 and copies[1].is_loud)

    def every_end_is_told(self, rows: Sequence[Row[Any]]) -> None:
        """Whoever was told of an alert stands before its end, or a row says why it could not be told."""
        by_key = {row.key: row for row in rows}
        momentary = {s.alert.episode_id for s in self.stories if s.alert is not None and s.is_momentary}
        for lane, chat in self.chats.items():
            last: dict[str, bool] = {}  # a digest looks back: it has the last word only of an end
            for copy in chat:
                is_digest = copy.form is Form.DIGEST
                last |= {name: is_over for name, is_over in copy.episodes.items() if is_over or not is_digest}
            for episode in [name for name, is_over in last.items() if not is_over and name not in momentary]:
                if (lane, episode, Change.CLEARED) in self.missed:
                    continue
                (end,) = (one for one in rows if (one.lane, one.episode_id, one.change) == (lane, episode, "cleared"))
                while end.merged_into is not None:
                    end = by_key[end.merged_into]
                assert end.status in ("uncertain", "dead", "expired"), f"{lane} never heard the end of {episode}"
                assert not (end.last_error or "").startswith("nothing was told")

    def digests_tell_what_was_kept_back(self, rows: Sequence[Row[Any]]) -> None:
        by_key = {row.key: row for row in rows}
        for row in rows:
            if row.merged_into is None:
                continue
            carrier = by_key[row.merged_into]
            if carrier.status in ("suppressed", "merged"):
                assert carrier.episode_id == row.episode_id, "what a summary told is lost"
            for copy in self.chats[row.lane]:
                assert copy.key != carrier.key or row.key not in copy.tells or row.episode_id in copy.episodes
            if row.status == "suppressed":
                assert self.is_set_back or row.finished_ms <= carrier.finished_ms, "kept back for what had ended"
                copies = [copy for copy in self.chats[row.lane] if copy.key == carrier.key]
                assert carrier.status in ("sent", "uncertain", "dead", "expired")
                assert carrier.last_error != "what it was to tell is told already"
                assert all(row.key in copy.tells and row.episode_id in copy.episodes for copy in copies)
        for chat in self.chats.values():
            for copy in chat:
                if copy.form is Form.DIGEST:
                    kept = {row.key for row in rows if row.merged_into == copy.key and row.status == "suppressed"}
                    assert kept == copy.tells - {copy.key}
                    assert {by_key[key].episode_id for key in kept} == set(copy.episodes)
