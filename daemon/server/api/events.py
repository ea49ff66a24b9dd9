"""Events: what the market said, as far as it was written down."""

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import Field

from daemon.config.mistakes import nearest, quote
from daemon.server.api.naming import refuse_unknown
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
    """only of this instrument, coin or feed; a coin means its instruments, too"""
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
        what = f"there is no event type '{quote(asked.type)}'; {nearest(asked.type, _PUBLIC)}"
        raise Trouble(400, "unknown_value", what, "type")
    symbol, venue = asked.symbol, asked.venue
    if symbol is not None and "." not in symbol:  # a feed is written in small letters
        symbol = symbol.upper()
    if venue is not None:
        venue = venue.lower()
    found = await query_events(
        house.database,
        type=asked.type,
        venue=venue,
        symbol=symbol,
        since_ms=asked.since_ms,
        after_id=asked.after_id,
        limit=asked.limit,
    )
    if not found:  # is there nothing, or nothing of that name?
        await refuse_unknown(house, symbol=symbol, venue=venue)
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
