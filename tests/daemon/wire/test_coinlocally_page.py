"""Coinlocally's private stream as its page prints it: read whole, and written as it was printed."""

import gzip
import json
from typing import Any

import pytest

from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Accepted, Ignored, Leaving, Pong
from rules.events import (
    AccountUpdate,
    AdlUpdate,
    Attached,
    Balance,
    OrderUpdate,
    Position,
    TriggerOrderUpdate,
)
from tests.daemon.wire.coinlocally_events import ACCOUNT, NOW
from tests.daemon.wire.coinlocally_page import ADL, ORDER, TRIGGER, UPDATE, packed, read, zipped


def test_the_printed_account_update_is_read_whole() -> None:
    coins = {"available": 122624.12345678, "frozen": 100.12345678, "isolated": 50.12345678}

    assert [
        AccountUpdate(
            venue="coinlocally",
            account=ACCOUNT,
            uid=1001,
            cause="CREATE",
            balances=(Balance(coin="USDT", **coins), Balance(coin="BTC", **coins)),
            position=Position(
                position_id="90762",
                contract_id=127,
                contract_name="S-BTC-USDT",
                other_name="BTCUSDT-EXUSD",
                symbol="BTC-USDT-PERP",
                side="long",
                is_isolated=False,
                leverage=20.0,
                quantity=12.0,
                entry_price=98533.6,
                liquidation_price=68000.3,
                margin=98.22,
                margin_ratio=0.0847,
                realised=2.0,
                opening_margin=0.0847,
                closable=2.0,
            ),
            at_ms=1564745798938,
            received_ms=NOW,
        )
    ] == read(UPDATE)


def test_the_printed_row_is_read_whole() -> None:
    assert [
        AdlUpdate(
            venue="coinlocally",
            account=ACCOUNT,
            uid=374958,
            position_id="2833456",
            level=2,
            liquidation_price=85405.8479,
            margin=0.0718829844033338,
            margin_ratio=0.0083629621201431,
            bid=85709.2,
            ask=85709.3,
            last=85718.4,
            mark_price=85717.0183,
            at_ms=NOW,
            received_ms=NOW,
        )
    ] == read(ADL)


def test_the_printed_order_is_read_whole() -> None:
    assert [
        OrderUpdate(
            venue="coinlocally",
            account=ACCOUNT,
            symbol="BTC-USDT-PERP",
            order_id="2094043912705377045",
            contract_id=127,
            contract_name="E-BTC-USDT",
            state="open",
            action="1",
            side="xxx",
            kind=1,
            price=61001.0,
            quantity=100.0,
            filled=0.0,
            average_price=0.0,
            price_decimals=3,
            take_profit=Attached(trigger_price=61001.0, price=0.0),
            stop_loss=Attached(trigger_price=61004.0, price=0.0),
            at_ms=NOW,
            received_ms=NOW,
        )
    ] == read(ORDER)


def test_the_printed_trigger_order_is_read_whole() -> None:
    assert [
        TriggerOrderUpdate(
            venue="coinlocally",
            account=ACCOUNT,
            order_id="1322738336974712854",
            state="waiting",
            action="1",
            kind=1,
            side="buy",
            trigger_kind=3,
            trigger_price=61001.0,
            price=61003.0,
            quantity=10.0,
            created_ms=1709550135000,
            expires_ms=1710759735000,
            at_ms=NOW,
            received_ms=NOW,
        )
    ] == read(TRIGGER)


@pytest.mark.parametrize("message", [UPDATE, ADL, ORDER, TRIGGER], ids=["update", "adl", "order", "trigOrder"])
def test_the_printed_frames_are_written_as_they_were_printed(message: dict[str, Any]) -> None:
    """Numbers stay numbers, texts stay texts, nothing is left out and nothing added."""
    (frame,) = server.encode(read(message))

    assert message == json.loads(gzip.decompress(frame))


@pytest.mark.parametrize(
    ("frame", "heard"),
    [
        ("connect success", Ignored()),
        ('"connect success"', Ignored()),
        (b"sub success", Accepted((wire.TOPIC,))),
        (zipped(b'"sub success"'), Accepted((wire.TOPIC,))),
        ('{ "pong": 1713338308233 }', Pong()),
        (packed({"pong": 1713338308233}), Pong()),
        (packed({"channel": "SYSTEM", "uid": 1001, "et": "close"}), Leaving()),
        (packed({"channel": "SYSTEM", "uid": 1001, "et": "soon"}), Ignored()),
        (packed({"channel": "NEW_THINGS", "uid": 1001}), Ignored()),
    ],
)
def test_words_about_the_conversation_are_known_packed_or_not(frame: bytes | str, heard: object) -> None:
    """The page does not say which of them are packed, nor whether the quotes are part of them."""
    assert heard == wire.Decoder(ACCOUNT).decode(frame, NOW)


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("token", '{"event":"sub","token":"s3cret","broker":1003}'),
        ("apiKey", '{"event":"sub","apiKey":"s3cret","broker":1003}'),
    ],
)
def test_both_subscriptions_are_as_printed(form: Any, printed: str) -> None:
    credential = wire.Credential(form, "s3cret")

    assert printed == credential.subscription()
    assert {form: "s3cret"} == credential.headers()
    assert credential == server.read_request(printed).credential
    assert "s3cret" not in repr(credential)
