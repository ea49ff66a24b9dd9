"""HTX's insurance funds over REST."""

import json

import pytest

from daemon.wire import htx_insurance as wire
from daemon.wire.control import Unreadable
from rules.events import InsuranceFund

NOW = 1_800_000_000_000


def fund(amount: float, at_ms: int = NOW) -> InsuranceFund:
    return InsuranceFund(venue="htx", coin="EOS", amount=amount, at_ms=at_ms, received_ms=NOW)


def told(*ticks: object) -> bytes:
    return json.dumps({"status": "ok", "data": {"contract_code": "EOS-USD", "tick": ticks}, "ts": NOW}).encode()


def test_what_is_written_is_read_back() -> None:
    assert ["BTC", "EOS"] == wire.decode_coins(wire.encode_coins(["BTC", "EOS"], NOW))
    assert [fund(310_000.5)] == wire.decode_fund(wire.encode_funds([fund(310_000.5), fund(2.0, NOW - 1)]), NOW)


@pytest.mark.parametrize("turn", [1, -1])
def test_of_a_page_only_the_newest_counts(turn: int) -> None:
    """Whichever way it is sorted."""
    ticks = [{"insurance_fund": "1.5", "ts": NOW}, {"insurance_fund": 9, "ts": NOW - 86_400_000}]

    assert [fund(1.5)] == wire.decode_fund(told(*ticks[::turn]), NOW)


@pytest.mark.parametrize("ticks", [[], [{"ts": NOW}]])
def test_an_empty_page_says_nothing(ticks: list[object]) -> None:
    assert [] == wire.decode_fund(told(*ticks), NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", told({"insurance_fund": "much", "ts": NOW}), wire.NO_SUCH_CONTRACT]
)
def test_what_makes_no_sense_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="HTX"):
        wire.decode_fund(body, NOW)
