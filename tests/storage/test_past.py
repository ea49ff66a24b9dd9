"""What was last said about one instrument."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from rules.alerts import Change, Moment, Severity
from rules.engine import Engine
from rules.events import AnyEvent, Event, FearGreed, FeedHealth, FeedState, FundingRate, MarkPrice
from rules.spec import parse
from storage import past
from storage.database import Database
from storage.journal import Batch, Journal
from storage.past import feeds_of, heard_before, heard_of, moments_of, past_of
from tests.databases import both

T, M = 1_767_614_400_000, 60_000


def rate(at_ms: int, coin: str = "BTC", venue: str = "binance", value: float = 1e-4) -> FundingRate:
    return FundingRate(
        venue=venue, symbol=f"{coin}-USDT-PERP", rate=value, interval_h=8.0, at_ms=at_ms, received_ms=at_ms
    )


def mark(at_ms: int) -> MarkPrice:
    return MarkPrice(venue="binance", symbol="BTC-USDT-PERP", price=1.0, at_ms=at_ms, received_ms=at_ms)


def everything() -> Iterator[AnyEvent]:
    for minute in range(10):
        at_ms = T + minute * M
        yield from (rate(at_ms), mark(at_ms), rate(at_ms, "ETH"), rate(at_ms, venue="okx"))
    yield FearGreed(venue="alternative_me", index=14, mood="Extreme Fear", at_ms=T, received_ms=T)


@both
async def test_only_what_was_asked_for_comes_oldest_first(database: Database, journal: Journal) -> None:
    """The type, the instrument, the venue, and the time with both its ends."""
    await journal.commit(Batch(events=list(everything())), T)
    asked = {"type": "funding_rate", "since_ms": T + M, "until_ms": T + 3 * M, "episode_id": "", "limit": 100}
    one = await past_of(database, symbol="BTC-USDT-PERP", venue="okx", **asked)  # type: ignore[arg-type]
    two = await past_of(database, symbol="BTC-USDT-PERP", venue=None, **asked)  # type: ignore[arg-type]
    all_of_type = await past_of(database, symbol=None, venue=None, **asked)  # type: ignore[arg-type]
    of_venue = await past_of(database, symbol=None, venue="binance", **asked)  # type: ignore[arg-type]

    assert [rate(T + minute * M, venue="okx") for minute in (1, 2, 3)] == list(one.events)
    assert [6, 9, 6] == [len(found.events) for found in (two, all_of_type, of_venue)]
    assert not one.is_cut


@both
async def test_the_newest_stay_when_there_are_too_many(database: Database, journal: Journal) -> None:
    await journal.commit(Batch(events=[rate(T + minute * M) for minute in range(10)]), T)
    found = await past_of(
        database,
        type="funding_rate",
        symbol="BTC-USDT-PERP",
        venue="binance",
        since_ms=T,
        until_ms=T + 99 * M,
        episode_id="",
        limit=3,
    )

    assert [T + minute * M for minute in (7, 8, 9)] == [event.received_ms for event in found.events]
    assert found.is_cut


@both
async def test_what_became_of_the_episode_comes_with_it(database: Database, journal: Journal) -> None:
    rule = parse({"id": "hot", "type": "funding", "symbols": ["BTC"], "above": "0.05%"}).compile()
    engine = Engine([rule])
    events: list[Event] = [rate(T, value=6e-4), rate(T + M, value=1e-4)]
    transitions = [one for event in events for one in engine.observe(event, event.received_ms)]
    await journal.commit(Batch(events=events, transitions=transitions), T)
    found = await past_of(
        database,
        type="funding_rate",
        symbol=None,
        venue=None,
        since_ms=T,
        until_ms=T,
        episode_id=transitions[0].alert.episode_id,
        limit=3,
    )

    assert [
        Moment(Change.FIRED, Severity.WARNING, T, 6e-4),
        Moment(Change.CLEARED, Severity.WARNING, T + M, 1e-4),
    ] == list(found.moments)


def health(at_ms: int, state: FeedState, venue: str = "binance") -> FeedHealth:
    return FeedHealth(venue=venue, feed=f"{venue}.market", state=state, at_ms=at_ms, received_ms=at_ms)


@both
async def test_what_feeds_said_of_themselves_is_known_however_long_ago(database: Database, journal: Journal) -> None:
    """Until then, the newest of it, oldest first."""
    said = [health(T - 99_999 * M, "down"), health(T, "down", "okx"), health(T + M, "up"), health(T + 9 * M, "down")]
    await journal.commit(Batch(events=[*said, *everything()]), T)

    assert said[:3] == await feeds_of(database, until_ms=T + 5 * M, limit=9)
    assert said[2:] == await feeds_of(database, until_ms=T + 9 * M, limit=2)


@both
async def test_what_came_last_before_a_moment_is_known(database: Database, journal: Journal) -> None:
    await journal.commit(Batch(events=[mark(T + M), rate(T), health(T + 5 * M, "up")]), T)

    assert [None, T, T + M, T + 5 * M] == [
        await heard_before(database, at_ms) for at_ms in (T, T + M, T + 5 * M, T + 9 * M)
    ]


@both
async def test_an_episode_is_known_without_its_events(database: Database, journal: Journal) -> None:
    engine = Engine([parse({"id": "hot", "type": "funding", "symbols": ["BTC"], "above": "0.05%"}).compile()])
    (fired,) = engine.observe(rate(T, value=6e-4), T)
    await journal.commit(Batch(events=[], transitions=[fired]), T)

    assert [Moment(Change.FIRED, Severity.WARNING, T, 6e-4)] == await moments_of(database, fired.alert.episode_id)
    assert [] == await moments_of(database, "another")


@both
async def test_when_anything_came_is_known_without_reading_it_all(database: Database, journal: Journal) -> None:
    """No moment is farther from the next than asked for, unless nothing came in between."""
    minutes = [*range(30), *range(50, 55), 57, 80]
    await journal.commit(Batch(events=[mark(T + minute * M) for minute in minutes]), T)
    found = await heard_of(database, type="funding_rate", since_ms=T + 3 * M, until_ms=T + 70 * M, step_ms=5 * M)

    assert [T + minute * M for minute in (3, 8, 13, 18, 23, 28, 29, 50, 54, 57)] == list(found.moments)


@both
async def test_since_when_a_type_is_known_at_all(database: Database, journal: Journal) -> None:
    """Of whatever instrument, and before the stretch that is looked at, too."""
    await journal.commit(Batch(events=[rate(T + 2 * M, "ETH"), rate(T + 5 * M), mark(T)]), T)
    asked = {"since_ms": T + 4 * M, "until_ms": T + 9 * M, "step_ms": M}

    assert [T, T + 2 * M, None] == [
        (await heard_of(database, type=type, **asked)).first_ms
        for type in ("mark_price", "funding_rate", "liquidation")
    ]


@both
async def test_an_empty_log_has_heard_nothing(database: Database, journal: Journal) -> None:
    assert (None, []) == await heard_of(database, type="mark_price", since_ms=0, until_ms=T, step_ms=M)


async def test_what_was_heard_is_looked_up_in_the_index(tmp_path: Path) -> None:
    """All three questions, at each of their steps, without touching a row."""
    database = await Database.open(str(tmp_path / "tocsin.db"))
    steps = []
    try:
        async with database.reader() as connection:
            for question in (past.first_of_type, past.last_before, past.of_anything):
                compiled = question.compile(dialect=sqlite.dialect(paramstyle="named"))
                plan = await connection.execute(
                    text(f"EXPLAIN QUERY PLAN {compiled}"), dict.fromkeys(compiled.params, 1)
                )
                steps += [row.detail for row in plan if "events" in row.detail]
    finally:
        await database.close()

    assert 5 == len(steps)
    assert all(step.startswith("SEARCH events USING COVERING INDEX") for step in steps)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("of_symbol", "ix_events_symbol_received_ms"),
        ("of_symbol_and_venue", "ix_events_symbol_received_ms"),
        ("of_type", "ix_events_type_received_ms"),
        ("of_type_and_venue", "ix_events_type_received_ms"),
    ],
)
async def test_no_question_reads_the_whole_log_or_sorts_it(tmp_path: Path, name: str, index: str) -> None:
    """SQLite says which index it walks; what it walks is in the right order already."""
    question = getattr(past, name).compile(dialect=sqlite.dialect(paramstyle="named"))
    asked = {"the_type": "x", "the_symbol": "x", "the_venue": "x", "since_ms": 1, "until_ms": 2, "the_limit": 3}
    database = await Database.open(str(tmp_path / "tocsin.db"))
    try:
        async with database.reader() as connection:
            values = {key: asked.get(key, value) for key, value in question.params.items()}
            plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {question}"), values)).all()
    finally:
        await database.close()

    (step,) = plan
    assert f"SEARCH events USING INDEX {index}" in step.detail
    assert "received_ms>? AND received_ms<?" in step.detail
