"""Coinlocally's private stream: its quirks, and both directions."""

from typing import Any

import pytest
from hypothesis import given

from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Pong
from rules.events import (
    AccountUpdate,
    AdlUpdate,
    Balance,
    Event,
    OrderUpdate,
    TriggerOrderUpdate,
)
from tests.daemon.wire.coinlocally_events import ACCOUNT, NOW, facts, rows
from tests.daemon.wire.coinlocally_page import ORDER, POSITION, TRIGGER, UPDATE, packed, read


def changed(message: dict[str, Any], **fields: object) -> dict[str, Any]:
    """The page's order or trigger order with other fields."""
    (name,) = set(message) - {"channel"}
    return {**message, name: {**message[name], **fields}}


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
