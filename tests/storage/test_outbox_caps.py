"""What counts against a sink's cap, who is held by a lane that is held, and what a person wants all the same."""

import pytest
from msgspec.structs import replace

from rules.alerts import Change, Severity
from rules.delivery import Form
from rules.delivery.policy import Cap
from rules.delivery.standing import Mute
from storage.database import Database
from storage.journal import Batch
from tests.databases import both
from tests.rules.delivery.changes import Story
from tests.storage.episodes import NOW, Clock
from tests.storage.test_outbox_summaries import Scene, singles, told

pytestmark = both
HOUR_MS = 3_600_000


def capped(database: Database, clock: Clock, count: int) -> Scene:
    on = Scene(database, clock, NOW)
    on.sink = replace(on.sink, cap=Cap(count, HOUR_MS), quiet=None)
    return on


async def say(on: Scene, change: Change, story: Story) -> None:
    """Decided, waited for, and sent."""
    await on.tell(change, story)
    on.clock.now_ms += 2_000
    delivery = await on.claim()
    await on.outbox.sent(delivery.key, delivery.key[:4], on.clock())


async def waits_for_a_digest(on: Scene, story: Story) -> bool:
    """Whether what this story says now is beyond the cap."""
    await on.tell(Change.FIRED, story)
    on.clock.now_ms += 2_000
    return (await on.claim()).form is Form.WORDS  # which say that the next ones come together


async def test_what_is_tried_again_is_counted_once(database: Database, clock: Clock) -> None:
    """It was one message all the time."""
    on = capped(database, clock, 2)
    await on.tell(Change.FIRED, Story())
    clock.now_ms += 2_000
    for _ in range(3):
        delivery = await on.claim()
        await on.outbox.retry_at(delivery.key, clock(), "connection refused")
    delivery = await on.claim()
    await on.outbox.sent(delivery.key, "17", clock())
    await say(on, Change.FIRED, Story(number=1))

    assert await waits_for_a_digest(on, Story(number=2))


@pytest.mark.parametrize("how", ["refused", "answer lost", "sink gone"])
async def test_what_did_not_leave_is_not_counted(database: Database, clock: Clock, how: str) -> None:
    """However often it is put back: it counts when it leaves, and then once."""
    on = capped(database, clock, 2)
    await on.tell(Change.FIRED, Story())
    clock.now_ms += 2_000
    for _ in range(3):
        refused = await on.claim()
        match how:
            case "refused":
                await on.outbox.hold_lane("desk", clock() + 1_000, "too many requests", key=refused.key)
            case "answer lost":
                assert await on.outbox.unclaim("desk", clock())
            case "sink gone":
                await on.outbox.disable_lane("desk", "kicked out", key=refused.key)
                await on.outbox.enable_lane("desk")
        clock.now_ms += 1_000
    delivery = await on.claim()
    await on.outbox.sent(delivery.key, "17", clock())
    await say(on, Change.FIRED, Story(number=1))

    assert await waits_for_a_digest(on, Story(number=2))


async def test_an_edit_is_no_message(database: Database, clock: Clock) -> None:
    """It makes no sound, and nobody counts it."""
    on, story = capped(database, clock, 2), Story()
    await say(on, Change.FIRED, story)
    await say(on, Change.CLEARED, story)
    await say(on, Change.FIRED, Story(number=1))

    assert await waits_for_a_digest(on, Story(number=2))


async def test_a_lane_that_is_held_holds_everybody(database: Database, clock: Clock) -> None:
    """Not only the message that the far end refused."""
    on = Scene(database, clock, NOW)
    await on.tell(Change.FIRED, *singles(2))
    clock.now_ms += 2_000
    refused = await on.claim()
    await on.outbox.hold_lane("desk", clock() + 30_000, "too many requests", key=refused.key)
    await on.tell(Change.FIRED, Story(rule="hot"), severity=Severity.CRITICAL)
    clock.now_ms += 29_999
    assert await on.claims_nothing()
    clock.now_ms += 1

    assert Severity.CRITICAL is (await on.claim()).severity


async def test_what_a_person_sends_again_is_not_kept_quiet(database: Database, clock: Clock) -> None:
    """They have seen why it was, and want it all the same."""
    on = Scene(database, clock, NOW)
    await on.tell(Change.FIRED, Story())
    clock.now_ms += 2_000
    mute = Mute("silenced by anna", "a silence")
    assert await on.outbox.claim("desk", clock(), sink=on.sink, why_muted=lambda lane, alert, now_ms: mute) is None
    (kept,) = await on.outbox.listing()
    assert ("suppressed", "muted: silenced by anna") == (kept.status, kept.reason)
    assert await on.outbox.retry(kept.key)

    delivery = await on.outbox.claim("desk", clock(), sink=on.sink, why_muted=lambda lane, alert, now_ms: mute)
    assert delivery is not None
    assert kept.key == delivery.key


async def test_what_may_have_arrived_is_no_part_of_a_summary(database: Database, clock: Clock) -> None:
    """Where warnings are sent once more, too: the repeat says by itself that it is one."""
    on = Scene(database, clock, NOW)
    doubtful = Story(rule="hot", number=9)
    await on.tell(Change.FIRED, doubtful)
    clock.now_ms += 2_000
    first = await on.claim()
    assert await on.outbox.uncertain(first.key, "no answer", resend=True, at_ms=clock() + 1_000)
    loud = await on.tell(Change.FIRED, *singles(4), severity=Severity.CRITICAL)
    summary = await on.claim()
    await on.outbox.sent(summary.key, "17", clock())
    clock.now_ms += 1_000
    repeat = await on.claim()

    assert (Form.SUMMARY, loud, False) == (summary.form, told(summary), summary.is_repeat)
    assert (first.key, Form.ALERT, True) == (repeat.key, repeat.form, repeat.is_repeat)


async def test_a_stretch_from_the_future_is_over(database: Database, clock: Clock) -> None:
    """The clock was set back: what was counted by the other time says nothing of this one."""
    on = capped(database, clock, 1)
    await say(on, Change.FIRED, Story())
    clock.now_ms -= 2 * HOUR_MS
    await say(on, Change.FIRED, Story(number=1))

    assert await waits_for_a_digest(on, Story(number=2))


async def test_the_end_of_what_nobody_heard_of_is_not_told_beside_others(database: Database, clock: Clock) -> None:
    """A cooldown kept it quiet, and four that were told of end with it."""
    on = Scene(database, clock, NOW)
    known, unknown = singles(4), Story(rule="single", number=9)
    episodes = await on.tell(Change.FIRED, *known)
    clock.now_ms += 2_000
    fired = await on.claim()
    await on.outbox.sent(fired.key, "17", clock())
    quiet = unknown.tell(Change.FIRED, clock(), muted="cooldown", muted_until_ms=clock() + HOUR_MS)
    letters = on.post.take([quiet], clock())
    await on.journal.commit(Batch(transitions=[quiet], notices=letters, told=on.post.take_changed()), clock())
    await on.tell(Change.CLEARED, *known, unknown)
    clock.now_ms += 2_000
    cleared = await on.claim()
    await on.outbox.sent(cleared.key, "18", clock())

    assert (Form.SUMMARY, Change.CLEARED, episodes) == (cleared.form, cleared.change, told(cleared))
    assert await on.claims_nothing()


async def test_a_summary_that_may_have_arrived_is_silenced_whole(database: Database, clock: Clock) -> None:
    """Each of its alerts says why it was not told once more."""
    on = Scene(database, clock, NOW)
    await on.tell(Change.FIRED, *singles(4))
    clock.now_ms += 2_000
    summary = await on.claim()
    assert await on.outbox.uncertain(summary.key, "no answer", resend=True)
    mute = Mute("silenced by anna", "a silence")
    assert await on.outbox.claim("desk", clock(), sink=on.sink, why_muted=lambda lane, alert, now_ms: mute) is None

    assert [("suppressed", "muted: silenced by anna", None)] * 4 == [
        (entry.status, entry.reason, entry.merged_into) for entry in await on.outbox.listing()
    ]
