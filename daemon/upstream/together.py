"""Several questions at once: when one fails the others are stopped, and its own exception is what the caller sees."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 8  # questions about single instruments under way, of one caller


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """The results of two questions."""
    try:
        async with asyncio.TaskGroup() as group:
            one = group.create_task(first, name="upstream.first")
            two = group.create_task(second, name="upstream.second")
    except ExceptionGroup as exc:
        raise _first(exc) from exc
    return one.result(), two.result()


async def each(questions: Iterable[Coroutine[Any, Any, A]], *, at_once: int = AT_ONCE) -> list[A]:
    """The results of many questions in their order, `at_once` of them under way at a time."""
    turns = asyncio.Semaphore(at_once)

    async def ask(question: Coroutine[Any, Any, A]) -> A:
        async with turns:
            return await question

    waiting = list(questions)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(question), name="upstream.each") for question in waiting]
    except ExceptionGroup as exc:
        raise _first(exc) from exc
    finally:
        for question in waiting:
            question.close()  # those whose turn never came; the others are over, and do not mind
    return [task.result() for task in tasks]


def _first(group: ExceptionGroup[Exception]) -> Exception:
    exc: Exception = group
    while isinstance(exc, ExceptionGroup):
        exc = exc.exceptions[0]
    return exc
