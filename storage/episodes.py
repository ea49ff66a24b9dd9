"""Alerts and their changes, as programs ask for them. What belongs to one trader's own account is never among them."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from rules.alerts import ACCOUNT, Alert
from rules.events import EVENTS
from storage.database import Database
from storage.listing import Entry, to_entry
from storage.log import LoggedTransition, to_transition
from storage.rows import to_alert
from storage.schema import alerts, transitions
from storage.statements import outbox_listing, outbox_listing_by_status

_PRIVATE = tuple(tag for tag, event in EVENTS.items() if event.IS_PRIVATE)
# the event that an alert is about stands in its facts, whatever kind of rule it was
is_public: ColumnElement[bool] = and_(
    alerts.c.key.not_like(f'%"{ACCOUNT}":%'), *(alerts.c.facts.not_like(f'%"type":"{tag}"%') for tag in _PRIVATE)
)

_changes = (
    select(transitions, alerts.c.rule_id, alerts.c.kind, alerts.c.key)
    .join(alerts, alerts.c.episode_id == transitions.c.episode_id)
    .where(is_public)
)
newest_alerts = (
    select(alerts).where(is_public).order_by(alerts.c.at_ms.desc(), alerts.c.episode_id).limit(bindparam("the_limit"))
)
one_alert = select(alerts).where(is_public, alerts.c.episode_id == bindparam("the_episode"))
alerts_named = select(alerts).where(is_public, alerts.c.episode_id.in_(bindparam("the_episodes", expanding=True)))
newest_changes = _changes.order_by(transitions.c.id.desc()).limit(bindparam("the_limit"))
changes_after = (
    _changes.where(transitions.c.id > bindparam("after_id")).order_by(transitions.c.id).limit(bindparam("the_limit"))
)
changes_of = _changes.where(transitions.c.episode_id == bindparam("the_episode")).order_by(transitions.c.id)
newest_change = select(transitions.c.id).order_by(transitions.c.id.desc()).limit(1)
_is_anybodys = or_(alerts.c.episode_id.is_(None), is_public)  # our own words belong to no alert
public_messages = outbox_listing.where(_is_anybodys)
public_messages_by_status = outbox_listing_by_status.where(_is_anybodys)


async def query_alerts(
    database: Database,
    *,
    rule: str | None = None,
    kind: str | None = None,
    severities: Collection[str] = (),
    is_firing: bool | None = None,
    since_ms: int | None = None,
    limit: int = 100,
) -> list[Alert]:
    """The episodes that changed last, newest first; `severities` are those wanted, none for all."""
    statement, values = newest_alerts, {"the_limit": limit}
    wanted: list[ColumnElement[bool]] = []
    if rule is not None:
        wanted.append(alerts.c.rule_id == rule)
    if kind is not None:
        wanted.append(alerts.c.kind == kind)
    if severities:
        wanted.append(alerts.c.severity.in_(tuple(severities)))
    if is_firing is not None:
        wanted.append(alerts.c.is_firing.is_(is_firing))
    if since_ms is not None:
        wanted.append(or_(alerts.c.at_ms >= since_ms, alerts.c.is_firing.is_(True)))
    async with database.reader() as connection:
        return [to_alert(row) for row in await connection.execute(statement.where(*wanted), values)]


async def alert_of(database: Database, episode_id: str) -> Alert | None:
    """One episode, or None."""
    async with database.reader() as connection:
        row = (await connection.execute(one_alert, {"the_episode": episode_id})).first()
    return None if row is None else to_alert(row)


async def alerts_of(database: Database, episode_ids: Collection[str]) -> dict[str, Alert]:
    """Several episodes by their names; those that are not there are missing."""
    async with database.reader() as connection:
        rows = await connection.execute(alerts_named, {"the_episodes": list(episode_ids)})
        return {row.episode_id: to_alert(row) for row in rows}


async def query_changes(
    database: Database, *, after_id: int | None = None, episode_id: str | None = None, limit: int = 100
) -> list[LoggedTransition]:
    """Changes of alerts, oldest first: the newest, those after an id, or all of one episode."""
    values: dict[str, Any] = {"the_limit": limit}
    statement = newest_changes
    if episode_id is not None:
        statement, values = changes_of, {"the_episode": episode_id}
    elif after_id is not None:
        statement, values["after_id"] = changes_after, after_id
    async with database.reader() as connection:
        found = [to_transition(row) for row in await connection.execute(statement, values)]
    return found[::-1] if statement is newest_changes else found


async def newest_change_id(database: Database) -> int:
    """Where the record of changes ends now; 0 while it is empty."""
    async with database.reader() as connection:
        return (await connection.execute(newest_change)).scalar() or 0


async def query_messages(database: Database, *, statuses: Collection[str] = (), limit: int = 100) -> list[Entry]:
    """The newest messages of the outbox, newest first; of these statuses, if any are named."""
    values: dict[str, Any] = {"the_limit": limit}
    statement = public_messages
    if statuses:
        statement, values["statuses"] = public_messages_by_status, list(statuses)
    async with database.reader() as connection:
        return [to_entry(row) for row in await connection.execute(statement, values)]
