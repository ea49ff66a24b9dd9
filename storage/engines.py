"""How each database is spoken to: connections, transactions, and the settings that keep both honest."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.guard import our_name
from storage.lines import FileLine, Lines

_POOL_WAIT_S = 60.0  # writers queue for the one connection; longer than any batch takes
_ANSWER_S = 60.0  # a server that was unplugged never answers and never hangs up; longer than any statement takes


def sqlite_writer(address: URL, lines: Lines, *, patience_s: float, checkpoints: bool) -> AsyncEngine:
    """The only writer of this process: one connection, each transaction locks before it reads.

    The driver's own transactions lose updates, and a deferred BEGIN fails at once when it turns from reading to
    writing (facts/dependencies.md, 1). Only the daemon `checkpoints`: SQLite before 3.51.3 may corrupt its log when two
    connections do (there, 2).
    """
    pragmas = ["journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"]
    if not checkpoints:
        pragmas.append("wal_autocheckpoint=0")
    engine = _sqlite(address, lines, pool_size=1)
    _speak_sqlite(engine, "BEGIN IMMEDIATE", patience_s, pragmas)
    return engine


def sqlite_reader(address: URL, lines: Lines, *, patience_s: float) -> AsyncEngine:
    """Readers beside the writer; each transaction sees one moment and cannot write."""
    engine = _sqlite(address, lines, pool_size=4)
    _speak_sqlite(engine, "BEGIN", patience_s, ["foreign_keys=ON", "query_only=ON", "wal_autocheckpoint=0"])
    return engine


def postgres_engine(address: URL, lines: Lines, *, patience_s: float) -> AsyncEngine:
    """A pool on a server; one connection of it becomes the guard."""
    import asyncpg  # a twentieth of a second, for those who need it

    from storage.session import Session

    async def open_session(*arguments: Any, **settings: Any) -> Session:
        session: Session = await asyncpg.connect(*arguments, connection_class=Session, **settings)
        return lines.keep(session)

    arguments: dict[str, Any] = {
        "async_creator_fn": open_session,
        "timeout": patience_s,
        "command_timeout": _ANSWER_S,
        "server_settings": {
            # if we are unplugged, the server lets go of our guard after a minute and not after two hours
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
            "application_name": our_name(),
            "lock_timeout": f"{round(patience_s * 1000)}",
        },
    }
    return create_async_engine(
        address, pool_size=6, max_overflow=0, pool_timeout=_POOL_WAIT_S, pool_pre_ping=True, connect_args=arguments
    )


def _sqlite(address: URL, lines: Lines, *, pool_size: int) -> AsyncEngine:
    def open_file(*arguments: Any, **settings: Any) -> FileLine:
        return lines.keep(FileLine(*arguments, **settings))

    return create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_S,
        connect_args={"async_creator_fn": open_file},
    )


def _speak_sqlite(engine: AsyncEngine, begin: str, patience_s: float, pragmas: list[str]) -> None:
    settings = [f"busy_timeout={round(patience_s * 1000)}", *pragmas]  # patience first: the others may need it

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
