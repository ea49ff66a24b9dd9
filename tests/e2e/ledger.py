"""What was decided, by the database, held against what arrived, by the chats."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy import text

from storage.database import Database, StorageTrouble
from tests.chats import Chat
from tests.patience import PATIENCE_S

SETTLED = {"sent", "uncertain"}
_DECIDED = text(
    "SELECT t.severity AS severity, a.facts AS facts, o.lane AS lane, o.key AS key, o.status AS status,"
    " coalesce(o.muted, o.last_error) AS why"
    " FROM transitions t JOIN alerts a ON a.episode_id = t.episode_id"
    " LEFT JOIN outbox o ON o.episode_id = t.episode_id AND o.change = t.change AND o.sequence = t.sequence"
    " WHERE t.change IN ('fired', 'escalated', 'eased', 'cleared')"
)
_UNSETTLED = text("SELECT count(*) FROM outbox WHERE status IN ('waiting', 'sending')")
_QUANTITY = re.compile(r"^quantity (\S+) BTC$", re.MULTILINE)
_LABEL = re.compile(r" \(may be a repeat\) #([0-9a-f]{6})$", re.MULTILINE)


class Line(msgspec.Struct, frozen=True):
    """One message that was decided: one alert for one lane. Orders are told apart by their quantities."""

    quantity: str
    severity: str
    lane: str
    key: str
    status: str
    why: str | None = None


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Database]:
    """The database, opened beside whoever works with it."""
    database = await Database.open(url, exclusive=False, create=False)
    try:
        yield database
    finally:
        await database.close()


async def lines(database: Database) -> list[Line]:
    """Every message that was decided; fails if a decision has no row to show for it."""
    async with database.reader() as connection:
        rows = (await connection.execute(_DECIDED)).all()
    assert all(row.key is not None for row in rows), "decided, and no message about it"
    facts = [msgspec.json.decode(row.facts) for row in rows]
    return [
        Line(f"{fact['quantity']:g}", row.severity, row.lane, row.key, row.status, row.why)
        for row, fact in zip(rows, facts, strict=True)
    ]


async def settled(url: str) -> list[Line]:
    """Wait until nothing waits and nothing is on its way; every message then."""
    async with asyncio.timeout(PATIENCE_S), looking(url) as database:
        while True:
            async with database.reader() as connection:
                left = (await connection.execute(_UNSETTLED)).scalar()
            if not left:
                return await lines(database)
            await asyncio.sleep(0.02)


async def free(url: str) -> None:
    """Wait until the server has noticed that the session of a killed process is over."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await (await Database.open(url)).close()
            except StorageTrouble as exc:
                assert "another Tocsin" in str(exc)
                await asyncio.sleep(0.02)
            else:
                return


def copies(line: Line, chat: Chat) -> list[bool]:
    """Each time the message arrived: was it labelled as a repeat?"""
    found = [shown for shown in chat.texts if (match := _QUANTITY.search(shown)) and match[1] == line.quantity]
    labels = [_LABEL.search(shown) for shown in found]
    assert all(label is None or label[1] == line.key[:6] for label in labels)
    return [label is not None for label in labels]


def balances(decided: list[Line], chats: Mapping[str, Chat]) -> None:
    """The promise: nothing lost, nothing doubled without its label, nothing gone without a word."""
    for line in decided:
        arrived = copies(line, chats[line.lane])
        assert line.status in SETTLED, line
        if line.severity == "critical":
            assert arrived in ([False], [True], [False, True]), (line, arrived)
        else:
            assert arrived in ([], [False]), (line, arrived)
            assert arrived or line.status == "uncertain", line
        if line.status == "sent":
            assert arrived, line
    told = sum(len(chat.texts) for chat in chats.values())
    assert told == sum(len(copies(line, chats[line.lane])) for line in decided), "told what was never decided"
