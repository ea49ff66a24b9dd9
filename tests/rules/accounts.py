"""What a venue says of one trader's account, for tests of rules about it."""

from typing import Any

from rules.events import AccountUpdate, AdlUpdate, Balance, OrderUpdate, Position, TriggerOrderUpdate
from tests.rules.market import BTC, NOON

MINE = {"venue": "coinlocally", "account": "main"}


def row(at_ms: int = NOON, **more: Any) -> AdlUpdate:
    """A long position in BTC, a tenth from its forced reduction."""
    usual = {"position_id": "7001", "symbol": BTC, "side": "long", "level": 1, "liquidation_price": 90.0}
    rest = {"mark_price": 100.0, "margin_ratio": 0.1, "at_ms": at_ms, "received_ms": at_ms}
    return AdlUpdate(**{**MINE, **usual, **rest, **more})


def update(at_ms: int = NOON, *, position: Position | None = None, **more: Any) -> AccountUpdate:
    """So many coins available, and one more frozen and isolated each."""
    coins = more.pop("coins", {"USDT": 1_000.0})
    balances = tuple(Balance(coin=coin, available=amount, frozen=1.0, isolated=1.0) for coin, amount in coins.items())
    usual = {"cause": "UPDATE", "balances": balances, "position": position, "at_ms": at_ms, "received_ms": at_ms}
    return AccountUpdate(**{**MINE, **usual, **more})


def held(margin_ratio: float | None, quantity: float = 12.0, position_id: str = "7001", symbol: str = BTC) -> Position:
    return Position(position_id=position_id, symbol=symbol, quantity=quantity, margin_ratio=margin_ratio)


def placed(state: str = "open", at_ms: int = NOON, **more: Any) -> OrderUpdate:
    """An order to buy a hundred contracts."""
    usual = {"symbol": BTC, "order_id": "5", "state": state, "action": "1", "side": "BUY", "quantity": 100.0}
    rest = {"price": 61_001.0, "at_ms": at_ms, "received_ms": at_ms}
    return OrderUpdate(**{**MINE, **usual, **rest, **more})


def waiting(state: str = "waiting", at_ms: int = NOON, **more: Any) -> TriggerOrderUpdate:
    """An order to sell ten contracts at 61,000."""
    usual = {
        "order_id": "6",
        "state": state,
        "action": "1",
        "side": "sell",
        "quantity": 10.0,
        "trigger_price": 61_000.0,
    }
    return TriggerOrderUpdate(**{**MINE, **usual, "price": 60_990.0, "at_ms": at_ms, "received_ms": at_ms, **more})
