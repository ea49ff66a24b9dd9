"""How the tables came to be what they are: run at every opening, on both databases, inside one transaction."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from storage.schema import metadata
from storage.trouble import StorageTrouble

HEAD: Final = "0010"  # the newest revision in versions/; a test compares
KNOWN: Final = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010"})

_version = text("SELECT version_num FROM alembic_version")


def revision_of(connection: Connection) -> str | None:
    """The revision of the database behind this connection, or None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(_version).scalar()


def refuse_newer(revision: str | None, place: str) -> None:
    """Raise StorageTrouble for a revision that this program has never heard of."""
    if revision is not None and revision not in KNOWN:
        raise StorageTrouble(
            f"{place} was written by a newer Tocsin (schema {revision}; this one knows up to {HEAD});"
            " update Tocsin, or name another storage.url"
        )


def refuse_foreign(connection: Connection, place: str) -> None:
    """Raise StorageTrouble if tables of our names are there, but not by our hand."""
    foreign = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if foreign:
        raise StorageTrouble(
            f"{place} has tables called {', '.join(foreign)} that Tocsin did not make; name another storage.url"
        )


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring the tables to this revision, in the caller's transaction. Alembic is imported only when there is work."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
