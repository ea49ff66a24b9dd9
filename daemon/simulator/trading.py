"""Trading in the box: trades, best prices, candles and order books around the world's prices, for whoever listens."""

from collections.abc import Iterable, Iterator
from math import exp, floor, log10

from daemon.simulator import noise
from daemon.simulator.listings import COINS, LISTINGS, Listing
from daemon.simulator.past import Past
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Level, Levels, Taker, Ticker, Trade

DEPTH = 50  # levels of each side
MINUTE_MS = 60_000
_SLOT_MS = 125  # in each of them trades happen, or do not
_SLOTS_MAX = 80  # of one step: a clock that jumped brings no flood
_TRADES = (0, 0, 1, 1, 1, 2, 3)  # in one slot
_RESTS_MS = 2_000  # how long an order rests before its size changes
_SPACING = 2e-5  # between two levels, as a fraction of the price, at least one tick
_PRICES = {coin.name: coin.price for coin in COINS}

Listened = Iterable[tuple[type[Event], str]]  # Trade, Ticker, Candle or BookUpdate, and the symbol
_Rows = dict[int, float]  # place in the grid of prices -> size


class _Book:
    """One order book that somebody follows."""

    __slots__ = ("asks", "bids", "is_losing", "sequence")

    def __init__(self, bids: _Rows, asks: _Rows, sequence: int) -> None:
        self.bids, self.asks, self.sequence = bids, asks, sequence
        self.is_losing = False


class Trading:
    """One venue's trading. The same for the same seed and times, whoever listens and since when.

    A book's counter goes up by one with each update; `step` is the only one that moves it.
    """

    def __init__(self, past: Past, venue: str, seed: int) -> None:
        self._past, self._venue, self._seed = past, venue, seed
        self._listings = {listing.symbol: listing for listing in LISTINGS if listing.venue == venue}
        self._books: dict[str, _Book] = {}
        self._tickers: dict[str, Ticker] = {}  # the last one told
        self._candles: dict[str, int] = {}  # when the candle last told began
        self._traded_ms: dict[str, int] = {}  # until when trades were told
        self._traded: dict[str, Trade] = {}  # the last one told

    def step(self, listened: Listened, now_ms: int) -> list[Event]:
        """What is new for those who listen; what nobody listens to is forgotten."""
        wanted: dict[type[Event], list[str]] = {Trade: [], BookUpdate: [], Ticker: [], Candle: []}
        for kind, symbol in sorted(set(listened), key=lambda one: one[1]):
            if kind in wanted and symbol in self._listings:
                wanted[kind].append(symbol)
        for kept, kind in (
            (self._traded_ms, Trade),
            (self._traded, Trade),
            (self._books, BookUpdate),
            (self._tickers, Ticker),
            (self._candles, Candle),
        ):
            for symbol in kept.keys() - set(wanted[kind]):
                del kept[symbol]
        found: list[Event] = []
        for symbol in wanted[Trade]:
            found += self._trades(self._listings[symbol], now_ms)
        for symbol in wanted[BookUpdate]:
            found += self._update(self._listings[symbol], now_ms)
        for symbol in wanted[Ticker]:
            found += self._changed_ticker(self._listings[symbol], now_ms)
        for symbol in wanted[Candle]:
            found += self._moving_candle(self._listings[symbol], now_ms)
        return found

    def book(self, symbol: str, now_ms: int, depth: int = DEPTH) -> BookSnapshot | None:
        """The whole book as the updates have left it; None if the venue does not list the symbol."""
        listing = self._listings.get(symbol)
        if listing is None:
            return None
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = _Book(*self._rows(listing, now_ms), now_ms)
        return BookSnapshot(
            venue=self._venue,
            symbol=symbol,
            bids=_levels(listing, sorted(book.bids.items(), reverse=True)[:depth]),
            asks=_levels(listing, sorted(book.asks.items())[:depth]),
            sequence=book.sequence,
            at_ms=now_ms,
            received_ms=now_ms,
        )

    def ticker(self, symbol: str, now_ms: int) -> Ticker | None:
        """The best prices as they are; None if the venue does not list the symbol."""
        listing = self._listings.get(symbol)
        if listing is None:
            return None
        bid_at = self._best_bid(listing, now_ms)
        book, last = self._books.get(symbol), self._latest_trade(listing, now_ms)
        return Ticker(
            venue=self._venue,
            symbol=symbol,
            bid=_price(listing, bid_at),
            ask=_price(listing, bid_at + 1),
            bid_quantity=self._size(listing, bid_at, now_ms),
            ask_quantity=self._size(listing, bid_at + 1, now_ms),
            last=last.price if last else None,
            last_quantity=last.quantity if last else None,
            mark_price=self._past.price(listing, now_ms),
            sequence=now_ms if book is None else book.sequence,
            at_ms=now_ms,
            received_ms=now_ms,
        )

    def candles(self, symbol: str, now_ms: int, limit: int = 2) -> list[Candle]:
        """The latest minutes, oldest first; the last one still moves. The same as the venue's REST answers."""
        listing = self._listings.get(symbol)
        if listing is None:
            return []
        bars = self._past.bars(
            listing, MINUTE_MS, start_ms=None, end_ms=None, limit=limit, keep="newest", is_mark=False
        )
        return [
            Candle(
                venue=self._venue,
                symbol=symbol,
                opened_ms=bar.at_ms,
                open=bar.open,
                high=bar.high,
                low=bar.low,
                close=bar.close,
                volume=bar.volume_base or 0.0,
                is_closed=bar.at_ms + MINUTE_MS <= now_ms,
                at_ms=now_ms,
                received_ms=now_ms,
            )
            for bar in bars
        ]

    def lose(self) -> None:
        """Of every book that is followed now, the next update will not be sent: those who count will notice."""
        for book in self._books.values():
            book.is_losing = True

    def _trades(self, listing: Listing, now_ms: int) -> Iterator[Trade]:
        since_ms = self._traded_ms.setdefault(listing.symbol, now_ms - _SLOT_MS)
        self._traded_ms[listing.symbol] = now_ms
        last = now_ms // _SLOT_MS
        for slot in range(max(since_ms // _SLOT_MS, last - _SLOTS_MAX) + 1, last + 1):
            for trade in self._trades_of(listing, slot):
                self._traded[listing.symbol] = trade
                yield trade

    def _trades_of(self, listing: Listing, slot: int) -> Iterator[Trade]:
        name = noise.key(self._seed, "trade", self._venue, listing.symbol)
        at_ms = slot * _SLOT_MS
        for number in range(_TRADES[int(noise.unit(name, slot) * len(_TRADES))]):
            chance = noise.unit(name + 1 + number, slot)
            taker: Taker = "buy" if chance < 0.5 else "sell"
            price = _price(listing, self._best_bid(listing, at_ms) + (taker == "buy"))
            yield Trade(
                venue=self._venue,
                symbol=listing.symbol,
                price=price,
                quantity=_lots(listing, 60.0 * exp(6.0 * (chance * 2 % 1.0)), price),
                taker=taker,
                trade_id=str(slot * 10 + number),
                at_ms=at_ms,
                received_ms=at_ms,
            )

    def _latest_trade(self, listing: Listing, now_ms: int) -> Trade | None:
        if listing.symbol in self._traded:
            return self._traded[listing.symbol]
        for slot in range(now_ms // _SLOT_MS, now_ms // _SLOT_MS - _SLOTS_MAX, -1):
            if trades := list(self._trades_of(listing, slot)):
                return trades[-1]
        return None

    def _update(self, listing: Listing, now_ms: int) -> Iterator[BookUpdate]:
        bids, asks = self._rows(listing, now_ms)
        book = self._books.get(listing.symbol)
        if book is None:
            self._books[listing.symbol] = _Book(bids, asks, now_ms)
            return
        new_bids, new_asks = _changes(book.bids, bids), _changes(book.asks, asks)
        if not new_bids and not new_asks:
            return
        book.bids, book.asks = bids, asks
        book.sequence += 1
        if book.is_losing:
            book.is_losing = False
            return
        yield BookUpdate(
            venue=self._venue,
            symbol=listing.symbol,
            bids=_levels(listing, new_bids),
            asks=_levels(listing, new_asks),
            sequence=book.sequence,
            follows=book.sequence - 1,
            at_ms=now_ms,
            received_ms=now_ms,
        )

    def _changed_ticker(self, listing: Listing, now_ms: int) -> Iterator[Ticker]:
        new, before = self.ticker(listing.symbol, now_ms), self._tickers.get(listing.symbol)
        if new is None or (before is not None and _shown(new) == _shown(before)):
            return
        self._tickers[listing.symbol] = new
        yield new

    def _moving_candle(self, listing: Listing, now_ms: int) -> Iterator[Candle]:
        candles = self.candles(listing.symbol, now_ms)
        told = self._candles.get(listing.symbol)
        self._candles[listing.symbol] = candles[-1].opened_ms
        if told is not None and told < candles[-1].opened_ms:
            yield candles[0]
        yield candles[-1]

    def _rows(self, listing: Listing, now_ms: int) -> tuple[_Rows, _Rows]:
        top = self._best_bid(listing, now_ms)
        bids = {place: self._size(listing, place, now_ms) for place in range(top, max(top - DEPTH, 0), -1)}
        asks = {place: self._size(listing, place, now_ms) for place in range(top + 1, top + 1 + DEPTH)}
        return bids, asks

    def _best_bid(self, listing: Listing, at_ms: int) -> int:
        """The highest place in the grid at or below the price."""
        return max(1, floor(self._past.price(listing, at_ms) / _spacing(listing) + 1e-6))

    def _size(self, listing: Listing, place: int, now_ms: int) -> float:
        """What rests there; each place in its own turn changes it."""
        name = noise.key(self._seed, "book", self._venue, listing.symbol)
        turn = (now_ms + place * 137 % _RESTS_MS) // _RESTS_MS
        return _lots(listing, 2_000.0 * exp(4.0 * noise.unit(name + place, turn)), _price(listing, place))


def _spacing(listing: Listing) -> float:
    """A round step (1, 2 or 5 of a power of ten) between two prices of the grid."""
    wished = _PRICES[listing.coin] * listing.multiplier * _SPACING
    power = 10.0 ** floor(log10(wished))
    nice = next(step * power for step in (1, 2, 5, 10) if step * power >= wished * 0.999)
    return max(round(nice, listing.decimals), 10.0**-listing.decimals)


def _price(listing: Listing, place: int) -> float:
    return round(place * _spacing(listing), listing.decimals)


def _lots(listing: Listing, usd: float, price: float) -> float:
    """So much money in whole lots, at least one; rounded, because 3 * 0.1 is not 0.3."""
    return round(max(1, round(usd / price / listing.step)) * listing.step, 6)


def _changes(before: _Rows, after: _Rows) -> list[tuple[int, float]]:
    gone = [(place, 0.0) for place in before.keys() - after.keys()]
    return sorted(gone + [(place, size) for place, size in after.items() if before.get(place) != size])


def _levels(listing: Listing, rows: Iterable[tuple[int, float]]) -> Levels:
    def level(place: int, size: float) -> Level:
        return _price(listing, place), size

    return tuple(level(place, size) for place, size in rows)


def _shown(ticker: Ticker) -> tuple[float | None, ...]:
    return ticker.bid, ticker.ask, ticker.bid_quantity, ticker.ask_quantity, ticker.last, ticker.mark_price
