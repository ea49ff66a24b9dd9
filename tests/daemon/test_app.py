"""The process as people end it: by signals."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from daemon.app import FAILED, FINE, announce, heed_signals
from storage.database import Database
from tests.chats import Slow, Telegram
from tests.daemon.lanes import locked, until
from tests.daemon.town import Home, Venue, at_phone, cheap
from tests.patience import PATIENCE_S
from tests.programs import Program, begun


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Program]:
    process = await begun("run", "-c", home.file)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_first_signal_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    """And says so, and that a second one would not."""
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        phone.moods.append(Slow())
        home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
        async with running(home) as process:
            await phone.wait_for(lambda chat: len(chat.requests) == 1)
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                while not (await process.stdout.readline()).startswith(b"stopping: "):
                    pass
            phone.release()
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert FINE == process.returncode
    assert b"tocsin stopped: " in out
    assert b"Traceback" not in err
    assert 1 == len(phone.shown)


async def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Without a traceback, and not with the code of success."""
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        phone.always = Slow()
        home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
        async with running(home) as process:
            await phone.wait_for(lambda chat: len(chat.requests) == 1)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                while not (await process.stdout.readline()).startswith(b"stopping: "):
                    pass
            process.send_signal(signal.SIGINT)
            _, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert FAILED == process.returncode
    assert b"tocsin stopped at once" in err
    assert b"Traceback" not in err


async def test_a_signal_during_the_start_is_heeded(tmp_path: Path) -> None:
    """Somebody has locked the database; whoever does not want to wait need not."""
    home = Home(tmp_path, None)
    await (await Database.open(str(home.database))).close()  # a first start
    guard = home.database.with_name(f"{home.database.name}.lock")
    guard.unlink()
    async with locked(home.database), running(home) as process:
        await until(lambda: guard.exists() and guard.read_text() != "")
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)

    assert FINE == process.returncode
    assert out.endswith(b"\ntocsin stopped before it had begun\n")
    assert b"" == err


@pytest.mark.parametrize("signals", [1, 2], ids=["one signal", "two signals"])
@pytest.mark.parametrize("halted", ["out", "err", "both"])
async def test_it_ends_by_itself_though_its_terminal_is_halted(tmp_path: Path, halted: str, signals: int) -> None:
    """Ctrl-S, or a pipe that nobody reads: it goes on, reads its files again, and ends within its time."""
    reader, writer = full_pipe()
    out = writer if halted != "err" else DEVNULL
    err = writer if halted != "out" else DEVNULL
    async with Venue(USDT=1.0) as venue, Telegram() as phone:
        home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
        process = await begun("run", "-c", home.file, stdout=out, stderr=err)
        try:
            await until(lambda: venue.asked > 0)
            home.write(rules=[cheap("another", below=0.98)])
            venue.prices["USDT"] = 0.97
            await phone.wait_for(lambda chat: any("another" in text for text in chat.texts))
            if signals == 2:
                phone.always = Slow()
                requests = len(phone.requests)
                venue.prices["USDT"] = 1.0
                await phone.wait_for(lambda chat: len(chat.requests) > requests)
            for _ in range(signals):
                await until(lambda: not is_pending(process.pid, signal.SIGTERM))  # two of a kind would be one
                process.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(process.wait(), PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            os.close(reader)
            os.close(writer)

    assert (FINE if signals == 1 else FAILED) == code


def is_pending(pid: int, number: int) -> bool:
    """The process has not taken it yet."""
    (waiting,) = re.findall(r"^ShdPnd:\s*(\S+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(waiting, 16) >> (number - 1) & 1)


def full_pipe() -> tuple[int, int]:
    """A pipe into which nothing fits any more, and who writes waits."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    return reader, writer


async def test_a_signal_is_heeded_though_nobody_reads_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tocsin run | head`: the reader is gone, and the house can be stopped all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        heed_signals(stop, announce)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(PATIENCE_S):
                await stop.wait()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    assert stop.is_set()
