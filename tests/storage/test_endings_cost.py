"""An end is rare and messages are many: none of them is read that does not end."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from storage import endings
from storage.database import Database

ASKED = {
    "the_lane": "desk",
    "the_limit": 100,
    "now_ms": 1,
    "the_episodes": ["x", "y"],
    "the_key": "k",
    "the_severities": ["info", "critical"],
}


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("over_in_lane", "ix_outbox_lane_over_ms"),  # at every rest of a lane
        ("messages_over", "(key=?)"),  # at every end
        ("message_over", "(key=?)"),  # after every message
        ("news_in_lane", "ix_outbox_"),
    ],
)
async def test_no_sentence_reads_the_whole_outbox(tmp_path: Path, name: str, index: str) -> None:
    """SQLite says which index it walks."""
    question = getattr(endings, name).compile(dialect=sqlite.dialect(paramstyle="named"))
    expanded = question.construct_expanded_state({key: ASKED.get(key, value) for key, value in question.params.items()})
    database = await Database.open(str(tmp_path / "tocsin.db"))
    try:
        async with database.reader() as connection:
            explain = text(f"EXPLAIN QUERY PLAN {expanded.statement}")
            steps = [row.detail for row in await connection.execute(explain, expanded.parameters)]
    finally:
        await database.close()

    assert [] == [step for step in steps if step.startswith("SCAN")]
    assert any(step.startswith("SEARCH outbox USING INDEX ") and index in step for step in steps)
