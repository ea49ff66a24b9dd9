"""What was decided and why, written in one transaction: events, states, alerts and the messages about them."""

import msgspec
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import AlertState, Transition
from rules.delivery.letters import Letter
from rules.delivery.post import Changed
from rules.events import Event
from storage.database import Database
from storage.endings import end
from storage.notices import NOTICE_COLUMNS, notice_row
from storage.rows import (
    ALERT_COLUMNS,
    EVENT_COLUMNS,
    STATE_COLUMNS,
    TRANSITION_COLUMNS,
    alert_row,
    event_row,
    state_row,
    transition_row,
)
from storage.schema import LAST_ALIVE
from storage.sentences import in_words
from storage.standings import write_standings
from storage.statements import (
    forget_states,
    insert_events,
    insert_notices,
    insert_transitions,
    upsert_alerts,
    upsert_meta,
    upsert_states,
)

_FORGET_AT_ONCE = 500  # names in one DELETE; SQLite takes 32,766 parameters, older ones 999


class Batch(msgspec.Struct, kw_only=True):
    """What one transaction writes."""

    events: list[Event] = []  # those to keep
    transitions: list[Transition] = []
    states: list[AlertState] = []  # as they are now; of several of one fingerprint the last counts
    forgotten: list[str] = []  # fingerprints
    notices: list[Letter] = []
    told: Changed | None = None  # what the post remembers

    def __bool__(self) -> bool:
        return bool(self.events or self.transitions or self.states or self.forgotten or self.notices or self.told)


class Journal:
    """Writes batches, one transaction each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._words: _Words | None = None

    async def commit(self, batch: Batch, now_ms: int) -> None:
        """All of the batch or nothing of it. Raises Held (wait, then commit the same batch) or StorageTrouble.

        The same batch may be committed twice: when the answer to a commit was lost, nothing is doubled.
        """
        async with self._database.writer() as connection:
            await self.write(connection, batch, now_ms)

    async def write(self, connection: AsyncConnection, batch: Batch, now_ms: int) -> None:
        """The same inside a transaction of the caller's."""
        words = self._words = self._words or _Words.of(connection.dialect)
        say = connection.exec_driver_sql
        if batch.events:
            await say(words.events, [event_row(event) for event in batch.events])
        latest = {transition.alert.episode_id: transition.alert for transition in batch.transitions}
        if batch.transitions:
            await say(words.transitions, [transition_row(transition) for transition in batch.transitions])
            await say(words.alerts, [alert_row(alert) for alert in latest.values()])
        if batch.forgotten:
            for start in range(0, len(batch.forgotten), _FORGET_AT_ONCE):
                some = batch.forgotten[start : start + _FORGET_AT_ONCE]
                await connection.execute(forget_states, {"fingerprints": some})
        if batch.states:
            current = {state.fingerprint: state for state in batch.states}
            await say(words.states, [state_row(state) for state in current.values()])
        if batch.notices:
            await say(words.notices, [notice_row(notice) for notice in batch.notices])
        if batch.told:
            await write_standings(connection, batch.told, now_ms)
        await say(words.meta, [(LAST_ALIVE, str(now_ms))])
        if over := [one.episode_id for one in latest.values() if one.ended_ms is not None and not one.is_momentary]:
            await end(connection, over, now_ms)


class _Words(msgspec.Struct, frozen=True):
    """The statements above in one database's spelling, made once."""

    events: str
    transitions: str
    alerts: str
    states: str
    notices: str
    meta: str

    @classmethod
    def of(cls, dialect: Dialect) -> "_Words":
        return cls(
            events=in_words(insert_events, EVENT_COLUMNS, dialect),
            transitions=in_words(insert_transitions, TRANSITION_COLUMNS, dialect),
            alerts=in_words(upsert_alerts, ALERT_COLUMNS, dialect),
            states=in_words(upsert_states, STATE_COLUMNS, dialect),
            notices=in_words(insert_notices, NOTICE_COLUMNS, dialect),
            meta=in_words(upsert_meta, ("name", "value"), dialect),
        )
