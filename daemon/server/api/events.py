"""Events: what the market said, as far as it was written down."""

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import Field

from daemon.server.api.resource import Asked, Limit, Request, Resource, Told, Trouble
from rules.events import EVENTS
from storage.log import query_events

if TYPE_CHECKING:
    from daemon.house import House

_PUBLIC = sorted(tag for tag, event in EVENTS.items() if not event.IS_PRIVATE)


class EventsAsked(Asked):
    """Which events."""

    type: str
    """the event type: funding_rate, liquidation, ...; `tocsin fields` lists them"""
    venue: str | None = None
    """only of this venue"""
    symbol: str | None = None
    """only of this instrument, coin or feed"""
    since_ms: int | None = Field(default=None, ge=0)
    """only those received since then"""
    after_id: int | None = Field(default=None, ge=0)
    """those that follow this id, oldest first, for reading on"""
    limit: int = Limit


class EventAnswer(Told):
    """One stored event."""

    id: int
    """grows in the order of arrival"""
    event: dict[str, Any]
    """its fields, units in their names"""


class EventsAnswer(Told):
    """The newest events that match, oldest first."""

    events: list[EventAnswer]


async def _events(house: "House", request: Request) -> EventsAnswer:
    asked: EventsAsked = request.query
    if asked.type not in _PUBLIC:  # a trader's own account is nobody else's, whoever asks
        raise Trouble(400, "unknown_value", f"there is no event type '{asked.type[:60]}'; {', '.join(_PUBLIC)}", "type")
    found = await query_events(
        house.database,
        type=asked.type,
        venue=asked.venue,
        symbol=asked.symbol,
        since_ms=asked.since_ms,
        after_id=asked.after_id,
        limit=asked.limit,
    )
    return EventsAnswer(events=[EventAnswer(id=row.id, event=msgspec.json.decode(row.payload)) for row in found])


RESOURCES = (
    Resource(
        method="GET",
        path="/api/events",
        summary="Stored events of one type",
        query=EventsAsked,
        answer=EventsAnswer,
        work=_events,
    ),
)
