"""Coinlocally's private stream: the page's own examples, its quirks, and what a hostile venue could send."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Accepted, Ignored, Leaving, Pong, Rejected, Unreadable
from rules.events import (
    AccountUpdate,
    AdlUpdate,
    Attached,
    Balance,
    Event,
    OrderUpdate,
    Position,
    TriggerOrderUpdate,
)
from tests.daemon.wire.coinlocally_events import ACCOUNT, NOW, facts, rows

ADL = {
    "uid": 374958,
    "channel": "ADL_PRICE",
    "l": [
        {
            "mr": 0.0083629621201431,
            "lt": 85718.4,
            "ha": 0.0718829844033338,
            "al": 2,
            "id": 2833456,
            "so": 85709.3,
            "tp": 85717.0183,
            "bo": 85709.2,
            "rp": 85405.8479,
        }
    ],
}
POSITION = {
    "id": 90762,
    "cid": 127,
    "pt": 1,
    "cn": "S-BTC-USDT",
    "con": "BTCUSDT-EXUSD",
    "l": 20,
    "pv": 12,
    "op": 98533.6,
    "rp": 68000.3,
    "hm": 98.22,
    "ra": 2,
    "s": "BUY",
    "mr": 0.0847,
    "oa": 0.0847,
    "ccv": 2,
}
UPDATE = {
    "channel": "ACCOUNT_UPDATE",
    "uid": 1001,
    "t": "1564745798938",
    "d": {
        "et": "CREATE",
        "a": [
            {"c": "USDT", "an": "122624.12345678", "la": "100.12345678", "pn": "50.12345678"},
            {"c": "BTC", "an": "122624.12345678", "la": "100.12345678", "pn": "50.12345678"},
        ],
        "p": POSITION,
    },
}
ORDER = {
    "channel": "order",
    "order": {
        "orderId": "2094043912705377045",
        "contractId": 127,
        "contractName": "E-BTC-USDT",
        "symbol": "BTC-USDT",
        "contractSide": "xxx",
        "type": 1,
        "price": 61001,
        "pricePrecision": 3,
        "dealVolume": 0,
        "volume": 100,
        "avgPrice": 0,
        "otoOrder": {
            "takerProfitStatus": False,
            "takerProfitTrigger": 61001,
            "takerProfitPrice": 0,
            "takerProfitTriggerId": None,
            "stopLossStatus": False,
            "stopLossTrigger": 61004,
            "stopLossPrice": 0,
            "stopLossTriggerId": None,
        },
        "orderAction": "1",
    },
}
TRIGGER = {
    "channel": "trigOrder",
    "trigOrder": {
        "triggerOrderId": "1322738336974712854",
        "type": 1,
        "side": "buy",
        "triggerPrice": 61001,
        "price": 61003,
        "volume": 10,
        "triggerType": 3,
        "ctime": 1709550135000,
        "expireTime": 1710759735000,
        "orderAction": "1",
    },
}


def zipped(text: bytes) -> bytes:
    """The same bytes at any time of the day."""
    return gzip.compress(text, mtime=0)


def packed(message: object) -> bytes:
    return zipped(json.dumps(message).encode())


def read(*messages: object, decoder: wire.Decoder | None = None, at_ms: int = NOW) -> list[Event]:
    """The events of these frames, as one subscribed connection hears them."""
    decoder = decoder or wire.Decoder(ACCOUNT)
    decoder.decode(wire.SUBSCRIBED, at_ms)
    found: list[Event] = []
    for message in messages:
        heard = decoder.decode(packed(message), at_ms)
        found += heard if isinstance(heard, (tuple, list)) else ()
    return found


def changed(message: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The page's order or trigger order with other fields."""
    (name,) = set(message) - {"channel"}
    return {**message, name: {**message[name], **fields}}


# -- the page's own examples ----------------------------------------------------------------------------------------


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


# -- quirks ----------------------------------------------------------------------------------------------------------


def test_rows_say_which_instrument_once_the_account_has_told() -> None:
    row = {"channel": "ADL_PRICE", "uid": 1001, "l": [{"id": 90762, "al": 1, "rp": 68000.3, "tp": 78000}]}
    before, _, after = read(row, UPDATE, row)

    assert isinstance(before, AdlUpdate)
    assert isinstance(after, AdlUpdate)
    assert ("", None) == (before.symbol, before.side)
    assert ("BTC-USDT-PERP", "long") == (after.symbol, after.side)


def test_a_position_that_is_missing_from_the_next_frame_is_closed() -> None:
    two = {"channel": "ADL_PRICE", "uid": 1, "l": [{"id": 7001, "al": 1}, {"id": 7002, "al": 1}]}
    one = {"channel": "ADL_PRICE", "uid": 1, "l": [{"id": 7002, "al": 1}]}

    said = [(event.position_id, event.is_open) for event in read(two, one, one) if isinstance(event, AdlUpdate)]

    assert [("7001", True), ("7002", True), ("7002", True), ("7001", False), ("7002", True)] == said


def test_a_position_of_no_contracts_is_closed() -> None:
    row = {"channel": "ADL_PRICE", "uid": 1, "l": [{"id": 90762, "al": 1}]}
    closing = {**UPDATE, "d": {"et": "UPDATE", "a": None, "p": {**POSITION, "pv": 0}}}
    *_, update, last = read(row, closing)

    assert isinstance(update, AccountUpdate)
    assert 0.0 == update.margin_ratio
    assert isinstance(last, AdlUpdate)
    assert not last.is_open


def test_rows_that_end_on_a_living_connection_mean_a_closed_position() -> None:
    """Pongs tell a quiet account from a dead connection; a new connection gets its time first."""
    decoder = wire.Decoder(ACCOUNT)
    read({"channel": "ADL_PRICE", "uid": 1, "l": [{"id": 7001, "al": 1}]}, decoder=decoder)
    pong = packed({"pong": 1})

    assert Pong() == decoder.decode(pong, NOW + wire.GONE_MS)
    heard = decoder.decode(pong, NOW + wire.GONE_MS + 1)
    assert isinstance(heard, tuple)
    assert [False] == [event.is_open for event in heard if isinstance(event, AdlUpdate)]
    assert Pong() == decoder.decode(pong, NOW + 2 * wire.GONE_MS)


def test_rows_of_before_are_remembered_by_the_next_connection() -> None:
    memory = wire.Memory()
    read({"channel": "ADL_PRICE", "uid": 1, "l": [{"id": 7001, "al": 1}]}, decoder=wire.Decoder(ACCOUNT, memory))
    later, pong = NOW + 600_000, packed({"pong": 1})
    again = wire.Decoder(ACCOUNT, memory)

    assert Pong() == again.decode(pong, later)
    again.decode(wire.SUBSCRIBED, later)
    assert Pong() == again.decode(pong, later + wire.GONE_MS)
    assert 1 == len(again.decode(pong, later + wire.GONE_MS + 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"dealVolume": 0}, "open"),
        ({"dealVolume": 40}, "partly_filled"),
        ({"dealVolume": 100}, "filled"),
        ({"dealVolume": 100, "orderAction": "4"}, "filled"),
        ({"dealVolume": 40, "orderAction": "4"}, "cancelled"),
        ({"dealVolume": 0, "orderAction": 4}, "cancelled"),
        ({"dealVolume": 0, "orderAction": "who knows"}, "open"),
        ({"dealVolume": None, "volume": None, "orderAction": None}, "open"),
    ],
)
def test_sizes_decide_what_became_of_an_order(fields: dict[str, object], state: str) -> None:
    """The codes are guessed, so they only count where sizes say nothing."""
    (order,) = read(changed(ORDER, **fields))

    assert isinstance(order, OrderUpdate)
    assert state == order.state


@pytest.mark.parametrize(
    ("action", "state"), [("1", "waiting"), ("2", "triggered"), ("4", "cancelled"), (77, "unknown")]
)
def test_an_unknown_code_of_a_trigger_order_is_unknown(action: object, state: str) -> None:
    (order,) = read(changed(TRIGGER, orderAction=action))

    assert isinstance(order, TriggerOrderUpdate)
    assert (state, str(action)) == (order.state, order.action)


def test_a_trigger_order_is_of_the_contract_whose_order_brought_it() -> None:
    oto = {**ORDER["order"]["otoOrder"], "stopLossTriggerId": 1322738336974712854}  # type: ignore[index]
    _, trigger = read(changed(ORDER, otoOrder=oto), TRIGGER)

    assert isinstance(trigger, TriggerOrderUpdate)
    assert "BTC-USDT-PERP" == trigger.symbol


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("S-BTC-USDT", "BTC-USDT-PERP"),
        ("E-BTC-USDT", "BTC-USDT-PERP"),
        ("h-eth-usdt", "ETH-USDT-PERP"),
        ("BTC-USDT", "BTC-USDT-PERP"),
        ("S-USDT", "S-USDT-PERP"),
        ("E-BTC-USDT-260327", "BTC-USDT-20260327"),
        ("BTCUSDT", ""),
        ("x" * 100, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_contracts_have_our_names(name: str | None, symbol: str) -> None:
    """A coin may be called S; a prefix stands before a pair."""
    assert symbol == wire.to_symbol(name)


def test_what_is_missing_stays_missing() -> None:
    (update,) = read({"channel": "ACCOUNT_UPDATE", "uid": None, "d": {"p": {"id": 1}, "a": [{"c": "USDT", "an": ""}]}})
    (row,) = read({"channel": "ADL_PRICE", "l": [{"id": 1}]})
    (order,) = read({"channel": "order", "order": {"orderId": 5}})

    assert isinstance(update, AccountUpdate)
    assert (None, NOW, (Balance(coin="USDT"),)) == (update.uid, update.at_ms, update.balances)
    assert update.position is not None
    assert (None, None, None) == (update.position.side, update.position.quantity, update.margin_ratio)
    assert isinstance(row, AdlUpdate)
    assert (0, None, None) == (row.level, row.margin_ratio, row.distance)
    assert isinstance(order, OrderUpdate)
    assert ("open", None, "") == (order.state, order.quantity, order.symbol)


@pytest.mark.parametrize(
    ("side", "limit", "distance"),
    [
        ("long", 90.0, 0.1),
        ("long", 110.0, 0.0),
        ("short", 110.0, 0.1),
        ("short", 90.0, 0.0),
        (None, 110.0, 0.1),
        ("long", -3.35e9, 3.35e7 + 1),
        ("short", -3.35e9, 3.35e7 + 1),
        ("long", None, None),
    ],
)
def test_the_distance_to_forced_reduction_knows_the_side(
    side: Any, limit: float | None, distance: float | None
) -> None:
    """Beyond the price it is 0; the absurd price of a safe position is far away."""
    row = AdlUpdate(
        venue="coinlocally",
        account=ACCOUNT,
        position_id="1",
        side=side,
        level=1,
        liquidation_price=limit,
        mark_price=100.0,
        at_ms=NOW,
        received_ms=NOW,
    )

    assert distance == (None if row.distance is None else pytest.approx(row.distance))


# -- hostile --------------------------------------------------------------------------------------------------------


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte of zeroes fits into a megabyte; one of a hundred megabytes shows it as well."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()

    with pytest.raises(Unreadable, match="unpacks to more than 1,048,576 bytes"):
        wire.Decoder(ACCOUNT).decode(bomb, NOW)
    with pytest.raises(Unreadable, match="unpacks to more than 16,384 bytes"):
        server.read_request(bomb)


@pytest.mark.parametrize(
    "frame",
    [
        zipped(b"{}")[:-4],
        zipped(b"{}") + b"more",
        zipped(b"{}") * 2,
        b"\x1f\x8b",
        b"\x1f\x8bgarbage",
        zipped(b"\xff\xfe"),
        zipped(b"[" * 100_000),
        zipped(b'{"channel":"order","order":[]}'),
        zipped(b'{"channel":"ADL_PRICE","l":[{"id":1,"tp":"SECRET 12345"}]}'),
        zipped(b'{"channel":5}'),
        zipped(b'{"event":"what"}'),
        zipped(b"12345.678"),
        b"",
        b"garbage 12345.678",
    ],
)
def test_garbage_is_unreadable_and_never_quoted(frame: bytes) -> None:
    """What is between the lines of an account is nobody's business, log or not."""
    decoder = wire.Decoder(ACCOUNT)
    decoder.decode(wire.SUBSCRIBED, NOW)

    with pytest.raises(Unreadable) as trouble:
        decoder.decode(frame, NOW)
    assert "12345" not in str(trouble.value)


@pytest.mark.parametrize("said", ["invalid token", '{"code":401,"msg":"no"}', "", "\udcff"])
def test_whatever_comes_in_place_of_the_acknowledgement_is_a_refusal(said: str) -> None:
    frame = said.encode("utf-8", "surrogateescape")

    assert isinstance(wire.Decoder(ACCOUNT).decode(frame, NOW), Rejected)


@given(st.binary(max_size=200))
def test_no_frame_breaks_the_decoder(frame: bytes) -> None:
    decoder = wire.Decoder(ACCOUNT)
    for is_subscribed in (False, True):
        decoder.is_subscribed = is_subscribed
        for one in (frame, zipped(frame)):
            try:
                decoder.decode(one, NOW)
            except Unreadable:
                continue


@pytest.mark.parametrize(
    "message",
    ["", "x", "[]", "5", "{", '{"event":5}', '{"apiKey":5}', '{"apiKey":"a","token":"b"}', b"\xff", b"\x1f\x8b"],
)
def test_what_is_no_request_is_said_without_a_quote(message: str | bytes) -> None:
    with pytest.raises(Unreadable):
        server.read_request(message)


def test_what_is_remembered_of_positions_has_a_bound() -> None:
    memory = wire.Memory()
    for place in range(3):
        rows = [{"id": place * 2_000 + number, "al": 1} for number in range(2_000)]
        read({"channel": "ADL_PRICE", "l": rows}, decoder=wire.Decoder(ACCOUNT, memory))
    for number in range(2_000):
        read({**UPDATE, "d": {"p": {**POSITION, "id": number}}}, decoder=wire.Decoder(ACCOUNT, memory))

    assert (1_000, 1_000) == (len(memory.rows), len(memory.positions))


# -- both directions --------------------------------------------------------------------------------------------------


@given(facts)
def test_what_is_written_is_read_again(events: list[Event]) -> None:
    found: list[Event] = []
    for frame in server.encode(events):
        heard = wire.Decoder(ACCOUNT).decode(frame, NOW)
        assert isinstance(heard, tuple)
        found += heard

    assert events == found


@given(rows())
def test_rows_of_one_second_share_a_frame(events: list[Event]) -> None:
    (frame,) = server.encode(events)

    assert tuple(events) == wire.Decoder(ACCOUNT).decode(frame, NOW)
