"""OKX v5 over REST: who is long, and the security fund behind positions that went below zero.

Facts: the ratio of accounts is sent alone, newest first, one row every five minutes; the shares follow from it. The fund is
asked for by instrument family and answers with its changes, newest first: `regular_update` rows hold the balance of the
minute in the coin that the family settles in, `total` is everything OKX holds for the type of instrument in US dollars.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.numbers import DOLLARS, number, plain, whole
from daemon.wire.okx_contracts import TOO_OFTEN, to_symbol
from daemon.wire.okx_trading import VENUE
from daemon.wire.rows import readable
from daemon.wire.trouble import brief
from rules.events import InsuranceFund, LongShortRatio

ACCOUNT_RATIO = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract"  # ?instId&period=5m
RATIO_PERIOD, RATIO_PERIOD_MS = "5m", 300_000
INSURANCE = "/api/v5/public/insurance-fund"  # ?instType=SWAP&instFamily=BTC-USDT
REGULAR = "regular_update"
TOTAL = "USD"  # the coin under which the total of all funds is told

T = TypeVar("T")


class _Answer(msgspec.Struct, gc=False):
    code: str
    data: msgspec.Raw = msgspec.Raw(b"[]")
    msg: str = ""


class _Balance(msgspec.Struct, gc=False):
    balance: str = ""
    ccy: str = ""
    type: str = ""
    ts: str = ""


class _Fund(msgspec.Struct, gc=False):
    details: list[_Balance] = msgspec.field(default_factory=list)
    total: str = ""


_answer = msgspec.json.Decoder(_Answer)
_columns = msgspec.json.Decoder(list[list[str]])
_funds = msgspec.json.Decoder(list[_Fund])


def decode_account_ratio(body: bytes, inst_id: str, received_ms: int) -> list[LongShortRatio]:
    """The ratio of one contract, oldest first; the answer does not name it."""
    symbol = to_symbol(inst_id)
    rows = readable(_read(body, _columns.decode), lambda row: _ratio(row, symbol, received_ms))
    return sorted(rows, key=lambda event: event.at_ms)


def _ratio(row: list[str], symbol: str, received_ms: int) -> LongShortRatio | None:
    if len(row) < 2:
        return None
    at_ms, ratio = whole(row[0]), number(row[1])
    if at_ms is None or ratio is None or ratio < 0.0:
        return None
    return LongShortRatio(
        venue=VENUE,
        symbol=symbol,
        ratio=ratio,
        long_share=ratio / (1.0 + ratio),
        short_share=1.0 / (1.0 + ratio),
        period_ms=RATIO_PERIOD_MS,
        at_ms=at_ms,
        received_ms=received_ms,
    )


def encode_account_ratio(events: Sequence[LongShortRatio]) -> bytes:
    """The answer to long-short-account-ratio-contract, newest first."""
    return _envelope([[str(e.at_ms), plain(e.ratio)] for e in sorted(events, key=lambda event: -event.at_ms)])


def decode_insurance(body: bytes, received_ms: int) -> list[InsuranceFund]:
    """The latest balance of each coin in the answer, and the total of all funds as the coin USD."""
    events: dict[str, InsuranceFund] = {}
    for fund in _read(body, _funds.decode):
        balances = [row for row in fund.details if row.type in (REGULAR, "")]
        for row in sorted(readable(balances, _told), key=lambda told: told[1]):
            coin, at_ms, amount = row
            events[coin] = InsuranceFund(
                venue=VENUE,
                coin=coin,
                amount=amount,
                amount_usd=amount if coin in DOLLARS else None,
                at_ms=at_ms,
                received_ms=received_ms,
            )
        total = number(fund.total)
        if total is not None:
            at_ms = max((event.at_ms for event in events.values()), default=received_ms)
            events[TOTAL] = InsuranceFund(
                venue=VENUE, coin=TOTAL, amount=total, amount_usd=total, at_ms=at_ms, received_ms=received_ms
            )
    return list(events.values())


def _told(row: _Balance) -> tuple[str, int, float] | None:
    amount, at_ms = number(row.balance), whole(row.ts)
    return None if amount is None or at_ms is None or not row.ccy else (row.ccy, at_ms, amount)


def encode_insurance(family: str, events: Sequence[InsuranceFund], total_usd: float) -> bytes:
    """The answer to insurance-fund about one family."""
    details = [
        {
            "adlType": "",
            "amt": "",
            "balance": plain(event.amount),
            "ccy": event.coin,
            "maxBal": "",
            "maxBalTs": "",
            "ts": str(event.at_ms),
            "type": REGULAR,
        }
        for event in sorted(events, key=lambda event: -event.at_ms)
    ]
    return _envelope([{"details": details, "instFamily": family, "instType": "SWAP", "total": plain(total_usd)}])


def _envelope(data: Sequence[object]) -> bytes:
    return msgspec.json.encode({"code": "0", "msg": "", "data": data})


def _read(body: bytes, decode: Callable[[msgspec.Raw], T]) -> T:
    try:
        answer = _answer.decode(body)
        if answer.code in TOO_OFTEN:
            raise Throttled(f"OKX was asked too often: {answer.code} {brief(answer.msg)}")
        if answer.code != "0":
            raise Unreadable(f"OKX refused: {answer.code} {brief(answer.msg)}")
        return decode(answer.data)
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"OKX sent an answer that cannot be read: {brief(exc)}") from exc
