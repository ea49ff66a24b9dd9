"""Ends, answers and what lags behind are rare and messages are many: none of the others is read for them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from storage import answers, behind, endings, statements
from storage.database import Database

ASKED = {
    "the_lane": "desk",
    "the_limit": 100,
    "now_ms": 1,
    "the_episodes": ["x", "y"],
    "the_key": "k",
    "the_severities": ["info", "critical"],
    "the_token": "t",
}


@pytest.mark.parametrize(
    ("question", "table", "index"),
    [
        (endings.over_in_lane, "outbox", "ix_outbox_lane_over_ms"),  # at every rest of a lane
        (endings.messages_over, "outbox", "(key=?)"),  # at every end
        (endings.message_over, "outbox", "(key=?)"),  # after every message
        (endings.news_in_lane, "outbox", "ix_outbox_"),
        (behind.episodes_behind, "buttons", "ix_buttons_lane_behind_ms"),  # at every rest of a lane
        (answers.lock_buttons, "buttons", "(token=?)"),  # at every press
    ],
)
async def test_no_sentence_reads_a_whole_table(tmp_path: Path, question: Any, table: str, index: str) -> None:
    """SQLite says which index it walks."""
    words = question.compile(dialect=sqlite.dialect(paramstyle="named"))
    expanded = words.construct_expanded_state({key: ASKED.get(key, value) for key, value in words.params.items()})
    database = await Database.open(str(tmp_path / "tocsin.db"))
    try:
        async with database.reader() as connection:
            explain = text(f"EXPLAIN QUERY PLAN {expanded.statement}")
            steps = [row.detail for row in await connection.execute(explain, expanded.parameters)]
    finally:
        await database.close()

    assert [] == [step for step in steps if step.startswith("SCAN")]
    assert any(step.startswith(f"SEARCH {table} USING ") and index in step for step in steps)


async def test_no_chunk_of_the_log_sorts_the_rest_of_it(tmp_path: Path) -> None:
    """A start reads it in thousands, each from where the last one ended."""
    values = {"from_id": 1, "to_id": 9, "types": ["funding_rate"], "since_ms": 1, "the_limit": 1_000}
    words = statements.stored_events.compile(dialect=sqlite.dialect(paramstyle="named"))
    expanded = words.construct_expanded_state(values)
    database = await Database.open(str(tmp_path / "tocsin.db"))
    try:
        async with database.reader() as connection:
            explain = text(f"EXPLAIN QUERY PLAN {expanded.statement}")
            steps = [row.detail for row in await connection.execute(explain, expanded.parameters)]
    finally:
        await database.close()

    assert ["SEARCH events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"] == steps
