"""What is newly wanted is handed out once."""

import asyncio

from daemon.sources.newcomers import Newcomers


async def test_each_newcomer_is_handed_out_once() -> None:
    """However often it is said that it is wanted."""
    newcomers = Newcomers()
    newcomers.want(["b", "a"])
    first = await newcomers.next()
    newcomers.want(["a", "b", "c"])
    newcomers.want(["a", "b", "c"])

    assert ["a", "b"] == first
    assert ["c"] == await newcomers.next()


async def test_who_waits_is_woken() -> None:
    """Nobody has to look again and again."""
    newcomers = Newcomers()
    waiting = asyncio.create_task(newcomers.next())
    await asyncio.sleep(0)
    newcomers.want(["a"])

    assert ["a"] == await waiting


async def test_who_left_before_its_turn_is_not_handed_out() -> None:
    """And one that comes back is new again."""
    newcomers = Newcomers()
    newcomers.want(["a", "b"])
    newcomers.want(["b"])
    first = await newcomers.next()
    newcomers.want([])
    newcomers.want(["b"])

    assert ["b"] == first
    assert ["b"] == await newcomers.next()


async def test_after_a_break_all_are_new() -> None:
    """A new connection has missed what the venue said meanwhile."""
    newcomers = Newcomers()
    newcomers.want(["a", "b"])
    await newcomers.next()
    newcomers.begin_anew()

    assert ["a", "b"] == await newcomers.next()
