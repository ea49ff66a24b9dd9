"""A statement made ready says the same on both databases."""

import pytest
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import aiosqlite
from sqlalchemy.engine import Dialect

from storage.rows import ALERT_COLUMNS
from storage.schema import events, meta
from storage.sentences import in_words, insert_once, upsert
from storage.statements import upsert_alerts

DIALECTS: list[Dialect] = [aiosqlite.dialect(), asyncpg.dialect()]  # type: ignore[no-untyped-call]  # theirs


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_conflicts_are_settled_in_the_same_words(dialect: Dialect) -> None:
    """SQLite's compiler takes PostgreSQL's sentence; if a release of SQLAlchemy ends that, this says so."""
    words = in_words(upsert(meta, "name", ["value"]), ("name", "value"), dialect)
    once = in_words(insert_once(meta), ("name", "value"), dialect)

    assert words.endswith("ON CONFLICT (name) DO UPDATE SET value = excluded.value")
    assert once.endswith("ON CONFLICT DO NOTHING")
    assert in_words(upsert_alerts, ALERT_COLUMNS, dialect).count("excluded.") == len(ALERT_COLUMNS) - 1


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_columns_in_another_order_are_refused(dialect: Dialect) -> None:
    """A tuple has no names, so the order is all there is."""
    with pytest.raises(ValueError, match="name the columns in the table's order"):
        in_words(insert_once(meta), ("value", "name"), dialect)


def test_a_column_that_is_not_there_is_refused() -> None:
    """At the first batch, not in the middle of the night."""
    with pytest.raises(ValueError, match="events: the statement takes"):
        in_words(insert_once(events), ("tpye",), DIALECTS[0])
