"""The market as the exchanges beyond the three tell of it: the same world, with prices and sizes of their own."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import msgspec

from daemon.clock import Clock
from daemon.simulator import noise
from daemon.simulator.listings import Coin
from daemon.simulator.quoted import HOUR_MS
from daemon.simulator.venue import Venue
from daemon.simulator.world import World
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, PriceKind
from rules.instruments import coin_of

_EVERY_MS: dict[type[Event], int] = {MarkPrice: 1_000, FundingRate: 3_000, OpenInterest: 5_000}
_FOLLOWED = "bybit"  # where positions are closed by force, some are closed elsewhere too
_SHARE = 0.2  # of its size
_ODDS = 0.5
_INDEX_LEANS = 3.0  # the index leans the other way of the funding, by a third of 8 hours' worth


class Quote(msgspec.Struct, frozen=True):
    """One instrument now. `rate` is for `interval_h` hours; None: it expires, and pays none."""

    symbol: str
    mark: float
    index: float
    oi_base: float
    step: float  # the smallest quantity, in base coins; in dollars if inverse
    rate: float | None = None
    interval_h: float = 8.0
    settles_at_ms: int | None = None


class Elsewhere(Venue):
    """A venue that quotes the world's coins. A subclass says what it lists and speaks its protocol."""

    price_kind: ClassVar[PriceKind | None] = None  # of its liquidations; None: it tells nobody of them
    lean: ClassVar[float] = 0.0  # venues never agree to the cent
    share: ClassVar[float] = 0.05  # of all open interest

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self._due: dict[type[Event], int] = dict.fromkeys(_EVERY_MS, 0)
        self._forced = 0

    @abstractmethod
    def quotes(self) -> Iterable[Quote]:
        """Every instrument as it stands."""

    def told(self, said: Mapping[str, Sequence[Event]], now_ms: int) -> list[Event]:
        """Its own quotes when they are due, and its share of what is liquidated."""
        due = {kind for kind, at_ms in self._due.items() if at_ms <= now_ms}
        self._due |= {kind: now_ms + _EVERY_MS[kind] for kind in due}
        forced = [event for event in said[_FOLLOWED] if isinstance(event, Liquidation)] if self.price_kind else []
        if not due and not forced:
            return []
        quotes = {quote.symbol: quote for quote in self.quotes()}
        events: list[Event] = []
        for quote in quotes.values():
            events += [event for event in self._news(quote, now_ms) if type(event) in due]
        for event in forced:
            self._forced += 1
            if noise.unit(noise.key(self.world.seed, self.name, "forced"), self._forced) < _ODDS:
                events += self._liquidation(event, quotes)
        return events

    def contract(self, coin: Coin, symbol: str, step: float, *, many: int = 1, interval_h: float = 8.0) -> Quote:
        """A linear perpetual of so many coins each."""
        rate_8h = self.world.rate_8h(coin.name)
        decimals = max(coin.decimals - len(str(many)) + 1, 0)
        mark = round(self.world.price(coin.name) * many * (1 + self.lean), decimals)
        moved = 1 + noise.walk(noise.key(self.world.seed, self.name, symbol), self.clock(), 0.015)
        lots = round(coin.oi_usd * self.share * moved / (coin.price * many) / step)
        span_ms = round(interval_h * HOUR_MS)
        return Quote(
            symbol=symbol,
            mark=mark,
            index=round(mark * (1 - rate_8h / _INDEX_LEANS), decimals),
            oi_base=round(lots * step, 6),
            step=step,
            rate=round(rate_8h * interval_h / 8, 8),
            interval_h=interval_h,
            settles_at_ms=(self.clock() // span_ms + 1) * span_ms,
        )

    def _news(self, quote: Quote, now_ms: int) -> list[Event]:
        events: list[Event] = [
            MarkPrice(
                venue=self.name,
                symbol=quote.symbol,
                price=quote.mark,
                index_price=quote.index,
                at_ms=now_ms,
                received_ms=now_ms,
            ),
            OpenInterest(
                venue=self.name,
                symbol=quote.symbol,
                oi_base=quote.oi_base,
                oi_usd=quote.oi_base * quote.mark,
                at_ms=now_ms,
                received_ms=now_ms,
            ),
        ]
        if quote.rate is not None:
            events.append(
                FundingRate(
                    venue=self.name,
                    symbol=quote.symbol,
                    rate=quote.rate,
                    interval_h=quote.interval_h,
                    settles_at_ms=quote.settles_at_ms,
                    at_ms=now_ms,
                    received_ms=now_ms,
                )
            )
        return events

    def _liquidation(self, event: Liquidation, quotes: Mapping[str, Quote]) -> list[Event]:
        """A smaller one of the same coin and side; none if this venue does not list the coin."""
        coin = coin_of(event.symbol)
        quote = next((q for q in quotes.values() if coin_of(q.symbol) == coin and q.rate is not None), None)
        if quote is None or self.price_kind is None:
            return []
        usd = event.notional_usd * _SHARE
        if quote.symbol.endswith("-USD-PERP"):
            notional = max(1, round(usd / quote.step)) * quote.step
            quantity = notional / quote.mark
        else:
            quantity = round(max(1, round(usd / quote.mark / quote.step)) * quote.step, 6)
            notional = quantity * quote.mark
        return [
            Liquidation(
                venue=self.name,
                symbol=quote.symbol,
                side=event.side,
                quantity=quantity,
                price=quote.mark,
                price_kind=self.price_kind,
                notional_usd=notional,
                at_ms=event.at_ms,
                received_ms=event.received_ms,
            )
        ]
