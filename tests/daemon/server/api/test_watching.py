"""/ws/alerts over real sockets: everything that was written down, once, in order, to whoever may hear it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.house import House
from daemon.server.api import changes as pushing
from rules.alerts import Change, Severity
from storage.access import Access
from tests.daemon.lanes import until
from tests.daemon.server.api.asking import ask, happen, new_key
from tests.daemon.server.gates import statements
from tests.daemon.town import Home
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW, Episode

PINGS = b"\x89\x00" * 1_000
GUARDED = {"host": "0.0.0.0", "port": 0, "tables": False}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A house where nothing happens by itself. Of its rules one is told of here, the other is never heard of."""
    rules = [{"id": f"{name}-funding", "type": "funding", "symbols": "*", "above": "1%"} for name in ("hot", "cold")]
    async with Home(tmp_path, None, rules=rules).living() as house:
        yield house


def address(house: House, query: str = "") -> str:
    return f"ws{house.server.url.removeprefix('http')}/ws/alerts{query}"


@asynccontextmanager
async def watching(house: House, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    """A client that has been told hello."""
    async with connect(address(house, query), **options) as client:
        assert ["hello"] == list(await hear(client))
        yield client


async def hear(client: ClientConnection) -> Any:
    """The next message."""
    return json.loads(await asyncio.wait_for(client.recv(), PATIENCE_S))


async def listened(house: House, clients: int = 1) -> None:
    """Wait until so many hear live."""
    assert house.changes is not None
    found = house.changes
    await until(lambda: clients == len(found._listeners))


async def parted(client: ClientConnection) -> tuple[int, str]:
    """How the conversation ends."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), PATIENCE_S)
    except ConnectionClosed as exc:
        assert exc.rcvd is not None
        return exc.rcvd.code, exc.rcvd.reason


async def test_every_change_is_told_in_order_and_in_words(house: House) -> None:
    """To everybody who listens, as GET /api/alerts/{id} tells it later."""
    episode = Episode(started_ms=NOW)
    async with watching(house) as one, watching(house) as other:
        await listened(house, 2)
        await happen(house, episode, Change.FIRED, Change.ESCALATED, Change.EASED, Change.CLEARED)
        told = [await hear(one) for _ in range(4)]

        assert told == [await hear(other) for _ in range(4)]

    _, answer = await ask(house, f"/api/alerts/{episode.episode_id}")

    assert ["fired", "escalated", "eased", "cleared"] == [frame["change"] for frame in told]
    assert all("BTC" in frame.pop("headline") for frame in told)
    assert answer["changes"] == told


async def test_a_past_change_reads_as_it_was_then(house: House) -> None:
    """Not as the alert is today: whoever reads on hears what those heard who listened."""
    episode = Episode(started_ms=NOW)
    async with watching(house) as client:
        await listened(house)
        for change, rate in ((Change.FIRED, 0.0008), (Change.ESCALATED, 0.002), (Change.EASED, 0.0007)):
            await happen(house, episode, change, facts={"rate_8h": rate})
        live = [await hear(client) for _ in range(3)]
    async with watching(house, "?after=0") as client:
        late = [await hear(client) for _ in range(3)]

    assert live == late
    assert 3 == len({frame["headline"] for frame in late})


async def test_a_change_that_an_older_program_wrote_has_no_headline(house: House) -> None:
    """Nor one of which another version has kept what we cannot read. The latest is the alert as it stands."""
    await happen(house, Episode(started_ms=NOW), Change.FIRED, Change.ESCALATED, Change.CLEARED)
    async with house.database.writer() as connection:
        await connection.exec_driver_sql("UPDATE transitions SET alert = NULL WHERE id <> 2")
        await connection.exec_driver_sql("UPDATE transitions SET alert = '{}' WHERE id = 2")
    async with watching(house, "?after=0") as client:
        told = [await hear(client) for _ in range(3)]

    assert [None, None] == [frame["headline"] for frame in told[:2]]
    assert "BTC" in told[2]["headline"]


async def test_what_was_missed_comes_first_and_nothing_comes_twice(house: House) -> None:
    first, later = Episode(started_ms=NOW), Episode("ETH-USDT-PERP", started_ms=NOW)
    async with watching(house) as client:
        await listened(house)
        await happen(house, first, Change.FIRED)
        last = (await hear(client))["id"]
    await happen(house, first, Change.ESCALATED, Change.CLEARED)
    async with watching(house, f"?after={last}") as client:
        missed = [(await hear(client))["change"] for _ in range(2)]
        await happen(house, later, Change.FIRED)
        live = await hear(client)

    assert ["escalated", "cleared"] == missed
    assert ("fired", "ETH-USDT-PERP") == (live["change"], live["key"]["symbol"])


async def test_nothing_is_lost_between_reading_on_and_hearing_live(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes go on while several pages are read."""
    monkeypatch.setattr(pushing, "_PAGE", 3)
    episodes = [Episode(f"C{number}-USDT-PERP", started_ms=NOW) for number in range(30)]
    for episode in episodes[:15]:
        await happen(house, episode, Change.FIRED)

    async def go_on() -> None:
        for episode in episodes[15:]:
            await happen(house, episode, Change.FIRED)

    async with watching(house, "?after=0") as one, watching(house, "?after=7") as other, asyncio.TaskGroup() as group:
        group.create_task(go_on())
        everything = [(await hear(one))["key"]["symbol"] for _ in range(30)]
        rest = [(await hear(other))["key"]["symbol"] for _ in range(23)]

    assert [episode.key["symbol"] for episode in episodes] == everything
    assert everything[7:] == rest


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?symbol=eth", ["ETH-USDT-PERP"]),
        ("?rule=hot-funding&min_severity=critical", ["ETH-USDT-PERP"]),
        ("?kind=funding", ["BTC-USDT-PERP", "ETH-USDT-PERP"]),
        ("?kind=depeg", []),
        ("?rule=cold-funding", []),
    ],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["live", "read on"])
async def test_only_what_was_asked_for_is_told(house: House, query: str, expected: list[str], is_late: bool) -> None:
    async def both() -> None:
        await happen(house, Episode(started_ms=NOW), Change.FIRED)
        await happen(house, Episode("ETH-USDT-PERP", started_ms=NOW), Change.FIRED, severity=Severity.CRITICAL)

    if is_late:
        await both()
    async with watching(house, "?after=0") as all_, watching(house, f"{query}{'&after=0' if is_late else ''}") as some:
        await listened(house, 2)
        if not is_late:
            await both()
        for _ in range(2):
            await hear(all_)
        told = [(await hear(some))["key"]["symbol"] for _ in expected]
        await happen(house, Episode("SOL-USDT-PERP", started_ms=NOW), Change.FIRED)
        await hear(all_)  # whatever the other was to be told is on its way now
        await some.send("end")
        rest: list[Any] = []
        while "error" not in (frame := await hear(some)):
            rest.append(frame["key"]["symbol"])

    assert expected == told
    assert (["SOL-USDT-PERP"] if query == "?kind=funding" else []) == rest


async def test_private_alerts_are_told_to_nobody(house: House) -> None:
    """By their key, or by the event behind them; live, and to whoever reads on."""
    mine, hidden, shown = (Episode(f"{coin}-USDT-PERP", started_ms=NOW) for coin in ("BTC", "ETH", "SOL"))
    mine.key = {**mine.key, "account": "main"}
    async with watching(house) as live:
        await listened(house)
        await happen(house, mine, Change.FIRED, Change.CLEARED)
        await happen(house, hidden, Change.FIRED, facts={"type": "order_update", "rate": 0.1})
        await happen(house, shown, Change.FIRED)

        assert "SOL-USDT-PERP" == (await hear(live))["key"]["symbol"]

    async with watching(house, "?after=0") as late:
        assert "SOL-USDT-PERP" == (await hear(late))["key"]["symbol"]


async def test_who_does_not_read_is_told_goodbye_and_the_others_miss_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path, None, server={"port": 0, "tables": False, "write_buffer": 4_096})
    async with home.living() as house, watching(house) as quick, watching(house) as slow:
        await listened(house, 2)
        assert house.changes is not None
        lines = {one.line.transport.get_extra_info("peername"): one.line for one in house.changes._listeners}
        stuck = lines[slow.local_address]
        slow.transport.pause_reading()
        while stuck.transport.get_write_buffer_size() <= 4_096:
            stuck.transport.write(PINGS)  # fills what the kernel holds, and then what we do
        await happen(house, Episode(started_ms=NOW), Change.FIRED, Change.CLEARED)

        assert ["fired", "cleared"] == [(await hear(quick))["change"] for _ in range(2)]
        assert 1 == house.hub.counters.goodbyes["too_slow"]
        await listened(house, 1)
        slow.transport.abort()


async def test_who_came_with_a_key_that_is_revoked_is_shown_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.server.auth.LOOK_EVERY_S", 0.05)
    async with Home(tmp_path, None, server=GUARDED).living() as house:
        key = await new_key(house, "desk")
        async with watching(house, additional_headers={"x-api-key": key}) as client:
            await Access(house.database).revoke_key("desk", house.clock())

            assert 4001 == (await parted(client))[0]

        with pytest.raises(InvalidStatus) as refused:
            await connect(address(house))

        assert 401 == refused.value.response.status_code


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_pages_of_other_sites_hear_nothing(house: House, origin: str) -> None:
    """A browser lets any page open a WebSocket to this machine."""
    with pytest.raises(InvalidStatus) as refused:
        await connect(address(house), additional_headers={"Origin": origin})

    assert 403 == refused.value.response.status_code


@pytest.mark.parametrize(
    ("query", "parameter", "part"),
    [
        ("?rul=x", "rul", "not a parameter here; known: after, kind, min_severity"),
        ("?after=soon", "after", "after: 'soon' cannot stand here; write a whole number"),
        ("?after=99", "after", "the newest change is 0"),
        ("?min_severity=loud", "min_severity", "'loud' is not one we know; known: critical, info, warning"),
        ("?rule=nope", "rule", "there is no rule 'nope'; known: cold-funding, hot-funding"),
        ("?rule=hot-fundin", "rule", "did you mean hot-funding?"),
        ("?kind=fundin", "kind", "there is no kind of rule 'fundin'; did you mean funding?"),
        ("?symbol=BTCUSDT", "symbol", "write BTC, or BTC-USDT-PERP"),
        ("?symbol=nosuch", "symbol", "no rule or venue speaks of 'nosuch'"),
    ],
)
async def test_who_asks_wrongly_is_told_what_would_be_right(
    house: House, query: str, parameter: str, part: str
) -> None:
    async with connect(address(house, query)) as client:
        said = (await hear(client))["error"]
        code, _ = await parted(client)

    assert (1008, parameter) == (code, said["parameter"])
    assert part in said["message"]


async def test_too_much_is_not_read_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.server.api.watching.MISSED_MAX", 1)
    await happen(house, Episode(started_ms=NOW), Change.FIRED, Change.CLEARED)
    async with connect(address(house, "?after=0")) as client:
        said = (await hear(client))["error"]

    assert ("too_far", "after") == (said["code"], said["parameter"])


async def test_a_message_is_answered_and_changes_nothing(house: House) -> None:
    async with watching(house) as client:
        await listened(house)
        await client.send('{"rule": "x"}')
        said = await hear(client)
        await happen(house, Episode(started_ms=NOW), Change.FIRED)

        assert "no message is understood here" in said["error"]["message"]
        assert "fired" == (await hear(client))["change"]


async def test_nothing_is_read_while_nobody_listens(house: House) -> None:
    async with statements(house.database) as heard, watching(house) as client:
        await listened(house)
        await happen(house, Episode(started_ms=NOW), Change.FIRED)
        await hear(client)
    await listened(house, 0)
    async with statements(house.database) as unheard:
        await happen(house, Episode("ETH-USDT-PERP", started_ms=NOW), Change.FIRED)
        await house.ear.look()

    assert [True, False] == [any("FROM transitions" in text for text in said) for said in (heard, unheard)]


async def test_everybody_is_told_when_the_house_stops(tmp_path: Path) -> None:
    async with Home(tmp_path, None).living() as house:
        client = await connect(address(house))
        await hear(client)

    assert 1001 == (await parted(client))[0]
    await client.close()
