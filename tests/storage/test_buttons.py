"""Buttons give one result, bots have one listener, on both databases."""

from storage.bots import Lease
from storage.buttons import LAST_MS, Buttons
from storage.database import Database
from storage.retention import forget
from tests.databases import both
from tests.storage.episodes import Clock


@both
async def test_the_first_press_counts_and_the_same_one_twice_is_one(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    panel = await acts.put("key", "phone", "episode")
    assert panel == await acts.put("key", "phone", "episode")

    first = await acts.press(panel.token, "p1", "1h", "anna")
    second = await acts.press(panel.token, "p2", "ack", "ben")
    again = await acts.press(panel.token, "p1", "1h", "anna")

    assert first is not None
    assert ("p1", "1h", "anna", clock.now_ms) == (first.press, first.action, first.who, first.pressed_ms)
    assert first == second == again
    assert [first] == await acts.pressed("episode")
    assert None is await acts.press("other", "p3", "ack", "ben")


@both
async def test_expired_buttons_take_no_press_and_are_forgotten(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    panel = await acts.put("key", "phone", "episode")
    clock.now_ms += LAST_MS

    late = await acts.press(panel.token, "p1", "ack", "anna")

    assert late is not None
    assert None is late.press
    await forget(database, clock.now_ms + 2 * 86_400_000, days=1)
    assert None is await acts.find(panel.token)


@both
async def test_only_the_latest_message_is_the_newest(database: Database, clock: Clock) -> None:
    acts = Buttons(database)
    old = await acts.put("one", "phone", "episode")
    clock.now_ms += 1
    new = await acts.put("two", "phone", "episode")
    elsewhere = await acts.put("three", "desk", "episode")

    assert [False, True, True] == [await acts.is_newest(panel) for panel in (old, new, elsewhere)]


@both
async def test_a_bot_has_one_listener_until_its_lease_ends(database: Database, clock: Clock) -> None:
    mine, other = Lease(database, "bot", "a"), Lease(database, "bot", "b")

    assert 0 == await mine.take(1_000)
    assert None is await other.take(1_000)
    await mine.advance(7)
    await mine.advance(5)
    assert 7 == await mine.take(1_000)
    clock.now_ms += 1_000
    assert 7 == await other.take(1_000)
    assert None is await mine.take(1_000)
    await other.leave()
    assert 7 == await mine.take(1_000)
