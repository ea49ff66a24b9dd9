"""The endpoint of private accounts: to whom it opens, what it says, and how it bears those who mean harm."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.server.dialects import coinlocally, desk
from daemon.sources import configs
from daemon.sources.base import Wanted
from daemon.sources.streams import coinlocally as source
from daemon.wire import coinlocally as wire
from daemon.wire.coinlocally import Credential
from rules.events import AccountUpdate, Event, FeedHealth, OrderUpdate
from rules.selection import Selection
from tests.daemon.server.dialects.booth import NOW, Client, booth
from tests.daemon.sources.loopback import QUICK, house, supervised, until
from tests.daemon.wire import coinlocally_events as made
from tests.daemon.wire.coinlocally_events import facts, rows
from tests.patience import PATIENCE_S
from tests.rules.accounts import held, placed, row, update

KEY, TOKEN, OTHER = "key-of-main", "token-of-main", "key-of-hedge"
CREDENTIALS = {
    "main": (Credential("apiKey", KEY), Credential("token", TOKEN)),
    "hedge": (Credential("apiKey", OTHER),),
}
PATH = coinlocally.PATH
SUB = {"event": "sub", "apiKey": KEY, "broker": 1003}


@pytest.fixture(autouse=True)
def _quick_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "TICK_S", 0.01)


@dataclass
class Trader:
    """A client of Coinlocally's, as its page describes one."""

    client: Client

    async def hear(self) -> Any:
        """The next text, or the next frame unpacked."""
        async with asyncio.timeout(PATIENCE_S):
            said = await self.client.socket.recv()
        return said if isinstance(said, str) else json.loads(gzip.decompress(said))

    async def subscribe(self, **message: Any) -> None:
        """As the page says."""
        assert "connect success" == await self.hear()
        await self.client.say(message or SUB)
        assert "sub success" == await self.hear()


async def hear_rows(trader: Trader) -> list[int]:
    """The positions of the next second."""
    frame = await trader.hear()
    assert "ADL_PRICE" == frame["channel"]
    return [one["id"] for one in frame["l"]]


# -- who is let in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "secret"), [("apiKey", KEY), ("token", TOKEN)])
async def test_a_client_as_documented_is_served(form: str, secret: str) -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, **{form: secret}) as client:
        trader = Trader(client)
        await trader.subscribe(event="sub", broker=1003, **{form: secret})
        await place.hear(placed("filled"))
        frame = await trader.hear()

    assert ("order", "5") == (frame["channel"], frame["order"]["orderId"])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"apiKey": "wrong"},
        {"apiKey": TOKEN},
        {"token": KEY},
        {"apiKey": ""},
        {"apiKey": KEY, "token": TOKEN},
        {"x-api-key": KEY},
        {"Authorization": "Bearer the-operators-own-token"},
        {"apiKey": "the-operators-own-token"},
    ],
)
async def test_no_other_key_opens_the_door(headers: dict[str, str]) -> None:
    """Not even the operator's."""
    async with booth(credentials=CREDENTIALS, token="the-operators-own-token") as place:
        with pytest.raises(InvalidStatus) as refused:
            async with place.client(PATH, **headers):
                pass

    answer = refused.value.response
    assert 401 == answer.status_code
    assert 401 == json.loads(answer.body)["code"]
    assert not any(secret.encode() in answer.body for secret in (KEY, TOKEN, OTHER))


async def test_the_door_is_its_own_where_everybody_else_needs_a_key() -> None:
    async with booth(credentials=CREDENTIALS, token="the-operators-own-token") as place:
        async with place.client(PATH, apiKey=KEY) as client:
            await Trader(client).subscribe()

        await until(lambda: not place.wishes)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"event": "sub", "apiKey": OTHER, "broker": 1003}, "the message does not show what the header showed"),
        ({"event": "sub", "token": TOKEN, "broker": 1003}, "the message does not show what the header showed"),
        ({"event": "sub", "apiKey": "wrong"}, "the message does not show what the header showed"),
        ({"event": "sub", "broker": 1003}, "the message has to show the apiKey again that the header showed"),
        ({**SUB, "uid": 2002}, "the message names another account than that of its key"),
    ],
)
async def test_a_message_for_another_account_ends_the_conversation(message: dict[str, Any], why: str) -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        await place.hear(update(uid=1001), update(uid=2002, account="hedge"))
        trader = Trader(client)
        await trader.hear()
        await client.say(message)
        said = await trader.hear()

        assert f"sub failed: {why}" == said
        assert (1008, why) == await client.goodbye()
        assert set() == place.wishes


async def test_what_happens_in_one_account_is_told_to_its_holder_alone() -> None:
    """The same instrument in two accounts, and everything that can happen there."""
    async with (
        booth(credentials=CREDENTIALS) as place,
        place.client(PATH, apiKey=KEY) as mine,
        place.client(PATH, apiKey=OTHER) as theirs,
    ):
        await Trader(mine).subscribe()
        await Trader(theirs).subscribe(event="sub", apiKey=OTHER, broker=1003)
        await place.hear(
            update(account="hedge", uid=2002), row(NOW, account="hedge", uid=2002), placed(account="hedge")
        )
        heard = {(await Trader(theirs).hear())["channel"] for _ in range(3)}
        await place.hear(placed("filled", order_id="mine"))
        frame = await Trader(mine).hear()

    assert {"ACCOUNT_UPDATE", "order", "ADL_PRICE"} == heard
    assert "mine" == frame["order"]["orderId"]


# -- what is said ------------------------------------------------------------------------------------------------------


async def test_a_newcomer_is_told_the_account_as_it_stands() -> None:
    """Each open position with all coins; what was closed is not told any more."""
    gone = held(0.1, quantity=0.0, position_id="9")
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        await place.hear(
            update(uid=1001, position=held(0.1, position_id="7"), coins={"USDT": 5.0}),
            update(uid=1001, position=held(0.1, position_id="8"), coins={"BTC": 1.0}),
            update(uid=1001, position=held(0.1, position_id="9")),
            update(uid=1001, position=gone, coins={"USDT": 4.0}),
        )
        trader = Trader(client)
        await trader.subscribe()
        told = [await trader.hear() for _ in range(2)]

    assert [7, 8] == [frame["d"]["p"]["id"] for frame in told]
    assert [{"USDT": "4", "BTC": "1"}] * 2 == [{coin["c"]: coin["an"] for coin in frame["d"]["a"]} for frame in told]
    assert [1001, 1001] == [frame["uid"] for frame in told]


async def test_what_was_known_before_a_pause_is_not_told() -> None:
    """While nobody listened positions may have been closed: neither a new feed nor a newcomer takes them for open."""
    started = FeedHealth(
        venue="coinlocally", feed="coinlocally.hedge", state="up", reason="started", at_ms=NOW, received_ms=NOW
    )
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        await place.hear(update(uid=1001, position=held(0.1)), update(uid=2002, account="hedge"), started)
        accounts = place.dialects.coinlocally.channel.accounts
        assert ["main"] == accounts.names
        place.dialects.coinlocally.is_followed = lambda account: account != "main"
        await Trader(client).subscribe()

        assert [] == accounts.names


async def test_all_rows_of_a_second_come_in_one_frame_until_they_end() -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        trader = Trader(client)
        await trader.subscribe()
        await place.hear(row(NOW, position_id="1"), row(NOW, position_id="2"))
        assert [1, 2] == await hear_rows(trader)
        assert [1, 2] == await hear_rows(trader)
        await place.hear(row(NOW, position_id="1", is_open=False))
        while await hear_rows(trader) != [2]:
            pass
        place.now_ms += 3_001  # the feed is dead: old rows are not this second's
        await client.say({"ping": 1})
        while "pong" not in (frame := await trader.hear()):
            pass

    assert {"pong": NOW + 3_001} == frame


async def test_somebody_who_leaves_is_wanted_for_no_more() -> None:
    async with booth(credentials=CREDENTIALS) as place:
        async with place.client(PATH, apiKey=KEY) as client:
            trader = Trader(client)
            await trader.subscribe()
            assert {(kind, "coinlocally", Selection(None)) for kind in coinlocally.KINDS} == place.wishes
            await client.say({"event": "unsub"})
            assert "unsub success" == await trader.hear()
            assert set() == place.wishes
            await client.say(SUB)
            assert "sub success" == await trader.hear()
        await until(lambda: not place.wishes)

        assert not place.dialects.coinlocally.talks


async def test_a_second_subscription_changes_nothing() -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        trader = Trader(client)
        await trader.subscribe()
        await client.say(SUB)
        assert "sub success" == await trader.hear()
        await place.hear(placed("filled", order_id="once"), placed("filled", order_id="then"))
        told = [(await trader.hear())["order"]["orderId"] for _ in range(2)]

    assert ["once", "then"] == told


async def test_when_the_house_stops_the_venues_own_word_is_said_first() -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        await place.hear(update(uid=1001))
        trader = Trader(client)
        await trader.subscribe()
        await trader.hear()
        place.dialects.coinlocally.shut()
        await place.hub.stop()

        assert {"channel": "SYSTEM", "uid": 1001, "et": "close"} == await trader.hear()
        assert 1001 == (await client.goodbye())[0]


# -- those who mean harm ------------------------------------------------------------------------------------------------


async def test_whoever_does_not_ping_is_cut() -> None:
    """Messages that are no pings do not count, nor do those of the protocol below."""
    async with booth(credentials=CREDENTIALS) as place:
        place.dialects.coinlocally.unpinged_s = 0.3
        async with place.client(PATH, apiKey=KEY) as client:
            await Trader(client).subscribe()
            await (await client.socket.ping())

            assert (4010, "no ping for 0.3 seconds; connect again") == await client.goodbye()


async def test_whoever_pings_stays() -> None:
    async with booth(credentials=CREDENTIALS, messages_per_s=1_000.0) as place:
        place.dialects.coinlocally.unpinged_s = 1.5
        async with place.client(PATH, apiKey=KEY) as client:
            trader = Trader(client)
            await trader.subscribe()
            for _ in range(32):
                await client.say({"ping": 1_713_338_308_232})
                assert {"pong": NOW} == await trader.hear()
                await asyncio.sleep(0.05)

            assert client.socket.close_code is None


def test_the_patience_is_that_of_the_page() -> None:
    assert 40.0 == wire.UNPINGED_S


BOMB = (packer := zlib.compressobj(9, wbits=31)).compress(bytes(10 << 20)) + packer.flush()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(BOMB, "error: Coinlocally's gzip unpacks to more than 16,384 bytes", id="bomb"),
        (b"\x1f\x8bgarbage", "error: Coinlocally's gzip is damaged"),
        (b"\xff\xfe", "error: not a request: send a JSON object"),
        ("{1,2", "error: not a request: send a JSON object"),
        ('{"event":"order"}', "error: not a request that is known here"),
        ('{"event":["sub"]}', "error: not a request"),
        pytest.param("[" * 10_000, "error: not a request", id="deep"),
        (json.dumps({"event": "sub", "apiKey": "x", "token": "y"}), "error: a subscription shows either"),
    ],
)
async def test_rubbish_is_answered_and_nobody_else_is_disturbed(message: str | bytes, said: str) -> None:
    async with (
        booth(credentials=CREDENTIALS) as place,
        place.client(PATH, apiKey=KEY) as client,
        place.client(PATH, apiKey=KEY) as other,
    ):
        await Trader(other).subscribe()
        trader = Trader(client)
        await trader.hear()
        await client.say(message)
        assert (await trader.hear()).startswith(said)
        await client.say(gzip.compress(json.dumps(SUB).encode()))
        assert "sub success" == await trader.hear()
        await place.hear(placed("filled"))

        assert "order" == (await Trader(other).hear())["channel"]


async def test_half_a_handshake_gets_nothing() -> None:
    """Connected, and never subscribed: not a word of the account."""
    async with booth(credentials=CREDENTIALS) as place:
        place.dialects.coinlocally.unpinged_s = 0.2
        async with place.client(PATH, apiKey=KEY) as client:
            assert "connect success" == await Trader(client).hear()
            await place.hear(update(uid=1001), placed("filled"), row(NOW))
            with pytest.raises(ConnectionClosed) as parted:
                await client.socket.recv()

    assert parted.value.rcvd is not None
    assert 4010 == parted.value.rcvd.code


async def test_text_that_is_no_text_ends_the_conversation() -> None:
    async with booth(credentials=CREDENTIALS) as place, place.client(PATH, apiKey=KEY) as client:
        await client.socket.send(b'{"ping": "\xff"}', text=True)

        assert 1007 == (await client.goodbye())[0]


async def test_a_flood_of_subscriptions_is_stopped() -> None:
    async with booth(credentials=CREDENTIALS, messages_per_s=1.0) as place, place.client(PATH, apiKey=KEY) as client:
        for _ in range(250):
            await client.say(SUB)

        assert 4029 == (await client.goodbye())[0]
        await until(lambda: not place.wishes)


# -- both ends ---------------------------------------------------------------------------------------------------------


async def through(events: Sequence[Event]) -> list[Event]:
    """What our source publishes of what our endpoint is told."""
    async with booth(credentials=CREDENTIALS) as place, house(wanted()) as home:
        home.context.clock = lambda: made.NOW
        place.now_ms = made.NOW
        config = configs.Coinlocally(key=SecretStr(KEY), ws_url=place.url(PATH))
        (feed,) = source.build(config, home.context, timing=QUICK)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            await place.hear(*events)
            await until(lambda: len(home.facts) >= len(events))
            return home.facts[: len(events)]


def wanted() -> Wanted:
    return Wanted([(OrderUpdate, None, Selection(None)), (AccountUpdate, None, Selection(None))])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(facts)
def test_what_goes_into_our_endpoint_comes_out_of_our_source(events: list[Event]) -> None:
    """Orders carry no time of their own, so that two which say the same are one."""
    once = list({getattr(event, "once_key", None) or str(place): event for place, event in enumerate(events)}.values())

    assert once == asyncio.run(through(once))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows())
def test_rows_come_out_as_they_went_in(events: list[Event]) -> None:
    assert events == asyncio.run(through(events))
