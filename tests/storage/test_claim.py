"""What a claim asks, and what it takes for told."""

import asyncio
import threading

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine, event

from rules.alerts import Alert, Change
from rules.delivery import SinkPolicy
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.databases import both
from tests.storage.episodes import NOW, Episode


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_an_end_that_comes_while_its_beginning_is_claimed_is_told(
    database: Database, database_url: str, outbox: Outbox, journal: Journal
) -> None:
    """On a server the recorder writes at the same moment: what the claim has not read is not told by it."""
    episode = Episode()
    begin = episode.change(Change.FIRED, "desk")
    begin.notices = [replace(letter, due_ms=NOW) for letter in begin.notices]
    await journal.commit(begin, NOW)
    end = episode.change(Change.CLEARED, "desk", at_ms=NOW + 5)

    async def clear() -> None:
        other = await Database.open(database_url, exclusive=False)
        await Journal(other).commit(end, NOW + 5)
        await other.close()

    def why_muted(lane: str, alert: Alert, now_ms: int) -> None:
        """Asked after the claim has read what waits of the alert."""
        thread = threading.Thread(target=asyncio.run, args=(clear(),))
        thread.start()
        thread.join()

    fired = await outbox.claim("desk", NOW + 10, why_muted=why_muted)
    assert fired is not None and fired.change is Change.FIRED
    await outbox.sent(fired.key, "1", NOW + 11)
    cleared = await outbox.claim("desk", NOW + 12)
    assert cleared is not None and cleared.change is Change.CLEARED


@both
async def test_a_claim_asks_little_where_little_waits(outbox: Outbox, journal: Journal) -> None:
    """Every question stands between a decision and its message: what three that wait answer by themselves is not asked."""
    await outbox.sync_lanes({"desk": "bench"}, NOW)
    for symbol in ("BTC-USDT-PERP", "ETH-USDT-PERP", "SOL-USDT-PERP"):
        await journal.commit(Episode(symbol).change(Change.FIRED, "desk"), NOW)
    said: list[str] = []

    def note(*about: object) -> None:
        said.append(str(about[2]))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await outbox.claim("desk", NOW, sink=SinkPolicy(name="desk"), room=3)
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    told = ["the lane", "what waits", "the alert's rows", "the alert", "it is being sent", "its history"]
    assert len(told) == len([words for words in said if not words.startswith("BEGIN")])
