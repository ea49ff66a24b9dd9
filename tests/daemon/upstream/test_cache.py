"""What is fresh is served, what is stale is served and asked for again, and a failure is remembered."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.supervisor import Busy, Refused, Transient
from daemon.upstream.cache import FAILED_FOR_MOST_S, Answer, Cache, Unavailable
from daemon.wire.control import Unreadable
from tests.daemon.upstream.caches import FRESH_S, Hands, Upstream, get, until


async def test_a_fresh_answer_is_served_without_asking() -> None:
    """And says when it was given."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        first = await get(cache, upstream)
        clock.pass_s(7)
        second = await get(cache, upstream)

    assert Answer(1, 1_790_000_000_000) == first == second
    assert 1 == upstream.asked


async def test_a_stale_answer_is_served_at_once_and_asked_for_behind_the_back() -> None:
    """Whoever comes meanwhile gets the old one too, and does not ask again."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        clock.pass_s(30)
        upstream.gate.clear()
        stale = [await get(cache, upstream) for _ in range(5)]
        await until(lambda: upstream.under_way == 1)
        upstream.gate.set()
        await until(lambda: cache.under_way == 0)
        fresh = await get(cache, upstream)

    assert [Answer(1, 1_790_000_000_000, is_stale=True)] * 5 == stale
    assert Answer(2, 1_790_000_030_000) == fresh
    assert 2 == upstream.asked


async def test_an_answer_near_its_end_is_renewed_before_it_is_stale() -> None:
    """So a table that is read all the time is never marked as stale while its upstream is well."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        clock.pass_s(8)
        still_fresh = await get(cache, upstream)
        await until(lambda: cache.under_way == 0)
        clock.pass_s(3)
        renewed = await get(cache, upstream)

    assert Answer(1, 1_790_000_000_000) == still_fresh
    assert Answer(2, 1_790_000_008_000) == renewed


async def test_what_is_too_old_waits_for_the_new() -> None:
    """Two minutes are beyond `stale_s`."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        clock.pass_s(120)

        assert Answer(2, 1_790_000_120_000) == await get(cache, upstream)


@pytest.mark.parametrize(
    "trouble",
    [Transient("no answer"), Busy("too often"), Refused("wrong key"), Unreadable("nonsense"), Unavailable("nothing")],
)
async def test_what_is_too_old_is_served_with_the_reason_when_asking_fails(trouble: Exception) -> None:
    """However old: the client is told, and decides."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        upstream.trouble = trouble
        clock.pass_s(86_400)

        assert Answer(1, 1_790_000_000_000, is_stale=True, error=str(trouble)) == await get(cache, upstream)


async def test_a_stale_answer_says_why_it_could_not_be_renewed() -> None:
    """And is clean again once it could."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        upstream.trouble = Transient("it is broken")
        clock.pass_s(30)
        await get(cache, upstream)
        await until(lambda: cache.under_way == 0)
        told = await get(cache, upstream)
        upstream.trouble = None
        clock.pass_s(6)
        await get(cache, upstream)
        await until(lambda: cache.under_way == 0)
        clean = await get(cache, upstream)

    assert Answer(1, 1_790_000_000_000, is_stale=True, error="it is broken") == told
    assert Answer(3, 1_790_000_036_000) == clean


async def test_nothing_at_all_is_unavailable_with_a_sentence() -> None:
    """There is no empty answer that looks like one."""
    upstream = Upstream()
    upstream.trouble = Transient("fapi.binance.com/fapi/v1/x is broken (502): bad gateway")
    async with Cache(Hands()) as cache:
        with pytest.raises(Unavailable, match="bad gateway"):
            await get(cache, upstream)


async def test_a_failure_is_remembered_so_that_clients_do_not_multiply_it() -> None:
    """A hundred clients within five seconds are one question; after them it is asked once more."""
    clock, upstream = Hands(), Upstream()
    upstream.trouble = Transient("down")
    async with Cache(clock) as cache:
        for _ in range(100):
            with pytest.raises(Unavailable, match="down"):
                await get(cache, upstream)
        asked_at_first = upstream.asked
        clock.pass_s(5.1)
        with pytest.raises(Unavailable):
            await get(cache, upstream)

    assert (1, 2) == (asked_at_first, upstream.asked)


@pytest.mark.parametrize(
    ("trouble", "held_s"),
    [
        (Busy("wait", retry_after_s=20.0), 20.0),
        (Busy("wait", retry_after_s=86_400.0), FAILED_FOR_MOST_S),
        (Refused("wrong key"), FAILED_FOR_MOST_S),
    ],
)
async def test_advice_to_wait_is_heeded_up_to_a_minute(trouble: Exception, held_s: float) -> None:
    """Beyond that the client of the host heeds it, and an operator may have mended the key."""
    clock, upstream = Hands(), Upstream()
    upstream.trouble = trouble
    async with Cache(clock) as cache:
        for seconds in (0.0, held_s - 0.1, 0.2):
            clock.pass_s(seconds)
            with pytest.raises(Unavailable):
                await get(cache, upstream)

    assert 2 == upstream.asked


async def test_a_clock_that_was_set_back_does_not_freeze_an_answer() -> None:
    """What seems to come from the future is asked for again, and served meanwhile."""
    clock, upstream = Hands(), Upstream()
    async with Cache(clock) as cache:
        await get(cache, upstream)
        clock.pass_s(-3_600)
        first = await get(cache, upstream)
        await until(lambda: cache.under_way == 0)
        second = await get(cache, upstream)

    assert first.is_stale
    assert Answer(2, 1_789_996_400_000) == second


async def test_our_own_mistake_reaches_who_waits_and_is_not_repeated_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A bug is not an upstream's trouble: it is loud, and still does not run a hundred times."""
    upstream = Upstream()
    upstream.trouble = KeyError("oops")
    async with Cache(Hands()) as cache:
        with pytest.raises(KeyError):
            await get(cache, upstream)
        with pytest.raises(Unavailable, match="mistake"):
            await get(cache, upstream)

    assert 1 == upstream.asked
    assert ["an upstream question met a bug of ours"] == [record.getMessage() for record in caplog.records]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), min_size=1, max_size=20))
def test_an_answer_is_never_passed_off_as_fresher_than_it_is(steps: list[tuple[float, bool]]) -> None:
    """Whatever the upstream does: unmarked means at most `fresh_s` old, and an error is never without its mark."""

    async def play() -> None:
        clock, upstream = Hands(), Upstream()
        async with Cache(clock) as cache:
            for seconds, works in steps:
                clock.pass_s(seconds)
                upstream.trouble = None if works else Transient("down")
                try:
                    answer = await get(cache, upstream)
                except Unavailable:
                    continue
                assert answer.is_stale or clock() - answer.at_ms <= FRESH_S * 1000
                assert answer.is_stale or answer.error is None
                await until(lambda: cache.under_way == 0)

    asyncio.run(play())
