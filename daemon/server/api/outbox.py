"""The outbox: every message that was decided, and what became of it. No address and no token is ever in it."""

from typing import TYPE_CHECKING, Literal

from daemon.server.api.resource import Asked, Limit, Request, Resource, Severities, Told
from storage.episodes import query_messages
from storage.listing import Entry

if TYPE_CHECKING:
    from daemon.house import House

Status = Literal["waiting", "sending", "sent", "uncertain", "dead", "expired", "merged", "suppressed"]


class OutboxAsked(Asked):
    """Which messages."""

    status: Status | None = None
    """only of this status; left out: all"""
    limit: int = Limit


class MessageAnswer(Told):
    """One message to one sink."""

    key: str
    sink: str
    status: Status
    severity: Severities
    change: str | None
    """what of its alert it tells; missing: our own words"""
    rule: str | None
    about: dict[str, str]
    """venue, symbol, ... of its alert"""
    created_at_ms: int
    finished_at_ms: int | None
    attempts: int
    """tries that certainly did not arrive"""
    reason: str | None
    """why it waits, or how it ended"""


class OutboxAnswer(Told):
    """Messages, newest first."""

    messages: list[MessageAnswer]


def _message(entry: Entry) -> MessageAnswer:
    return MessageAnswer(
        key=entry.key,
        sink=entry.lane,
        status=entry.status,
        severity=entry.severity,
        change=entry.change,
        rule=entry.rule_id,
        about=entry.alert_key,
        created_at_ms=entry.created_ms,
        finished_at_ms=entry.finished_ms,
        attempts=entry.attempts,
        reason=entry.reason,
    )


async def _outbox(house: "House", request: Request) -> OutboxAnswer:
    asked: OutboxAsked = request.query
    found = await query_messages(
        house.database, statuses=() if asked.status is None else (asked.status,), limit=asked.limit
    )
    return OutboxAnswer(messages=[_message(entry) for entry in found])


RESOURCES = (
    Resource(
        method="GET",
        path="/api/outbox",
        summary="Messages, and what became of each",
        query=OutboxAsked,
        answer=OutboxAnswer,
        work=_outbox,
    ),
)
