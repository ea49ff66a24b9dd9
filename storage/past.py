"""What was last said about one instrument, for a look back at it."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Row, and_, bindparam, func, select

from rules.alerts import Change, Moment, Severity
from rules.events import AnyEvent, FeedHealth, from_json
from storage.database import Database
from storage.schema import events
from storage.statements import history_of_episode

log = logging.getLogger(__name__)

_HEALTH = str(FeedHealth.__struct_config__.tag)

_between = and_(events.c.received_ms >= bindparam("since_ms"), events.c.received_ms <= bindparam("until_ms"))
# the latest are the ones that matter, so they are read backwards, and both databases walk an index to do so. A type has
# millions of events and an instrument thousands: where one is named, the index of types must not be taken
of_type = (
    select(events.c.id, events.c.payload)
    .where(events.c.type == bindparam("the_type"), _between)
    .order_by(events.c.received_ms.desc(), events.c.id.desc())
    .limit(bindparam("the_limit"))
)
of_symbol = (
    select(events.c.id, events.c.payload)
    .where(
        events.c.symbol == bindparam("the_symbol"),
        func.coalesce(events.c.type, "") == bindparam("the_type"),
        _between,
    )
    .order_by(events.c.received_ms.desc(), events.c.id.desc())
    .limit(bindparam("the_limit"))
)
_its_venue = events.c.venue == bindparam("the_venue")
of_type_and_venue = of_type.where(_its_venue)
of_symbol_and_venue = of_symbol.where(_its_venue)

first_of_type = (
    select(events.c.received_ms)
    .where(events.c.type == bindparam("the_type"), events.c.received_ms <= bindparam("until_ms"))
    .order_by(events.c.received_ms)
    .limit(1)
)
last_before = select(func.max(events.c.received_ms)).where(events.c.received_ms < bindparam("the_ms"))
# who wants to know when nothing came need not read what did: from each event to the last one within a step of it, or
# to the next one at all. However many there are, that is two looks into the index a step
_step = bindparam("step_ms", type_=BigInteger)
_first = select(func.min(events.c.received_ms)).where(_between).scalar_subquery()
_heard = select(_first.label("at_ms")).cte("heard", recursive=True)
_last_within = select(func.max(events.c.received_ms)).where(
    events.c.received_ms > _heard.c.at_ms, events.c.received_ms <= _heard.c.at_ms + _step
)
_next = select(func.min(events.c.received_ms)).where(
    events.c.received_ms > _heard.c.at_ms + _step, events.c.received_ms <= bindparam("until_ms")
)
_heard = _heard.union_all(
    select(func.coalesce(_last_within.scalar_subquery(), _next.scalar_subquery())).where(
        _heard.c.at_ms < bindparam("until_ms")
    )
)
of_anything = select(_heard.c.at_ms).where(_heard.c.at_ms.is_not(None))


class Past(NamedTuple):
    """Oldest first. `is_cut`: there was more before."""

    events: Sequence[AnyEvent]
    is_cut: bool
    moments: Sequence[Moment]  # of the episode


async def past_of(
    database: Database,
    *,
    type: str,
    symbol: str | None,
    venue: str | None,
    since_ms: int,
    until_ms: int,
    episode_id: str,
    limit: int,
) -> Past:
    """The newest events of one type between two moments, both included, and what became of an episode."""
    values: dict[str, Any] = {"the_type": type, "since_ms": since_ms, "until_ms": until_ms, "the_limit": limit}
    if symbol is not None:
        values["the_symbol"] = symbol
    if venue is not None:
        values["the_venue"] = venue
    with_venue, without = (of_type_and_venue, of_type) if symbol is None else (of_symbol_and_venue, of_symbol)
    async with database.reader() as connection:
        rows = (await connection.execute(without if venue is None else with_venue, values)).all()
    return Past(_readable(rows), len(rows) >= limit, await moments_of(database, episode_id))


async def moments_of(database: Database, episode_id: str) -> list[Moment]:
    """What became of an episode, oldest first."""
    async with database.reader() as connection:
        history = (await connection.execute(history_of_episode, {"the_episode": episode_id})).all()
    return [
        Moment(Change(row.change), Severity(row.severity), row.at_ms, row.value)
        for row in reversed(history)
        if row.value is not None
    ]


async def feeds_of(database: Database, *, until_ms: int, limit: int) -> list[FeedHealth]:
    """What feeds have said of themselves until then, oldest first: the newest `limit` of it.

    From before the stretch that one looks at, too: what broke yesterday may still be down.
    """
    values = {"the_type": _HEALTH, "since_ms": 0, "until_ms": until_ms, "the_limit": limit}
    async with database.reader() as connection:
        rows = (await connection.execute(of_type, values)).all()
    return [event for event in _readable(rows) if isinstance(event, FeedHealth)]


async def heard_before(database: Database, at_ms: int) -> int | None:
    """When the last event of all came that came before this moment."""
    async with database.reader() as connection:
        found: int | None = (await connection.execute(last_before, {"the_ms": at_ms})).scalar()
    return found


def _readable(rows: Iterable[Row[Any, Any]]) -> list[AnyEvent]:
    """The other way round: oldest first. Without those that another version wrote."""
    found: list[AnyEvent] = []
    for row in rows:
        try:
            found.append(from_json(row.payload))
        except msgspec.DecodeError as exc:
            log.warning("stored event cannot be read", extra={"event": row.id, "error": str(exc)})
    return found[::-1]


class Heard(NamedTuple):
    """When the log knows of anything: what it does not say then did not happen."""

    first_ms: int | None  # the first event of the type that was asked for, ever
    moments: Sequence[int]  # of any events, oldest first: no farther apart than asked for, but where there were none


async def heard_of(database: Database, *, type: str, since_ms: int, until_ms: int, step_ms: int) -> Heard:
    """Since when events of a type are stored at all, and when in this stretch anything was."""
    values = {"since_ms": since_ms, "until_ms": until_ms, "step_ms": step_ms}
    async with database.reader() as connection:
        first = (await connection.execute(first_of_type, {"the_type": type, "until_ms": until_ms})).scalar()
        moments = (await connection.execute(of_anything, values)).scalars().all()
    return Heard(first, [at_ms for at_ms in moments if at_ms <= until_ms])
