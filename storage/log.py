"""The log of what happened, for people and for windows that must be warm at start."""

import logging
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, Select

from rules.alerts import Alert
from rules.events import AnyEvent, from_json
from storage import statements as say
from storage.database import Database
from storage.rows import to_alert

log = logging.getLogger(__name__)

_CHUNK = 1_000
_key = msgspec.json.Decoder(dict[str, str])
_alert = msgspec.json.Decoder(Alert)


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One stored event. `id` grows in the order of arrival; `payload` is the event as JSON."""

    id: int
    type: str
    venue: str
    symbol: str
    at_ms: int
    received_ms: int
    payload: str

    @property
    def event(self) -> AnyEvent:
        """msgspec.DecodeError if another version wrote it."""
        return from_json(self.payload)


class LoggedTransition(msgspec.Struct, frozen=True, kw_only=True):
    """One stored change of one alert."""

    id: int
    episode_id: str
    rule_id: str
    kind: str
    key: dict[str, str]
    sequence: int
    change: str
    reason: str
    severity: str
    value: float | None
    at_ms: int
    muted: str | None
    payload: str | None = None  # the alert as it stood then, as JSON

    @property
    def alert(self) -> Alert | None:
        """The alert as it stood then; None if that was not kept, or another version wrote it."""
        try:
            return None if self.payload is None else _alert.decode(self.payload)
        except msgspec.DecodeError:
            return None


async def query_events(
    database: Database,
    *,
    type: str | None = None,
    venue: str | None = None,
    symbol: str | None = None,
    since_ms: int | None = None,
    limit: int = 100,
    after_id: int | None = None,
) -> list[Logged]:
    """The newest `limit` events that match, oldest first; with `after_id` those that follow it, for tailing."""
    wanted = {"type": type, "venue": venue, "symbol": symbol, "since_ms": since_ms}
    values: dict[str, Any] = {"the_limit": limit}
    statement: Select[Any] = say.newest_events
    if after_id is not None:
        statement = say.events_after
        values["after_id"] = after_id
    for name, value in wanted.items():
        if value is not None:
            clause = say.event_filters[name]
            statement = statement.where(clause)
            values["since_ms" if name == "since_ms" else f"the_{name}"] = value
    async with database.reader() as connection:
        rows = (await connection.execute(statement, values)).all()
    found = [_logged(row) for row in rows]
    return found if after_id is not None else found[::-1]


async def query_transitions(
    database: Database, *, since_ms: int = 0, limit: int = 100, after_id: int = 0
) -> list[LoggedTransition]:
    """The newest `limit` changes of alerts, oldest first."""
    values = {"since_ms": since_ms, "the_limit": limit, "after_id": after_id}
    async with database.reader() as connection:
        rows = (await connection.execute(say.latest_transitions, values)).all()
    return [to_transition(row) for row in reversed(rows)]


async def latest_alerts(database: Database, *, limit: int = 20) -> list[Alert]:
    """The episodes that changed last, newest first."""
    async with database.reader() as connection:
        return [to_alert(row) for row in await connection.execute(say.latest_alerts, {"the_limit": limit})]


async def newest_id(database: Database) -> int:
    """Where the log ends now; 0 while it is empty. A tail begins after it."""
    async with database.reader() as connection:
        return (await connection.execute(say.newest_event_id)).scalar() or 0


async def known_facts(database: Database, since_ms: int, *, limit: int = 50_000) -> list[tuple[str, int]]:
    """(once_key, received_ms) of the newest facts that may be counted only once, oldest first."""
    async with database.reader() as connection:
        rows = (await connection.execute(say.known_facts, {"since_ms": since_ms, "the_limit": limit})).all()
    return [(row.once_key, row.received_ms) for row in reversed(rows)]


async def stored_events(
    database: Database, types: Collection[str], since_ms: int, *, chunk: int = _CHUNK
) -> AsyncIterator[list[AnyEvent]]:
    """The events of these types received since then, in the order of arrival, a list at a time.

    What arrives while this reads is not part of it. Each list is a short read, so the writer's log can be cut.
    """
    async with database.reader() as connection:
        first = (await connection.execute(say.first_event_since, {"since_ms": since_ms})).scalar()
        last = (await connection.execute(say.newest_event_id)).scalar()
    while first is not None and last is not None and types:
        values = {"from_id": first, "to_id": last, "types": list(types), "since_ms": since_ms, "the_limit": chunk}
        async with database.reader() as connection:
            rows = (await connection.execute(say.stored_events, values)).all()
        if not rows:
            return
        yield list(_readable([(row.id, row.payload) for row in rows]))
        first = rows[-1].id + 1


class Span(NamedTuple):
    """How much is stored, and from when to when it was received; no times if nothing is."""

    events: int
    first_ms: int | None
    last_ms: int | None


async def stored_span(database: Database, types: Collection[str], since_ms: int, until_ms: int) -> Span:
    """What is stored of these types between two moments, both included."""
    values = {"types": list(types), "since_ms": since_ms, "until_ms": until_ms}
    async with database.reader() as connection:
        row = (await connection.execute(say.stored_span, values)).one()
    return Span(*row)


async def events_in_time(
    database: Database, types: Collection[str], since_ms: int, until_ms: int, *, chunk: int = 5 * _CHUNK
) -> AsyncIterator[list[AnyEvent]]:
    """The same in the order of time, a list at a time: what was imported later stands where it happened."""
    from_ms, after_id = since_ms, -1
    while True:
        values = {
            "types": list(types),
            "from_ms": from_ms,
            "after_id": after_id,
            "until_ms": until_ms,
            "the_limit": chunk,
        }
        async with database.reader() as connection:
            rows = (await connection.execute(say.events_in_time, values)).all()
        if not rows:
            return
        yield list(_readable([(row.id, row.payload) for row in rows]))
        from_ms, after_id = rows[-1].received_ms, rows[-1].id


def _readable(rows: Iterable[tuple[int, str]]) -> Iterator[AnyEvent]:
    """The events; one that another version wrote, or whose number was none, is left out and said."""
    for number, payload in rows:
        try:
            yield from_json(payload)
        except msgspec.DecodeError as exc:
            log.warning("stored event cannot be read", extra={"event": number, "error": str(exc)})


def _logged(row: Row[Any]) -> Logged:
    return Logged(
        id=row.id,
        type=row.type,
        venue=row.venue,
        symbol=row.symbol,
        at_ms=row.at_ms,
        received_ms=row.received_ms,
        payload=row.payload,
    )


def to_transition(row: Row[Any]) -> LoggedTransition:
    """One change, from a row that carries its alert's rule, kind and key."""
    return LoggedTransition(
        id=row.id,
        episode_id=row.episode_id,
        rule_id=row.rule_id,
        kind=row.kind,
        key=_key.decode(row.key),
        sequence=row.sequence,
        change=row.change,
        reason=row.reason,
        severity=row.severity,
        value=row.value,
        at_ms=row.at_ms,
        muted=row.muted,
        payload=row.alert,
    )
