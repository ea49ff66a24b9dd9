"""More waits than a chat takes: what is critical leaves first, and the rest as one message."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from rules.alerts import Alert, Change, Severity
from rules.delivery import Form, Policy, Post, SinkPolicy
from rules.delivery.policy import Cap
from rules.delivery.standing import Mute
from sinks.render import render
from storage import waiting
from storage.claim import ALIKE_MAX
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Batch, Journal
from storage.outbox import Outbox
from tests.databases import both
from tests.rules.delivery.changes import Story
from tests.storage.episodes import Clock
from tests.storage.laws import policy

pytestmark = both

ROOM = 4
WAIT_MS = 2_000


class Scene:
    """One sink whose chat takes four messages soon."""

    def __init__(self, database: Database, clock: Clock, *, can_edit: bool = True) -> None:
        self.clock = clock
        self.sink = SinkPolicy(name="desk", can_edit=can_edit)
        self.outbox, self.journal = Outbox(database), Journal(database)
        self.post = Post(Policy(sinks={"desk": self.sink}, rules=policy().rules))

    async def tell(self, change: Change, *stories: Story, severity: Severity = Severity.WARNING) -> set[str]:
        """Decide it, write it down, and wait until it is due; the alerts."""
        now_ms = self.clock()
        changes = [story.tell(change, now_ms, severity) for story in stories]
        letters = self.post.take(changes, now_ms)
        await self.journal.commit(Batch(transitions=changes, notices=letters, told=self.post.take_changed()), now_ms)
        self.clock.now_ms += WAIT_MS
        return {one.alert.episode_id for one in changes}

    async def leaving(self) -> list[Delivery]:
        """All that leaves now, in its order."""
        found: list[Delivery] = []
        while (due_ms := await self.outbox.next_at_ms("desk", self.clock())) is not None:
            self.clock.now_ms = max(self.clock.now_ms, due_ms)
            if (delivery := await self.claim()) is not None:
                found.append(delivery)
                await self.outbox.sent(delivery.key, f"m{len(found)}.{delivery.key[:4]}", self.clock())
        return found

    async def claim(self) -> Delivery | None:
        return await self.outbox.claim("desk", self.clock(), sink=self.sink, why_muted=_never, room=ROOM)

    async def reasons(self, status: str) -> set[str | None]:
        return {entry.reason for entry in await self.outbox.listing([status])}


def _never(lane: str, alert: Alert, now_ms: int) -> Mute | None:
    del lane, alert, now_ms
    return None


def several(count: int, *, since: int = 0) -> list[Story]:
    """Each about another coin, so that none is like another."""
    return [Story(f"C{number}-USDT-PERP", number=number) for number in range(since, since + count)]


def alike(count: int) -> list[Story]:
    return [Story(number=number) for number in range(count)]


def forms(deliveries: list[Delivery]) -> list[Form]:
    return [delivery.form for delivery in deliveries]


def about(delivery: Delivery) -> set[str]:
    return {member.alert.episode_id for member in delivery.members}


async def test_what_the_chat_takes_soon_comes_one_by_one(database: Database, clock: Clock) -> None:
    on = Scene(database, clock)
    await on.tell(Change.FIRED, *several(ROOM))

    assert [Form.ALERT] * ROOM == forms(await on.leaving())


async def test_what_is_more_comes_as_one_message(database: Database, clock: Clock) -> None:
    """Each of them is in it, and each row says why it did not leave by itself."""
    on = Scene(database, clock)
    episodes = await on.tell(Change.FIRED, *several(ROOM + 1))

    (told,) = await on.leaving()

    assert (Form.DIGEST, episodes) == (told.form, about(told))
    assert {"muted: more waited than the chat takes in 15s"} == await on.reasons("suppressed")
    words = render(told.notice(), clock())
    assert words.headline.startswith("WARNING  Many at once: 5 messages about 5 alerts, 5 still firing")


async def test_what_takes_several_looks_is_one_message_too(database: Database, clock: Clock) -> None:
    """A claim looks at so many and lets others write; the worst must stand first of all of them."""
    on = Scene(database, clock)
    episodes = await on.tell(Change.FIRED, *several(ALIKE_MAX + 50))

    assert await on.claim() is None
    clock.now_ms += 1
    (told,) = await on.leaving()

    assert (Form.DIGEST, episodes) == (told.form, about(told))


async def test_a_backlog_is_judged_by_few_questions(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait: those with one verdict are read and kept back together."""
    monkeypatch.setattr(waiting, "_NAMES_MAX", 30)
    on = Scene(database, clock)
    episodes = await on.tell(Change.FIRED, *several(100))
    said: list[object] = []

    def note(*about: object) -> None:
        said.append(about[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        (told,) = await on.leaving()
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert (Form.DIGEST, episodes) == (told.form, about(told))
    assert len(said) < len(episodes)


async def test_who_is_muted_among_many_is_in_no_digest(database: Database, clock: Clock) -> None:
    """And asked about when its turn has come; those before and behind are told as one."""
    on = Scene(database, clock)
    stories = several(20)
    (muted,) = await on.tell(Change.FIRED, stories[7])
    clock.now_ms -= WAIT_MS
    episodes = await on.tell(Change.FIRED, *stories[:7], *stories[8:])
    mute = Mute("silenced by anna")

    def why_muted(lane: str, alert: Alert, now_ms: int) -> Mute | None:
        return mute if alert.episode_id == muted else None

    told = await on.outbox.claim("desk", clock(), sink=on.sink, why_muted=why_muted, room=ROOM)

    assert told is not None
    assert (Form.DIGEST, episodes) == (told.form, about(told))
    (alone,) = [entry for entry in await on.outbox.listing(["suppressed"]) if entry.merged_into is None]
    assert "muted: silenced by anna" == alone.reason


async def test_what_is_late_already_comes_as_one_message(database: Database, clock: Clock) -> None:
    """The chat was out of reach: it could take them one by one now, but nobody reads the past that way."""
    on = Scene(database, clock)
    episodes = await on.tell(Change.FIRED, *several(ROOM))
    clock.now_ms += 60_000

    (told,) = await on.leaving()

    assert (Form.DIGEST, episodes) == (told.form, about(told))


async def test_what_is_critical_leaves_first_though_it_came_last(database: Database, clock: Clock) -> None:
    on = Scene(database, clock)
    await on.tell(Change.FIRED, *several(50))
    (critical,) = await on.tell(Change.FIRED, *several(1, since=50), severity=Severity.CRITICAL)

    first, then = await on.leaving()

    assert (Form.ALERT, critical) == (first.form, first.alert.episode_id if first.alert else None)
    assert (Form.DIGEST, 50) == (then.form, len(then.members))


async def test_nobody_waits_for_the_hundredth_critical_alert_either(database: Database, clock: Clock) -> None:
    """The worst are named first, and the message is as loud as they are."""
    on = Scene(database, clock)
    await on.tell(Change.FIRED, *several(20))
    await on.tell(Change.FIRED, *several(20, since=20), severity=Severity.CRITICAL)

    (told,) = await on.leaving()

    assert Severity.CRITICAL is told.severity
    severities = [member.alert.severity for member in told.members]
    assert [Severity.CRITICAL] * 20 + [Severity.WARNING] * 20 == severities


async def test_many_that_are_alike_are_one_summary_as_ever(database: Database, clock: Clock) -> None:
    on = Scene(database, clock)
    await on.tell(Change.FIRED, *alike(30))

    assert [Form.SUMMARY] == forms(await on.leaving())


async def test_one_claim_after_another_brings_all_of_a_flood_to_its_end(database: Database, clock: Clock) -> None:
    """A claim judges two hundred and no more: it must not hold the database."""
    on = Scene(database, clock)
    episodes = await on.tell(Change.FIRED, *several(450))

    told = await on.leaving()

    assert episodes == set().union(*map(about, told))
    assert 450 == sum(len(one.members) for one in told)
    assert len(told) <= 3


async def test_edits_alone_are_no_backlog(database: Database, clock: Clock) -> None:
    """They make no sound, and nobody waits behind them."""
    on = Scene(database, clock)
    stories = several(ROOM) + several(ROOM, since=ROOM)
    await on.tell(Change.FIRED, *stories[:ROOM])
    await on.leaving()
    await on.tell(Change.FIRED, *stories[ROOM:])
    await on.leaving()
    await on.tell(Change.CLEARED, *stories)

    ends = await on.leaving()

    assert [Form.ALERT] * 2 * ROOM == forms(ends)
    assert all(one.edits is not None for one in ends)


async def test_edits_stay_edits_while_news_comes_as_one(database: Database, clock: Clock) -> None:
    on = Scene(database, clock)
    known = several(ROOM)
    await on.tell(Change.FIRED, *known)
    await on.leaving()
    await on.tell(Change.CLEARED, *known)
    await on.tell(Change.FIRED, *several(20, since=10))

    *ends, news = await on.leaving()

    assert (Form.DIGEST, 20) == (news.form, len(news.members))
    assert [Change.CLEARED] * ROOM == [one.change for one in ends]
    assert all(one.edits is not None for one in ends)


async def test_each_that_was_told_among_many_gets_its_end(database: Database, clock: Clock) -> None:
    on = Scene(database, clock)
    stories = several(20)
    episodes = await on.tell(Change.FIRED, *stories)
    await on.leaving()
    await on.tell(Change.CLEARED, *stories)

    (ends,) = await on.leaving()

    assert (Form.DIGEST, episodes) == (ends.form, about(ends))
    words = render(ends.notice(), clock())
    assert words.headline.startswith("Many at once: 20 messages about 20 alerts, none is firing now")


async def test_a_backlog_may_be_told_one_by_one(database: Database, clock: Clock) -> None:
    """Without a limit the chat is asked for everything, however long that takes."""
    on = Scene(database, clock)
    await on.tell(Change.FIRED, *several(3 * ROOM))

    found = []
    while (delivery := await on.outbox.claim("desk", clock(), sink=on.sink)) is not None:
        await on.outbox.sent(delivery.key, None, clock())
        found.append(delivery)

    assert [Form.ALERT] * 3 * ROOM == forms(found)


async def test_quiet_hours_and_caps_come_before_a_backlog(database: Database, clock: Clock) -> None:
    """What they keep back is told at their end and not now."""
    on = Scene(database, clock)
    on.sink = replace(on.sink, cap=Cap(1, 3_600_000))
    on.post.use(Policy(sinks={"desk": on.sink}, rules=policy().rules), clock())
    await on.tell(Change.FIRED, *several(20))

    first = await on.leaving()
    await on.tell(Change.FIRED, *several(20, since=20))
    then = await on.claim()

    assert [Form.DIGEST] == forms(first)  # one message, as the cap counts
    assert then is not None
    assert then.words is not None
    assert "1 message within 1h: the next ones come together" == then.words.headline


async def test_critical_news_goes_first_and_the_rest_in_its_order(database: Database, clock: Clock) -> None:
    """An end, then warnings, then what is critical: so they were decided."""
    on = Scene(database, clock)
    known = several(1)
    await on.tell(Change.FIRED, *known)
    await on.leaving()
    await on.tell(Change.CLEARED, *known)
    await on.tell(Change.FIRED, *several(2, since=1))
    await on.tell(Change.FIRED, *several(1, since=3), severity=Severity.CRITICAL)

    told = await on.leaving()

    assert ["C3", "C0", "C1", "C2"] == [(one.alert.key["symbol"] if one.alert else "").split("-")[0] for one in told]


async def test_an_end_does_not_overtake_its_beginning(database: Database, clock: Clock) -> None:
    """It is told with it."""
    on = Scene(database, clock)
    (story,) = several(1)
    await on.tell(Change.FIRED, story, severity=Severity.CRITICAL)
    await on.tell(Change.CLEARED, story)

    (told,) = await on.leaving()

    assert (Change.CLEARED, 2) == (told.change, told.merged)


async def test_what_got_worse_before_anybody_heard_of_it_is_told_as_new(database: Database, clock: Clock) -> None:
    """`ESCALATED` would be the first word of it."""
    on = Scene(database, clock)
    (story,) = several(1)
    on.sink = replace(on.sink, min_severity=Severity.CRITICAL)
    on.post.use(Policy(sinks={"desk": on.sink}, rules=policy().rules), clock())
    await on.tell(Change.FIRED, story)
    await on.tell(Change.ESCALATED, story, severity=Severity.CRITICAL)

    (told,) = await on.leaving()

    assert (Change.FIRED, Severity.CRITICAL) == (told.change, told.severity)


async def test_who_wants_no_summaries_gets_a_backlog_as_one_all_the_same(database: Database, clock: Clock) -> None:
    """Only `backlog: 0s` asks for each by itself, however long that takes."""
    on = Scene(database, clock)
    on.sink = replace(on.sink, group=replace(on.sink.group, at_least=1_000))
    on.post.use(Policy(sinks={"desk": on.sink}, rules=policy().rules), clock())
    await on.tell(Change.FIRED, *alike(30))
    clock.now_ms += 60_000

    assert [Form.DIGEST] == forms(await on.leaving())
