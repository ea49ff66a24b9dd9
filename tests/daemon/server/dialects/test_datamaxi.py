"""DataMaxi+'s clients, served: topics, pings, short keys, and the tutorial's own script."""

import aiohttp
import pytest

from daemon.server.dialects.datamaxi import TOPICS_MAX
from daemon.wire import datamaxi as wire
from rules.events import FundingRate, Liquidation
from rules.selection import Selection
from tests.daemon.server.dialects.booth import NOW, Booth, booth, until

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
FUNDING, LIQUIDATION = wire.FUNDING_PATH, wire.LIQUIDATION_PATH


def rate(symbol: str = BTC, venue: str = "binance", value: float = 1e-4, *, is_settled: bool = False) -> FundingRate:
    return FundingRate(
        venue=venue, symbol=symbol, rate=value, interval_h=8.0, settles_at_ms=NOW + (-1 if is_settled else 60_000),
        is_settled=is_settled, at_ms=NOW, received_ms=NOW,
    )  # fmt: skip


FRAME = {"f": 1e-4, "i": 8, "e": "binance", "s": "BTC-USDT", "b": "BTC", "q": "USDT", "d": NOW + 60_000, "p": NOW}


async def test_a_rate_has_exactly_the_keys_of_the_table() -> None:
    """No `id`: in the tutorial that is the number of a request."""
    async with booth() as place, place.client(FUNDING, X_DTMX_APIKEY="anything") as client:
        ack = await client.ask({"method": "SUBSCRIBE", "params": ["BTC-USDT@binance", "ETH-USDT@okx"], "id": 1})
        await place.hear(rate(), rate(ETH), rate(ETH, "okx", -2e-4))

        assert {"result": ["BTC-USDT@binance", "ETH-USDT@okx"], "id": 1} == ack
        assert FRAME == await client.hear()
        assert ("okx", -2e-4) == ((said := await client.hear())["e"], said["f"])


async def test_a_liquidation_has_exactly_the_published_keys() -> None:
    """`sd` is the side of the position."""
    event = Liquidation(
        venue="okx", symbol=BTC, side="short", quantity=2.0, price=50.0, price_kind="mark", notional_usd=100.0,
        at_ms=NOW, received_ms=NOW,
    )  # fmt: skip
    async with booth() as place, place.client(LIQUIDATION) as client:
        await client.ask({"method": "SUBSCRIBE", "params": ["BTC-USDT@okx"], "id": 1})
        assert {(Liquidation, "okx", Selection.of([BTC]))} == place.wishes
        await place.hear(event)

        assert {
            "id": "btc", "e": "okx", "d": NOW, "s": "BTC-USDT", "b": "BTC", "q": "USDT", "sd": "short", "p": 50.0,
            "pusd": 50.0, "v": 2.0, "vusd": 100.0,
        } == await client.hear()  # fmt: skip


async def test_a_newcomer_hears_the_newest_rate_at_once() -> None:
    """A prediction rather than what was paid; after the acknowledgement."""
    async with booth() as place, place.client(FUNDING) as client:
        await place.hear(rate(value=1.0), rate(), rate(value=2.0, is_settled=True), rate(ETH, is_settled=True))
        ack = await client.ask({"method": "SUBSCRIBE", "params": ["BTC-USDT@binance", "ETH-USDT@binance"], "id": 7})

        assert 7 == ack["id"]
        assert FRAME == await client.hear()
        assert NOW - 1 == (await client.hear())["d"]


async def test_what_is_taken_is_named_and_the_rest_is_not() -> None:
    """That is how a partial failure is told."""
    params = ["BTC-USDT@binance", "BTC-USDT@mtgox", "BTCUSDT", "@binance", "BTC-USDT@", "x" * 200, "BTC-USDT@binance"]
    async with booth() as place, place.client(FUNDING) as client:
        assert {"result": ["BTC-USDT@binance"], "id": 1} == await client.ask(
            {"method": "SUBSCRIBE", "params": params, "id": 1}
        )


async def test_topics_are_given_up() -> None:
    """One by one, and all when the client goes."""
    async with booth() as place:
        async with place.client(FUNDING) as client:
            await client.ask({"method": "SUBSCRIBE", "params": ["BTC-USDT@binance", "ETH-USDT@binance"], "id": 1})
            gone = await client.ask({"method": "UNSUBSCRIBE", "params": ["BTC-USDT@binance", "SOL-USDT@okx"], "id": 2})
            assert {"result": ["BTC-USDT@binance"], "id": 2} == gone
            assert {(FundingRate, "binance", Selection.of([ETH]))} == place.wishes
        await until(lambda: not place.wishes)


@pytest.mark.parametrize(
    ("said", "request_id"),
    [
        ({"method": "SUBSCRIBE", "params": "BTC-USDT@binance", "id": 3}, 3),
        ({"method": "SUBSCRIBE", "params": ["BTC-USDT@binance", 5], "id": "mine"}, "mine"),
        ({"method": None, "id": 4}, 4),
        ({"params": 1, "id": 10**18}, None),
        ({"params": 1, "id": [5]}, None),
        ({"params": 1}, None),
    ],
)
async def test_a_request_that_makes_no_sense_is_answered_under_its_id(said: object, request_id: object) -> None:
    """Otherwise a client that has asked several things does not know which of them failed."""
    async with booth() as place, place.client(FUNDING) as client:
        answer = await client.ask(said)

        assert (400, request_id) == (answer["error"]["code"], answer["id"])


async def test_a_ping_is_answered_and_its_absence_ends_the_connection() -> None:
    """After half an hour; subscribing is no ping."""
    async with booth() as place:
        place.dialects.datamaxi.silence_s = 0.2
        async with place.client(FUNDING) as client:
            assert {"result": "PONG", "id": 1} == await client.ask({"method": "PING", "params": [], "id": 1})
            code, reason = await client.goodbye()

            assert (4010, True) == (code, "no PING" in reason)


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '{"method":5}', '{"params":["BTC-USDT@binance"],"id":1}', '{"method":"FLY","id":3}', "[" * 9_000,
     '{"method":"SUBSCRIBE","params":[1]}', b"\xff\x00"],
)  # fmt: skip
async def test_what_makes_no_sense_is_told_without_an_f(message: str | bytes) -> None:
    """And the conversation goes on."""
    async with booth() as place, place.client(FUNDING) as client:
        said = await client.ask(message)

        assert {"error", "id"} == set(said)
        assert (400, str) == (said["error"]["code"], type(said["error"]["message"]))
        assert "PONG" == (await client.ask({"method": "PING"}))["result"]


async def test_an_id_is_bounded() -> None:
    """It goes back with each answer."""
    async with booth() as place, place.client(FUNDING) as client:
        for huge in ("x" * 1_000, 10**99, 10**19, -(2**63)):
            assert None is (await client.ask({"method": "PING", "id": huge}))["id"]
        assert "abc" == (await client.ask({"method": "PING", "id": "abc"}))["id"]


async def test_a_connection_has_a_bound_of_topics() -> None:
    """What is beyond is not taken."""
    topics = [f"C{number}-USDT@binance" for number in range(TOPICS_MAX + 5)]
    async with booth(messages_per_s=1_000.0) as place, place.client(FUNDING) as client:
        taken = 0
        for start in range(0, len(topics), 500):
            taken += len(
                (await client.ask({"method": "SUBSCRIBE", "params": topics[start : start + 500], "id": 1}))["result"]
            )

        assert TOPICS_MAX == taken


async def symbols(place: Booth, query: str = "") -> tuple[int, object]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(place.url(wire.SYMBOLS, "http") + query, headers={wire.KEY_HEADER: "k"}) as answer,
    ):
        return answer.status, await answer.json()


async def test_symbols_are_what_was_heard_of() -> None:
    """Of one exchange or of all, without doubles."""
    async with booth() as place:
        await place.hear(rate(), rate(ETH), rate(ETH, "okx"))

        assert (200, ["BTC-USDT", "ETH-USDT"]) == await symbols(place)
        assert (200, ["ETH-USDT"]) == await symbols(place, "?exchange=OKX")
        status, said = await symbols(place, "?exchange=mtgox")
        assert 400 == status
        assert "mtgox" in str(said)
