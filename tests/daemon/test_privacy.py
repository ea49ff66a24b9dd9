"""What is one trader's own stays his: two accounts in one house, and everybody else who could read there."""

import asyncio
import gzip
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.house import House
from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from rules.events import AccountUpdate, AdlUpdate, Balance, Event, OrderUpdate, Position, TriggerOrderUpdate
from storage.log import query_events
from tests.daemon.lanes import until
from tests.daemon.sources.loopback import Venue
from tests.daemon.town import Home
from tests.patience import PATIENCE_S

KEYS = {"mine": "the-key-that-is-mine", "theirs": "the-key-that-is-theirs"}
TOKEN = "the-operators-own-token"
NOW = 1_763_700_000_000


class Numbers:
    """Numbers of one account that stand nowhere else."""

    def __init__(self, first: int) -> None:
        self.uid, self.position, self.order, self.trigger = (first * 10_000 + place for place in range(4))
        self.amount, self.price = first + 0.2468, first * 10 + 0.1357

    def words(self) -> Iterable[str]:
        """How they would look wherever they were shown."""
        yield from map(str, (self.uid, self.position, self.order, self.trigger))
        for value in (self.amount, self.price):
            yield from (f"{value:.2f}", f"{value:,.2f}", f"{value:.4f}")


NUMBERS = {"mine": Numbers(71_113), "theirs": Numbers(93_557)}


def events_of(account: str) -> list[Event]:
    """One of each kind."""
    own = NUMBERS[account]
    who: dict[str, Any] = {"venue": "coinlocally", "account": account, "at_ms": NOW, "received_ms": NOW}
    position = Position(
        position_id=str(own.position),
        contract_name="E-BTC-USDT",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=own.amount,
        entry_price=own.price,
        margin_ratio=0.9,
    )
    order: dict[str, Any] = {"kind": 1, "price": own.price, "quantity": own.amount}
    return [
        AccountUpdate(
            **who,
            uid=own.uid,
            cause="CREATE",
            balances=(Balance(coin="USDT", available=own.amount),),
            position=position,
        ),
        AdlUpdate(
            **who,
            uid=own.uid,
            position_id=str(own.position),
            level=5,
            liquidation_price=own.price,
            mark_price=own.price + 1,
        ),
        OrderUpdate(
            **who,
            **order,
            symbol="BTC-USDT-PERP",
            contract_name="E-BTC-USDT",
            order_id=str(own.order),
            state="filled",
            action="2",
            filled=own.amount,
        ),
        TriggerOrderUpdate(**who, **order, order_id=str(own.trigger), state="triggered", action="2"),
    ]


async def greet(_venue: Venue, connection: ServerConnection) -> None:
    """As the venue does, for whichever account the key belongs to; and one frame of rubbish that is full of it."""
    request = connection.request
    assert request is not None
    (account,) = (name for name, key in KEYS.items() if key == request.headers[wire.KEY_HEADER])
    await connection.send(wire.CONNECTED)
    await connection.recv()
    await connection.send(wire.SUBSCRIBED)
    words = " ".join(NUMBERS[account].words())
    await connection.send(gzip.compress(b'{"channel":"order","order":"' + words.encode() + b'"}'))
    for frame in server.encode(events_of(account)):
        await connection.send(frame)


def rules() -> list[dict[str, Any]]:
    mine: dict[str, Any] = {"notify": []}
    return [
        {"id": "near", "type": "adl", "level": 4, **mine},
        {"id": "fills", "type": "order", **mine},
        {"id": "stops", "type": "order", "states": "triggered", **mine},
        {"id": "rich", "type": "account", "coin": "USDT", "above": 5, **mine},
        {"id": "own", "type": "expression", "on": "order_update", "when": "price > 5", **mine},
    ]


async def read(url: str, key: str | None = None) -> bytes:
    """Whatever is answered there, headers and all."""
    headers = {"Authorization": f"Bearer {TOKEN}"} | ({} if key is None else {"x-api-key": key, wire.KEY_HEADER: key})
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return repr(dict(answer.headers)).encode() + await answer.read()


async def overheard(house: House, headers: dict[str, str], messages: Iterable[Any], *wanted: object) -> bytes:
    """Everything that a client of the private endpoint is told until it has heard what it wanted, and in a while after."""
    url = house.server.url.replace("http", "ws") + "/position_order/ws"
    said = b""
    try:
        async with connect(url, additional_headers=headers, open_timeout=PATIENCE_S) as socket:
            for message in messages:
                await socket.send(json.dumps(message))
            async with asyncio.timeout(PATIENCE_S):
                while not all(str(word).encode() in said for word in wanted):
                    said += wire.unpacked(await socket.recv())
            async with asyncio.timeout(0.5):
                while True:
                    said += wire.unpacked(await socket.recv())
    except InvalidStatus as exc:
        return said + (exc.response.body or b"")
    except ConnectionClosed as exc:
        return said + str(exc).encode()
    except TimeoutError:
        return said


def found(account: str, said: bytes) -> list[str]:
    return [word for word in (*NUMBERS[account].words(), KEYS[account]) if word.encode() in said]


async def test_nobody_else_learns_anything_of_an_account(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Venue(lambda text: [], greet=greet) as venue:
        accounts = {name: {"key": key} for name, key in KEYS.items()}
        home = Home(
            tmp_path,
            None,
            sources={"coinlocally": {"ws_url": venue.url, "accounts": accounts}},
            server={"port": 0, "tables": True, "live": [], "token": TOKEN},
            rules=rules(),
        )
        async with home.living() as house:
            await until(lambda: house.recorder.transitions_seen >= 2 * len(rules()))
            mine, theirs = ({wire.KEY_HEADER: key} for key in KEYS.values())
            sub_mine, sub_theirs = ({"event": "sub", **headers, "broker": 1003} for headers in (mine, theirs))

            own = await overheard(house, theirs, [sub_theirs], NUMBERS["theirs"].uid, NUMBERS["theirs"].position)
            assert {str(NUMBERS["theirs"].uid), str(NUMBERS["theirs"].position)} <= set(found("theirs", own))
            stored = [
                row.payload
                for kind in ("order_update", "adl_update")
                for row in await query_events(house.database, type=kind)
            ]
            assert found("theirs", "".join(stored).encode()), "what decided an alert is written down, for its owner"

            said = {
                "my own key": await overheard(house, mine, [sub_mine], NUMBERS["mine"].uid),
                "my key, their message": await overheard(house, mine, [sub_theirs]),
                "my key, their uid": await overheard(house, mine, [sub_mine | {"uid": NUMBERS["theirs"].uid}]),
                "the operator's": await overheard(house, {"Authorization": f"Bearer {TOKEN}"}, [sub_mine]),
                "no message": await overheard(house, theirs, []),
            }
            paths = (
                "/",
                "/healthz",
                "/metrics",
                "/api",
                "/api/rules",
                "/api/alerts",
                "/api/outbox",
                "/api/openapi.json",
            )
            kinds = ("account_update", "adl_update", "order_update", "trigger_order_update")
            for path in (*paths, *(f"/api/events?type={kind}" for kind in kinds)):
                said[path] = await read(house.server.url + path)
                said[f"{path} with my key"] = await read(house.server.url + path, KEYS["mine"])
            for row in await _alert_ids(house):
                said[f"/api/alerts/{row}"] = await read(f"{house.server.url}/api/alerts/{row}")

    ours = [record for record in caplog.records if not record.name.startswith(("websockets", "aiosqlite", "asyncio"))]
    said["the log"] = repr([vars(record) for record in ours]).encode()
    leaks = {where: leak for where, text in said.items() if (leak := found("theirs", text))}
    # whoever asks for another's number has said it himself
    assert {} == leaks
    assert found("mine", said["my own key"])
    assert b"near" not in said["/api/alerts"]


async def _alert_ids(house: House) -> list[str]:
    return [tracker.alert.episode_id for tracker in house.engine.firing() if tracker.alert is not None]


async def test_an_account_is_followed_while_its_holder_listens(tmp_path: Path) -> None:
    """No rule is about it: without a client nobody asks the venue, and with one the stream begins."""
    async with Venue(lambda text: [], greet=greet) as venue:
        home = Home(
            tmp_path,
            None,
            sources={"coinlocally": {"ws_url": venue.url, "key": KEYS["mine"]}},
            server={"port": 0, "tables": True, "live": []},
            rules=[],
        )
        async with home.living() as house:
            assert [] == venue.connections
            headers = {wire.KEY_HEADER: KEYS["mine"]}
            wanted = NUMBERS["mine"].uid, NUMBERS["mine"].order
            said = await overheard(house, headers, [{"event": "sub", **headers, "broker": 1003}], *wanted)

    assert {str(NUMBERS["mine"].uid), str(NUMBERS["mine"].order)} <= set(found("mine", said))
