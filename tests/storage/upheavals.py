"""A file that is changed while all this goes on, a clock that is set back, and people at the command line."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from rules.delivery import SinkPolicy
from storage.deliveries import Delivery
from tests.storage.recipients import HOUR_MS, LANES, policy
from tests.storage.troubles import TroubledMachine


class UpheavalMachine(TroubledMachine):
    """The same chats, the same laws."""

    @rule(
        without=st.sampled_from([(), (), ("busy",), ("sleeper", "hermit"), ("all",)]),
        is_routed=st.booleans(),
        is_swapped=st.booleans(),
        is_start=st.sampled_from([False, False, True]),
    )
    def reload(self, without: tuple[str, ...], is_routed: bool, is_swapped: bool, is_start: bool) -> None:
        """As the daemon does it: first what follows is decided, then the lanes are those of the file."""
        self.use(policy(without=without, is_routed=is_routed, is_swapped=is_swapped))
        if is_start:
            self.start_again()
        else:
            self.write([], self.post.use(self.policy, self.now_ms()))
            self.open_lanes()

    @rule(ms=st.sampled_from([1_000, 600_000, 2 * HOUR_MS]))
    def set_back(self, ms: int) -> None:
        """Somebody, or something, corrects the clock."""
        self.clock.now_ms -= ms
        self.is_set_back = True

    @rule(which=st.integers(0, 9))
    def send_again(self, which: int) -> None:
        """By hand, of what ended without anybody knowing that it arrived."""
        rows = [row for row in self.rows() if row.status in ("uncertain", "dead", "expired")]
        for row in rows[which : which + 1]:
            self.asked_for |= {row.key, *(one.key for one in self.rows() if one.merged_into == row.key)}
            assert self.run(self.outbox.retry(row.key))

    @rule(lane=st.sampled_from(LANES))
    def lose_a_claim(self, lane: str) -> None:
        """The database took it, and nobody heard the answer: the lane puts it back."""
        if lane in self.policy.sinks and self.claim(lane) is not None:
            assert self.run(self.outbox.unclaim(lane, self.clock()))

    def sleeps_well(self, sink: SinkPolicy, delivery: Delivery) -> None:
        """But for what somebody wants now."""
        if not self.asked_for or self.asked_for.isdisjoint(self.tells(delivery)):
            super().sleeps_well(sink, delivery)

    def finish(self) -> None:
        self.reload(without=(), is_routed=False, is_swapped=False, is_start=False)
        super().finish()
