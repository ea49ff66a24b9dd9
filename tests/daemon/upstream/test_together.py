"""Several questions at once, and one that fails."""

import asyncio

import pytest

from daemon.supervisor import Busy
from daemon.upstream.together import both, each


async def fails() -> int:
    raise Busy("away", retry_after_s=7.0)


async def test_the_exception_of_one_question_is_what_the_caller_sees() -> None:
    """Not a group of it, and the other question is stopped."""
    stopped = asyncio.Event()

    async def waits() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return 1

    with pytest.raises(Busy, match="away") as caught:
        await both(waits(), both(waits(), fails()))

    assert 7.0 == caught.value.retry_after_s
    assert stopped.is_set()


async def test_results_come_in_the_order_of_the_questions() -> None:
    """With no more of them under way than is allowed."""
    under_way = most = 0

    async def ask(number: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return number

    assert list(range(30)) == await each((ask(number) for number in range(30)), at_once=4)
    assert 4 == most


async def test_questions_whose_turn_never_came_leave_no_trace() -> None:
    """A coroutine that nobody awaits would warn."""

    async def never() -> int:
        return 1

    with pytest.raises(Busy):
        await each([fails(), *(never() for _ in range(20))], at_once=1)
