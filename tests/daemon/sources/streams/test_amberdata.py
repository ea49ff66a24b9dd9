"""Amberdata's stream against a loopback server of its own protocol: what is asked for, on which connection."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import amberdata
from daemon.wire import amberdata as wire
from daemon.wishes import Wish
from rules.events import (
    BookSnapshot,
    BookUpdate,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    Ticker,
    Trade,
)
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Venue, house, supervised, until

KEY = "amber-very-secret-key"
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"


def take(text: str) -> list[bytes]:
    """Every subscription is taken; its id says what it is."""
    said = json.loads(text)
    if said["method"] == "unsubscribe":
        return [wire.acknowledged(said["id"], True)]
    return [wire.acknowledged(said["id"], " ".join([said["params"][0], *said["params"][1].values()]))]


def refuse_everything(text: str) -> list[bytes]:
    """As to a key that may have no wildcards."""
    said = json.loads(text)
    if "instrument" in said["params"][1]:
        return take(text)
    return [wire.refused(said["id"], "Wildcard subscription is not allowed for instruments", 400)]


def feeds(venue: Venue, home: House, **settings: Any) -> Sequence[Feed]:
    config = configs.Amberdata.model_validate({"key": KEY, "ws_url": venue.url, **settings})
    return amberdata.build(config, home.context, timing=QUICK)


def asked(venue: Venue, connection: int = 0) -> list[tuple[str, list[Any]]]:
    """(method, params) of what was said on a connection."""
    return [(said["method"], said["params"]) for said in map(json.loads, venue.heard[connection])]


def named(*wishes: Wish) -> Wanted:
    return Wanted(wishes)


async def test_exactly_what_is_wanted_is_subscribed_in_the_exchanges_words() -> None:
    """Coins are their usual perpetuals, a book's changes bring its snapshots, everything has no instrument."""
    wishes = named(
        (Trade, "okx", Selection.of(["BTC"])),
        (BookUpdate, "binance", Selection.of([ETH])),
        (BookSnapshot, "binance", Selection.of([ETH])),
        (Liquidation, None, Selection(None)),
        (InsuranceFund, "htx", Selection.of(["EOS"])),
        (LongShortRatio, "deribit", Selection.of(["BTC"])),
        (Ticker, "binance", Selection(None)),
    )
    async with Venue(take) as venue, house(wishes) as home:
        (feed,) = feeds(venue, home, exchanges=["binance", "okx", "htx", "deribit"])
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")

        assert KEY == venue.connections[0].request.headers["x-api-key"]  # type: ignore[union-attr]
        everywhere = [[wire.LIQUIDATIONS, {"exchange": venue}] for venue in ("binance", "okx", "htx", "deribit")]
        assert sorted(
            json.dumps(params)
            for params in [
                *everywhere,
                [wire.TRADES, {"instrument": "BTC-USDT-SWAP", "exchange": "okx"}],
                [wire.ORDER_EVENTS, {"instrument": "ETHUSDT", "exchange": "binance"}],
                [wire.ORDER_SNAPSHOTS, {"instrument": "ETHUSDT", "exchange": "binance"}],
                [wire.INSURANCE_FUNDS, {"instrument": "EOS", "exchange": "htx"}],
                [wire.LONG_SHORT_RATIOS, {"instrument": "BTC-PERPETUAL", "exchange": "deribit", "period": "minutely"}],
            ]
        ) == sorted(json.dumps(params) for _, params in asked(venue))


async def test_what_others_bring_is_left_to_them() -> None:
    """Unless the configuration says otherwise: a liquidation that comes twice is counted twice."""
    async with Venue(take) as venue, house(named((Liquidation, None, Selection(None)))) as home:
        home.context.sources = frozenset(("amberdata", "binance", "bybit", "okx"))
        (feed,) = feeds(venue, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")

        assert {"deribit", "gate", "htx", "bitget"} == {params[1]["exchange"] for _, params in asked(venue)}


async def test_wishes_come_and_go_on_the_living_connection() -> None:
    """Unsubscribed by the id that the acknowledgement gave."""
    wanted = named((Trade, "binance", Selection.of([BTC])))
    async with Venue(take) as venue, house(wanted) as home:
        (feed,) = feeds(venue, home, exchanges=["binance"])
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            wanted.revise([(Trade, "binance", Selection.of([ETH]))])
            await until(lambda: len(venue.heard[0]) == 3)

        assert {
            ("subscribe", "ETHUSDT"),
            ("unsubscribe", f"{wire.TRADES} BTCUSDT binance"),
        } == {
            (method, params[1]["instrument"] if method == "subscribe" else params[0])
            for method, params in asked(venue)[1:]
        }
        assert 1 == len(venue.connections)


async def test_a_hundred_subscriptions_a_connection() -> None:
    """More go on another; beyond the configured connections nothing is asked for."""
    symbols = [f"C{number}-USDT-PERP" for number in range(250)]
    async with Venue(take) as venue, house(named((Trade, "binance", Selection.of(symbols)))) as home:
        found = feeds(venue, home, exchanges=["binance"], connections=2)
        async with supervised(*found):
            await until(lambda: all(feed.status.state == "up" for feed in found))

        assert ["amberdata.1", "amberdata.2"] == [feed.name for feed in found]
        assert [100, 100] == [len(heard) for heard in venue.heard]


async def test_a_refusal_is_reported_by_name_and_the_rest_goes_on() -> None:
    """Once: asking again would change nothing."""
    wishes = named((Liquidation, "binance", Selection(None)), (FundingRate, "binance", Selection.of(["BTC"])))
    async with Venue(refuse_everything) as venue, house(wishes) as home:
        (feed,) = feeds(venue, home, exchanges=["binance"])
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")

            assert {
                "market:futures:liquidations binance *": "Wildcard subscription is not allowed for instruments"
            } == (feed.status.rejected)
            assert 2 == len(venue.heard[0])


@pytest.mark.parametrize("is_polite", [True, False])
async def test_a_wrong_key_is_said_without_the_key(is_polite: bool) -> None:
    """Whether the handshake is refused, or the goodbye repeats the key."""

    def gate(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(HTTPStatus.UNAUTHORIZED, KEY) if is_polite else None

    async def goodbye(_venue: Venue, connection: ServerConnection) -> None:
        await connection.close(1008, f"invalid api key '{KEY}'")

    wishes = named((Trade, "binance", Selection.of([BTC])))
    async with Venue(take, greet=goodbye, gate=gate) as venue, house(wishes) as home:
        (feed,) = feeds(venue, home, exchanges=["binance"])
        async with supervised(feed):
            await until(lambda: home.health != [])

        assert "down" == home.health[0].state
        assert KEY not in repr(home.health) + repr(feed.status)


def test_its_key_is_a_secret() -> None:
    """And is needed."""
    assert KEY not in repr(configs.Amberdata(key=SecretStr(KEY)))
    with pytest.raises(ValueError, match="key"):
        configs.Amberdata.model_validate({})
