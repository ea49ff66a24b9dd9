"""Deribit's answers, read and written."""

import json

import pytest

from daemon.wire import deribit as wire
from daemon.wire.control import Throttled, Unreadable
from tests.daemon.wire.recorded import recorded

FUTURE = wire.Summary("BTC-PERPETUAL", 1.0, 2.0, 3.0, None, 4.0, 5.0, 6.0, -0.00001, 7)
OPTION = wire.Summary("BTC-26MAR27-90000-C", None, 0.1, None, 9e4, 4.0, 0.0, 0.0, None, 7)


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our clients read."""
    assert [FUTURE, OPTION] == wire.decode_summaries(wire.encode_summaries([FUTURE, OPTION]))
    assert FUTURE == wire.decode_ticker(wire.encode_ticker(FUTURE))
    assert ["BTC-PERPETUAL"] == [row["instrument_name"] for row in wire.decode_raw(wire.encode_summaries([FUTURE]))]


@pytest.mark.parametrize(
    ("name", "symbol", "inverse"),
    [
        ("BTC-PERPETUAL", "BTC-USD-PERP", True),
        ("BTC-26DEC25", "BTC-USD-20251226", True),
        ("ETH-5JUN26", "ETH-USD-20260605", True),
        ("SOL_USDC-PERPETUAL", "SOL-USDC-PERP", False),
        ("BTC_USDC-26DEC25", "BTC-USDC-20251226", False),
    ],
)
def test_names_say_which_contracts_count_dollars(name: str, symbol: str, inverse: bool) -> None:
    """Those without a quote in their name."""
    assert (symbol, inverse) == wire.read_name(name)
    assert name == wire.from_symbol(symbol)


@pytest.mark.parametrize("name", ["BTC-26MAR27-90000-C", "BTC", "", "-PERPETUAL", "BTC-FS-26DEC25_PERP", "X" * 100])
def test_what_is_no_future_is_said_to_be_none(name: str) -> None:
    """Options and combinations have other units."""
    with pytest.raises(ValueError, match="not a"):
        wire.read_name(name)


def test_the_recorded_ticker_counts_dollars() -> None:
    """1.13 billion of open interest, 1.09 billion traded, both in US dollars."""
    frame = json.loads(recorded("deribit_ticker_BTC-PERPETUAL_2025-12-12.json"))
    found = wire.decode_ticker(json.dumps({"jsonrpc": "2.0", "result": frame["params"]["data"]}).encode())

    assert (1132329370.0, 1092371540.0, 0.00001742) == (found.interest, found.volume_usd, found.funding_8h)
    assert (92281.78, 92263.55, 1765541474086) == (found.mark, found.index, found.at_ms)


def test_an_error_is_told_in_deribits_words() -> None:
    """It comes without a result, with any HTTP status."""
    with pytest.raises(Throttled, match="10028 too_many"):
        wire.decode_summaries(wire.encode_error(10028, "too_many_requests"))
    with pytest.raises(Unreadable, match="-32602 Invalid"):
        wire.decode_summaries(wire.encode_error(-32602, "Invalid params"))
    with pytest.raises(Unreadable, match="cannot be read"):
        wire.decode_ticker(b'{"result":{"instrument_name":"X","mark_price":"soon"}}')
