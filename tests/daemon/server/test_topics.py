"""One answer for all clients of a topic, at the right moment, and never at the expense of those who read."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from daemon.server.parameters import BadParameter
from daemon.upstream.cache import Unavailable
from tests.daemon.server.fan import Board, House, hear, house, payload, until
from tests.patience import PATIENCE_S

SLOW: dict[str, Any] = {"write_buffer": 65_536, "kernel_buffer": 131_072}
STALLS: dict[str, Any] = {"receive_buffer": 131_072}


async def test_every_client_of_a_topic_reads_the_same_bytes_of_one_answer() -> None:
    """Computed once, framed once, whoever listens."""
    board = Board(size=20_000)
    async with house(board) as place, AsyncExitStack() as stack:
        clients = [stack.enter_context(place.raw()) for _ in range(20)]
        for client in clients:
            await client.open()
        frames = [await client.frame() for client in clients]
        board.version = 1
        place.hub.moved()
        later = [await client.frame() for client in clients]

    assert 1 == len(set(frames)) == len(set(later))
    assert (0, 1) == (payload(frames[0])["version"], payload(later[0])["version"])
    assert ["BTC", "BTC"] == board.computed


async def test_parameters_that_mean_the_same_share_a_topic() -> None:
    """The key decides, not the words."""
    board = Board()
    async with house(board) as place, place.client() as one, place.client("?coin=BTC") as other:
        assert await hear(one) == await hear(other)
        assert 1 == place.hub.topics
        assert 2 == place.hub.clients_by_path()[board.path]

    assert ["BTC"] == board.computed


async def test_a_newcomer_gets_the_last_frame_at_once() -> None:
    """Without asking the endpoint: here it would not answer any more."""
    board = Board()
    async with house(board) as place, place.client() as early:
        await hear(early)
        board.gates["BTC"] = asyncio.Event()
        async with place.client() as late:
            assert 0 == (await hear(late))["version"]

    assert ["BTC"] == board.asked


async def test_a_first_frame_comes_at_once_while_hundreds_are_being_served() -> None:
    """A newcomer does not wait for the end of a round of writes."""
    board = Board(size=20_000)
    async with house(board) as place, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(place.client(compression=None)) for _ in range(200)]
        readers = [asyncio.create_task(_read_on(client), name="reader") for client in clients]
        mover = asyncio.create_task(_move(place, board), name="mover")
        async with asyncio.timeout(PATIENCE_S), place.client() as late:
            assert "BTC" == (await hear(late))["coin"]
        for task in (mover, *readers):
            task.cancel()
        await asyncio.gather(mover, *readers, return_exceptions=True)


async def test_an_answer_is_repeated_at_its_interval_without_being_computed_again() -> None:
    """The same bytes, with the time at which they were computed."""
    board = Board(next_s=0.01)
    async with house(board) as place:
        with place.raw() as client:
            await client.open()
            frames = {await client.frame() for _ in range(5)}

    assert 1 == len(frames)
    assert ["BTC"] == board.computed
    assert len(board.asked) >= 5


async def test_who_wants_only_changes_is_spared_the_repetition() -> None:
    """Beside a client that hears everything."""
    board = Board(next_s=0.01)
    async with house(board) as place, place.client("?only_changes=1") as quiet, place.client() as other:
        await hear(quiet)
        for _ in range(5):
            assert 0 == (await hear(other))["version"]
        board.version = 1

        assert 1 == (await hear(quiet))["version"]


async def test_a_move_is_pushed_before_the_interval_is_over() -> None:
    """A table moves with the market, not with its interval of a minute."""
    board = Board(next_s=60.0)
    async with house(board) as place, place.client() as client:
        await hear(client)
        for version in (1, 2, 3):
            board.version = version
            place.hub.moved()

            assert version == (await hear(client))["version"]


async def test_many_moves_are_one_push() -> None:
    """A table is pushed no more often than min_push_ms, and the last state is not lost."""
    board = Board()
    async with house(board, min_push_ms=500) as place, place.client() as client:
        await hear(client)
        for version in range(1, 51):
            board.version = version
            place.hub.moved()
            await asyncio.sleep(0)
        heard = [await hear(client)]
        while heard[-1]["version"] < 50:
            heard.append(await hear(client))

    assert len(heard) <= 5


async def test_a_stream_is_pushed_without_waiting_for_min_push() -> None:
    """Every liquidation matters; here a table would wait for an hour."""
    board = Board(is_stream=True)
    async with house(board, min_push_ms=3_600_000) as place, place.client() as client:
        await hear(client)
        for version in (1, 2, 3):
            board.version = version
            place.hub.moved()

            assert version == (await hear(client))["version"]


async def test_a_move_during_an_answer_is_not_lost() -> None:
    """It is for the next answer, which follows at once."""
    board = Board(gates={"BTC": asyncio.Event()})
    async with house(board) as place, place.client("?coin=BTC") as client:
        await until(lambda: board.asked == ["BTC"])
        board.version = 1
        place.hub.moved()
        board.gates["BTC"].set()
        heard = await hear(client)

        assert 1 == heard["version"]
        await until(lambda: len(board.asked) >= 2)


async def test_an_unmoved_answer_is_not_sent_for_the_move_of_another() -> None:
    """`changes` may say more than the answer shows; who saw no difference is not told."""
    board = Board()
    async with house(board) as place, place.client() as client:
        await hear(client)
        frames = place.hub.counters.frames
        board.changes = lambda params: 7  # type: ignore[method-assign]  # a view moved, the answer did not
        place.hub.moved()
        await until(lambda: len(board.asked) >= 2)
        board.version = 1
        board.changes = lambda params: 8  # type: ignore[method-assign]
        place.hub.moved()

        assert 1 == (await hear(client))["version"]
        assert frames + 1 == place.hub.counters.frames


@pytest.mark.parametrize("takes_over", [True, False])
async def test_compressed_frames_are_made_once_and_read_by_any_client(takes_over: bool) -> None:
    """Whatever was agreed on about context takeover, beside a client that wants none."""
    board = Board(size=20_000)
    deflate = ClientPerMessageDeflateFactory(server_no_context_takeover=not takes_over, client_max_window_bits=True)
    async with (
        house(board) as place,
        place.client(extensions=[deflate], compression=None) as small,
        place.client(compression=None) as plain,
    ):
        for version in range(3):
            board.version = version
            place.hub.moved()
            assert version == (await _at(small, version))["version"]
            assert version == (await _at(plain, version))["version"]
        assert "permessage-deflate" in (small.response.headers["Sec-WebSocket-Extensions"] if small.response else "")

        assert place.hub.counters.bytes < 4 * 20_000  # the compressed ones weigh next to nothing


async def test_a_client_with_a_smaller_window_than_ours_is_sent_plain_frames() -> None:
    """The shared frame looks back further than this client remembers."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n"
    async with house(Board(size=20_000)) as place:
        with place.raw(extra=offer) as client:
            head = await client.open()
            frame = await client.frame()

    assert "server_max_window_bits=9" in head
    assert 0x81 == frame[0]


async def test_a_client_that_stops_reading_delays_nobody_and_gets_the_newest_when_it_reads_on() -> None:
    """Frames are left out for it, so what waits for it has a bound."""
    board = Board(size=200_000)
    async with house(board, **SLOW) as place, place.client(compression=None) as fast:
        with place.raw(**STALLS) as slow:
            await slow.open()
            for version in range(1, 31):
                await _at(fast, version - 1)
                board.version = version
                place.hub.moved()
                assert place.hub.waiting_bytes <= 65_536 + 2 * 200_100
            await _at(fast, 30)

            assert place.hub.counters.conflated > 0
            versions = [payload(await slow.frame())["version"]]
            while versions[-1] < 30:
                versions.append(payload(await slow.frame())["version"])
    assert len(versions) < 15
    assert sorted(versions) == versions


async def test_a_stream_tells_a_slow_reader_goodbye_and_why() -> None:
    """A gap in a stream of facts would be a lie."""
    board = Board(size=200_000, is_stream=True)
    async with house(board, **SLOW, goodbye_s=PATIENCE_S) as place, place.client(compression=None) as fast:
        with place.raw(**STALLS) as slow:
            await slow.open()
            await _move_until(place, board, fast, lambda: place.hub.counters.goodbyes["too_slow"] == 1)
            frames = [await slow.frame()]
            while frames[-1][0] != 0x88:
                frames.append(await slow.frame())

    assert 4008 == int.from_bytes(frames[-1][2:4])
    versions = [payload(frame)["version"] for frame in frames[:-1]]
    assert list(range(versions[0], versions[0] + len(versions))) == versions  # no gap before the goodbye


async def test_who_does_not_even_read_the_goodbye_is_cut_off() -> None:
    """Nobody drains for them."""
    board = Board(size=200_000, is_stream=True)
    async with house(board, **SLOW, goodbye_s=0.05) as place, place.client(compression=None) as fast:
        with place.raw(**STALLS) as slow:
            await slow.open()
            await _move_until(place, board, fast, lambda: place.hub.counters.goodbyes["too_slow"] == 1)
            await until(lambda: place.hub.connections == 1)

        assert 1 == place.hub.counters.aborted["unanswered_goodbye"]


async def test_a_topic_outlives_its_last_client_for_a_while() -> None:
    """Who reconnects finds it warm; after that it is forgotten."""
    board = Board()
    async with house(board, linger_s=PATIENCE_S) as place:
        for _ in range(2):
            async with place.client() as client:
                await hear(client)
        assert ["BTC"] == board.asked
    async with house(board, linger_s=0.01) as place:
        async with place.client() as client:
            await hear(client)
        await until(lambda: place.hub.topics == 0)


async def test_nothing_is_computed_while_nobody_listens() -> None:
    """A topic that lingers rests."""
    board = Board(next_s=0.001)
    async with house(board, linger_s=60.0) as place:
        async with place.client() as client:
            await hear(client)
        await until(lambda: place.hub.connections == 0)
        asked = len(board.asked)
        for _ in range(20):
            place.hub.moved()
            await asyncio.sleep(0.002)

        assert len(board.asked) <= asked + 1


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (Unavailable("binance answers 503; no older answer"), "unavailable", "503"),
        (BadParameter("unknown_value", "coin", "this coin is not listed"), "unknown_value", "listed"),
        (TimeoutError(), "timeout", "keep trying"),
        (ValueError("secret insides"), "internal", "our fault"),
    ],
)
async def test_trouble_is_told_once_and_its_end_too(
    trouble: Exception, code: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However often the endpoint is tried; an answer that is the same as before is sent again."""
    board = Board()
    async with house(board) as place, place.client("?only_changes=1") as client, place.client() as other:
        await hear(client)
        await hear(other)
        board.fails = trouble
        board.version = 1
        place.hub.moved()
        told = await hear(client)
        asked = len(board.asked)
        await until(lambda: len(board.asked) >= asked + 3)
        board.fails, board.version = None, 0

        assert code == told["error"]["code"]
        assert words in told["error"]["message"]
        assert "secret" not in told["error"]["message"]
        assert 0 == (await hear(client))["version"]
        assert told == await hear(other)
        assert 0 == (await hear(other))["version"]
    assert (code == "internal") is ("an endpoint broke" in [r.message for r in caplog.records if r.levelno >= 40])


async def test_a_newcomer_in_trouble_gets_the_last_frame_and_the_trouble() -> None:
    """In this order, so that it knows that what it sees is old."""
    board = Board()
    async with house(board) as place, place.client() as early:
        await hear(early)
        board.fails = Unavailable("down")
        board.version = 1
        place.hub.moved()
        await hear(early)
        async with place.client() as late:
            assert 0 == (await hear(late))["version"]
            assert "unavailable" == (await hear(late))["error"]["code"]


async def test_one_broken_endpoint_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Its trouble stays its own, even when it cannot tell whether it moved."""
    broken, sound = Board(path="/broken"), Board()

    def changes(params: str) -> int:
        raise KeyError(params)

    broken.changes = changes  # type: ignore[method-assign]  # a bug of the endpoint
    async with (
        house(broken, sound) as place,
        place.client(path="/broken") as unlucky,
        place.client() as client,
    ):
        await hear(unlucky)
        await hear(client)
        sound.version = 1
        place.hub.moved()

        assert 1 == (await hear(client))["version"]
    assert 1 == len([record for record in caplog.records if record.levelno == logging.ERROR])


async def test_a_hub_stops_with_a_goodbye_and_leaves_no_task() -> None:
    """Also beside somebody who does not read."""
    board = Board(size=200_000)
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(house(board, **SLOW, goodbye_s=1.0))
        client = await stack.enter_async_context(place.client(compression=None))
        slow = stack.enter_context(place.raw(**STALLS))
        await slow.open()
        await hear(client)
        async with asyncio.timeout(PATIENCE_S):
            await place.hub.stop()

        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)
        assert closed.value.rcvd is not None
        assert 1001 == closed.value.rcvd.code
        assert "503" in (await stack.enter_context(place.raw()).open()).splitlines()[0]
        names = [task.get_name() for task in asyncio.all_tasks() if not task.done()]
        assert [] == [name for name in names if name.startswith(("hub", "topic"))]


async def _at(client: ClientConnection, version: int) -> dict[str, Any]:
    """Read on until this version."""
    heard = await hear(client)
    while heard["version"] < version:
        heard = await hear(client)
    return heard


async def _move_until(place: House, board: Board, fast: ClientConnection, holds: Callable[[], bool]) -> None:
    """Move on as fast as somebody who reads can follow."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            board.version += 1
            place.hub.moved()
            await _at(fast, board.version)


async def _move(place: House, board: Board) -> None:
    while True:
        board.version += 1
        place.hub.moved()
        await asyncio.sleep(0.001)


async def _read_on(client: ClientConnection) -> None:
    while True:
        await client.recv()
