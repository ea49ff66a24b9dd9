"""What a client says on its connection: asking, changing its mind, and erring."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from tests.daemon.server.fan import Board, hear, house, until


async def test_a_message_changes_the_parameters_and_is_answered_at_once() -> None:
    """From then on frames are those of the new topic alone."""
    board = Board()
    async with house(board) as place, place.client() as client:
        await hear(client)
        await client.send('{"coin": "ETH"}')
        answered = await hear(client)
        board.version = 1
        place.hub.moved()

        assert ("ETH", 0) == (answered["coin"], answered["version"])
        assert ("ETH", 1) == ((later := await hear(client))["coin"], later["version"])


async def test_a_message_that_changes_nothing_is_answered_too() -> None:
    """With what is known, without computing it again."""
    board = Board()
    async with house(board) as place, place.client("?coin=SOL") as client:
        first = await hear(client)
        await client.send("{}")

        assert first == await hear(client)
    assert ["SOL"] == board.computed


async def test_the_last_of_two_racing_changes_wins() -> None:
    """Even if the first one's answer comes later."""
    board = Board(gates={"ETH": asyncio.Event()})
    async with house(board) as place, place.client() as client:
        await hear(client)
        await client.send('{"coin": "ETH"}')
        await until(lambda: "ETH" in board.asked)
        await client.send('{"coin": "SOL"}')
        assert "SOL" == (await hear(client))["coin"]
        board.gates["ETH"].set()
        await until(lambda: "ETH" in board.computed)
        board.version = 1
        place.hub.moved()

        assert ("SOL", 1) == ((later := await hear(client))["coin"], later["version"])


async def test_only_changes_can_be_switched_by_message() -> None:
    """It belongs to the connection, so it is no parameter of the endpoint."""
    board = Board(next_s=0.01)
    async with house(board) as place, place.client() as client:
        await client.send('{"only_changes": true}')
        await until(lambda: len(board.asked) > 3)
        await client.send('{"only_changes": "maybe"}')
        heard = await hear(client)
        while "error" not in heard:
            heard = await hear(client)
        board.version = 1

        assert "only_changes" == heard["error"]["parameter"]
        assert 1 == (await hear(client))["version"]  # nothing in between


@pytest.mark.parametrize(
    ("message", "code", "parameter"),
    [
        ("", "invalid_json", None),
        ('{"coin": "ETH"', "invalid_json", None),
        ('{"page": NaN}', "invalid_json", None),
        ("[" * 4_000, "invalid_json", None),
        ('"ETH"', "wrong_type", None),
        ("[1]", "wrong_type", None),
        ("null", "wrong_type", None),
        (b'{"coin": "ETH"}', "wrong_type", None),
        ('{"coin": "DOGE"}', "unknown_value", "coin"),
        ('{"coin": ["ETH"]}', "unknown_value", "coin"),
        ('{"page": -1}', "not_a_number", "page"),
        ('{"colour": 1}', "unknown_parameter", "colour"),
        ('{"coin": "ETH", "page": "x"}', "not_a_number", "page"),
    ],
)
async def test_a_wrong_message_is_named_and_the_last_good_parameters_stay(
    message: str | bytes, code: str, parameter: str | None
) -> None:
    """Also when half of it was right."""
    board = Board()
    async with house(board) as place, place.client("?coin=SOL") as client:
        await hear(client)
        await client.send(message)
        error = (await hear(client))["error"]
        board.version = 1
        place.hub.moved()

        assert (code, parameter) == (error["code"], error["parameter"])
        assert error["message"]
        assert ("SOL", 1) == ((later := await hear(client))["coin"], later["version"])


async def test_wrong_parameters_of_a_handshake_are_named_and_the_others_apply() -> None:
    """The connection is not lost for them."""
    async with house(Board()) as place, place.client("?page=x&colour=red&coin=ETH&only_changes=2") as client:
        errors = [(await hear(client))["error"]["parameter"] for _ in range(3)]

        assert ["only_changes", "colour", "page"] == errors
        assert "ETH" == (await hear(client))["coin"]


async def test_a_handshake_with_hundreds_of_wrong_parameters_is_told_about_a_few() -> None:
    """And served what nobody got wrong."""
    query = "&".join(f"p{number}=1" for number in range(500))
    async with house(Board()) as place, place.client(f"?{query}") as client:
        errors = [(await hear(client))["error"]["parameter"] for _ in range(8)]

        assert [f"p{number}" for number in range(8)] == errors
        assert "BTC" == (await hear(client))["coin"]


@pytest.mark.parametrize("query", ["", "?coin=DOGE"])
async def test_a_missing_required_parameter_is_named_and_closes_with_a_policy_code(query: str) -> None:
    """There is nothing to serve, and no default."""
    async with house(Board(needs_coin=True)) as place, place.client(query) as client:
        assert "coin" == (await hear(client))["error"]["parameter"]
        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)

    assert closed.value.rcvd is not None
    assert 1008 == closed.value.rcvd.code


async def test_what_only_the_answer_finds_wrong_is_named_and_the_last_good_parameters_come_back() -> None:
    """As for any other wrong message, and others who ask the same are told the same."""
    board = Board()
    async with house(board) as place, place.client("?coin=ETH") as client:
        await hear(client)
        for _ in range(2):
            await client.send('{"coin": "BTC-NONE"}')
            assert "coin" == (await hear(client))["error"]["parameter"]
            assert "ETH" == (await hear(client))["coin"]
        board.version = 1
        place.hub.moved()

        assert ("ETH", 1) == ((later := await hear(client))["coin"], later["version"])
        assert 1 == place.hub.topics


async def test_what_only_the_answer_finds_wrong_in_a_handshake_is_left_out() -> None:
    """What else was asked is served."""
    async with house(Board()) as place, place.client("?coin=SOL-NONE&page=2") as client:
        assert "coin" == (await hear(client))["error"]["parameter"]
        assert "BTC" == (await hear(client))["coin"]


async def test_a_required_parameter_that_only_the_answer_finds_wrong_closes_with_a_policy_code() -> None:
    """Without it there is nothing to serve."""
    async with house(Board(needs_coin=True)) as place, place.client("?coin=SOL-NONE") as client:
        assert "coin" == (await hear(client))["error"]["parameter"]
        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)

    assert closed.value.rcvd is not None
    assert 1008 == closed.value.rcvd.code
