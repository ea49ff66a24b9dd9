"""The process as people end it: by signals."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.app import FAILED, FINE
from tests.chats import Slow, Telegram
from tests.daemon.town import Home, Venue

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon", "run", "-c", str(home.file), cwd=ROOT, stdout=PIPE, stderr=PIPE
    )
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
        home = Home(tmp_path, venue, sinks={"phone": {"url": phone.address(), "api_url": phone.url}})
        async with running(home) as process:
            await phone.wait_for(lambda chat: len(chat.requests) == 1)
            process.send_signal(signal.SIGTERM)
            assert process.stdout is not None
            async with asyncio.timeout(10):
                while not (await process.stdout.readline()).startswith(b"stopping: "):
                    pass
            phone.release()
            out, err = await asyncio.wait_for(process.communicate(), 15)

    assert FINE == process.returncode
    assert b"tocsin stopped: " in out
    assert b"Traceback" not in err
    assert 1 == len(phone.shown)


async def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Without a traceback, and not with the code of success."""
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        phone.always = Slow()
        home = Home(tmp_path, venue, sinks={"phone": {"url": phone.address(), "api_url": phone.url}})
        async with running(home) as process:
            await phone.wait_for(lambda chat: len(chat.requests) == 1)
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            async with asyncio.timeout(10):
                while not (await process.stdout.readline()).startswith(b"stopping: "):
                    pass
            process.send_signal(signal.SIGINT)
            _, err = await asyncio.wait_for(process.communicate(), 5)

    assert FAILED == process.returncode
    assert b"tocsin stopped at once" in err
    assert b"Traceback" not in err
