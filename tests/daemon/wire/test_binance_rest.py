"""Binance USD-M over REST, read and written."""

import json
from pathlib import Path

import pytest

from daemon.wire import binance_rest as rest
from daemon.wire.control import Unreadable
from rules.events import FundingRate, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/recordings/rest"


def test_binance_open_interest_is_in_base_coins() -> None:
    """Dollars need the mark price, and without it they stay unknown."""
    body = b'{"openInterest":"10659.509","symbol":"BTCUSDT","time":1589437530011}'
    event = rest.decode_open_interest(body, NOW, 9000.0)

    assert OpenInterest(
        venue="binance", symbol="BTC-USDT-PERP", oi_base=10659.509, oi_usd=10659.509 * 9000.0,
        at_ms=1589437530011, received_ms=NOW,
    ) == event  # fmt: skip
    assert rest.decode_open_interest(body, NOW).oi_usd is None
    assert event == rest.decode_open_interest(rest.encode_open_interest(event), NOW, 9000.0)


def test_settled_funding_is_told_apart_from_the_prediction() -> None:
    """fundingRate is what was paid; markPrice may be missing or empty, rateType is new."""
    body = json.dumps([
        {"symbol": "BTCUSDT", "fundingRate": "0.00010000", "fundingTime": 1570636800000, "rateType": "Regular"},
        {"symbol": "BTCUSDT", "fundingRate": "-0.03750000", "fundingTime": 1570608000000, "markPrice": ""},
    ]).encode()  # fmt: skip
    events = rest.decode_funding_rates(body, NOW, {"BTC-USDT-PERP": 4.0})

    assert [(-0.0375, 1570608000000), (0.0001, 1570636800000)] == [(e.rate, e.settles_at_ms) for e in events]
    assert all(e.is_settled and e.interval_h == 4.0 for e in events)
    assert events == rest.decode_funding_rates(rest.encode_funding_rates(events), NOW, {"BTC-USDT-PERP": 4.0})


def test_premium_index_of_one_symbol_and_of_all() -> None:
    """lastFundingRate is the running rate; delivery contracts say nextFundingTime 0."""
    row = {
        "symbol": "BTCUSDT", "markPrice": "11793.6", "indexPrice": "11781.8", "lastFundingRate": "0.00038246",
        "nextFundingTime": 1597392000000, "interestRate": "0.0001", "time": 1597370495002,
    }  # fmt: skip
    dated = {**row, "symbol": "BTCUSDT_260327", "lastFundingRate": "", "nextFundingTime": 0}
    mark, funding = rest.decode_premium_index(json.dumps(row).encode(), NOW)

    assert isinstance(mark, MarkPrice)
    assert isinstance(funding, FundingRate)
    assert not funding.is_settled
    assert [MarkPrice, FundingRate, MarkPrice] == [
        type(event) for event in rest.decode_premium_index(json.dumps([row, dated]).encode(), NOW)
    ]
    assert [mark, funding] == rest.decode_premium_index(rest.encode_premium_index([mark, funding]), NOW)
    assert [mark, funding] == rest.decode_premium_index(
        rest.encode_premium_index([mark, funding], "BTC-USDT-PERP"), NOW
    )


def test_binance_funding_info_lists_only_the_exceptions() -> None:
    """Others have 8 hours, which is the decoder's default."""
    body = b'[{"symbol":"LPTUSDT","adjustedFundingRateCap":"0.02","fundingIntervalHours":4,"disclaimer":false}]'

    assert {"LPT-USDT-PERP": 4.0} == rest.decode_funding_info(body)
    assert {"LPT-USDT-PERP": 4.0} == rest.decode_funding_info(rest.encode_funding_info({"LPT-USDT-PERP": 4.0}))


def test_a_refusal_is_told_in_binances_words() -> None:
    """The sentence that an operator will see."""
    with pytest.raises(Unreadable, match="-1121 Invalid symbol"):
        rest.decode_open_interest(rest.encode_error(-1121, "Invalid symbol."), NOW)
    for body in (b"", b"<html>", b"[]", b'{"openInterest":"","symbol":"BTCUSDT","time":1}'):
        with pytest.raises(Unreadable, match="Binance"):
            rest.decode_open_interest(body, NOW)


def test_a_recorded_answer_of_all_symbols_is_read_whole() -> None:
    """379 rows of 2024-11-27, of which each gives a mark price and none is left out but those without a price."""
    path = RECORDINGS / "binance_fapi_premiumIndex_all_2024-11-27.json"
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    rows = json.loads(path.read_bytes())
    events = rest.decode_premium_index(path.read_bytes(), NOW)

    assert len([r for r in rows if float(r["markPrice"])]) == len([e for e in events if isinstance(e, MarkPrice)])
    assert len([r for r in rows if r["nextFundingTime"]]) == len([e for e in events if isinstance(e, FundingRate)])
