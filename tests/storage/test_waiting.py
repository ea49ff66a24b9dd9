"""What waits in a lane is counted at every message: however much was told before, that must be cheap."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from storage.database import Database
from storage.waiting import crowds_in_lane


async def test_what_was_told_of_an_alert_is_looked_up_by_the_alert(tmp_path: Path) -> None:
    """Else every end that waits would read again all that its lane has ever sent."""
    question = crowds_in_lane.compile(dialect=sqlite.dialect(paramstyle="named"))
    expanded = question.construct_expanded_state({"the_lane": "desk", "now_ms": 1, "the_silent": ["cleared"]})
    database = await Database.open(str(tmp_path / "tocsin.db"))
    try:
        async with database.reader() as connection:
            explain = text(f"EXPLAIN QUERY PLAN {expanded.statement}")
            plan = (await connection.execute(explain, expanded.parameters)).all()
    finally:
        await database.close()

    (step,) = (row.detail for row in plan if " told " in row.detail)
    assert "ix_outbox_episode_id_lane" in step
