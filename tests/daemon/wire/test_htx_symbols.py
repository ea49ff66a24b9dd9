"""HTX over REST: what is listed, how often it pays, and how much of it is open."""

import json

import pytest

from daemon.wire import htx_symbols as wire
from daemon.wire.control import Unreadable
from rules.events import OpenInterest

NOW = 1_800_000_000_000
INTEREST = OpenInterest(
    venue="htx", symbol="BTC-USDT-PERP", oi_base=78.696, oi_usd=3823138.2456, at_ms=NOW, received_ms=NOW
)


def test_what_is_written_is_read_back() -> None:
    sizes, hours = {"BTC-USDT": 0.001, "ETH-USDT-270326": 0.01}, {"BTC-USDT-PERP": 8.0, "PEPE-USDT-PERP": 4.0}

    assert sizes == wire.decode_contracts(wire.encode_contracts(sizes, NOW))
    assert hours == wire.decode_intervals(wire.encode_intervals(hours, NOW))
    assert [INTEREST] == wire.decode_open_interest(wire.encode_open_interest([INTEREST], NOW), NOW)


def test_a_contract_that_is_not_traded_is_not_listed() -> None:
    rows = [{"contract_code": "A-USDT", "contract_size": 1, "contract_status": 0}, {"contract_code": "B-USDT"}]

    assert {} == wire.decode_contracts(json.dumps({"status": "ok", "data": rows}).encode())


def test_rows_that_make_no_sense_are_left_out() -> None:
    rows = [{"contract_code": "BTC-USDT-CW", "amount": 1}, {"contract_code": "ETH-USDT", "amount": "?"}]
    answer = {"status": "ok", "ts": NOW, "data": [*rows, {"contract_code": "SOL-USDT", "amount": 2, "value": None}]}
    [found] = wire.decode_open_interest(json.dumps(answer).encode(), NOW)

    assert ("SOL-USDT-PERP", 2.0, None) == (found.symbol, found.oi_base, found.oi_usd)


@pytest.mark.parametrize("name", ["BTC-USDT-CW", "BTC", "BTC-USDT-1", "A" * 100, "BTC-USDT-260327-X"])
def test_what_is_no_instrument_is_said_to_be_none(name: str) -> None:
    """A name of a role (the contract of this week) means another contract next week."""
    with pytest.raises(ValueError, match="not an instrument"):
        wire.to_symbol(name)


@pytest.mark.parametrize(("name", "symbol"), [("BTC-USDT", "BTC-USDT-PERP"), ("BTC-USDT-260327", "BTC-USDT-20260327")])
def test_names_are_translated_both_ways(name: str, symbol: str) -> None:
    assert (symbol, name) == (wire.to_symbol(name), wire.from_symbol(symbol))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"status":"error","err_code":1032,"err_msg":"too many visits"}', b'{"status":"ok","data":7}']
)
def test_an_error_is_told_in_htx_words(body: bytes) -> None:
    with pytest.raises(Unreadable, match=r"HTX (refused: 1032 too many|sent an answer)"):
        wire.decode_contracts(body)
