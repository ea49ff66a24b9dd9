"""Messages that tell several alerts, and what becomes of them when they cannot leave, or only perhaps did."""

from datetime import time

from rules.alerts import Alert, Change, Severity
from rules.delivery import Form, Inhibition, Matchers, Policy, Post, SinkPolicy, Tray
from rules.delivery.hours import Quiet
from rules.delivery.standing import Mute
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Batch, Journal
from storage.outbox import Outbox
from storage.standings import load_standings
from tests.databases import both
from tests.rules.delivery.changes import Story
from tests.storage.episodes import NOW, Clock
from tests.storage.laws import policy

pytestmark = both

EVENING = 1_790_031_597_000  # 2026-09-21 22:59:57Z, three seconds before the night
MORNING = EVENING + 3_000 + 8 * 3_600_000
NIGHT = Quiet(starts=time(23), ends=time(7), zone="UTC")
DEAF = Quiet(starts=time(23), ends=time(7), zone="UTC", loudest=None)
CASCADE = Inhibition(when=Matchers(rules=("cascade",)), mutes=Matchers(rules=("single",)), same=("symbol",))


class Scene:
    """One sink, and a post that remembers who was told."""

    def __init__(self, database: Database, clock: Clock, now_ms: int, quiet: Quiet = NIGHT) -> None:
        self.clock, self.sink = clock, SinkPolicy(name="desk", quiet=quiet, can_edit=True)
        self.clock.now_ms = now_ms
        self.policy = Policy(sinks={"desk": self.sink}, inhibitions=(CASCADE,), rules=policy().rules)
        self.outbox, self.journal, self.post = Outbox(database), Journal(database), Post(self.policy)
        self.tray = Tray(self.post)

    async def tell(self, change: Change, *stories: Story, severity: Severity = Severity.WARNING) -> set[str]:
        """Decide it, and write it down; the alerts."""
        now_ms = self.clock()
        changes = [story.tell(change, now_ms, severity) for story in stories]
        letters = self.post.take(changes, now_ms)
        self.tray.put(changes, letters)
        await self.journal.commit(Batch(transitions=changes, notices=letters, told=self.post.take_changed()), now_ms)
        return {one.alert.episode_id for one in changes}

    async def claim(self) -> Delivery:
        delivery = await self.outbox.claim("desk", self.clock(), sink=self.sink, why_muted=self._why_muted)
        assert delivery is not None
        return delivery

    async def claims_nothing(self) -> bool:
        return await self.outbox.claim("desk", self.clock(), sink=self.sink, why_muted=self._why_muted) is None

    def _why_muted(self, lane: str, alert: Alert, now_ms: int) -> Mute | None:
        """As the recorder answers it."""
        mute = self.post.why_muted(lane, alert, now_ms)
        if mute is not None:
            self.post.keep_back(lane, alert, mute)
        return mute


def singles(count: int, *, since: int = 0) -> list[Story]:
    return [Story(rule="single", number=since + number) for number in range(count)]


def told(delivery: Delivery) -> set[str]:
    return {member.alert.episode_id for member in delivery.members}


async def test_a_summary_that_fails_until_the_night_is_told_whole_in_the_digest(
    database: Database, clock: Clock
) -> None:
    """Not its first alert alone."""
    on = Scene(database, clock, EVENING)
    episodes = await on.tell(Change.FIRED, *singles(4))
    clock.now_ms += 2_000
    summary = await on.claim()
    assert (Form.SUMMARY, episodes) == (summary.form, told(summary))
    await on.outbox.retry_at(summary.key, clock() + 2_000, "connection refused")
    clock.now_ms += 2_000

    assert await on.claims_nothing()
    clock.now_ms = MORNING
    digest = await on.claim()
    assert (Form.DIGEST, episodes, False) == (digest.form, told(digest), digest.is_repeat)
    kept = [entry for entry in await on.outbox.listing() if entry.status == "suppressed"]
    assert {digest.key} == {entry.merged_into for entry in kept}
    assert 4 == len(kept)


async def test_a_summary_that_failed_leaves_with_those_who_came_since(database: Database, clock: Clock) -> None:
    """Whoever is alike by then; the loudness of one that was loud does not stay with the others."""
    on = Scene(database, clock, NOW)
    loud = Story(rule="hot", number=9)
    before = await on.tell(Change.FIRED, *singles(3))
    before |= await on.tell(Change.FIRED, loud, severity=Severity.CRITICAL)
    summary = await on.claim()
    assert (Severity.CRITICAL, before) == (summary.severity, told(summary))
    await on.outbox.retry_at(summary.key, clock() + 2_000, "connection refused")
    await on.tell(Change.CLEARED, loud, severity=Severity.CRITICAL)
    since = await on.tell(Change.FIRED, *singles(1, since=5))
    clock.now_ms += 2_000
    over = await on.claim()
    await on.outbox.sent(over.key, "17", clock())
    again = await on.claim()

    assert (Form.ALERT, loud.alert) == (over.form, over.alert)
    assert (Form.SUMMARY, Severity.WARNING) == (again.form, again.severity)
    assert (before | since) - told(again) == {loud.alert.episode_id if loud.alert is not None else ""}


async def test_what_is_inhibited_is_not_told_beside_what_inhibits_it(database: Database, clock: Clock) -> None:
    """They are of one kind and symbol, and four; by the outbox and by the tray alike."""
    on = Scene(database, clock, NOW)
    await on.tell(Change.FIRED, *singles(3))
    cascade = await on.tell(Change.FIRED, Story(rule="cascade"), severity=Severity.CRITICAL)
    delivery = await on.claim()
    ((_, notice),) = on.tray.take(clock())

    for one in (delivery, notice):
        assert one.alert is not None
        assert (Form.ALERT, cascade) == (one.form, {one.alert.episode_id})
    await on.outbox.sent(delivery.key, "17", clock())
    clock.now_ms += 2_000
    assert await on.claims_nothing()
    assert ["muted: inhibited by cascade"] * 3 == [one.reason for one in await on.outbox.listing(["suppressed"])]


async def test_what_was_muted_as_it_left_is_told_later_although_we_were_killed(
    database: Database, clock: Clock
) -> None:
    """Its row is written in the claim, and who is to be told later only afterwards."""
    on = Scene(database, clock, NOW)
    (single,), cascade = singles(1), Story(rule="cascade")
    await on.tell(Change.FIRED, single)
    await on.tell(Change.FIRED, cascade, severity=Severity.CRITICAL)
    await on.outbox.sent((await on.claim()).key, "17", clock())
    clock.now_ms += 2_000
    assert await on.claims_nothing()
    for _ in range(2):  # killed here; and again before anything else is written
        on.post = Post(on.policy)
        on.post.restore(await load_standings(database))
        assert [] == on.post.hear((), (), clock())
    await on.tell(Change.CLEARED, cascade, severity=Severity.CRITICAL)
    clock.now_ms += 2_000
    cleared = await on.claim()
    await on.outbox.sent(cleared.key, "18", clock())
    still = await on.claim()

    assert still.alert is not None
    assert (Change.CLEARED, Change.STILL, "single") == (cleared.change, still.change, still.alert.rule_id)


async def test_what_muted_it_may_be_over_when_we_start_again(database: Database, clock: Clock) -> None:
    """Then it is told at once."""
    on = Scene(database, clock, NOW)
    await on.tell(Change.FIRED, *singles(1))
    clock.now_ms += 2_000
    gone = Mute("silenced by anna", "a silence that ends while we are away")
    assert await on.outbox.claim("desk", clock(), sink=on.sink, why_muted=lambda lane, alert, now_ms: gone) is None
    post = Post(on.policy)
    post.restore(await load_standings(database))
    (letter,) = post.hear((), (), clock())

    assert (Change.STILL, None) == (letter.change, letter.muted)
    assert [] == post.hear((), (), clock())


async def test_a_repeat_is_not_hidden_in_a_summary(database: Database, clock: Clock) -> None:
    """A copy of it may have come: it goes by itself, and says so."""
    on = Scene(database, clock, NOW)
    loud = Story(rule="hot", number=9)
    quiet_ones = await on.tell(Change.FIRED, *singles(2))
    clock.now_ms += 1_500
    await on.tell(Change.FIRED, loud, severity=Severity.CRITICAL)
    first = await on.claim()
    assert await on.outbox.uncertain(first.key, "no answer", resend=True, at_ms=clock() + 1_000)
    quiet_ones |= await on.tell(Change.FIRED, *singles(2, since=5))
    clock.now_ms += 1_000
    repeat = await on.claim()
    await on.outbox.sent(repeat.key, "17", clock())
    summary = await on.claim()

    assert (Form.SUMMARY, quiet_ones, False) == (summary.form, told(summary), summary.is_repeat)
    assert (first.key, Form.ALERT, True) == (repeat.key, repeat.form, repeat.is_repeat)


async def test_an_escalation_leaves_before_the_repeat_of_a_summary(database: Database, clock: Clock) -> None:
    """Each tells what it is to tell: the one that an alert got worse, the other what may have come, with its label."""
    on = Scene(database, clock, NOW)
    stories = singles(4)
    episodes = await on.tell(Change.FIRED, *stories)
    clock.now_ms += 2_000
    first = await on.claim()
    assert await on.outbox.uncertain(first.key, "no answer", resend=True, at_ms=clock() + 1_000)
    await on.tell(Change.ESCALATED, stories[0], severity=Severity.CRITICAL)
    worse = await on.claim()
    await on.outbox.sent(worse.key, "17", clock())
    clock.now_ms += 1_000
    repeat = await on.claim()

    assert (Form.ALERT, Change.ESCALATED, False) == (worse.form, worse.change, worse.is_repeat)
    assert (Form.SUMMARY, episodes, True) == (repeat.form, told(repeat), repeat.is_repeat)


async def test_a_summary_that_may_have_arrived_is_repeated_as_it_was(database: Database, clock: Clock) -> None:
    """Or falls asleep with all of it, and the digest says that it may be a repeat; once is enough for that, too."""
    on = Scene(database, clock, EVENING, quiet=DEAF)
    episodes = await on.tell(Change.FIRED, *singles(4), severity=Severity.CRITICAL)
    summary = await on.claim()
    assert (Form.SUMMARY, episodes) == (summary.form, told(summary))
    assert await on.outbox.uncertain(summary.key, "no answer", resend=True, at_ms=EVENING + 3_000)
    clock.now_ms = EVENING + 3_000
    assert await on.claims_nothing()
    clock.now_ms = MORNING
    digest = await on.claim()

    assert (Form.DIGEST, episodes, True) == (digest.form, told(digest), digest.is_repeat)
    assert not await on.outbox.uncertain(digest.key, "no answer", resend=True)


async def test_an_end_is_a_new_word_after_a_summary_that_says_that_it_goes_on(database: Database, clock: Clock) -> None:
    """Else the summary would stand as the last one; the alert's own message is changed beside it."""
    on = Scene(database, clock, NOW)
    stories = singles(4)
    for number, story in enumerate(stories):
        await on.tell(Change.FIRED, story, severity=Severity.CRITICAL)
        await on.outbox.sent((await on.claim()).key, f"m{number}", clock())
        on.tray.take(clock())
    clock.now_ms += 6 * 3_600_000  # they are repeated then
    letters = on.post.tick(clock())
    on.tray.put((), letters)
    await on.journal.commit(Batch(notices=letters, told=on.post.take_changed()), clock())
    still = await on.claim()
    await on.outbox.sent(still.key, "summary", clock())
    on.tray.take(clock())
    await on.tell(Change.CLEARED, stories[1], severity=Severity.CRITICAL)
    cleared = await on.claim()
    ((_, notice),) = on.tray.take(clock())

    assert (Form.SUMMARY, Change.STILL) == (still.form, still.change)
    assert (Change.CLEARED, None, "m1", "m1") == (cleared.change, cleared.edits, cleared.replies, cleared.refreshes)
    assert (Change.CLEARED, False, True) == (notice.change, notice.is_edit, notice.is_reply)


async def test_a_digest_in_between_leaves_the_message_that_can_be_changed(database: Database, clock: Clock) -> None:
    """It looks back on the night; how the alert stands now belongs into the message that is about it alone."""
    on, story = Scene(database, clock, EVENING - 10_000, DEAF), Story()
    await on.tell(Change.FIRED, story)
    clock.now_ms += 2_000
    fired = await on.claim()
    await on.outbox.sent(fired.key, "17", clock())
    clock.now_ms = EVENING + 3_600_000
    await on.tell(Change.ESCALATED, story, severity=Severity.CRITICAL)
    assert await on.claims_nothing()
    clock.now_ms = MORNING
    digest = await on.claim()
    await on.outbox.sent(digest.key, "18", clock())
    await on.tell(Change.CLEARED, story)
    clock.now_ms += 2_000
    cleared = await on.claim()

    assert (Form.DIGEST, "17") == (digest.form, cleared.edits)
