"""OKX v5 over REST, for tables and charts: all swaps at once, history, and the liquidations of about a day.

Facts: everything is text, "" means none, and refusals come with a code other than "0". `fundingTime` is the settlement
that `fundingRate` is for and `nextFundingTime` the one after: the interval is their difference. Of what was paid,
`realizedRate` counts. Sizes are contracts (`oi`, `vol24h`, `sz`), coins (`oiCcy`, `volCcy24h`) or dollars (`oiUsd`,
missing on old rows). Candles have columns of contracts, coins and quote coins. Lists come newest first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from daemon.wire import okx
from daemon.wire.control import Throttled, Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid, bars_of
from daemon.wire.numbers import number, plain, positive, whole
from daemon.wire.okx_contracts import TOO_OFTEN, Contract
from daemon.wire.rows import readable, written
from daemon.wire.trouble import brief
from rules.events import Liquidation

FUNDING_RATE = "/api/v5/public/funding-rate"  # ?instId=ANY: of all
FUNDING_HISTORY = "/api/v5/public/funding-rate-history"  # about three months
FUNDING_ROWS = 400
OPEN_INTEREST = "/api/v5/public/open-interest"  # ?instType=SWAP
MARK_PRICE = "/api/v5/public/mark-price"  # ?instType=SWAP
TICKERS = "/api/v5/market/tickers"  # ?instType=SWAP
TICKER = "/api/v5/market/ticker"  # ?instId=
CANDLES = "/api/v5/market/candles"  # the newest 1,440; `after` asks for older ones
HISTORY_CANDLES = "/api/v5/market/history-candles"
HISTORY_MARKS = "/api/v5/market/history-mark-price-candles"  # columns without volumes
HISTORY_ROWS = 100
INTEREST_HISTORY = "/api/v5/rubik/stat/contracts/open-interest-history"  # 5m, 1H, 1D
INTEREST_ROWS = 100
LIQUIDATIONS = "/api/v5/public/liquidation-orders"  # about a day
LIQUIDATION_ROWS = 100
ANY = "ANY"

T = TypeVar("T")
_HOUR_MS = 3_600_000


class Funding(msgspec.Struct, frozen=True, gc=False):
    """The running rate of a contract."""

    inst_id: str
    rate: float
    next_ms: int  # the settlement that the rate is for
    interval_h: float
    at_ms: int


class Interest(msgspec.Struct, frozen=True, gc=False):
    """Open interest of a contract, one side."""

    inst_id: str
    contracts: float | None
    base: float | None
    usd: float | None
    at_ms: int


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Mark price of a contract."""

    inst_id: str
    price: float
    at_ms: int


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """Last price of a contract, and what was traded in 24 hours."""

    inst_id: str
    last: float | None
    volume_contracts: float | None
    volume_base: float | None
    at_ms: int


class _Row(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str = ""
    ts: str = ""
    funding_rate: str = ""
    realized_rate: str = ""
    funding_time: str = ""
    next_funding_time: str = ""
    oi: str = ""
    oi_ccy: str = ""
    oi_usd: str = ""
    mark_px: str = ""
    last: str = ""
    vol_24h: str = msgspec.field(name="vol24h", default="")
    vol_ccy_24h: str = msgspec.field(name="volCcy24h", default="")


class _Answer(msgspec.Struct, gc=False):
    code: str
    data: msgspec.Raw = msgspec.Raw(b"[]")
    msg: str = ""


_answer = msgspec.json.Decoder(_Answer)
_rows = msgspec.json.Decoder(list[_Row])
_columns = msgspec.json.Decoder(list[list[str]])
_raw = msgspec.json.Decoder(list[dict[str, Any]])


def decode_funding(body: bytes) -> list[Funding]:
    """Running funding of one contract or of all; rows that do not say when they settle are left out."""
    return readable(_read(body, _rows.decode), _funding)


def _funding(row: _Row) -> Funding | None:
    rate, settles, after = number(row.funding_rate), whole(row.funding_time), whole(row.next_funding_time)
    if rate is None or settles is None or after is None or after <= settles:
        return None
    return Funding(row.inst_id, rate, settles, (after - settles) / _HOUR_MS, whole(row.ts) or 0)


def encode_funding(rows: Sequence[Funding]) -> bytes:
    """The answer to funding-rate."""
    return _envelope(
        [
            {
                "instId": row.inst_id,
                "instType": "SWAP",
                "fundingRate": plain(row.rate),
                "fundingTime": str(row.next_ms),
                "nextFundingTime": str(row.next_ms + round(row.interval_h * _HOUR_MS)),
                "nextFundingRate": "",
                "ts": str(row.at_ms),
            }
            for row in rows
        ]
    )


def decode_open_interest(body: bytes) -> list[Interest]:
    """Open interest of one contract or of all."""
    return readable(
        _read(body, _rows.decode),
        lambda row: Interest(row.inst_id, number(row.oi), number(row.oi_ccy), number(row.oi_usd), whole(row.ts) or 0),
    )


def encode_open_interest(rows: Sequence[Interest]) -> bytes:
    """The answer to open-interest."""
    return _envelope(
        [
            {
                "instId": row.inst_id,
                "instType": "SWAP",
                "oi": written(row.contracts),
                "oiCcy": written(row.base),
                "oiUsd": written(row.usd),
                "ts": str(row.at_ms),
            }
            for row in rows
        ]
    )


def decode_marks(body: bytes) -> list[Mark]:
    """Mark price of one contract or of all."""
    return readable(_read(body, _rows.decode), _mark)


def _mark(row: _Row) -> Mark | None:
    price = positive(row.mark_px)
    return None if price is None else Mark(row.inst_id, price, whole(row.ts) or 0)


def encode_marks(rows: Sequence[Mark]) -> bytes:
    """The answer to mark-price."""
    return _envelope(
        [{"instId": row.inst_id, "instType": "SWAP", "markPx": plain(row.price), "ts": str(row.at_ms)} for row in rows]
    )


def decode_tickers(body: bytes) -> list[Ticker]:
    """Last price and volume of one contract or of all."""
    return readable(
        _read(body, _rows.decode),
        lambda row: Ticker(
            row.inst_id, positive(row.last), number(row.vol_24h), number(row.vol_ccy_24h), whole(row.ts) or 0
        ),
    )


def decode_raw(body: bytes) -> list[dict[str, Any]]:
    """The rows as they were sent, for those who show them."""
    return _read(body, _raw.decode)


def encode_tickers(rows: Sequence[Ticker]) -> bytes:
    """The answer to tickers and to ticker."""
    return _envelope(
        [
            {
                "instId": row.inst_id,
                "instType": "SWAP",
                "last": written(row.last),
                "vol24h": written(row.volume_contracts),
                "volCcy24h": written(row.volume_base),
                "ts": str(row.at_ms),
            }
            for row in rows
        ]
    )


def decode_funding_history(body: bytes) -> list[Paid]:
    """Funding that was paid, oldest first."""
    return sorted(readable(_read(body, _rows.decode), _paid), key=lambda paid: paid.at_ms)


def _paid(row: _Row) -> Paid | None:
    at_ms, realized = whole(row.funding_time), number(row.realized_rate)
    rate = number(row.funding_rate) if realized is None else realized
    return None if at_ms is None or rate is None else Paid(at_ms, rate)


def encode_funding_history(inst_id: str, rows: Sequence[Paid]) -> bytes:
    """The answer to funding-rate-history, newest first."""
    return _envelope(
        [
            {
                "instId": inst_id,
                "instType": "SWAP",
                "fundingRate": plain(row.rate),
                "realizedRate": plain(row.rate),
                "fundingTime": str(row.at_ms),
            }
            for row in sorted(rows, key=lambda row: -row.at_ms)
        ]
    )


def decode_candles(body: bytes, *, mark: bool = False) -> list[Bar]:
    """Candles, oldest first; the last one may be running. Contracts (the column before) are passed over."""
    rows = _read(body, _columns.decode)
    return bars_of(rows) if mark else bars_of(rows, base=6, quote=7)


def encode_candles(bars: Sequence[Bar], contract: float = 1.0) -> bytes:
    """The answer to candles, newest first; `contract` is how many coins one holds."""
    newest = max((bar.at_ms for bar in bars), default=0)
    return _envelope(
        [
            [
                str(bar.at_ms),
                *(plain(price) for price in (bar.open, bar.high, bar.low, bar.close)),
                plain((bar.volume_base or 0.0) / contract),
                written(bar.volume_base),
                written(bar.volume_quote),
                "0" if bar.at_ms == newest else "1",
            ]
            for bar in sorted(bars, key=lambda bar: -bar.at_ms)
        ]
    )


def decode_interest_history(body: bytes) -> list[InterestPoint]:
    """Open interest of the past in coins and dollars, oldest first. Rows are [time, contracts, coins, dollars]."""
    return sorted(readable(_read(body, _columns.decode), _point), key=lambda point: point.at_ms)


def _point(row: list[str]) -> InterestPoint | None:
    at_ms = whole(row[0]) if row else None
    if at_ms is None or len(row) < 3:
        return None
    return InterestPoint(at_ms, base=number(row[2]), usd=number(row[3]) if len(row) > 3 else None)


def encode_interest_history(points: Sequence[InterestPoint], contract: float = 1.0) -> bytes:
    """The answer to open-interest-history, newest first."""
    return _envelope(
        [
            [str(point.at_ms), plain((point.base or 0.0) / contract), written(point.base), written(point.usd)]
            for point in sorted(points, key=lambda point: -point.at_ms)
        ]
    )


def decode_liquidations(body: bytes, contracts: dict[str, Contract], received_ms: int) -> list[Liquidation]:
    """Forced orders, oldest first; the rows are those of the stream, in contracts whose sizes must be known."""
    rows = _read(body, bytes)
    frame = b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":%s}' % rows
    told = okx.Decoder(contracts).decode(frame, received_ms) if rows.strip() != b"[]" else ()
    events = [event for event in told if isinstance(event, Liquidation)] if isinstance(told, Sequence) else []
    return sorted(events, key=lambda event: event.at_ms)


def encode_liquidations(events: Sequence[Liquidation], contracts: Mapping[str, Contract], now_ms: int) -> bytes:
    """The answer to liquidation-orders."""
    frames = okx.encode(events, now_ms, contracts)
    return _envelope([row for frame in frames for row in msgspec.json.decode(frame)["data"]])


def encode_error(code: str, message: str) -> bytes:
    """What OKX answers when it refuses."""
    return msgspec.json.encode({"code": code, "msg": message, "data": []})


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
