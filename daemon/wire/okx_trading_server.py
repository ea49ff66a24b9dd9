"""OKX's side of its streams of trading: trades, tickers, order books and candles out of events, in contracts."""

from collections.abc import Mapping

from daemon.wire.numbers import plain
from daemon.wire.okx_contracts import Contract, from_symbol, inst_type
from daemon.wire.rows import written
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Levels, Ticker, Trade

Payload = dict[str, object]
Contracts = Mapping[str, Contract]


def trading_frame(event: Event, contracts: Contracts) -> Payload | None:
    """The frame of an event of trading; None for the others. KeyError if its contract is not among `contracts`."""
    match event:
        case Trade():
            return _trade(event, contracts)
        case Ticker():
            return _ticker(event, contracts)
        case BookSnapshot() | BookUpdate():
            return _book(event, contracts)
        case Candle():
            return _candle(event, contracts)
    return None


def _in_contracts(quantity: float, price: float, contract: Contract) -> str:
    amount = quantity * price if contract.is_inverse else quantity
    return plain(float(f"{amount / contract.size:.12g}"))  # contracts are few: take off what the division added


def _trade(event: Trade, contracts: Contracts) -> Payload:
    name = from_symbol(event.symbol)
    row = {
        "instId": name,
        "tradeId": event.trade_id,
        "px": plain(event.price),
        "sz": _in_contracts(event.quantity, event.price, contracts[name]),
        "side": event.taker,
        "ts": str(event.at_ms),
        "count": "1",
    }
    return {"arg": {"channel": "trades", "instId": name}, "data": [row]}


def _ticker(event: Ticker, contracts: Contracts) -> Payload:
    name = from_symbol(event.symbol)
    contract = contracts[name]

    def size(quantity: float | None, price: float | None) -> str:
        return "" if quantity is None or price is None else _in_contracts(quantity, price, contract)

    row = {
        "instType": inst_type(name),
        "instId": name,
        "last": written(event.last),
        "lastSz": size(event.last_quantity, event.last),
        "askPx": written(event.ask),
        "askSz": size(event.ask_quantity, event.ask),
        "bidPx": written(event.bid),
        "bidSz": size(event.bid_quantity, event.bid),
        "ts": str(event.at_ms),
    }
    return {"arg": {"channel": "tickers", "instId": name}, "data": [row]}


def _book(event: BookSnapshot | BookUpdate, contracts: Contracts) -> Payload:
    name = from_symbol(event.symbol)
    contract = contracts[name]

    def levels(rows: Levels) -> list[list[str]]:
        return [[plain(price), _in_contracts(size, price, contract), "0", "1"] for price, size in rows]

    is_snapshot = isinstance(event, BookSnapshot)
    follows = -1 if isinstance(event, BookSnapshot) or event.follows is None else event.follows
    row = {
        "asks": levels(event.asks),
        "bids": levels(event.bids),
        "ts": str(event.at_ms),
        "checksum": 0,
        "prevSeqId": follows,
        "seqId": event.sequence,
    }
    action = "snapshot" if is_snapshot else "update"
    return {"arg": {"channel": "books", "instId": name}, "action": action, "data": [row]}


def _candle(event: Candle, contracts: Contracts) -> Payload:
    name = from_symbol(event.symbol)
    row = [
        str(event.opened_ms),
        *(plain(price) for price in (event.open, event.high, event.low, event.close)),
        _in_contracts(event.volume, event.close, contracts[name]),
        plain(event.volume),
        plain(event.volume * event.close),
        "1" if event.is_closed else "0",
    ]
    channel = f"candle{event.interval_ms // 60_000}m"
    return {"arg": {"channel": channel, "instId": name}, "data": [row]}
