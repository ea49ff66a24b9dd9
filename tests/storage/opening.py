"""A database that is opened for a moment, without patience."""

from storage.database import Database

FAST_S = 0.2


async def open_and_close(url: str) -> None:
    database = await Database.open(url, patience_s=FAST_S)
    await database.close()
