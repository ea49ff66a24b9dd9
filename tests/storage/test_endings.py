"""Which messages about several alerts are to say that all are over: known from the end itself, on both databases."""

from msgspec.structs import replace

from rules.alerts import Change, Severity
from rules.delivery import Form, SinkPolicy
from storage.behind import Behind, Lag
from storage.buttons import Buttons
from storage.claim import claim
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Batch
from tests.databases import both
from tests.rules.delivery.changes import Story
from tests.storage.episodes import NOW, Clock
from tests.storage.test_outbox_summaries import Scene, singles

pytestmark = both


class Ending(Scene):
    """The same, by day, with what lags behind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, NOW)
        self.database, self.behind = database, Behind(database)

    async def summary(self, *stories: Story) -> Delivery:
        """It was told that these fire."""
        await self.tell(Change.FIRED, *stories)
        delivery = await self.leaves("17")
        assert Form.SUMMARY is delivery.form
        return delivery

    async def leaves(self, name: str) -> Delivery:
        """The next message, taken at the far end under this name."""
        self.clock.now_ms += 2_000
        delivery = await self.claim()
        await self.outbox.sent(delivery.key, name, self.clock())
        return delivery

    async def end(self, *stories: Story) -> None:
        """They are over, and that was told."""
        await self.tell(Change.CLEARED, *stories)
        await self.leaves("18")

    async def lag(self, sink: SinkPolicy | None = None) -> Lag | None:
        return await self.behind.next(sink or self.sink, self.clock())


async def test_the_last_end_and_no_other_marks_a_summary(database: Database, clock: Clock) -> None:
    """And once it says so, that is that; also if the end was written twice, because the answer was lost."""
    on, stories = Ending(database, clock), singles(6)
    told = await on.summary(*stories)
    await on.end(*stories[:5])
    before = await on.lag()
    last = stories[5].tell(Change.CLEARED, clock(), Severity.WARNING)
    await on.journal.commit(Batch(transitions=[last]), clock())
    lag = await on.lag()
    assert lag is not None
    assert lag.delivery is not None
    await on.behind.done(lag)
    await on.journal.commit(Batch(transitions=[last]), clock())

    assert before is None
    assert (told.key, "17", Form.SUMMARY) == (lag.key, lag.delivery.edits, lag.delivery.form)
    assert 6 == len(lag.delivery.members)
    assert await on.lag() is None


async def test_news_goes_first(database: Database, clock: Clock) -> None:
    """While the end itself waits to be told, the summary waits too."""
    on, stories = Ending(database, clock), singles(4)
    await on.summary(*stories)
    await on.tell(Change.CLEARED, *stories)
    waiting = await on.lag()
    await on.leaves("18")

    assert waiting is None
    assert await on.lag() is not None


async def test_what_was_over_when_it_left_is_not_marked(database: Database, clock: Clock) -> None:
    on, stories = Ending(database, clock), singles(4)
    await on.summary(*stories)
    await on.end(*stories)
    lag = await on.lag()
    assert lag is not None
    await on.behind.done(lag)

    assert await on.lag() is None  # the summary of the ends


async def test_what_ends_while_it_is_told_is_marked_when_it_was(database: Database, clock: Clock) -> None:
    """Between the claim and the answer of the chat, or before we knew of the answer: killed, it may have arrived."""
    on, stories = Ending(database, clock), singles(4)
    await on.tell(Change.FIRED, *stories)
    clock.now_ms += 2_000
    delivery = await on.claim()
    await on.tell(Change.CLEARED, *stories)
    before = await on.lag()
    await on.outbox.sent(delivery.key, "17", clock())
    await on.leaves("18")
    lag = await on.lag()

    assert before is None
    assert lag is not None
    assert delivery.key == lag.key


async def test_a_claim_that_the_end_could_not_see_is_marked_when_it_was_told(database: Database, clock: Clock) -> None:
    """Two transactions at once: neither sees what the other writes."""
    on, stories = Ending(database, clock), singles(4)
    await on.tell(Change.FIRED, *stories)
    clock.now_ms += 2_000
    ends = [story.tell(Change.CLEARED, clock(), Severity.WARNING) for story in stories]
    if database.place.startswith("the database"):
        async with database.writer() as connection:
            delivery = await claim(connection, "desk", clock(), sink=on.sink)
            await on.journal.commit(Batch(transitions=ends), clock())
    else:  # one after the other, as ever
        delivery = await on.claim()
        await on.journal.commit(Batch(transitions=ends), clock())
    assert delivery is not None
    await on.outbox.sent(delivery.key, "17", clock())

    assert await on.lag() is not None


async def test_not_at_night_nor_where_nothing_is_edited(database: Database, clock: Clock) -> None:
    on, stories = Ending(database, clock), singles(4)
    await on.summary(*stories)
    await on.end(*stories)
    day_ms = clock()
    clock.now_ms = 1_790_031_600_000 + 3_600_000  # at midnight
    night = await on.lag()
    clock.now_ms = day_ms

    assert night is None
    assert await on.lag(replace(on.sink, can_edit=False)) is None
    assert await on.lag(replace(on.sink, name="phone")) is None
    assert await on.lag() is not None


async def test_where_nothing_is_edited_nothing_is_marked(database: Database, clock: Clock) -> None:
    on, stories = Ending(database, clock), singles(4)
    on.sink = replace(on.sink, can_edit=False)
    await on.summary(*stories)
    await on.end(*stories)

    assert await on.lag(replace(on.sink, can_edit=True)) is None


async def test_a_mark_that_comes_while_it_is_written_stays(database: Database, clock: Clock) -> None:
    """Somebody pressed at that moment: it is written once more, even in the same millisecond or by an older clock."""
    on, stories = Ending(database, clock), singles(4)
    told = await on.summary(*stories)
    buttons = Buttons(database)
    panel = await buttons.put(told.key, "desk", None)
    early = await buttons.is_left_to_end(panel)
    await on.end(*stories)
    first = await on.lag()
    assert first is not None
    clock.now_ms -= 60_000
    late = await buttons.is_left_to_end(panel)
    await on.behind.done(first)
    again = await on.lag()
    assert again is not None
    await on.behind.done(again)

    assert (False, True) == (early, late)
    assert await on.lag() is None


async def test_an_alert_by_itself_is_not_marked(database: Database, clock: Clock) -> None:
    """It is edited by its own end."""
    on, stories = Ending(database, clock), singles(1)
    await on.tell(Change.FIRED, *stories)
    told = await on.leaves("17")
    await on.end(*stories)
    panel = await Buttons(database).put(told.key, "desk", None)

    assert await on.lag() is None
    assert not await Buttons(database).is_left_to_end(panel)
