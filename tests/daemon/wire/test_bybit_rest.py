"""Bybit v5 over REST, read and written."""

import json
from pathlib import Path

import pytest

from daemon.wire import bybit_rest as rest
from daemon.wire.control import Unreadable
from rules.events import FundingRate, InsuranceFund, LongShortRatio, MarkPrice, OpenInterest
from tests.daemon.wire.recorded import sample

NOW = 1_800_000_000_000
RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/recordings/rest"


def answer(*rows: dict[str, object]) -> bytes:
    """An envelope around a list."""
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": {"list": list(rows)}, "time": 1760352369814}).encode()


def test_bybit_refuses_with_http_200() -> None:
    """retCode is what counts."""
    for read in (rest.decode_tickers, rest.decode_funding_history):
        with pytest.raises(Unreadable, match="10006 Too many visits"):
            read(rest.encode_error(10006, "Too many visits!", NOW), NOW)
        for body in (b"", b"<html>", b"[]", b'{"retCode":"x"}'):
            with pytest.raises(Unreadable, match="Bybit"):
                read(body, NOW)


def test_tickers_name_every_instrument() -> None:
    """Names that we cannot read are left out; the rest is the stream's ticker."""
    body = answer(
        {"symbol": "BTCUSDT", "markPrice": "5", "singleOpenInterest": "2", "openInterest": "4"}, {"symbol": "?"}
    )

    assert ["BTC-USDT-PERP"] == rest.decode_symbols(body)
    mark, interest = rest.decode_tickers(body, NOW)
    assert isinstance(mark, MarkPrice)
    assert isinstance(interest, OpenInterest)
    assert (2.0, 10.0, 1760352369814) == (interest.oi_base, interest.oi_usd, interest.at_ms)


def test_tickers_round_trip() -> None:
    """What we serve, we read."""
    same: dict[str, object] = {"venue": "bybit", "symbol": "BTC-USDT-PERP", "at_ms": 5_000, "received_ms": NOW}
    events = [
        MarkPrice(price=5.5, index_price=5.25, **same),  # type: ignore[arg-type]  # checked by equality
        FundingRate(rate=1e-05, interval_h=4.0, settles_at_ms=9_000, **same),  # type: ignore[arg-type]  # same
        OpenInterest(oi_base=3.5, oi_usd=19.25, **same),  # type: ignore[arg-type]  # same
    ]

    assert events == rest.decode_tickers(rest.encode_tickers(events, 5_000), NOW)


def test_bybit_funding_history_is_newest_first() -> None:
    """We tell it oldest first, and as settled."""
    body = answer(
        {"symbol": "ETHPERP", "fundingRate": "0.0001", "fundingRateTimestamp": "1672041600000"},
        {"symbol": "ETHPERP", "fundingRate": "-0.0002", "fundingRateTimestamp": "1672012800000"},
        {"symbol": "ETHPERP", "fundingRate": "", "fundingRateTimestamp": "1671984000000"},
    )
    events = rest.decode_funding_history(body, NOW, {"ETH-USDC-PERP": 4.0})

    assert [(-0.0002, 1672012800000), (0.0001, 1672041600000)] == [(e.rate, e.settles_at_ms) for e in events]
    assert all(e.is_settled and e.interval_h == 4.0 and e.symbol == "ETH-USDC-PERP" for e in events)
    assert events == rest.decode_funding_history(rest.encode_funding_history(events, NOW), NOW, {"ETH-USDC-PERP": 4.0})


def test_bybits_published_examples_are_read() -> None:
    """category=inverse flips the units: open interest is dollars, its value coins."""
    path = RECORDINGS / "bybit_v5_market_samples.json"
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    samples = json.loads(path.read_bytes())
    events = rest.decode_tickers(
        json.dumps(samples["GET /v5/market/tickers?category=inverse&symbol=BTCUSD"]).encode(), NOW
    )
    [interest] = [event for event in events if isinstance(event, OpenInterest)]

    assert (2089.79, 240113967.0) == (interest.oi_base, interest.oi_usd)


def test_who_is_long_is_told_in_shares() -> None:
    """The vendor's printed example: 49 % of the accounts are long. Oldest first."""
    body = sample(
        "bybit_v5_market_samples.json", "GET /v5/market/account-ratio?category=linear&symbol=BTCUSDT&period=1h&limit=2"
    )
    earlier, later = rest.decode_account_ratio(body, NOW)

    assert (
        LongShortRatio(
            venue="bybit",
            symbol="BTC-USDT-PERP",
            ratio=0.49 / 0.51,
            long_share=0.49,
            short_share=0.51,
            period_ms=300_000,
            at_ms=1_696_262_400_000,
            received_ms=NOW,
        )
        == later
    )
    assert 1_696_258_800_000 == earlier.at_ms
    assert [earlier, later] == rest.decode_account_ratio(rest.encode_account_ratio([later, earlier], NOW), NOW)


def test_the_insurance_fund_is_all_pools_of_a_coin_together() -> None:
    """The vendor's printed example has four pools of USDT; one without a number would be left out."""
    body = sample("bybit_v5_market_samples.json", "GET /v5/market/insurance?coin=USDT")
    [fund] = rest.decode_insurance(body, NOW)

    assert ("USDT", 1_714_003_200_000) == (fund.coin, fund.at_ms)
    assert 902178.57602476 + 14454.51626125 + 23.45018235 + 10002 == pytest.approx(fund.amount)
    assert 901898.0963091522 + 14449.515598975464 + 22.992864174376344 + 9998.896846613574 == pytest.approx(
        fund.amount_usd
    )


def test_a_pool_without_a_value_leaves_the_value_of_the_fund_open() -> None:
    """A sum that lacks a part would be too small without saying so."""
    pools: list[dict[str, object]] = [
        {"coin": "BTC", "balance": "2", "value": "100000"},
        {"coin": "BTC", "balance": "1", "value": ""},
        {"coin": "BTC", "balance": "x"},
    ]
    [fund] = rest.decode_insurance(answer(*pools), NOW)

    assert InsuranceFund(venue="bybit", coin="BTC", amount=3.0, at_ms=NOW, received_ms=NOW) == fund


def test_funds_are_read_back_as_they_were_written() -> None:
    """One pool a coin."""
    funds = [
        InsuranceFund(venue="bybit", coin=coin, amount=5.5, amount_usd=value, at_ms=NOW - 1, received_ms=NOW)
        for coin, value in (("USDT", 5.5), ("BTC", None))
    ]

    assert funds == rest.decode_insurance(rest.encode_insurance(funds, NOW), NOW)
