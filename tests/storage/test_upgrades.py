"""Who comes from an older program loses nothing: what it left is told, answered and ended by this one."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, inspect, select, table

from rules.alerts import Alert, Change, Phase
from rules.delivery import Form, SinkPolicy
from storage.access import Access
from storage.answers import Answers
from storage.behind import Behind
from storage.buttons import Buttons
from storage.database import Database
from storage.episodes import alert_of
from storage.journal import Journal
from storage.log import newest_id, query_events, query_transitions
from storage.migrations import HEAD, revision_of
from storage.outbox import Outbox
from storage.retention import DAY_MS, forget
from storage.silences import Silences
from storage.states import last_alive_ms, load_states
from tests.databases import both
from tests.storage import old_rows
from tests.storage.episodes import HOUR_MS, NOW, Clock, Episode
from tests.storage.old_rows import BTC, DUE_MS, ETH, FLIES, SOL, TOLD, WAITS, XRP, Row, first_rows, later_rows

pytestmark = both

PHONE = SinkPolicy(name="phone", can_edit=True)
DESK = SinkPolicy(name="desk")
revisions = pytest.mark.parametrize(("revision", "rows"), [("0001", first_rows), ("0006", later_rows)])


async def upgraded(url: str, revision: str, rows: dict[str, list[Row]], clock: Clock) -> Database:
    """Written by the program of that revision, and opened by this one."""
    await old_rows.written(url, revision, rows)
    return await Database.open(url, clock=clock)


def over(one: Episode, at_ms: int) -> Episode:
    """The alert of an old row, whose next change is the second."""
    again = Episode(one.key["symbol"])
    again.change(Change.FIRED)
    again.started_ms = at_ms - 1_000  # so that the next change is of this moment
    return again


@revisions
async def test_no_row_is_lost(database_url: str, revision: str, rows: Callable[[], dict[str, list[Row]]]) -> None:
    """Each table has as many as before, and every column that there is now."""
    database = await upgraded(database_url, revision, rows(), Clock(NOW))
    async with database.reader() as connection:
        assert HEAD == await connection.run_sync(revision_of)
        indexes = await connection.run_sync(lambda sync: inspect(sync).get_indexes("buttons"))
        assert "ix_buttons_lane_behind_ms" in {index["name"] for index in indexes}
        for name, some in rows().items():
            count = (await connection.execute(select(func.count()).select_from(table(name)))).scalar_one()
            assert (name, len(some) + (name == "meta")) == (name, count)  # and when it was opened
    await database.close()


@revisions
async def test_what_was_known_is_known(
    database_url: str, revision: str, rows: Callable[[], dict[str, list[Row]]]
) -> None:
    """The log, the states, the alerts."""
    database = await upgraded(database_url, revision, rows(), Clock(NOW))

    assert 2 == await newest_id(database) == len(await query_events(database))
    assert {Phase.FIRING} == {state.phase for state in await load_states(database)}
    assert NOW == await last_alive_ms(database)
    assert None is (await alert_of(database, BTC.episode_id) or _nobody()).worst
    assert {None} == {change.alert for change in await query_transitions(database)}
    await database.close()


@revisions
async def test_what_waits_is_told_and_what_was_told_is_ended(
    database_url: str, revision: str, rows: Callable[[], dict[str, list[Row]]]
) -> None:
    """In place of the old message, where the chat lets us."""
    clock = Clock(NOW + 10_000)
    database = await upgraded(database_url, revision, rows(), clock)
    outbox = Outbox(database)
    await outbox.recover(clock())
    assert "uncertain" == {entry.key: entry.status for entry in await outbox.listing()}[FLIES]
    waited = await outbox.claim("phone", clock(), sink=PHONE, room=20)
    assert waited is not None
    assert (WAITS, Form.ALERT, Change.FIRED) == (waited.key, waited.form, waited.change)
    await outbox.sent(waited.key, "phone/19", clock())
    words = await outbox.claim("desk", clock(), sink=DESK)
    assert words is not None and words.words is not None and "hello" == words.words.headline
    await outbox.sent(words.key, None, clock())

    for one, name in ((BTC, "phone/17"), (ETH, "phone/19")):
        end = over(one, clock()).change(Change.CLEARED, "phone")
        await Journal(database).commit(end, clock())
        cleared = await outbox.claim("phone", clock(), sink=PHONE, room=20)
        assert cleared is not None
        assert (Change.CLEARED, name) == (cleared.change, cleared.edits)
        await outbox.sent(cleared.key, name, clock())
    assert await outbox.claim("phone", clock(), sink=PHONE, room=20) is None
    await database.close()


async def test_old_buttons_are_answered_and_the_other_messages_say_so(database_url: str) -> None:
    """A press from before counts, too; one of today is said under the alert's other message."""
    clock = Clock(NOW + 10_000)
    database = await upgraded(database_url, "0006", later_rows(), clock)
    await Outbox(database).recover(clock())
    book, answers, behind = Buttons(database), Answers(database), Behind(database)

    (before,) = await answers.of([XRP.episode_id])
    assert ("@anna", frozenset({XRP.episode_id})) == (before.panel.author, before.episodes)
    assert before.panel == await answers.press("b3", "p2", "hour", "@ben")
    assert ["@ben"] == [one.who for one in await Silences(database).acknowledged()]
    assert ["hour-b3"] == [one.silence_id for one in await Silences(database).active(clock())]
    pressed = await answers.press("b2", "p3", "ack", "@carl", chat="Slack")
    assert pressed is not None and "@carl (Slack)" == pressed.author
    await Outbox(database).expire(NOW + 20 * HOUR_MS)
    lag = await behind.next(PHONE, clock())
    assert lag is not None and lag.delivery is not None
    assert (TOLD, "phone/17") == (lag.delivery.key, lag.delivery.edits)
    await behind.done(lag)
    assert None is await behind.next(PHONE, clock())
    assert None is (await book.put("new", "phone", BTC.episode_id)).press
    await database.close()


async def test_an_old_digest_is_told_and_an_old_summary_says_no_more(database_url: str) -> None:
    """Summaries of that time were never to say that all is over, and are not asked to; a digest of today will."""
    clock = Clock(DUE_MS)
    database = await upgraded(database_url, "0006", later_rows(), clock)
    outbox, journal, behind = Outbox(database), Journal(database), Behind(database)
    await outbox.recover(clock())
    edits = SinkPolicy(name="desk", can_edit=True)
    while (digest := await outbox.claim("desk", clock(), sink=edits)) is not None and digest.form is not Form.DIGEST:
        await outbox.sent(digest.key, "desk/1", clock())
    assert digest is not None
    assert [XRP.episode_id] == [member.alert.episode_id for member in digest.members]
    await outbox.sent(digest.key, "desk/2", clock())
    await outbox.expire(clock() + 24 * HOUR_MS)

    for one in (XRP, SOL):
        await journal.commit(over(one, clock()).change(Change.CLEARED), clock())
    assert None is await behind.next(PHONE, clock())
    lag = await behind.next(edits, clock())
    assert lag is not None and lag.delivery is not None
    assert ("digest", "desk/2") == (lag.key, lag.delivery.edits)
    await database.close()


@revisions
async def test_what_is_old_is_forgotten(
    database_url: str, revision: str, rows: Callable[[], dict[str, list[Row]]]
) -> None:
    """All that has ended goes, as if this program had written it."""
    clock = Clock(NOW + 10_000)
    database = await upgraded(database_url, revision, rows(), clock)
    outbox, journal = Outbox(database), Journal(database)
    for one in (BTC, ETH, SOL, XRP):
        await journal.commit(over(one, clock()).change(Change.CLEARED), clock())
    await outbox.recover(clock(), resend_severities=())
    await outbox.expire(NOW + 20 * DAY_MS)
    removed = await forget(database, NOW + 100 * DAY_MS, days=30)

    assert 1 == removed.events  # the newest stays
    left = await outbox.listing()
    assert {FLIES} == {entry.key for entry in left}  # nobody knows
    await database.close()


async def test_keys_of_before_go_on_reading(database_url: str) -> None:
    """And nothing more."""
    database = await upgraded(database_url, "0006", later_rows(), Clock(NOW))
    assert [("tk1", False)] == [(key.key_id, key.may_act) for key in await Access(database).keys()]
    await database.close()


def _nobody() -> Alert:
    raise AssertionError("it is not there")
