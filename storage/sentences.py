"""How a statement is made ready: one text for both databases, rows handed over as plain tuples."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine import Dialect

# PostgreSQL's Insert is used for both databases: SQLite compiles the same ON CONFLICT clause from it word for word.
# SQLAlchemy has no neutral one, and tests/storage/test_sentences.py would notice if this changed.


def insert_once(table: Table, unique: str | None = None) -> Insert:
    """Insert, and let what is already there (by the `unique` column, or by any) be."""
    return insert(table).inline().on_conflict_do_nothing(index_elements=[unique] if unique else None)


def upsert(table: Table, primary: str, changing: Sequence[str]) -> Insert:
    """Insert, or change these columns of the row that is there."""
    statement = insert(table).inline()
    return statement.on_conflict_do_update(
        index_elements=[primary], set_={name: statement.excluded[name] for name in changing}
    )


def in_words(statement: Insert, columns: Sequence[str], dialect: Dialect) -> str:
    """The statement as text whose parameters are tuples in the order of `columns`.

    SQLAlchemy's own executemany builds and reorders a dictionary per row; a batch hands its tuples to the driver.
    """
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    order: list[Any] = list(getattr(compiled, "positiontup", None) or ())
    if sorted(order) != sorted(columns):
        raise ValueError(f"{statement.table.name}: the statement takes {order}, not {list(columns)}")
    if order != list(columns):
        raise ValueError(f"{statement.table.name}: name the columns in the table's order {order}")
    return str(compiled)
