"""What was said last, and by whom: for whoever asks about one coin while nobody follows it."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Row, String, bindparam, func, select

from rules.events import EVENTS, AnyEvent, FundingRate, StablecoinQuote, from_json
from rules.instruments import coin_of
from storage.database import Database
from storage.schema import events

log = logging.getLogger(__name__)

_predictions = (  # each venue and instrument in turn, the newest first: what was imported has its own time
    select(
        events.c.payload,
        func.row_number()
        .over(
            partition_by=(events.c.venue, events.c.symbol), order_by=(events.c.received_ms.desc(), events.c.id.desc())
        )
        .label("age"),
    )
    .where(
        events.c.type == "funding_rate",
        events.c.received_ms >= bindparam("since_ms"),
        events.c.symbol.contains(bindparam("the_coin", type_=String), autoescape=False),
        events.c.payload.not_like('%"is_settled":true%'),
    )
    .subquery()
)
newest_predictions = select(_predictions.c.payload).where(_predictions.c.age == 1)

_quotes = (
    select(
        events.c.payload,
        func.row_number()
        .over(partition_by=events.c.venue, order_by=(events.c.received_ms.desc(), events.c.id.desc()))
        .label("age"),
    )
    .where(
        events.c.type == "stablecoin_quote",
        events.c.symbol == bindparam("the_coin"),
        events.c.received_ms >= bindparam("since_ms"),
    )
    .subquery()
)
quotes_by_source = select(_quotes.c.payload).where(_quotes.c.age == 1)

_PRIVATE = [tag for tag, event in EVENTS.items() if event.IS_PRIVATE]
_latest = (
    select(events.c.venue, events.c.symbol)
    .where(events.c.type.not_in(_PRIVATE))
    .order_by(events.c.id.desc())
    .limit(bindparam("the_limit"))
    .subquery()
)
latest_places = select(_latest.c.venue, _latest.c.symbol).distinct()
HEARD_MAX = 20_000  # events: some minutes of a whole market, or days of a few coins


async def heard_last(database: Database, *, limit: int = HEARD_MAX) -> set[tuple[str, str]]:
    """(venue, instrument, coin or feed) of the newest events. What belongs to somebody's account is not among them."""
    async with database.reader() as connection:
        rows = await connection.execute(latest_places, {"the_limit": limit})
        return {(row.venue, row.symbol) for row in rows}


async def newest_rates(database: Database, coin: str, since_ms: int) -> list[FundingRate]:
    """The newest predicted rate of every venue and instrument of a coin that was heard since then."""
    async with database.reader() as connection:
        rows = (await connection.execute(newest_predictions, {"the_coin": coin, "since_ms": since_ms})).all()
    return [event for event in _read(rows) if isinstance(event, FundingRate) and coin_of(event.symbol) == coin]


async def newest_quotes(database: Database, coin: str, since_ms: int) -> list[StablecoinQuote]:
    """The newest quote of a stablecoin by every source that was heard since then."""
    async with database.reader() as connection:
        rows = (await connection.execute(quotes_by_source, {"the_coin": coin, "since_ms": since_ms})).all()
    return [event for event in _read(rows) if isinstance(event, StablecoinQuote)]


def _read(rows: Iterable[Row[Any]]) -> Iterator[AnyEvent]:
    for row in rows:
        try:
            yield from_json(row.payload)
        except msgspec.DecodeError as exc:
            log.warning("stored event cannot be read", extra={"error": str(exc)})
