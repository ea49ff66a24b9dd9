"""One transaction for all that was decided."""

import asyncio
from math import inf, nan

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text

from rules.alerts import Change, Peak, Phase, Severity
from rules.events import Event, FundingRate
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import latest_alerts, query_events, query_transitions
from storage.outbox import Outbox
from storage.schema import alerts, states
from storage.states import last_alive_ms, load_states
from tests.databases import both
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW, Episode, funding, liquidation

pytestmark = both


async def count(database: Database, table: str) -> int:
    async with database.reader() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_all_of_a_batch_is_there(journal: Journal, database: Database, outbox: Outbox) -> None:
    """Events, the change, the episode as it stands, the engine's state, the messages, the time."""
    episode = Episode()
    batch = episode.change(Change.FIRED, "desk", "phone")
    batch.events = [funding(), liquidation()]

    await journal.commit(batch, NOW + 7)

    assert batch.events == [logged.event for logged in await query_events(database)]
    assert [episode.alert] == await latest_alerts(database)
    (transition,) = await query_transitions(database)
    assert (episode.episode_id, 0, "fired", "first", "warning", 0.0008, NOW, None) == (
        transition.episode_id,
        transition.sequence,
        transition.change,
        transition.reason,
        transition.severity,
        transition.value,
        transition.at_ms,
        transition.muted,
    )
    assert batch.states == await load_states(database)
    assert {("desk", "waiting"): 1, ("phone", "waiting"): 1} == await outbox.counts()
    assert NOW + 7 == await last_alive_ms(database)


async def test_a_new_database_was_never_alive(database: Database) -> None:
    """So there was no outage to account for."""
    assert await last_alive_ms(database) is None
    assert [] == await load_states(database)


async def test_the_same_batch_twice_is_the_batch_once(journal: Journal, database: Database) -> None:
    """The answer to a commit was lost, or a stream was replayed after a crash."""
    batch = Episode().change(Change.FIRED, "desk")
    batch.events = [liquidation(), liquidation()]

    await journal.commit(batch, NOW)
    await journal.commit(batch, NOW)

    names = ("events", "transitions", "alerts", "states", "outbox")
    assert [1, 1, 1, 1, 1] == [await count(database, name) for name in names]


async def test_harmless_repeats_are_kept(journal: Journal, database: Database) -> None:
    """A prediction has no once_key."""
    await journal.commit(Batch(events=[funding(), funding()]), NOW)

    assert 2 == await count(database, "events")


async def test_the_latest_of_a_batch_wins(journal: Journal, database: Database) -> None:
    """An episode may change several times within 20 ms; each change is a row, the episode is one."""
    episode = Episode()
    batch = Batch()
    for change in (Change.PENDING, Change.FIRED, Change.ESCALATED, Change.CLEARED):
        step = episode.change(change)
        batch.transitions += step.transitions
        batch.states += step.states

    await journal.commit(batch, NOW)

    assert [episode.alert] == await latest_alerts(database)
    changes = [transition.change for transition in await query_transitions(database)]
    assert ["pending", "fired", "escalated", "cleared"] == changes
    assert [Phase.INACTIVE] == [state.phase for state in await load_states(database)]


async def test_how_an_episode_stood_at_its_peak_is_kept(journal: Journal, database: Database) -> None:
    """But for what no JSON can say."""
    batch = Episode().change(Change.CLEARED)
    (ended,) = batch.transitions
    peaks = [Peak(Severity.CRITICAL, value, 0.001, {"rate_8h": -0.003}) for value in (0.003, inf)]
    for peak in peaks:
        alert = replace(ended.alert, worst=peak)
        batch.transitions = [replace(ended, alert=alert)]
        await journal.commit(batch, NOW)

        assert [peak if peak.value < inf else None] == [alert.worst for alert in await latest_alerts(database)]


async def test_an_episode_is_rewritten_and_a_state_forgotten(journal: Journal, database: Database) -> None:
    """One row per episode, whatever happens to it."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED), NOW)
    batch = episode.change(Change.CLEARED, severity=Severity.CRITICAL, value=0.0001)
    batch.states, batch.forgotten = [], [episode.mark, *(f"unknown {number}" for number in range(1_200))]

    await journal.commit(batch, NOW)

    async with database.reader() as connection:
        (row,) = (await connection.execute(select(alerts))).all()
        assert [] == (await connection.execute(select(states))).all()
    assert (episode.mark, False, 1, NOW + 1_000, 0.0001, 0.0008) == (
        row.fingerprint,
        row.is_firing,
        row.sequence,
        row.ended_ms,
        row.value,
        row.peak,
    )


async def test_an_empty_batch_says_that_we_live(journal: Journal, database: Database) -> None:
    """Downtime is measured from it."""
    await journal.commit(Batch(), NOW)
    await journal.commit(Batch(), NOW + 1_000)

    assert NOW + 1_000 == await last_alive_ms(database)
    assert not Batch()


async def test_what_no_database_can_keep_is_cut(journal: Journal, database: Database) -> None:
    """A venue's garbage must not hold up everybody's alerts: NUL, times beyond 64 bits, numbers that are none."""
    weird: list[Event] = [
        FundingRate(venue="a\x00b", symbol="X\x00", rate=nan, interval_h=8.0, at_ms=10**30, received_ms=NOW),
    ]
    episode = Episode()
    batch = episode.change(Change.FIRED, "desk", value=inf, facts={"note": "nul \x00 here", "value": nan})
    batch.events = weird

    await journal.commit(batch, NOW)

    (logged,) = await query_events(database)
    assert ("ab", "X", 2**63 - 1) == (logged.venue, logged.symbol, logged.at_ms)
    (alert,) = await latest_alerts(database)
    assert {"note": "nul \x00 here", "value": None} == alert.facts
    assert alert.value != alert.value


async def test_a_state_that_cannot_be_read_starts_afresh(
    journal: Journal, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """One odd row must not keep the house from starting."""
    await journal.commit(Episode("BTC-USDT-PERP").change(Change.FIRED), NOW)
    await journal.commit(Episode("ETH-USDT-PERP").change(Change.FIRED), NOW)
    bad = Episode("BTC-USDT-PERP").mark
    async with database.writer() as connection:
        odd = {"mark": bad, "payload": '{"phase": "dancing"}'}
        await connection.execute(text("UPDATE states SET payload = :payload WHERE fingerprint = :mark"), odd)

    assert [Episode("ETH-USDT-PERP").mark] == [state.fingerprint for state in await load_states(database)]
    assert "state cannot be read, starts afresh" in caplog.text


async def test_batches_and_claims_at_once(journal: Journal, outbox: Outbox) -> None:
    """The recorder writes while the lanes send; nobody gets in anybody's way."""
    total = 20

    async def record() -> None:
        for number in range(total):
            await journal.commit(Episode(f"C{number}-USDT-PERP").change(Change.FIRED, "desk"), NOW)

    async def send() -> int:
        sent = 0
        while sent < total:
            if (delivery := await outbox.claim("desk", NOW)) is None:
                await asyncio.sleep(0)
                continue
            await outbox.sent(delivery.key, None, NOW)
            sent += 1
        return sent

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(record(), name="recorder")
        sender = group.create_task(send(), name="lane desk")

    assert total == sender.result()
    assert {("desk", "sent"): total} == await outbox.counts()
