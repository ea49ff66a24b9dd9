"""(b) Decided transitions a second through the journal, beside raw sqlite3 `executemany` of the same rows."""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.measure import Row
from rules.alerts import (
    Alert,
    AlertState,
    Change,
    Phase,
    Reason,
    Severity,
    Transition,
    episode_id,
    fingerprint,
    notice_key,
)
from rules.delivery import Letter
from storage.database import Database
from storage.journal import Batch, Journal
from storage.notices import NOTICE_COLUMNS, notice_row
from storage.rows import (
    ALERT_COLUMNS,
    STATE_COLUMNS,
    TRANSITION_COLUMNS,
    alert_row,
    state_row,
    transition_row,
)

BATCH, BATCHES, ROUNDS = 500, 20, 5
NOW_MS = 1_791_269_856_000


def _batch(number: int) -> Batch:
    """500 rules that fire, each with its alert, its state and one message."""
    transitions, states, notices = [], [], []
    for index in range(BATCH):
        key = {"venue": "binance", "symbol": f"C{number * BATCH + index}-USDT-PERP"}
        mark = fingerprint("hot-funding", key)
        alert = Alert(
            episode_id=episode_id(mark, NOW_MS),
            rule_id="hot-funding",
            kind="funding",
            key=key,
            severity=Severity.WARNING,
            is_firing=True,
            started_ms=NOW_MS,
            held_since_ms=NOW_MS - 60_000,
            at_ms=NOW_MS,
            value=0.00081,
            threshold=0.0005,
            peak=0.00081,
            facts={
                "venue": "binance",
                "symbol": key["symbol"],
                "rate_8h": 0.00081,
                "interval_h": 8.0,
                "type": "funding_rate",
            },
        )
        transitions.append(Transition(alert=alert, change=Change.FIRED, reason=Reason.FIRST))
        states.append(
            AlertState(
                fingerprint=mark,
                rule_id="hot-funding",
                spec_hash="0" * 32,
                key=key,
                phase=Phase.FIRING,
                rung=1,
                alert=alert,
            )
        )
        notices.append(
            Letter(
                key=notice_key(alert.episode_id, Change.FIRED, 0, "desk"),
                sink="desk",
                episode_id=alert.episode_id,
                change=Change.FIRED,
                severity=alert.severity,
                created_ms=NOW_MS,
                expires_ms=NOW_MS + 1,
            )
        )
    return Batch(transitions=transitions, states=states, notices=notices)


async def _journal(path: Path, batches: list[Batch]) -> float:
    database = await Database.open(str(path))
    try:
        journal = Journal(database)
        await journal.commit(Batch(), NOW_MS)
        started = time.perf_counter()
        for batch in batches:
            await journal.commit(batch, NOW_MS)
        return time.perf_counter() - started
    finally:
        await database.close()


def _raw(path: Path, batches: list[Batch]) -> float:
    """The same rows into the same tables, prepared beforehand, one transaction a batch."""
    rows = [
        (
            ("alerts", ALERT_COLUMNS, [alert_row(transition.alert) for transition in batch.transitions]),
            ("transitions", TRANSITION_COLUMNS, [transition_row(transition) for transition in batch.transitions]),
            ("states", STATE_COLUMNS, [state_row(state) for state in batch.states]),
            ("outbox", NOTICE_COLUMNS, [notice_row(notice) for notice in batch.notices]),
        )
        for batch in batches
    ]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    started = time.perf_counter()
    for tables in rows:
        connection.execute("BEGIN IMMEDIATE")
        for table, columns, values in tables:
            marks = ", ".join("?" * len(columns))
            quoted = ", ".join(f'"{column}"' for column in columns)
            connection.executemany(f"INSERT INTO {table} ({quoted}) VALUES ({marks})", values)
        connection.execute("COMMIT")
    took = time.perf_counter() - started
    connection.close()
    return took


def rows() -> Iterator[Row]:
    """Both in turn on fresh files with the same schema."""
    batches = [_batch(number) for number in range(BATCHES)]
    ours: list[float] = []
    bares: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(ROUNDS):
            for which, results in (("ours", ours), ("raw", bares)):
                path = Path(folder) / f"{which}-{round_}.db"
                if which == "ours":
                    results.append(asyncio.run(_journal(path, batches)))
                else:
                    asyncio.run(_journal(path, []))  # makes the tables
                    results.append(_raw(path, batches))
    count = BATCH * BATCHES
    yield Row(
        group="journal",
        what="decided transitions, batches of 500 (alert, transition, state, message each)",
        value=count / median(ours),
        unit="1/s",
        against=f"raw executemany {count / median(bares):,.0f}/s",
        ratio=median(bare / one for one, bare in zip(ours, bares, strict=True)),
        limit="at least 0.33",
    )
