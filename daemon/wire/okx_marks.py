"""Mark prices and open interest of OKX, read the quick way: they are most of what a quiet house hears of it.

A frame that is not quite as usual ("" for a number, several kinds of rows) raises msgspec's ValidationError and is read by
the decoder in `okx`, which takes its time.
"""

from collections.abc import Callable

import msgspec

from daemon.wire.numbers import Amount, Positive
from daemon.wire.okx_contracts import to_symbol
from daemon.wire.okx_trading import VENUE
from rules.events import Event, MarkPrice, OpenInterest


class _Mark(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str
    mark_px: Positive
    ts: int


class _Marks(msgspec.Struct, gc=False):
    data: list[_Mark]


class _Interest(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str
    oi_ccy: Amount
    ts: int
    oi_usd: Amount | None = None


class _Interests(msgspec.Struct, gc=False):
    data: list[_Interest]


_marks = msgspec.json.Decoder(_Marks, strict=False)
_interests = msgspec.json.Decoder(_Interests, strict=False)


def _mark_prices(frame: bytes, received_ms: int) -> list[Event]:
    return [
        MarkPrice(venue=VENUE, symbol=to_symbol(row.inst_id), price=row.mark_px, at_ms=row.ts, received_ms=received_ms)
        for row in _marks.decode(frame).data
    ]


def _open_interest(frame: bytes, received_ms: int) -> list[Event]:
    return [
        OpenInterest(
            venue=VENUE,
            symbol=to_symbol(row.inst_id),
            oi_base=row.oi_ccy,
            oi_usd=row.oi_usd,
            at_ms=row.ts,
            received_ms=received_ms,
        )
        for row in _interests.decode(frame).data
    ]


QUICK: dict[bytes, Callable[[bytes, int], list[Event]]] = {b"mark-": _mark_prices, b"open-": _open_interest}
"""Who may read a frame, by the letters of its channel at `okx_trading.PLACE`."""
