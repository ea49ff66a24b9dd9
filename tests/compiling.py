"""Statements are compiled for the first database of a test run, and not again for each of the thousands behind it.

All SQLite files are spoken to alike, and so is the one server. A house compiles forty statements at its start, which
is a quarter of its time.
"""

import weakref
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Dialect

DIALECTS: tuple[Any, ...] = (SQLiteDialect_aiosqlite, PGDialect_asyncpg)


def compile_once() -> None:
    """From now on, engines of a kind share what they have compiled."""
    begin, compiled = Engine.__init__, dict[type[Dialect], Any]()

    def begun(engine: Engine, *arguments: Any, **settings: Any) -> None:
        begin(engine, *arguments, **settings)
        if (kind := type(engine.dialect)) in DIALECTS:
            engine._compiled_cache = compiled.setdefault(kind, engine._compiled_cache)

    Engine.__init__ = begun  # type: ignore[method-assign, assignment]
    for dialect in DIALECTS:  # which is part of what a compiled statement is found by
        dialect.__hash__ = lambda self: hash(type(self))
        dialect.__eq__ = lambda self, other: type(self) is type(other)
        dialect._type_memos = weakref.WeakKeyDictionary()
