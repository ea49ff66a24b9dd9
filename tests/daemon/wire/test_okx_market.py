"""OKX's answers for tables and charts, read and written."""

import json

import pytest

from daemon.wire import okx_market as wire
from daemon.wire.control import Throttled, Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid
from daemon.wire.okx_contracts import Contract
from rules.events import Liquidation
from tests.daemon.wire.recorded import sample

NOW = 1_800_000_000_000
SAMPLES = "okx_v5_samples.json"
SWAP = "BTC-USDT-SWAP"
SIZES = {SWAP: Contract(0.01)}


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our clients read."""
    funding = [wire.Funding(SWAP, -0.0001, NOW, 4.0, 5)]
    interest = [wire.Interest(SWAP, 100.0, 1.0, 9e4, 5), wire.Interest("X", None, None, None, 0)]
    marks, tickers = [wire.Mark(SWAP, 9e4, 5)], [wire.Ticker(SWAP, 9e4, 100.0, 1.0, 5)]
    paid = [Paid(1, 0.0001), Paid(2, -0.0002)]
    bars = [Bar(1, 1.0, 3.0, 0.5, 2.0, 10.0, 15.0), Bar(2, 2.0, 3.0, 0.5, 2.5, 11.0, None)]
    points = [InterestPoint(1, 2.0, 3.0), InterestPoint(2, 4.0)]

    assert funding == wire.decode_funding(wire.encode_funding(funding))
    assert interest == wire.decode_open_interest(wire.encode_open_interest(interest))
    assert marks == wire.decode_marks(wire.encode_marks(marks))
    assert tickers == wire.decode_tickers(wire.encode_tickers(tickers))
    assert paid == wire.decode_funding_history(wire.encode_funding_history(SWAP, paid))
    assert bars == wire.decode_candles(wire.encode_candles(bars, 0.01))
    assert points == wire.decode_interest_history(wire.encode_interest_history(points))


def test_recorded_history_is_read_with_what_was_really_paid() -> None:
    """0.00015 was paid where 0.0001515032 had been predicted."""
    paid = wire.decode_funding_history(sample(SAMPLES, "GET /api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP"))

    assert [Paid(1704038400000, -0.00002), Paid(1704067200000, 0.00015)] == paid


def test_recorded_rows_are_read_over_rest_as_over_the_stream() -> None:
    """The rows have the same keys; old ones lack oiUsd; nextFundingRate is empty."""
    frames = {
        name: json.dumps({"code": "0", "data": json.loads(sample(SAMPLES, name))["data"]}).encode()
        for name in (
            "WS funding-rate (real, 2026-08-04)",
            "WS open-interest (real, 2021-12, before oiUsd was added)",
        )
    }
    funding, interest = frames.values()

    assert [
        wire.Funding("BTC-USD_UM_XPERP-310404", -0.0004270396398519, 1785888000000, 8.0, 1785870855692)
    ] == wire.decode_funding(funding)
    assert [wire.Interest("WNCG-USDT-SWAP", 644195.0, 644195.0, None, 1640131258756)] == wire.decode_open_interest(
        interest
    )
    mark = sample(SAMPLES, "GET /api/v5/public/mark-price?instType=SWAP&instId=BTC-USDT-SWAP")
    assert [wire.Mark(SWAP, 84660.1, 1744590349506)] == wire.decode_marks(mark)


def test_candles_of_the_mark_price_have_no_volume() -> None:
    """Their sixth column says whether they are over."""
    body = b'{"code":"0","data":[["5","1","3","0.5","2","1"]]}'

    assert [Bar(5, 1.0, 3.0, 0.5, 2.0)] == wire.decode_candles(body, mark=True)


def test_funding_that_does_not_say_when_is_left_out() -> None:
    """Without two settlements there is no interval."""
    body = b'{"code":"0","data":[{"instId":"A","fundingRate":"0.1","fundingTime":"5","nextFundingTime":""}]}'

    assert [] == wire.decode_funding(body)


def test_liquidations_count_contracts_and_sides_as_the_stream_does() -> None:
    """50 contracts of 0.01 BTC; a net position that is sold was long."""
    detail = {"bkPx": "100000", "posSide": "net", "side": "sell", "sz": "50", "ts": "5"}
    body = json.dumps({"code": "0", "data": [{"instId": SWAP, "details": [detail]}]}).encode()
    expected = Liquidation(
        venue="okx",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=0.5,
        price=100_000.0,
        price_kind="mark",
        notional_usd=50_000.0,
        at_ms=5,
        received_ms=NOW,
    )

    assert [expected] == wire.decode_liquidations(body, SIZES, NOW)
    assert [expected] == wire.decode_liquidations(wire.encode_liquidations([expected], SIZES, NOW), SIZES, NOW)
    assert [] == wire.decode_liquidations(b'{"code":"0","data":[]}', SIZES, NOW)
    with pytest.raises(Unreadable, match="size of its contract is not known"):
        wire.decode_liquidations(body, {}, NOW)


def test_too_often_is_told_apart_from_other_refusals() -> None:
    """50011 passes by itself."""
    with pytest.raises(Throttled):
        wire.decode_marks(wire.encode_error("50011", "Too Many Requests"))
    with pytest.raises(Unreadable, match="51001 gone"):
        wire.decode_marks(wire.encode_error("51001", "gone"))
