"""Reading what happened."""

from math import nan

import msgspec
import pytest

from rules.alerts import Change
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import known_facts, latest_alerts, newest_id, query_events, query_transitions, stored_events
from tests.databases import both
from tests.storage.episodes import NOW, Episode, funding, liquidation

pytestmark = both


async def some(journal: Journal) -> None:
    """Ten seconds: a liquidation on each even one, a rate on each odd one, ETH and BTC, binance and bybit."""
    for second in range(10):
        at = NOW + second * 1_000
        await journal.commit(Batch(events=[funding(at) if second % 2 else liquidation(at)]), at)


async def test_the_newest_events_come_oldest_first(journal: Journal, database: Database) -> None:
    """As a person reads a log."""
    await some(journal)

    found = await query_events(database, limit=3)

    assert [NOW + 7_000, NOW + 8_000, NOW + 9_000] == [logged.at_ms for logged in found]
    assert ("funding_rate", "binance", "ETH-USDT-PERP", NOW + 9_005) == (
        found[-1].type,
        found[-1].venue,
        found[-1].symbol,
        found[-1].received_ms,
    )
    assert funding(NOW + 9_000) == found[-1].event


async def test_events_are_found_by_what_people_ask(journal: Journal, database: Database) -> None:
    """Each filter alone and all at once."""
    await some(journal)

    async def seconds(**filters: object) -> list[int]:
        found = await query_events(database, **filters)  # type: ignore[arg-type]  # a table of keyword arguments
        return [(logged.at_ms - NOW) // 1_000 for logged in found]

    assert [0, 2, 4, 6, 8] == await seconds(type="liquidation")
    assert [1, 3, 5, 7, 9] == await seconds(venue="binance")
    assert [0, 2, 4, 6, 8] == await seconds(symbol="BTC-USDT-PERP")
    assert [8, 9] == await seconds(since_ms=NOW + 8_000)
    assert [7, 9] == await seconds(type="funding_rate", venue="binance", symbol="ETH-USDT-PERP", since_ms=NOW, limit=2)
    assert [] == await seconds(venue="bitmex")


async def test_a_tail_goes_on_where_it_was(journal: Journal, database: Database) -> None:
    """By number, so that nothing is missed and nothing comes twice."""
    assert 0 == await newest_id(database)
    await some(journal)
    start = await newest_id(database)
    assert [] == await query_events(database, after_id=start)
    await journal.commit(Batch(events=[liquidation(NOW + number) for number in range(60_000, 60_005)]), NOW)

    first = await query_events(database, after_id=start, limit=3)
    rest = await query_events(database, after_id=first[-1].id, type="liquidation")

    assert [60_000, 60_001, 60_002, 60_003, 60_004] == [logged.at_ms - NOW for logged in (*first, *rest)]


async def test_windows_are_warmed_in_order_and_in_pieces(journal: Journal, database: Database) -> None:
    """What arrives meanwhile comes by itself, so it is not part of the past."""
    await some(journal)
    pieces = []

    async for piece in stored_events(database, ["liquidation"], NOW + 2_000, chunk=3):
        pieces.append([(event.at_ms - NOW) // 1_000 for event in piece])
        await journal.commit(Batch(events=[liquidation(NOW + 20_000 + len(pieces))]), NOW)

    assert [[2, 4, 6], [8]] == pieces
    assert [] == [piece async for piece in stored_events(database, ["mark_price"], 0)]
    assert [] == [piece async for piece in stored_events(database, ["liquidation"], NOW + 10**9)]


async def test_an_event_that_cannot_be_read_is_left_out(
    journal: Journal, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A rate that was no number must not keep the windows of everybody else cold."""
    odd = msgspec.structs.replace(funding(NOW), rate=nan)
    await journal.commit(Batch(events=[odd, funding(NOW + 1)]), NOW)

    assert [[funding(NOW + 1)]] == [piece async for piece in stored_events(database, ["funding_rate"], NOW)]
    assert "stored event cannot be read" in caplog.text


async def test_alerts_and_changes_are_listed(journal: Journal, database: Database) -> None:
    """For the page and for `tocsin events`."""
    first, second = Episode("BTC-USDT-PERP"), Episode("ETH-USDT-PERP", started_ms=NOW + 10)
    await journal.commit(first.change(Change.FIRED), NOW)
    await journal.commit(second.change(Change.FIRED, muted="cooldown"), NOW)
    await journal.commit(first.change(Change.CLEARED, at_ms=NOW + 20), NOW)

    assert [first.alert, second.alert] == await latest_alerts(database)
    changes = await query_transitions(database)
    assert [
        ("BTC-USDT-PERP", "fired", None),
        ("ETH-USDT-PERP", "fired", "cooldown"),
        ("BTC-USDT-PERP", "cleared", None),
    ] == [(each.key["symbol"], each.change, each.muted) for each in changes]
    assert changes[2:] == await query_transitions(database, after_id=changes[1].id)
    assert changes[1:] == await query_transitions(database, since_ms=NOW + 10)
    assert changes[2:] == await query_transitions(database, limit=1)


async def test_facts_that_count_once_are_known_by_name(journal: Journal, database: Database) -> None:
    """The newest of them, oldest first; what may be repeated has no name."""
    await some(journal)
    names = [(liquidation(NOW + second * 1_000).once_key, NOW + second * 1_000 + 5) for second in (4, 6, 8)]

    assert names == await known_facts(database, NOW + 4_000)
    assert names[1:] == await known_facts(database, NOW, limit=2)
