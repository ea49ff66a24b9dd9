"""What is wrong with frames, files and databases: each is told in a sentence, and nothing decided is lost."""

import asyncio
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.house import House
from daemon.simulator.box import Box
from storage.database import Database
from storage.trouble import StorageTrouble
from tests.chats import JsonHook, Reply, Slow
from tests.e2e.ledger import copies, settled
from tests.e2e.living import addresses, feed, living, until, written
from tests.e2e.market import closed, quiet
from tests.e2e.process import ROOT, answer
from tests.patience import PATIENCE_S

WHALE: dict[str, Any] = {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"}
TOPIC = "!forceOrder@arr"

NUMBER_FOR_TEXT = (
    b'{"e":"forceOrder","E":1790000000000,"o":{"s":17,"S":"SELL","o":"LIMIT","f":"IOC","q":"20","p":"80000",'
    b'"ap":"80000","X":"FILLED","l":"20","z":"20","T":1790000000000}}'
)


class Scene:
    """A house, its market, and one chat."""

    def __init__(self, box: Box, chat: JsonHook, house: House) -> None:
        self.box, self.chat, self.house = box, chat, house

    async def order(self, quantity: float) -> None:
        await self.box.say("binance", [closed("binance", quantity)])

    async def told(self, *quantities: int) -> None:
        """Wait until these stand in the chat, and nothing else does."""
        await self.chat.wait_for(lambda chat: len(chat.texts) >= len(quantities))
        assert [f"quantity {quantity} BTC" for quantity in quantities] == [
            text.splitlines()[1] for text in self.chat.texts
        ]


@asynccontextmanager
async def scene(folder: Path, rules: list[dict[str, Any]] | None = None) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet()))
        chat = await stack.enter_async_context(JsonHook())
        files = configured(folder, box, chat, rules)
        house = await stack.enter_async_context(living(files))
        await box.subscriptions("binance").until(TOPIC)
        yield Scene(box, chat, house)


def configured(folder: Path, box: Box, chat: JsonHook, rules: list[dict[str, Any]] | None = None) -> list[Path]:
    return written(
        folder,
        rules=[WHALE] if rules is None else rules,
        sources=addresses(box, "binance"),
        sinks={"json": {"url": chat.address}},
    )


# -- frames -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"this is no JSON", id="not JSON"),
        pytest.param(NUMBER_FOR_TEXT, id="a number where text should be"),
        pytest.param(b'{"e":"forceOrder","o":{"s":"BTCUSDT","q":"NaN"}}', id="half of it"),
        pytest.param(b"[[[[[[" * 10_000, id="deep"),
        pytest.param(b"", id="empty"),
    ],
)
async def test_a_frame_that_cannot_be_read_is_counted_and_the_next_one_alerts(tmp_path: Path, frame: bytes) -> None:
    """The connection stays; the first of them is kept as a sample."""
    async with scene(tmp_path) as on:
        (connection,) = on.box.subscriptions("binance").connections
        await on.box.venues["binance"].push(connection, [frame, frame])
        await on.order(20)
        await on.told(20)

        status = feed(on.house, "binance.market")
        assert (2, frame[:300].decode(), 0) == (status.unreadable, status.sample, status.reconnects)


async def test_a_frame_of_50_mb_costs_the_connection_and_nothing_else(tmp_path: Path) -> None:
    """Nobody reads it to its end; the feed says why it was down, comes back, and alerts."""
    down = {"id": "down", "type": "feed_health", "feeds": ["binance.market"], "for": "0s", "severity": "info"}
    async with scene(tmp_path, [WHALE, down]) as on:
        on.box.misbehave("binance", "oversized", size=50_000_000)
        await on.chat.wait_for(lambda chat: len(chat.texts) == 1)
        on.box.behave("binance")
        await on.box.subscriptions("binance").until_gone()
        await on.box.subscriptions("binance").until(TOPIC)
        await on.order(20)
        await on.chat.wait_for(lambda chat: any("quantity 20 " in text for text in chat.texts))

        assert on.chat.texts[0].startswith(
            "INFO  binance.market is down: a frame above the size limit was refused, and the connection with it\n"
        )
        status = feed(on.house, "binance.market")
        assert (1, 1) == (status.reconnects, status.unreadable)


# -- rules --------------------------------------------------------------------------------------------------------


async def test_ten_thousand_rules_load_and_fire(tmp_path: Path) -> None:
    """The last of them, from a file that a program has written."""
    async with Box(quiet()) as box, JsonHook() as chat:
        files = configured(tmp_path, box, chat)
        with files[0].open("a", encoding="utf-8") as file:
            for number in range(9_999):
                file.write(f"- {{id: other-{number}, type: liquidation, symbols: [C{number}], at_least: $1m}}\n")
        async with living(files) as house:
            assert 10_000 == len(house.rules)
            await box.subscriptions("binance").until(TOPIC)
            await box.say("binance", [closed("binance", 20)])
            await chat.wait_for(lambda chat: len(chat.texts) == 1)

    assert "rule whale · " in chat.texts[0]


WRONG = """\
label: 17
rules:
  - id: "no spaces"
    type: funding
    symbols: []
    venues: 3.5.1
    direction: sideways
    rate: guessed
    above: 0.05
    clear: soon
    for: 5
    keep_firing_for: -1s
    cooldown: often
    max_age: old
    severity: loud
    notify: {a: b}
    message: "{rate.hex}"
    abvoe: 1%
sinks:
  phone: {url: "nosuch://x", min_severity: shouting, expire: 6, edit: maybe, late_after: x, uncertain: {critical: both}}
storage: {url: "mysql://x", keep: 30, sample_every: no}
server: {host: 7, port: 70000}
sources:
  binance: {ws_url: "http://x", rest_url: 5, open_interest_every: 0s}
  nosuch: {}
"""


def test_a_file_with_every_field_wrong_lists_all_of_them(tmp_path: Path) -> None:
    """At once, each with its line, and none twice."""
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)

    with pytest.raises(ConfigError) as caught:
        load([file])

    expected = {
        (1, "label"), (3, "rules.0.id"), (5, "rules.0.symbols"), (7, "rules.0.direction"), (8, "rules.0.rate"),
        (9, "rules.0.above"), (10, "rules.0.clear"), (11, "rules.0.for"), (12, "rules.0.keep_firing_for"),
        (13, "rules.0.cooldown"), (14, "rules.0.max_age"), (15, "rules.0.severity"), (16, "rules.0.notify"),
        (17, "rules.0.message"), (18, "rules.0.abvoe"), (20, "sinks.phone.url"), (20, "sinks.phone.min_severity"),
        (20, "sinks.phone.expire"), (20, "sinks.phone.edit"), (20, "sinks.phone.late_after"),
        (20, "sinks.phone.uncertain.critical"), (21, "storage.url"), (21, "storage.keep"), (21, "storage.sample_every"),
        (22, "server.host"), (22, "server.port"), (24, "sources.binance.ws_url"), (24, "sources.binance.rest_url"),
        (24, "sources.binance.open_interest_every"), (25, "sources.nosuch"),
    }  # fmt: skip
    found = [(mistake.line, mistake.path) for mistake in caught.value.mistakes]
    assert expected == set(found)
    assert len(found) == len(set(found))


# -- a database that makes trouble while we run -------------------------------------------------------------------


async def pragma(house: House, *words: str) -> None:
    """Set these on the one connection that writes."""
    async with house.database.writer() as connection:
        for word in words:
            await connection.exec_driver_sql(f"PRAGMA {word}")


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Another connection holds the lock. Taken between two transactions of ours, which need this loop to end."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as other:
        async with asyncio.timeout(PATIENCE_S):
            while not other.in_transaction:
                with suppress(sqlite3.OperationalError):
                    other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(0)
        yield


async def pages(house: House) -> int:
    async with house.database.writer() as connection:
        return int((await connection.exec_driver_sql("PRAGMA page_count")).scalar_one())


async def test_a_full_disk_holds_what_was_decided_until_there_is_room(tmp_path: Path) -> None:
    """The page says why; nothing is lost and nothing doubled."""
    numbers = [*range(20, 60)]
    async with scene(tmp_path) as on:
        await pragma(on.house, f"max_page_count={await pages(on.house)}")
        await on.box.say("binance", [closed("binance", number) for number in numbers])
        await until(lambda: on.house.recorder.held_reason is not None)
        held = on.house.recorder.held_reason
        _, _, health = await status_of(on.house)
        await pragma(on.house, "max_page_count=100000")
        await on.told(*numbers)

    assert f"the disk of {tmp_path / 'tocsin.db'} is full; make room and it goes on" == held
    assert '"status": "degraded"' in health and "make room and it goes on" in health


async def status_of(house: House) -> tuple[int, str, str]:
    code, out, err = await answer("status", "--url", house.server.url, "--json")
    return code, err, out


async def test_a_locked_database_is_waited_for(tmp_path: Path) -> None:
    """Another process holds its lock for longer than our patience."""
    async with scene(tmp_path) as on:
        await pragma(on.house, "busy_timeout=100")
        async with locked(tmp_path / "tocsin.db"):
            await on.order(20)
            await until(lambda: on.house.recorder.held_reason is not None)
            held = on.house.recorder.held_reason
            assert [] == on.chat.texts
        await on.told(20)

    assert f"{tmp_path / 'tocsin.db'} is locked by another process; close what has it open" == held


async def test_a_database_that_became_read_only_is_waited_for(tmp_path: Path) -> None:
    """As when its file system was mounted anew for reading only."""
    async with scene(tmp_path) as on:
        await pragma(on.house, "query_only=ON")
        await on.order(20)
        await until(lambda: on.house.recorder.held_reason is not None)
        held = on.house.recorder.held_reason
        async with on.house.database._writer.connect() as connection:  # `writer` would begin to write first
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.execute("PRAGMA query_only=OFF")
        await on.told(20)

    assert f"{tmp_path / 'tocsin.db'} is read-only; allow writing to the file and to its folder" == held


async def test_a_known_answer_never_becomes_a_doubt(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The chat has said yes while the database is locked: that is noted when it is free, and nothing is sent again."""
    async with scene(tmp_path) as on:
        await pragma(on.house, "busy_timeout=100")
        on.chat.moods.append(Slow())
        await on.order(20)
        await on.chat.wait_for(lambda chat: len(chat.texts) == 1)
        async with locked(tmp_path / "tocsin.db"):
            on.chat.release()
            await until(lambda: "lane waits for the database" in caplog.messages)
        (line,) = await settled(str(tmp_path / "tocsin.db"))

        assert ("sent", [False]) == (line.status, copies(line, on.chat))


# -- a database that makes trouble when we start ------------------------------------------------------------------


@asynccontextmanager
async def waiting(folder: Path) -> AsyncIterator[tuple[list[Path], Path, JsonHook]]:
    """A house has decided something that its chat would not take, and has stopped: files, database, and the chat."""
    async with Box(quiet()) as box, JsonHook() as chat:
        files = configured(folder, box, chat)
        chat.always = Reply(500, "{}")
        async with living(files):
            await box.subscriptions("binance").until(TOPIC)
            await box.say("binance", [closed("binance", 20)])
            await chat.wait_for(lambda chat: len(chat.requests) == 1)
        chat.always = None
        yield files, folder / "tocsin.db", chat


async def arrives(files: list[Path], chat: JsonHook) -> None:
    """The trouble is over: what was decided before it is told now, once."""
    async with living(files):
        await chat.wait_for(lambda chat: len(chat.texts) == 1)
        (line,) = await settled(str(load(files).storage.address))
        assert ("sent", [False]) == (line.status, copies(line, chat))


async def refused(files: list[Path]) -> str:
    """`tocsin run` ends with exit code 1; the sentence it leaves."""
    code, out, err = await answer("run", *(word for file in files for word in ("-c", file)))
    assert (1, "") == (code, out)
    return err


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older program must not write into what it does not understand."""
    async with waiting(tmp_path) as (files, database, chat):
        with closing(sqlite3.connect(database)) as other, other:
            (known,) = other.execute("SELECT version_num FROM alembic_version").fetchone()
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        sentence = await refused(files)
        with closing(sqlite3.connect(database)) as other, other:
            other.execute("UPDATE alembic_version SET version_num = ?", (known,))
        await arrives(files, chat)

    assert (
        f"tocsin: {database} was written by a newer Tocsin (schema 9999; this one knows up to {known});"
        " update Tocsin, or name another storage.url\n"
    ) == sentence


async def test_a_database_that_another_process_has_locked_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After our patience, which is shorter here."""
    async with waiting(tmp_path) as (files, database, chat):
        with monkeypatch.context() as patch:
            patch.setitem(vars(Database)["open"].__func__.__kwdefaults__, "patience_s", 0.2)
            async with locked(database):
                with pytest.raises(StorageTrouble, match="is locked by another process; close what has it open"):
                    async with living(files):
                        pass
        await arrives(files, chat)


AS_NOBODY = """
import os, sys
from pathlib import Path
import aiosqlite, sqlalchemy.dialects.sqlite.aiosqlite
from daemon import app
from daemon.config.load import load
config = load([Path(name) for name in sys.argv[1:]])
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(app.run(config))
"""


def allow_writing(folder: Path, allowed: bool) -> None:
    for path in folder.iterdir():
        path.chmod(0o644 if allowed else 0o444)
    folder.chmod(0o755 if allowed else 0o555)


async def test_a_database_that_may_only_be_read_is_named() -> None:
    """Asked by a user who may not write; the superuser may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with waiting(folder) as (files, database, chat):
            allow_writing(folder, False)
            command = [sys.executable, "-c", AS_NOBODY, *map(str, files)]
            ended = await asyncio.to_thread(
                subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S
            )
            allow_writing(folder, True)
            await arrives(files, chat)

    assert (1, "") == (ended.returncode, ended.stdout)
    assert f"tocsin: {database} is read-only; allow writing to the file and to its folder\n" == ended.stderr
