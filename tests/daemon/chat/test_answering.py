"""What only reads is answered aside, a few at a time; what changes something is done in its order."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from daemon.chat.answering import BUSY, READING_MAX, SLOW_MAX, UNKNOWN, WENT_WRONG, Answering
from daemon.chat.asked import Asked, Wrong
from daemon.chat.commands import COMMANDS, Command, Lines, Way
from daemon.chat.facts import Facts
from tests.daemon.lanes import until

NOBODY = cast(Facts, None)  # these commands ask nothing of the house


class Desk:
    """Commands that go on until they may end, and all that was said."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.said: list[str] = []
        self.commands = {
            way.name.lower(): Command(usage=f"/{way.name.lower()}", about="", reply=self._go_on, way=way) for way in Way
        }
        self.commands["bad"] = Command(usage="/bad", about="", reply=self._break)
        self.commands["worse"] = Command(usage="/worse", about="", reply=self._break, way=Way.IN_ORDER)

    async def say(self, lines: Lines) -> None:
        self.said += lines

    async def _go_on(self, facts: Facts, asked: Asked) -> Lines:
        del facts
        self.begun.append(asked.name)
        try:
            await self.may_end.wait()
        finally:
            self.ended.append(asked.name)
        if asked.words:
            raise Wrong("Not so.")
        return [f"{asked.name} for {asked.who}"]

    async def _break(self, facts: Facts, asked: Asked) -> Lines:
        raise KeyError(asked.words)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


@pytest.fixture
async def answering(desk: Desk) -> AsyncIterator[Answering]:
    async with Answering(NOBODY, desk.commands) as answering:
        yield answering


async def test_nobody_waits_for_what_only_reads(desk: Desk, answering: Answering) -> None:
    await answering.hear("/slowly", "anna", "1", desk.say)
    await answering.hear("/aside now", "ben", "2", desk.say)
    await until(lambda: desk.begun == ["1", "2"])
    assert [] == desk.said
    desk.may_end.set()
    await until(lambda: len(desk.said) == 3)

    assert ["1 for anna", "Not so.", "Write /aside"] == desk.said


async def test_what_changes_something_is_done_when_it_is_heard(desk: Desk, answering: Answering) -> None:
    desk.may_end.set()
    await answering.hear("/in_order@our_bot", "anna", "1", desk.say)

    assert ["1 for anna"] == desk.said


async def test_one_too_many_is_told_to_wait(desk: Desk, answering: Answering) -> None:
    """Two that are slow; and those that are quick have room beside them, but not without end."""
    for number in range(SLOW_MAX + 1):
        await answering.hear("/slowly", "anna", f"slow {number}", desk.say)
    assert [BUSY] == desk.said
    for number in range(READING_MAX - SLOW_MAX + 1):
        await answering.hear("/aside", "anna", f"quick {number}", desk.say)
    assert [BUSY, BUSY] == desk.said
    await until(lambda: len(desk.begun) == READING_MAX)
    desk.may_end.set()
    await until(lambda: len(desk.said) == READING_MAX + 2)

    await answering.hear("/slowly", "anna", "again", desk.say)
    await until(lambda: desk.said[-1] == "again for anna")


async def test_what_is_asked_when_the_house_closes_is_ended(desk: Desk) -> None:
    async with Answering(NOBODY, desk.commands) as answering:
        await answering.hear("/slowly", "anna", "1", desk.say)
        await answering.hear("/aside", "anna", "2", desk.say)
        await until(lambda: len(desk.begun) == 2)

    assert ["1", "2"] == sorted(desk.ended)
    assert [] == desk.said


async def test_a_bug_is_said_and_logged_without_what_was_written(
    desk: Desk, answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("/bad", "/worse"):
        await answering.hear(text, "anna", "1", desk.say)
    await until(lambda: len(desk.said) == 2)

    assert [WENT_WRONG, WENT_WRONG] == desk.said
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert {"/bad", "/worse"} == {str(cast(Any, record).command) for record in records}
    assert all(record.exc_info for record in records)


async def test_what_is_no_command_is_passed_by(desk: Desk, answering: Answering) -> None:
    for text in ("hello /slowly", "", "  ", "/", "/nothing"):
        await answering.hear(text, "anna", "1", desk.say)

    assert [UNKNOWN, UNKNOWN] == desk.said


def test_what_changes_something_is_known() -> None:
    """Any other command may be lost in a crash, and is answered whenever it is ready."""
    assert ["mute", "unmute"] == [name for name, one in COMMANDS.items() if one.way is Way.IN_ORDER]
