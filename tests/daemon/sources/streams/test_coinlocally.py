"""Coinlocally's stream against a loopback venue that speaks its protocol, well and badly."""

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import coinlocally
from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from rules.events import AccountUpdate, AdlUpdate, MarkPrice, OrderUpdate
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Venue, house, supervised, until
from tests.daemon.wire.coinlocally_page import ADL, ORDER, UPDATE, packed

KEY = "cl-very-secret-key"
Greet = Callable[[Venue, ServerConnection], Awaitable[None]]


def wanted() -> Wanted:
    """What one rule about positions in BTC wants."""
    return Wanted([(AdlUpdate, None, Selection.of(["BTC"]))])


def welcoming(*frames: bytes, then: Greet | None = None) -> Greet:
    """Greet as the venue does: say `connect success`, hear the subscription, take it, and send these."""

    async def greet(venue: Venue, connection: ServerConnection) -> None:
        await connection.send(wire.CONNECTED)
        message = await connection.recv()
        venue.heard[-1].append(str(message))
        await connection.send(gzip.compress(wire.SUBSCRIBED.encode()))
        for frame in frames:
            await connection.send(frame)
        if then is not None:
            await then(venue, connection)

    return greet


def answer(text: str) -> list[str | bytes]:
    return [server.pong(1)] if "ping" in text else []


def feed_of(venue: Venue, home: House, timing: Any = QUICK, **settings: Any) -> Feed:
    told = settings or {"key": SecretStr(KEY)}
    (feed,) = coinlocally.build(configs.Coinlocally(ws_url=venue.url, **told), home.context, timing=timing)
    return feed


@pytest.mark.parametrize("form", ["apiKey", "token"])
async def test_the_secret_is_shown_in_the_header_and_in_the_message(form: str) -> None:
    asked: list[Request] = []

    def gate(_connection: ServerConnection, request: Request) -> Response | None:
        asked.append(request)
        return None

    told = {"key" if form == "apiKey" else "token": SecretStr(KEY)}
    async with (
        Venue(answer, greet=welcoming(packed(ADL)), gate=gate) as venue,
        house(wanted()) as home,
        supervised(feed_of(venue, home, **told)),
    ):
        await until(lambda: home.facts != [])

    assert KEY == asked[0].headers[form]
    assert {"event": "sub", form: KEY, "broker": 1003} == json.loads(venue.heard[0][0])


async def test_each_account_is_a_feed_by_its_own_name() -> None:
    accounts = {"main": {"key": KEY}, "hedge": {"token": "another-secret"}}
    config = configs.Coinlocally.model_validate({"accounts": accounts})
    async with house(wanted()) as home:
        names = [feed.name for feed in coinlocally.build(config, home.context)]

    assert ["coinlocally.main", "coinlocally.hedge"] == names


async def test_nothing_is_opened_while_nobody_wants_to_hear_of_accounts() -> None:
    config = configs.Coinlocally(key=SecretStr(KEY))
    async with house(Wanted([(MarkPrice, None, Selection(None))])) as home:
        feeds = coinlocally.build(config, home.context)

    assert [] == feeds


async def test_every_frame_of_the_account_is_heard() -> None:
    """A rule that wants rows of BTC needs the account's word on which position that is."""
    async with (
        Venue(answer, greet=welcoming(packed(UPDATE), packed(ADL), packed(ORDER))) as venue,
        house(wanted()) as home,
    ):
        async with supervised(feed_of(venue, home)):
            await until(lambda: len(home.facts) == 3)

        assert [AccountUpdate, AdlUpdate, OrderUpdate] == [type(event) for event in home.facts]
        assert {"main"} == {getattr(event, "account", None) for event in home.facts}


async def test_pings_carry_our_time_and_pongs_are_life() -> None:
    async with Venue(answer, greet=welcoming()) as venue, house(wanted()) as home:
        feed = feed_of(venue, home, replace(QUICK, ping_every_s=0.02, silence_s=1.0))
        async with supervised(feed):
            await until(lambda: len(venue.heard[0:1] and venue.heard[0]) > 60)

        pings = [json.loads(text)["ping"] for text in venue.heard[0][1:]]
        assert pings == sorted(pings)
        assert pings[0] < pings[-1]
        assert [] == home.health


async def test_a_silent_venue_is_left() -> None:
    async with Venue(lambda text: [], greet=welcoming()) as venue, house(wanted()) as home:
        async with supervised(feed_of(venue, home, replace(QUICK, ping_every_s=0.05, silence_s=0.2))):
            await until(lambda: len(venue.connections) >= 2)

        assert "no sign of life" in home.health[0].reason


async def test_when_the_venue_says_that_it_closes_the_next_connection_is_made() -> None:
    """Though it keeps this one open."""
    async with Venue(answer, greet=welcoming(server.system_close(1))) as venue, house(wanted()) as home:
        async with supervised(feed_of(venue, home)):
            await until(lambda: len(venue.connections) >= 2)

        assert "the venue is about to close, and said so" == home.health[0].reason


async def refuse_and_close(_venue: Venue, connection: ServerConnection) -> None:
    await connection.recv()
    await connection.close(1008, f"bad key {KEY} of account 374958")


async def refuse_in_words(_venue: Venue, connection: ServerConnection) -> None:
    await connection.recv()
    await connection.send(f"auth failed: {KEY} of account 374958")


@pytest.mark.parametrize("greet", [refuse_and_close, refuse_in_words])
async def test_a_wrong_key_is_said_in_words_and_never_shown(greet: Greet, caplog: pytest.LogCaptureFixture) -> None:
    """No refusal is published, so whatever follows the subscription in place of its acknowledgement is one."""
    caplog.set_level(logging.DEBUG)
    async with Venue(answer, greet=greet) as venue, house(wanted()) as home:
        feed = feed_of(venue, home)
        async with supervised(feed):
            await until(lambda: home.health != [])

        reason = home.health[0].reason
        assert "nothing was subscribed: the key of the account 'main' may be wrong or out of date" in reason
        ours = [record for record in caplog.records if record.name.startswith("daemon")]
        said = repr((reason, feed.status, [vars(record) for record in ours]))
        assert KEY not in said
        assert "374958" not in said


async def test_a_refused_handshake_ends_the_feed_with_one_word_about_the_key() -> None:
    def gate(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, f"invalid key {KEY}")

    async with Venue(answer, gate=gate) as venue, house(wanted()) as home:
        feed = feed_of(venue, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "down")

        assert "the venue refused the key (401)" in (feed.status.last_error or "")
        assert KEY not in repr((feed.status, home.health))


async def test_rubbish_is_counted_and_neither_kept_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A frame that cannot be read may still be full of somebody's account."""
    caplog.set_level(logging.DEBUG)
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(50 << 20)) + packer.flush()
    rubbish = [
        b"\xff\xfe 98765.4321",
        b"\x1f\x8b 98765.4321",
        bomb,
        gzip.compress(b'{"channel":"order","order":"98765.4321"}'),
    ]
    async with Venue(answer, greet=welcoming(*rubbish, packed(ADL))) as venue, house(wanted()) as home:
        feed = feed_of(venue, home)
        async with supervised(feed):
            await until(lambda: home.facts != [])

        assert len(rubbish) == feed.status.unreadable
        ours = [record for record in caplog.records if record.name.startswith("daemon")]
        assert "98765" not in repr((feed.status, home.health, [vars(record) for record in ours]))


async def test_a_venue_that_takes_a_subscription_and_hangs_up_is_tried_again() -> None:
    async def hang_up(_venue: Venue, connection: ServerConnection) -> None:
        connection.transport.abort()
        await asyncio.sleep(0)

    async with Venue(answer, greet=welcoming(packed(UPDATE), then=hang_up)) as venue, house(wanted()) as home:
        async with supervised(feed_of(venue, home)):
            await until(lambda: len(venue.connections) >= 3)

        assert "may be wrong" not in home.health[0].reason


@pytest.mark.parametrize(
    ("settings", "trouble"),
    [
        ({}, "no account is named"),
        ({"accounts": {}}, "no account is named"),
        ({"accounts": {"main": {}}}, "an account needs a key or a token"),
        ({"key": ""}, "not a key or token"),
        ({"key": "two words"}, "not a key or token"),
        ({"key": "line\nbreak"}, "not a key or token"),
        ({"key": "a", "accounts": {"main": {"key": "b"}}}, "give either one key"),
        ({"accounts": {"a": {"key": "same"}, "b": {"key": "same"}}}, "two accounts have the same key"),
        ({"accounts": {"../a": {"key": "x"}}}, "should match pattern"),
    ],
)
def test_wrong_settings_are_named_without_the_secret(settings: dict[str, Any], trouble: str) -> None:
    with pytest.raises(ValidationError, match=trouble) as wrong:
        configs.Coinlocally.model_validate(settings)
    assert "same'" not in str(wrong.value)


def test_the_key_is_shown_upstream_where_there_are_both() -> None:
    account = configs.CoinlocallyAccount(key=SecretStr("k"), token=SecretStr("t"))

    assert ["apiKey", "token"] == [credential.form for credential in account.credentials]
