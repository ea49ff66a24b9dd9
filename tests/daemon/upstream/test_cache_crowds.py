"""Many ask at the same time and for many things: one question, patience, and a bound for what is kept."""

import asyncio

import pytest

from daemon.upstream.cache import Answer, Cache, Unavailable
from tests.daemon.upstream.caches import FRESH_S, STALE_S, Hands, Upstream, get, until


async def test_many_who_ask_together_are_one_question() -> None:
    """Each gets the answer."""
    upstream = Upstream()
    async with Cache(Hands()) as cache:
        answers = await asyncio.gather(*(get(cache, upstream) for _ in range(50)))

    assert {1} == {answer.value for answer in answers}
    assert 1 == upstream.asked


async def test_who_gives_up_takes_nobody_along() -> None:
    """Neither the others who wait nor the question itself."""
    upstream = Upstream()
    upstream.gate.clear()
    async with Cache(Hands()) as cache:
        first, second = (asyncio.create_task(get(cache, upstream), name=f"waits {n}") for n in range(2))
        await until(lambda: upstream.under_way == 1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        upstream.gate.set()
        answer = await second

    assert 1 == answer.value
    assert 1 == upstream.asked


async def test_a_question_whose_asker_left_still_fills_the_cache() -> None:
    """The next one finds it."""
    upstream = Upstream()
    upstream.gate.clear()
    async with Cache(Hands()) as cache:
        only = asyncio.create_task(get(cache, upstream), name="waits")
        await until(lambda: upstream.under_way == 1)
        only.cancel()
        with pytest.raises(asyncio.CancelledError):
            await only
        upstream.gate.set()
        await until(lambda: cache.under_way == 0)

        assert 1 == (await get(cache, upstream)).value
    assert 1 == upstream.asked


async def test_patience_ends_and_the_question_goes_on() -> None:
    """Who has something old gets that; who has nothing is told; a minute later the answer is there."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream, "known")
        clock.pass_s(120)
        upstream.gate.clear()
        old = await get(cache, upstream, "known", patience_s=0.01)
        with pytest.raises(Unavailable, match="not answered yet"):
            await get(cache, upstream, "unknown", patience_s=0.01)
        upstream.gate.set()
        await until(lambda: cache.under_way == 0)
        new = await get(cache, upstream, "unknown")

    assert Answer(1, 1_790_000_000_000, is_stale=True, error="the upstream has not answered yet") == old
    assert new.error is None
    assert 3 == upstream.asked


async def test_patience_counts_from_the_question_so_that_rows_in_turn_wait_once() -> None:
    """Fifty icons that nobody delivers cost one wait, not fifty."""
    upstream = Upstream()
    upstream.gate.clear()
    loop = asyncio.get_running_loop()
    async with Cache(Hands()) as cache:
        began = loop.time()
        for _ in range(50):
            with pytest.raises(Unavailable):
                await get(cache, upstream, patience_s=0.2)
        took_s = loop.time() - began

    assert 1 == upstream.asked
    assert took_s < 50 * 0.2 / 2  # in turn, and on a slow machine


async def test_the_oldest_key_is_forgotten_when_there_are_too_many() -> None:
    """Clients make keys, and must not make memory grow."""
    upstream = Upstream()
    async with Cache(Hands(), most_keys=3) as cache:
        for key in ("a", "b", "c", "a", "d"):
            await get(cache, upstream, key)
        asked = upstream.asked
        await get(cache, upstream, "a")
        still_known = upstream.asked == asked
        await get(cache, upstream, "b")

        assert 3 == len(cache)
    assert still_known
    assert asked + 1 == upstream.asked


async def test_a_question_under_way_is_not_forgotten_and_too_many_are_refused() -> None:
    """Otherwise the bound would be none."""
    upstream = Upstream()
    upstream.gate.clear()
    async with Cache(Hands(), most_keys=2) as cache:
        waiting = [asyncio.create_task(get(cache, upstream, key), name=key) for key in ("a", "b")]
        await until(lambda: upstream.under_way == 2)
        with pytest.raises(Unavailable, match="under way already"):
            await get(cache, upstream, "c")
        upstream.gate.set()
        await asyncio.gather(*waiting)

        assert 3 == (await get(cache, upstream, "c")).value


async def test_leaving_ends_all_questions_and_leaks_no_task() -> None:
    """Those who wait hear that the house is closing."""
    upstream = Upstream()
    upstream.gate.clear()
    before = asyncio.all_tasks()
    async with Cache(Hands()) as cache:
        waiting = asyncio.create_task(get(cache, upstream), name="waits")
        await until(lambda: upstream.under_way == 1)
    with pytest.raises(Unavailable, match="closing"):
        await waiting

    assert 0 == upstream.under_way
    assert before == asyncio.all_tasks()
    with pytest.raises(RuntimeError, match="enter the cache"):
        await get(cache, upstream)


async def test_long_answers_are_forgotten_before_there_are_too_many_of_them() -> None:
    """A thousand keys of five thousand points each would be a gigabyte; what is asked for again stays."""

    async def points() -> list[int]:
        return list(range(40))

    async with Cache(Hands(), most_items=100) as cache:
        for key in ("a", "b", "a", "c"):
            await cache.get(key, points, fresh_s=FRESH_S, stale_s=STALE_S)
        upstream = Upstream()
        known = [(await cache.get(key, points, fresh_s=FRESH_S, stale_s=STALE_S)).value for key in ("a", "c")]
        again = await get(cache, upstream, "b")

    assert [list(range(40))] * 2 == known
    assert 1 == again.value


async def test_one_answer_beyond_the_bound_is_kept_alone() -> None:
    """Somebody wants it; an answer counts as much as the newest one of its key."""

    async def points() -> list[int]:
        return list(range(40))

    hands = Hands()
    async with Cache(hands, most_items=10) as cache:
        for _ in range(3):
            await cache.get("long", points, fresh_s=FRESH_S, stale_s=STALE_S)
            hands.pass_s(100)
        assert 1 == len(cache)
        await cache.get("short", Upstream(), fresh_s=FRESH_S, stale_s=STALE_S)

        assert 1 == len(cache)
