"""`tocsin events` and `tocsin outbox` beside a database that a daemon has filled."""

import asyncio
import json
import re
import signal
from pathlib import Path

from daemon.cli.examples import EXAMPLES
from daemon.cli.log import line
from rules.alerts import Severity
from rules.delivery import Cap, Grouping, SinkPolicy
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import Logged
from storage.notices import Words
from storage.outbox import Outbox
from tests.daemon.cli.typed import typed
from tests.daemon.trial.test_explaining import M, T, hot, lived, rate
from tests.patience import PATIENCE_S
from tests.programs import begun

NOW_MS = 1_763_700_000_000
HOUR_MS = 3_600_000


async def remembered(tmp_path: Path) -> str:
    """A database with one event of each type, and two lanes: one message dead, one waiting."""
    url = f"sqlite:///{tmp_path}/tocsin.db"
    database = await Database.open(url, clock=lambda: NOW_MS)
    try:
        await Journal(database).commit(Batch(events=list(EXAMPLES.values())), NOW_MS)
        box = Outbox(database)
        await box.sync_lanes({"desk": "1", "phone": "2"}, NOW_MS)
        await box.say("desk", Words(headline="[red]hello"), Severity.INFO, key="aaaa1111")
        await box.say("phone", Words(headline=f"good evening{', and more' * 20}"), Severity.INFO, key="aabb2222")
        await box.claim("phone", NOW_MS)
        await box.dead("aabb2222", "chat not found")
        await box.disable_lane("phone", "the bot was blocked")
    finally:
        await database.close()
    return url


async def answered(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(typed, *arguments, cwd=tmp_path)
    return done.returncode, done.stdout, done.stderr


async def test_events_are_shown_and_filtered(tmp_path: Path) -> None:
    url = await remembered(tmp_path)
    everything = await answered(tmp_path, "events", "--db", url)
    some = await answered(tmp_path, "events", "--db", url, "--type", "liquidation", "--venue", "Binance", "--json")
    none = await answered(tmp_path, "events", "--db", url, "--since", "1h")

    assert (0, len(EXAMPLES)) == (everything[0], len(everything[1].splitlines()))
    assert "side=long quantity=18 price=85250 " in everything[1]
    assert "settles_at=2025-11-21T08:00Z is_settled=false" in everything[1]
    assert ["liquidation"] == [json.loads(line)["type"] for line in some[1].splitlines()]
    assert (0, "", "nothing like that has happened\n") == none


async def test_a_coin_stands_for_its_instruments(tmp_path: Path) -> None:
    """However it is typed."""
    url = await remembered(tmp_path)
    _, coin, _ = await answered(tmp_path, "events", "--db", url, "--symbol", "btc", "--json")
    _, feed, _ = await answered(tmp_path, "events", "--db", url, "--symbol", "okx.public", "--json")

    assert {"BTC-USDT-PERP"} == {json.loads(line)["symbol"] for line in coin.splitlines()}
    assert ["okx.public"] == [json.loads(line)["feed"] for line in feed.splitlines()]


def test_numbers_are_shown_without_the_noise_of_binary_fractions() -> None:
    facts = {"oi_usd": 15365.465999999999, "rate": 8.093e-05, "quantity": 1e9, "settles_at_ms": 10**30}
    logged = Logged(
        id=1, type="x", venue="okx", symbol="BTC", at_ms=NOW_MS, received_ms=NOW_MS, payload=json.dumps(facts)
    )

    said = f"oi_usd=15365.466 rate=0.00008093 quantity=1000000000 settles_at_ms={10**30}"
    assert line(logged, as_json=False).endswith(f" {said}")
    assert logged.payload == line(logged, as_json=True)


async def test_the_database_of_the_configuration_is_read(tmp_path: Path) -> None:
    url = await remembered(tmp_path)
    (tmp_path / "a.yaml").write_text(f"storage: {{url: '{url}'}}\n")
    code, said, _ = await answered(tmp_path, "events", "-c", "a.yaml", "--limit", "2")

    assert (0, 2) == (code, len(said.splitlines()))


async def test_an_unknown_type_or_duration_is_exit_code_2(tmp_path: Path) -> None:
    wrong_type = await answered(tmp_path, "events", "--type", "liquidations")
    wrong_time = await answered(tmp_path, "events", "--since", "5")

    assert (2, 2) == (wrong_type[0], wrong_time[0])
    assert "did you mean liquidation?" in wrong_type[2]
    assert "write 30s, 5m, 1h30m or 2d" in wrong_time[2]


async def test_a_database_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for command in ("events", "outbox"):
        code, _, said = await answered(tmp_path, command, "--db", f"sqlite:///{tmp_path}/none.db")

        assert 1 == code
        assert "does not exist yet; `tocsin run` makes it" in said


async def test_the_outbox_shows_lanes_and_what_is_unfinished(tmp_path: Path) -> None:
    code, said, _ = await answered(tmp_path, "outbox", "--db", await remembered(tmp_path))

    assert 0 == code
    for words in ("disabled: the bot was blocked", "[red]hello", "good evening", "chat not found", "aaaa1111"):
        assert words in said
    assert "aabb2222" in next(row for row in said.splitlines() if "chat not found" in row), "piped, a row is a line"


async def test_a_dead_message_is_retried_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    url = await remembered(tmp_path)
    ambiguous = await answered(tmp_path, "outbox", "--db", url, "retry", "aa")
    unknown = await answered(tmp_path, "outbox", "--db", url, "retry", "ff")
    retried = await answered(tmp_path, "outbox", "--db", url, "retry", "aab")
    again = await answered(tmp_path, "outbox", "--db", url, "retry", "aab")

    assert (1, "tocsin: aa: 2 messages or more begin so; write more of the ID\n") == (ambiguous[0], ambiguous[2])
    assert (1, "tocsin: ff: no message has this ID; `tocsin outbox --all` lists them\n") == (unknown[0], unknown[2])
    assert (0, "aabb2222: waits to be sent\n") == retried[:2]
    assert 1 == again[0]


async def test_a_lane_is_enabled_by_name(tmp_path: Path) -> None:
    url = await remembered(tmp_path)
    right = await answered(tmp_path, "outbox", "--db", url, "enable", "phone")
    wrong = await answered(tmp_path, "outbox", "--db", url, "enable", "fone")
    _, said, _ = await answered(tmp_path, "outbox", "--db", url)

    assert (0, "phone: enabled\n") == right[:2]
    assert (1, "tocsin: there is no lane 'fone'; `tocsin outbox` lists them\n") == (wrong[0], wrong[2])
    assert "disabled" not in said


async def test_following_shows_what_comes_later(tmp_path: Path) -> None:
    """The tail is a process; it is ended as Ctrl-C ends it."""
    url = await remembered(tmp_path)
    tail = await begun("events", "--db", url, "--follow", "--json", "--type", "mark_price")
    assert tail.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = json.loads(await tail.stdout.readline())
            database = await Database.open(url, exclusive=False)
            await Journal(database).commit(Batch(events=[EXAMPLES["mark_price"]]), NOW_MS + 1)
            await database.close()
            second = json.loads(await tail.stdout.readline())
            tail.send_signal(signal.SIGINT)
            _, said = await tail.communicate()
    finally:
        if tail.returncode is None:
            tail.kill()

    assert ("mark_price", first) == (first["type"], second)
    assert b"Traceback" not in said


async def test_a_lane_that_fails_says_when_it_tries_next(tmp_path: Path) -> None:
    """As one that was told to wait does. Where nothing waits any more, nothing is tried."""
    url = f"sqlite:///{tmp_path}/tocsin.db"
    database = await Database.open(url)
    states = []
    try:
        box, now_ms = Outbox(database), database.clock()
        await box.sync_lanes({"hook": "1"}, now_ms)
        await box.say("hook", Words(headline="hello"), Severity.INFO, key="aaaa1111")
        for at_ms, next_ms in ((now_ms, now_ms + HOUR_MS), (now_ms + HOUR_MS, now_ms - 1)):
            await box.claim("hook", at_ms)
            await box.retry_at("aaaa1111", next_ms, "refused")
            states.append((await answered(tmp_path, "outbox", "--db", url))[1])
        await box.dead("aaaa1111", "gone")
        states.append((await answered(tmp_path, "outbox", "--db", url))[1])
    finally:
        await database.close()

    assert re.search(r"hook +failed, tries again in (59m\d+s|1h) ", states[0])
    assert re.search(r"hook +failed 2 times in a row, tries again now ", states[1])
    assert re.search(r"hook +failed 2 times in a row  ", states[2])


async def test_what_a_digest_tells_says_when(tmp_path: Path) -> None:
    """First for when it waits, then when it was told; beside it why it was kept back."""
    policy = SinkPolicy(name="desk", cap=Cap(0, HOUR_MS))
    database = await lived(tmp_path, hot(), [rate(1e-4, T), rate(6e-4, T + M)], cap=policy.cap)
    url, box, rows = f"sqlite:///{tmp_path}/tocsin.db", Outbox(database), []
    try:
        for at_ms in (T + 2 * M, T + 2 * M + HOUR_MS):
            notice = await box.claim("desk", at_ms, sink=policy)
            assert notice is not None
            rows.append((await answered(tmp_path, "outbox", "--all", "--db", url))[1])
            await box.sent(notice.key, None, at_ms)
        rows.append((await answered(tmp_path, "outbox", "--all", "--db", url))[1])
    finally:
        await database.close()
    (waits, leaves, told) = (next(row for row in said.splitlines() if "hot fired" in row) for said in rows)

    assert "suppressed" in told
    assert waits.endswith("waits for the digest: more than 0 within 1h"), "that time has passed by this machine's clock"
    assert leaves.endswith("on its way in the digest: more than 0 within 1h")
    assert told.endswith("told in the digest of 2026-01-05 13:02Z: more than 0 within 1h")


async def test_what_a_summary_tells_says_when(tmp_path: Path) -> None:
    venues = ("binance", "okx")
    rates = [rate(value, T, venue=venue) for value in (1e-4, 6e-4) for venue in venues]
    database = await lived(tmp_path, hot(), rates)
    try:
        box = Outbox(database)
        policy = SinkPolicy(name="desk", group=Grouping(at_least=2))
        summary = await box.claim("desk", T + M, sink=policy)
        assert summary is not None
        await box.sent(summary.key, None, T + M)
        _, said, _ = await answered(tmp_path, "outbox", "--all", "--db", f"sqlite:///{tmp_path}/tocsin.db")
    finally:
        await database.close()

    (row,) = [row for row in said.splitlines() if " merged " in row and "hot fired" in row]
    assert row.endswith("told in the summary of 2026-01-05 12:01Z")
