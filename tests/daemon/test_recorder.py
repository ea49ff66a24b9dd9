"""From events to what is written: when a batch closes, what stands in it, and what a held database does."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon import recorder as module
from daemon.bus import BATCHES_MAX, Bus, Mailbox
from daemon.keeping import Keeping
from daemon.recorder import ALIVE_EVERY_MS, EVENTS_MAX, Recorder
from rules.alerts import Severity
from rules.delivery import Policy, Post, SinkPolicy
from rules.engine import Engine
from rules.events import Event, FundingRate
from rules.spec import parse
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import query_events, query_transitions
from storage.outbox import Outbox
from storage.states import last_alive_ms, load_states
from tests.daemon.lanes import Clock, locked, until
from tests.storage.episodes import NOW, liquidation

BTC = "BTC-USDT-PERP"
HOT = {"id": "hot", "type": "funding", "symbols": ["*"], "levels": {"warning": "0.05%", "critical": "0.1%"}}


def rate(percent: float, at_ms: int = NOW, *, symbol: str = BTC) -> FundingRate:
    """A prediction per 8 hours."""
    return FundingRate(venue="okx", symbol=symbol, rate=percent / 100, interval_h=8.0, at_ms=at_ms, received_ms=at_ms)


def sink(name: str, min_severity: Severity = Severity.INFO, *, can_edit: bool = True) -> SinkPolicy:
    return SinkPolicy(name=name, min_severity=min_severity, expire_ms=3_600_000, can_edit=can_edit)


class Seen(Journal):
    """The real one, which also keeps how large each committed batch was."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.sizes: list[int] = []

    async def commit(self, batch: Batch, now_ms: int) -> None:
        await super().commit(batch, now_ms)
        self.sizes.append(len(batch.events))


@pytest.fixture
def journal(database: Database) -> Seen:
    return Seen(database)


def recorder_for(
    journal: Journal,
    clock: Clock,
    *rules: dict[str, Any],
    recipients: Iterable[SinkPolicy] = (),
    rung: list[str] | None = None,
) -> Recorder:
    compiled = {raw["id"]: parse(raw).compile() for raw in rules}
    engine = Engine(compiled.values())
    policy = Policy(sinks={sink.name: sink for sink in recipients}, rules=compiled)
    return Recorder(
        engine=engine,
        journal=journal,
        keeping=Keeping(60_000),
        post=Post(policy),
        clock=clock,
        ring=(rung if rung is not None else []).extend,
        sleep=lambda wait_s: asyncio.sleep(0.01),
    )


@asynccontextmanager
async def recording(recorder: Recorder, mailbox: Mailbox) -> AsyncIterator[None]:
    """At work until the block ends; then the mailbox is drained."""
    stop = asyncio.Event()
    task = asyncio.create_task(recorder.run(mailbox, stop), name="recorder")
    try:
        yield
    finally:
        stop.set()
        await task


async def record(recorder: Recorder, *batches: Sequence[Event]) -> None:
    """Have these written, each as it came."""
    mailbox = Mailbox("recorder")
    async with recording(recorder, mailbox):
        for batch in batches:
            await mailbox.put(batch)


async def rows(outbox: Outbox) -> dict[str, list[tuple[str | None, str, str | None]]]:
    """Lane -> (change, status, reason), oldest first."""
    found: dict[str, list[tuple[str | None, str, str | None]]] = {}
    for entry in reversed(await outbox.listing()):
        found.setdefault(entry.lane, []).append((entry.change, entry.status, entry.reason))
    return found


# -- when a batch closes ----------------------------------------------------------------------------------------------


async def test_a_decision_closes_the_batch_at_once(
    journal: Seen, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the window were an hour long; what is there already goes with it."""
    monkeypatch.setattr(module, "WINDOW_S", 3_600.0)
    rung: list[str] = []
    recorder = recorder_for(journal, clock, HOT, recipients=[sink("desk")], rung=rung)
    mailbox = Mailbox("recorder")
    await mailbox.put([rate(0.06)])
    await mailbox.put([liquidation()])
    async with recording(recorder, mailbox):
        await until(lambda: rung == ["desk"])

    assert [2] == journal.sizes


async def test_without_one_it_stays_open_for_a_moment(journal: Seen, clock: Clock) -> None:
    """And no longer: nothing else has to come."""
    recorder, mailbox = recorder_for(journal, clock, HOT), Mailbox("recorder")
    async with recording(recorder, mailbox):
        await mailbox.put([liquidation(NOW)])
        await asyncio.sleep(0)
        await mailbox.put([liquidation(NOW + 1)])
        await until(lambda: len(journal.sizes) == 1)
        assert [2] == journal.sizes


async def test_five_hundred_events_close_it(journal: Seen, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the window."""
    monkeypatch.setattr(module, "WINDOW_S", 3_600.0)
    recorder, mailbox = recorder_for(journal, clock), Mailbox("recorder")
    events = [liquidation(NOW + number) for number in range(EVENTS_MAX + 100)]
    async with recording(recorder, mailbox):
        for start in range(0, EVENTS_MAX, 100):
            await mailbox.put(events[start : start + 100])
        await until(lambda: len(journal.sizes) == 1)
        await mailbox.put(events[EVENTS_MAX:])
        await mailbox.put([*events[:EVENTS_MAX]])  # to close the second, which waits for more
        await until(lambda: len(journal.sizes) == 2)

    assert EVENTS_MAX == journal.sizes[0]


# -- what is written --------------------------------------------------------------------------------------------------


async def test_the_engines_time_never_goes_back(journal: Seen, clock: Clock, database: Database) -> None:
    """Whatever the clocks of venues and machines do."""
    recorder = recorder_for(journal, clock, HOT)
    await record(recorder, [rate(0.06, NOW + 5_000)], [rate(0.01, NOW + 1_000)], [rate(0.06, NOW + 2_000)])

    told = await query_transitions(database)
    assert ["fired", "cleared", "fired"] == [one.change for one in told]
    assert [NOW + 5_000] * 3 == [one.at_ms for one in told]


async def test_a_decision_and_its_evidence_are_one_transaction(
    journal: Seen, clock: Clock, database: Database, outbox: Outbox, file: Path
) -> None:
    """Either all of it is there or nothing: while the database is held, nothing."""
    recorder = recorder_for(journal, clock, HOT, recipients=[sink("desk")])
    mailbox = Mailbox("recorder")
    async with recording(recorder, mailbox):
        async with locked(file):
            await mailbox.put([rate(0.06)])
            await until(lambda: recorder.held_reason is not None)
            assert [0, 0, 0, 0, 0] == counted(file)
        await until(lambda: recorder.held_reason is None)

    assert [1, 1, 1, 1, 1] == counted(file)


def counted(file: Path) -> list[int]:
    """Rows of events, alerts, transitions, states and outbox, in one look."""
    tables = ("events", "alerts", "transitions", "states", "outbox")
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        return list(
            connection.execute(f"SELECT {', '.join(f'(SELECT count(*) FROM {name})' for name in tables)}").fetchone()
        )
    finally:
        connection.close()


async def test_what_decided_something_is_kept_as_evidence(journal: Seen, clock: Clock, database: Database) -> None:
    """Of levels only a sample is kept, but never without the one that fired or cleared."""
    recorder = recorder_for(journal, clock, HOT)
    values = [0.01, 0.02, 0.06, 0.061, 0.02, 0.01]
    await record(recorder, *[[rate(value, NOW + place)] for place, value in enumerate(values)])

    kept = [
        round(one.event.rate * 100, 6) for one in await query_events(database) if isinstance(one.event, FundingRate)
    ]
    assert [0.01, 0.06, 0.02] == kept


async def test_each_sink_has_a_row_that_says_what_becomes_of_it(journal: Seen, clock: Clock, outbox: Outbox) -> None:
    """By severity, by what the chat can do; the end is for whoever was told the beginning, which the outbox knows."""
    recipients = [sink("all"), sink("loud", Severity.CRITICAL), sink("hook", can_edit=False)]
    recorder = recorder_for(journal, clock, HOT, recipients=recipients)
    await record(recorder, *[[rate(value, NOW + place)] for place, value in enumerate([0.06, 0.11, 0.07, 0.01])])

    assert {
        "all": [(change, "waiting", None) for change in ("fired", "escalated", "eased", "cleared")],
        "loud": [
            ("fired", "suppressed", "muted: below critical"),
            ("escalated", "waiting", None),
            ("eased", "waiting", None),
            ("cleared", "waiting", None),
        ],
        "hook": [
            ("fired", "waiting", None),
            ("escalated", "waiting", None),
            ("eased", "suppressed", "muted: eased"),
            ("cleared", "waiting", None),
        ],
    } == await rows(outbox)


async def test_a_rule_names_whom_it_tells(journal: Seen, clock: Clock, outbox: Outbox) -> None:
    """Names that are gone since are passed over; an empty list tells nobody."""
    named = HOT | {"id": "named", "notify": ["desk", "gone"]}
    silent = HOT | {"id": "silent", "notify": []}
    recorder = recorder_for(journal, clock, named, silent, recipients=[sink("desk"), sink("phone")])
    await record(recorder, [rate(0.06)])

    assert {"desk": [("fired", "waiting", None)]} == await rows(outbox)


async def test_a_cooldown_is_written_as_the_reason(journal: Seen, clock: Clock, outbox: Outbox) -> None:
    """And a worse level breaks it."""
    recorder = recorder_for(journal, clock, HOT | {"cooldown": "1h"}, recipients=[sink("desk")])
    values = [0.06, 0.01, 0.06, 0.11]
    await record(recorder, *[[rate(value, NOW + place)] for place, value in enumerate(values)])

    assert [
        ("fired", "waiting", None),
        ("cleared", "waiting", None),
        ("fired", "suppressed", "muted: cooldown"),
        ("escalated", "waiting", None),
    ] == (await rows(outbox))["desk"]


async def test_waiting_for_an_end_needs_no_row(journal: Seen, clock: Clock, database: Database, outbox: Outbox) -> None:
    """Pending and lapsed are transitions that nobody is told."""
    recorder = recorder_for(journal, clock, HOT | {"for": "5m"}, recipients=[sink("desk")])
    await record(recorder, [rate(0.06)], [rate(0.01, NOW + 1)])

    assert ["pending", "lapsed"] == [one.change for one in await query_transitions(database)]
    assert {} == await rows(outbox)


async def test_time_alone_fires(journal: Seen, clock: Clock, database: Database) -> None:
    """No event comes while `for` runs out."""
    recorder, mailbox = recorder_for(journal, clock, HOT | {"for": "5m"}), Mailbox("recorder")
    async with recording(recorder, mailbox):
        await mailbox.put([rate(0.06)])
        await until(lambda: recorder.transitions_seen == 1)
        clock.now_ms += 300_000
        await until(lambda: recorder.transitions_seen == 2)

    assert [NOW, NOW + 300_000] == [one.at_ms for one in await query_transitions(database)]


async def test_a_quiet_market_shows_that_we_are_alive(journal: Seen, clock: Clock, database: Database) -> None:
    """So exactly does a restart know since when nobody watched; also after a clock was set back."""
    recorder = recorder_for(journal, clock)
    for step_ms in (ALIVE_EVERY_MS, -3_600_000, ALIVE_EVERY_MS):
        clock.now_ms += step_ms
        await record(recorder, [])
        assert clock.now_ms == await last_alive_ms(database)
    clock.now_ms += ALIVE_EVERY_MS - 1
    await record(recorder, [])

    assert clock.now_ms - ALIVE_EVERY_MS + 1 == await last_alive_ms(database)


# -- a database that takes nothing ------------------------------------------------------------------------------------


async def test_a_held_database_holds_the_feeds_back(
    journal: Seen, clock: Clock, database: Database, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The mailbox fills up, publishing waits, it is said once, and nothing is lost when the database is back."""
    caplog.set_level(logging.INFO)
    bus = Bus()
    mailbox = bus.mailbox("recorder")
    recorder = recorder_for(journal, clock, HOT)
    count = BATCHES_MAX + EVENTS_MAX + 50
    published: list[int] = []

    async def publish() -> None:
        for number in range(count):
            await bus.publish([liquidation(NOW + number)])
            published.append(number)

    async with recording(recorder, mailbox):
        async with locked(file):
            publishing = asyncio.create_task(publish(), name="feed")
            await until(lambda: recorder.held_reason is not None and mailbox.waiting == BATCHES_MAX)
            before = len(published)
            await asyncio.sleep(0.1)  # many tries later nothing has moved
            assert (before, False) == (len(published), publishing.done())
        await publishing
        await until(lambda: recorder.held_reason is None)

    assert count == len(await query_events(database, limit=10 * count))
    assert [
        "the database cannot take what was decided; feeds wait",
        "the database is back; nothing was lost",
    ] == [record.getMessage() for record in caplog.records if record.name == "daemon.recorder"]


async def test_stopping_drains_the_mailbox(journal: Seen, clock: Clock, database: Database) -> None:
    """What has come in is written."""
    recorder = recorder_for(journal, clock, HOT)
    await record(recorder, *[[liquidation(NOW + number)] for number in range(200)])

    assert 200 == len(await query_events(database, limit=1_000))
    assert 200 == recorder.events_seen


async def test_changes_between_events_are_written_like_events(
    journal: Seen, clock: Clock, database: Database, outbox: Outbox
) -> None:
    """A reload that takes a firing rule away ends its episode, and forgets its state."""
    recorder = recorder_for(journal, clock, HOT, recipients=[sink("desk")])
    await record(recorder, [rate(0.06)])
    assert 1 == len(await load_states(database))
    await recorder.decide(lambda engine, now_ms: engine.swap([], now_ms))

    assert [("fired", "first"), ("cleared", "rule_removed")] == [
        (one.change, one.reason) for one in await query_transitions(database)
    ]
    assert [] == await load_states(database)
    assert 2 == len((await rows(outbox))["desk"])


async def test_a_clock_that_is_set_back_holds_no_message_back(journal: Seen, clock: Clock, outbox: Outbox) -> None:
    """The engine's time stays where it was until the clock has caught up, and messages leave by the clock."""
    recorder = recorder_for(journal, clock, HOT, recipients=[sink("desk")])
    await record(recorder, [rate(0.01)])
    clock.now_ms -= 3_600_000
    await record(recorder, [rate(0.06, clock())])

    assert await outbox.claim("desk", clock()) is None
    assert await outbox.claim("desk", clock() + 2_000) is not None
