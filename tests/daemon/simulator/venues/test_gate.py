"""Gate in the box, as a plain client sees it."""

import aiohttp
import pytest

from tests.daemon.simulator.far_end import NOW_MS, ask, dialled, forced, hear, interest, mark, opened, rate

_TICKERS = {"time": 1, "id": 7, "channel": "futures.tickers", "event": "subscribe", "payload": ["BTC_USDT"]}


async def test_a_ticker_is_whole_and_counts_contracts() -> None:
    """A newcomer gets it at once; 2.5 BTC are 25,000 contracts."""
    async with opened() as box, dialled(box.ws_url("gate")) as ws:
        await box.say("gate", [mark("gate", 85_000.5), rate("gate", 0.0002), interest("gate", 2.5, 212_501.25)])
        answer = await ask(ws, _TICKERS)
        frame = await hear(ws)

    assert (7, {"status": "success"}, ["BTC_USDT"]) == (answer["id"], answer["result"], answer["payload"])
    [row] = frame["result"]
    assert ("BTC_USDT", "85000.5", "0.0002", "25000") == (
        row["contract"], row["mark_price"], row["funding_rate"], row["total_size"]
    )  # fmt: skip
    assert "update" == frame["event"]


async def test_liquidations_of_a_contract_share_a_frame_and_have_the_sign_of_the_order() -> None:
    async with opened() as box, dialled(box.ws_url("gate")) as ws:
        await ask(ws, {**_TICKERS, "channel": "futures.public_liquidates", "payload": ["!all"]})
        await box.say("gate", [forced("gate", 2.0), forced("gate", 1.0), forced("gate", symbol="ETH-USDT-PERP")])
        bitcoin, ether = await hear(ws), await hear(ws)

    assert ["-20000", "-10000"] == [row["size"] for row in bitcoin["result"]], "a long is closed by selling"
    assert [("ETH_USDT", NOW_MS)] == [(row["contract"], row["time"]) for row in ether["result"]]


async def test_one_wrong_contract_fails_the_whole_request_and_is_named() -> None:
    async with opened() as box, dialled(box.ws_url("gate")) as ws:
        answer = await ask(ws, {**_TICKERS, "payload": ["BTC_USDT", "NOPE_USDT"]})

        assert set() == box.subscriptions("gate").topics
    assert "unknown contract NOPE_USDT" == answer["error"]["message"]


async def test_contracts_say_how_much_they_are_and_when_they_pay() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = await (await http.get(box.rest_url("gate") + "/api/v4/futures/usdt/contracts")).json()

    bitcoin = next(row for row in rows if row["name"] == "BTC_USDT")
    assert ("0.0001", 28_800) == (bitcoin["quanto_multiplier"], bitcoin["funding_interval"])
    assert NOW_MS < bitcoin["funding_next_apply"] * 1_000 <= NOW_MS + 28_800_000


@pytest.mark.parametrize("text", ['{"channel": 7}', "rubbish", "[]"])
async def test_what_is_no_request_is_an_error(text: str) -> None:
    async with opened() as box, dialled(box.ws_url("gate")) as ws:
        assert 1 == (await ask(ws, text))["error"]["code"]


async def test_a_ping_is_answered_and_what_is_given_up_stays_away() -> None:
    async with opened() as box, dialled(box.ws_url("gate")) as ws:
        pong = await ask(ws, {"time": 1, "channel": "futures.ping"})
        await ask(ws, _TICKERS)
        await hear(ws)
        gone = await ask(ws, {**_TICKERS, "event": "unsubscribe"})

        assert set() == box.subscriptions("gate").topics
    assert ("futures.pong", "unsubscribe") == (pong["channel"], gone["event"])
