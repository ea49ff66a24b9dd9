"""OKX over REST: accounts and the security fund, read and written."""

import json

import pytest

from daemon.wire import okx_rest as rest
from daemon.wire.control import Throttled, Unreadable
from rules.events import InsuranceFund, LongShortRatio

NOW = 1_800_000_000_000
AT = 1_704_883_083_000


def answer(data: object, code: str = "0") -> bytes:
    return json.dumps({"code": code, "msg": "why", "data": data}).encode()


def test_shares_follow_from_the_ratio() -> None:
    """Three long accounts for each short one: three quarters are long. Oldest first; rows without a number are left out."""
    body = answer([[str(AT + 300_000), "3"], [str(AT), "1"], ["x", "1"], [str(AT), ""], [str(AT)]])
    told = rest.decode_account_ratio(body, "BTC-USDT-SWAP", NOW)

    assert (
        LongShortRatio(
            venue="okx",
            symbol="BTC-USDT-PERP",
            ratio=3.0,
            long_share=0.75,
            short_share=0.25,
            period_ms=300_000,
            at_ms=AT + 300_000,
            received_ms=NOW,
        )
        == told[-1]
    )
    assert [1.0, 3.0] == [event.ratio for event in told]
    assert told == rest.decode_account_ratio(rest.encode_account_ratio(told), "BTC-USDT-SWAP", NOW)


def test_the_fund_is_the_latest_balance_of_a_coin_and_the_total_in_dollars() -> None:
    """The vendor's printed example, and a row of a bankruptcy that is no balance of its own."""
    row = {"adlType": "", "amt": "", "balance": "1343.1308", "ccy": "ETH", "ts": str(AT), "type": "regular_update"}
    earlier = {**row, "balance": "1000", "ts": str(AT - 60_000)}
    loss = {**row, "amt": "-5", "balance": "1338", "ts": str(AT + 1), "type": "bankruptcy_loss"}
    funds = rest.decode_insurance(
        answer([{"details": [loss, row, earlier], "instFamily": "ETH-USD", "total": "1369179138.7489"}]), NOW
    )

    assert [
        InsuranceFund(venue="okx", coin="ETH", amount=1343.1308, at_ms=AT, received_ms=NOW),
        InsuranceFund(
            venue="okx", coin="USD", amount=1369179138.7489, amount_usd=1369179138.7489, at_ms=AT, received_ms=NOW
        ),
    ] == funds


def test_dollar_coins_are_worth_dollars() -> None:
    """Of others the answer does not say what they are worth."""
    funds = [InsuranceFund(venue="okx", coin="USDT", amount=7e8, amount_usd=7e8, at_ms=AT, received_ms=NOW)]

    assert funds == rest.decode_insurance(rest.encode_insurance("BTC-USDT", funds, 9e8), NOW)[:1]


@pytest.mark.parametrize("read", [lambda body: rest.decode_account_ratio(body, "BTC-USDT-SWAP", NOW),
                                  lambda body: rest.decode_insurance(body, NOW)])  # fmt: skip
def test_refusals_come_with_a_code(read: object) -> None:
    """Too many questions are told apart from wrong ones."""
    assert callable(read)
    with pytest.raises(Throttled, match="50011"):
        read(answer([], "50011"))
    for body in (answer([], "51001"), b"", b"<html>", b"[]", answer({"a": 1})):
        with pytest.raises(Unreadable, match="OKX"):
            read(body)
