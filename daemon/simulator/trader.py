"""The trader in the box: holds two positions, and places, fills, waits and cancels by the clock, a round in 15 seconds."""

from collections.abc import Callable

import msgspec

from rules.events import (
    AccountUpdate,
    AdlUpdate,
    Attached,
    Balance,
    Event,
    OrderUpdate,
    Position,
    Side,
    TriggerOrderUpdate,
)

ROUND_MS = 15_000
UID = 1_001
BALANCE = 122_624.12345678
_CONTRACT = 0.01  # ETH in one contract
_LEVELS = ((0.02, 5), (0.04, 4), (0.06, 3), (0.09, 2))  # nearer than this, and the rank that goes with it
_ROW_MS = 1_000

Price = Callable[[str], float]


class Trader:
    """One account. `since` says what the venue told between two moments; the same for the same times and prices."""

    def __init__(self, venue: str, account: str, price: Price, now_ms: int) -> None:
        self._venue, self._account, self._price = venue, account, price
        self._began_ms = self._now_ms = now_ms
        self._entries = {"BTC": price("BTC") * 0.99, "ETH": price("ETH") * 1.01}

    def opening(self, now_ms: int) -> list[Event]:
        """The account as it stands: an update a position."""
        return [self._update(now_ms, "CREATE", coin) for coin in self._entries]

    def since(self, now_ms: int) -> list[Event]:
        """Everything that was told since the last call, oldest first."""
        events: list[Event] = []
        while self._now_ms + _ROW_MS <= now_ms:
            self._now_ms += _ROW_MS
            events += self._second((self._now_ms - self._began_ms) // _ROW_MS, self._now_ms)
        return events

    def _second(self, second: int, at_ms: int) -> list[Event]:
        number, moment = divmod(second, ROUND_MS // _ROW_MS)
        events: list[Event] = [self._row(at_ms, coin) for coin in self._entries]
        match moment:
            case 1:
                events.append(self._order(at_ms, number, 0.0, "1"))
            case 2:
                events.append(self._trigger(at_ms, number, "1", "waiting"))
            case 3:
                events.append(self._order(at_ms, number, 40.0, "3"))
            case 5:
                events += [self._order(at_ms, number, 100.0, "2"), self._update(at_ms, "UPDATE", "BTC")]
            case 8:
                events.append(self._trigger(at_ms, number, "2", "triggered"))
            case 10:
                events.append(self._order(at_ms, -number - 1, 0.0, "1"))
            case 12:
                events.append(self._order(at_ms, -number - 1, 0.0, "4"))
        return events

    def _side(self, coin: str) -> Side:
        return "short" if coin == "BTC" else "long"

    def _reduced_at(self, coin: str) -> float:
        """An eighth from where the position was opened."""
        return round(self._entries[coin] * (0.92 if self._side(coin) == "long" else 1.08), 1)

    def _row(self, at_ms: int, coin: str) -> AdlUpdate:
        price = round(self._price(coin), 1)
        row = AdlUpdate(
            venue=self._venue,
            account=self._account,
            uid=UID,
            position_id="7001" if coin == "BTC" else "7002",
            symbol=f"{coin}-USDT-PERP",
            side=self._side(coin),
            level=1,
            liquidation_price=self._reduced_at(coin),
            margin=98.22,
            margin_ratio=0.0847,
            bid=round(price - 0.1, 1),
            ask=round(price + 0.1, 1),
            last=price,
            mark_price=price,
            at_ms=at_ms,
            received_ms=at_ms,
        )
        distance = row.distance or 0.0
        level = next((level for near, level in _LEVELS if distance < near), 1)
        ratio = round(min(0.99, 0.02 / max(distance, 0.02)), 4)
        return msgspec.structs.replace(row, level=level, margin_ratio=ratio)

    def _update(self, at_ms: int, cause: str, coin: str) -> AccountUpdate:
        row = self._row(at_ms, coin)
        quantity = 12.0 if coin == "BTC" else 25.0
        position = Position(
            position_id=row.position_id,
            contract_id=127 if coin == "BTC" else 128,
            contract_name=f"E-{coin}-USDT",
            other_name=f"{coin}USDT-EXUSD",
            symbol=row.symbol,
            side=row.side,
            is_isolated=False,
            leverage=20.0,
            quantity=quantity,
            entry_price=round(self._entries[coin], 1),
            liquidation_price=row.liquidation_price,
            margin=98.22,
            margin_ratio=row.margin_ratio,
            realised=2.0,
            opening_margin=98.22,
            closable=quantity,
        )
        profit = (self._price("ETH") - self._entries["ETH"]) * 25.0 * _CONTRACT
        coins = (Balance(coin="USDT", available=round(BALANCE + profit, 8), frozen=100.12345678, isolated=50.12345678),)
        return AccountUpdate(
            venue=self._venue,
            account=self._account,
            uid=UID,
            cause=cause,
            balances=coins,
            position=position,
            at_ms=at_ms,
            received_ms=at_ms,
        )

    def _order(self, at_ms: int, number: int, filled: float, action: str) -> OrderUpdate:
        """A negative number is an order far from the market, which is cancelled."""
        price = round(self._price("BTC") * (1.0 if number >= 0 else 0.9), 1)
        state = "cancelled" if action == "4" else "filled" if filled == 100.0 else "partly_filled" if filled else "open"
        trigger = Attached(
            is_set=True, trigger_price=round(price * 0.98, 1), price=0.0, trigger_order_id=_trigger_id(number)
        )
        return OrderUpdate(
            venue=self._venue,
            account=self._account,
            symbol="BTC-USDT-PERP",
            order_id=str(2_094_043_912_705_000_000 + self._began_ms % 1_000_000_000 + number),
            contract_id=127,
            contract_name="E-BTC-USDT",
            state=state,
            action=action,
            side="BUY",
            kind=1,
            price=price,
            quantity=100.0,
            filled=filled,
            average_price=price if filled else 0.0,
            price_decimals=1,
            take_profit=Attached(),
            stop_loss=trigger if number >= 0 else Attached(),
            at_ms=at_ms,
            received_ms=at_ms,
        )

    def _trigger(self, at_ms: int, number: int, action: str, state: str) -> TriggerOrderUpdate:
        price = round(self._price("BTC") * 0.98, 1)
        return TriggerOrderUpdate(
            venue=self._venue,
            account=self._account,
            symbol="BTC-USDT-PERP",
            order_id=_trigger_id(number),
            state=state,
            action=action,
            kind=1,
            side="sell",
            trigger_kind=1,
            trigger_price=price,
            price=round(price * 0.999, 1),
            quantity=10.0,
            created_ms=at_ms - at_ms % ROUND_MS,
            expires_ms=at_ms - at_ms % ROUND_MS + 14 * 86_400_000,
            at_ms=at_ms,
            received_ms=at_ms,
        )


def _trigger_id(number: int) -> str:
    return str(1_322_738_336_974_000_000 + number)
