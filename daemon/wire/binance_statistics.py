"""Binance USD-M over REST: how accounts stand, and what the insurance fund holds.

Facts: the ratio counts accounts, not their size; shares are fractions; the last 30 days are kept. The insurance balance
is public: one group, or a list of groups of symbols that share a fund, each with what it holds by asset.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from daemon.wire.binance_symbols import VENUE, from_symbol, to_symbol
from daemon.wire.control import Unreadable
from daemon.wire.numbers import DOLLARS, number, plain, positive, whole
from daemon.wire.trouble import brief
from rules.events import InsuranceFund, LongShortRatio

LONG_SHORT_RATIO = "/futures/data/globalLongShortAccountRatio"  # weight 0, but 1,000 calls in 5 minutes
INSURANCE = "/fapi/v1/insuranceBalance"
PERIOD, PERIOD_MS = "5m", 300_000  # the shortest that it counts over

T = TypeVar("T")


class _Ratio(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    long_short_ratio: str | float
    long_account: str | float
    short_account: str | float
    timestamp: int | str


class _Asset(msgspec.Struct, gc=False, rename="camel"):
    asset: str
    margin_balance: str | float | None = None
    update_time: int = 0


class _Group(msgspec.Struct, gc=False):
    assets: list[_Asset]


_ratios = msgspec.json.Decoder(list[_Ratio])
_groups = msgspec.json.Decoder(_Group | list[_Group])


def decode_ratios(body: bytes, received_ms: int) -> list[LongShortRatio]:
    """Long and short accounts of one symbol, oldest first; empty if Binance keeps no count of it."""
    found = []
    for row in _read(_ratios.decode, body):
        try:
            symbol, at_ms = to_symbol(row.symbol), whole(row.timestamp)
            ratio, longs, shorts = positive(row.long_short_ratio), number(row.long_account), number(row.short_account)
        except ValueError as exc:
            raise Unreadable(f"Binance sent a long/short ratio that cannot be read: {brief(exc)}") from exc
        if ratio is None or longs is None or shorts is None or at_ms is None:
            continue
        found.append(
            LongShortRatio(
                venue=VENUE,
                symbol=symbol,
                ratio=ratio,
                long_share=longs,
                short_share=shorts,
                period_ms=PERIOD_MS,
                at_ms=at_ms,
                received_ms=received_ms,
            )
        )
    return sorted(found, key=lambda event: event.at_ms)


def encode_ratios(events: Sequence[LongShortRatio]) -> bytes:
    """The answer to globalLongShortAccountRatio."""
    return msgspec.json.encode(
        [
            {
                "symbol": from_symbol(event.symbol),
                "longShortRatio": plain(event.ratio),
                "longAccount": plain(event.long_share),
                "shortAccount": plain(event.short_share),
                "timestamp": event.at_ms,
            }
            for event in events
        ]
    )


def decode_insurance(body: bytes, received_ms: int, marks: Mapping[str, float] | None = None) -> list[InsuranceFund]:
    """What all groups together hold of each coin; in dollars too where the coin is one, or `marks` prices it in USDT."""
    answer = _read(_groups.decode, body)
    sums: dict[str, tuple[float, int]] = {}
    for group in answer if isinstance(answer, list) else [answer]:
        for row in group.assets:
            try:
                amount = number(row.margin_balance)
            except ValueError as exc:
                raise Unreadable(f"Binance sent an insurance fund that cannot be read: {brief(exc)}") from exc
            if amount is not None:
                before, at_ms = sums.get(row.asset, (0.0, 0))
                sums[row.asset] = before + amount, max(at_ms, row.update_time)
    marks = marks or {}
    found = []
    for coin, (amount, at_ms) in sums.items():
        price = 1.0 if coin in DOLLARS else marks.get(f"{coin}-USDT-PERP")
        found.append(
            InsuranceFund(
                venue=VENUE,
                coin=coin,
                amount=amount,
                amount_usd=None if price is None else amount * price,
                at_ms=at_ms or received_ms,
                received_ms=received_ms,
            )
        )
    return found


def encode_insurance(events: Sequence[InsuranceFund]) -> bytes:
    """The answer to insuranceBalance: one group that shares the whole fund."""
    rows = [{"asset": event.coin, "marginBalance": plain(event.amount), "updateTime": event.at_ms} for event in events]
    return msgspec.json.encode([{"symbols": [], "assets": rows}])


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Binance sent statistics that cannot be read: {brief(exc)}") from exc
