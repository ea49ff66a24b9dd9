"""HTX over REST: what the insurance funds of its coin-margined swaps hold, each in its coin.

[inferred] from the published shape: `data` of one contract holds `tick`, a page of (fund, time), the newest first.
"""

from collections.abc import Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.htx_symbols import VENUE, decode_contracts, encode_contracts
from daemon.wire.numbers import number
from daemon.wire.trouble import brief
from rules.events import InsuranceFund

CONTRACTS = "/swap-api/v1/swap_contract_info"  # every coin-margined contract
FUND = "/swap-api/v1/swap_insurance_fund"  # of one contract
NO_SUCH_CONTRACT = b'{"status":"error","err_code":1332,"err_msg":"The contract doesn\'t exist."}'
_QUOTE = "-USD"
_CONTRACT_USD = {"BTC": 100.0}
_OTHER_CONTRACT_USD = 10.0


class _Tick(msgspec.Struct, gc=False):
    ts: int
    insurance_fund: str | float | None = None


class _Funds(msgspec.Struct, gc=False):
    contract_code: str
    tick: list[_Tick]


class _Answer(msgspec.Struct, gc=False):
    status: str
    data: _Funds | None = None
    err_code: int | str | None = None
    err_msg: str = ""


_answer = msgspec.json.Decoder(_Answer)


def contract_of(coin: str) -> str:
    """BTC -> BTC-USD."""
    return coin + _QUOTE


def decode_coins(body: bytes) -> list[str]:
    """The coins in which contracts are margined."""
    return [name.removesuffix(_QUOTE) for name in decode_contracts(body) if name.endswith(_QUOTE)]


def decode_fund(body: bytes, received_ms: int) -> list[InsuranceFund]:
    """The newest of one contract; none if nothing was told yet."""
    try:
        answer = _answer.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"HTX sent an insurance fund that cannot be read: {brief(exc)}") from exc
    if answer.status != "ok" or answer.data is None:
        raise Unreadable(f"HTX refused: {brief(f'{answer.err_code} {answer.err_msg}')}")
    newest = max(answer.data.tick, key=lambda tick: tick.ts, default=None)
    try:
        amount = None if newest is None else number(newest.insurance_fund)
    except ValueError as exc:
        raise Unreadable(f"HTX sent an insurance fund that cannot be read: {brief(exc)}") from exc
    if newest is None or amount is None:
        return []
    coin = answer.data.contract_code.removesuffix(_QUOTE)
    return [InsuranceFund(venue=VENUE, coin=coin, amount=amount, at_ms=newest.ts, received_ms=received_ms)]


def encode_coins(coins: Sequence[str], now_ms: int) -> bytes:
    """The answer to a question for all contracts; their sizes are dollars."""
    sizes = {contract_of(coin): _CONTRACT_USD.get(coin, _OTHER_CONTRACT_USD) for coin in coins}
    return encode_contracts(sizes, now_ms)


def encode_funds(events: Sequence[InsuranceFund]) -> bytes:
    """The answer to a question for one coin's fund, the newest first."""
    rows = [{"insurance_fund": event.amount, "ts": event.at_ms} for event in events]
    coin = events[0].coin
    data = {"symbol": coin, "contract_code": contract_of(coin), "tick": rows}
    page = {"total_page": 1, "current_page": 1, "total_size": len(rows)}
    return msgspec.json.encode({"status": "ok", "data": data | page, "ts": events[0].at_ms})
