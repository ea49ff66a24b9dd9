"""A database that is opened for a moment."""

from storage.database import Database

OPEN_S = 10.0  # on a server a connection must be made in that time


async def open_and_close(url: str, *, patience_s: float = OPEN_S) -> None:
    database = await Database.open(url, patience_s=patience_s)
    await database.close()
