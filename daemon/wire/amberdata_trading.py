"""What Amberdata says about trading, apart from order books: trades, tickers, and candles of a minute."""

from daemon.wire.amberdata_rows import MINUTE_MS, Number, Placed, placed
from daemon.wire.numbers import number, positive, whole
from rules.events import Candle, Ticker, Trade


class Bar(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:ohlcv: one minute, closed. `timestamp` is when it began."""

    timestamp: int | float | None = None
    open: Number = None
    high: Number = None
    low: Number = None
    close: Number = None
    volume: Number = None

    @classmethod
    def of(cls, event: Candle) -> "Bar":
        """As it is."""
        return cls(
            **placed(event),
            timestamp=event.opened_ms,
            open=event.open,
            high=event.high,
            low=event.low,
            close=event.close,
            volume=event.volume,
        )

    def to_event(self, received_ms: int) -> Candle | None:
        """None for a minute without prices: nothing was traded."""
        open_, high, low, close = positive(self.open), positive(self.high), positive(self.low), positive(self.close)
        opened_ms = whole(self.timestamp)
        if open_ is None or high is None or low is None or close is None or opened_ms is None:
            return None
        venue, symbol = self.place()
        return Candle(
            venue=venue,
            symbol=symbol,
            opened_ms=opened_ms,
            interval_ms=MINUTE_MS,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=number(self.volume) or 0.0,
            is_closed=True,
            at_ms=opened_ms + MINUTE_MS,
            received_ms=received_ms,
        )


class Quote(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:tickers:snapshots. The printed example has `markPrice`, the table has not; it is there."""

    exchange_timestamp: int | float | None = None
    exchange_timestamp_nanoseconds: int | float | None = 0
    timestamp: int | float | None = None
    bid: Number = None
    ask: Number = None
    mid: Number = None
    last: Number = None
    sequence: int | str | None = None
    mark_price: Number = None
    last_volume: Number = None
    bid_volume: Number = None
    ask_volume: Number = None

    @classmethod
    def of(cls, event: Ticker) -> "Quote":
        """As it is."""
        return cls(
            **placed(event),
            exchange_timestamp=event.at_ms,
            timestamp=event.at_ms,
            bid=event.bid,
            ask=event.ask,
            mid=event.mid,
            last=event.last,
            sequence=event.sequence,
            mark_price=event.mark_price,
            last_volume=event.last_quantity,
            bid_volume=event.bid_quantity,
            ask_volume=event.ask_quantity,
        )

    def to_event(self, received_ms: int) -> Ticker:
        """What is not said stays missing."""
        venue, symbol = self.place()
        return Ticker(
            venue=venue,
            symbol=symbol,
            bid=positive(self.bid),
            ask=positive(self.ask),
            bid_quantity=number(self.bid_volume),
            ask_quantity=number(self.ask_volume),
            last=positive(self.last),
            last_quantity=number(self.last_volume),
            mark_price=positive(self.mark_price),
            sequence=None if self.sequence is None else int(self.sequence),
            at_ms=whole(self.exchange_timestamp) or whole(self.timestamp) or received_ms,
            received_ms=received_ms,
        )


class Deal(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:trades."""

    exchange_timestamp: int | float | None = None
    exchange_timestamp_nanoseconds: int | float | None = 0
    is_buy_side: bool | None = None
    quote_size: Number = None
    price: Number = None
    size: Number = None
    trade_id: str | int | None = None

    @classmethod
    def of(cls, event: Trade) -> "Deal":
        """As it is."""
        return cls(
            **placed(event),
            exchange_timestamp=event.at_ms,
            is_buy_side=event.taker == "buy",
            price=event.price,
            size=event.quantity,
            trade_id=event.trade_id,
        )

    def to_event(self, received_ms: int) -> Trade | None:
        """None without a price or a size."""
        price, quantity = positive(self.price), positive(self.size)
        if price is None or quantity is None or self.is_buy_side is None:
            return None
        venue, symbol = self.place()
        return Trade(
            venue=venue,
            symbol=symbol,
            price=price,
            quantity=quantity,
            taker="buy" if self.is_buy_side else "sell",
            trade_id=str(self.trade_id or ""),
            at_ms=whole(self.exchange_timestamp) or received_ms,
            received_ms=received_ms,
        )
