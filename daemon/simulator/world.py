"""The market in the box: pure, and the same for the same seed, times and acts."""

import random
from math import exp, log, sqrt
from typing import Literal

import msgspec

from daemon.simulator import noise
from daemon.simulator.acts import (
    CascadeAct,
    DepegAct,
    FundingAct,
    LiquidationAct,
    MarketAct,
    OpenInterestAct,
    PriceAct,
    QuoteAct,
)
from daemon.simulator.listings import COINS, FEEDS, INVERSE, LISTINGS, QUOTERS, VENDOR, Listing
from daemon.simulator.orders import Orders
from daemon.simulator.pegs import Pegs
from daemon.simulator.quoted import HOUR_MS, Quoted
from daemon.simulator.track import Track
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

_DRIFT_S = 3_600.0  # after so long a walk is pulled back to where it began, and a demo of days stays credible
_RECOVERY_S = 600.0  # and so does what an act has moved
_PRICE_A_DAY, _INTEREST_A_DAY = 0.025, 0.012  # how much they moved in the days before the world began
_ALL_LISTINGS = {(listing.venue, listing.symbol): listing for listing in (*LISTINGS, *INVERSE)}


class Pace(msgspec.Struct, frozen=True):
    """How often the market speaks when nothing happens, in ms; liquidations in orders per minute over all venues."""

    mark_ms: int = 1_000
    funding_ms: int = 3_000
    open_interest_ms: int = 5_000
    quote_ms: int = 5_000
    liquidations_per_minute: float = 40.0


class _Ramp(msgspec.Struct):
    """A move that is under way: the share done so far, of a whole that takes `over_ms`."""

    what: Literal["price", "open_interest"]
    venue: str
    coin: str
    by: float
    over_ms: int
    start_ms: int
    done: float = 0.0


class World:
    """Prices that walk, rates that drift, positions that are closed, and what the acts do to them.

    `perform` takes an act, `step` moves the time and says what each feed has to report since the last step.
    """

    def __init__(self, seed: int, start_ms: int, pace: Pace | None = None) -> None:
        self._random = random.Random(seed)
        self.seed = seed
        self._now_ms = start_ms
        self._pace = pace or Pace()
        self._start = {coin.name: coin.price for coin in COINS}
        self._drift = dict.fromkeys(self._start, 0.0)  # how far prices have walked by themselves, as a logarithm
        self._moved = dict.fromkeys(self._start, 0.0)  # and how far acts have moved them
        oi_usd = {coin.name: coin.oi_usd for coin in COINS}
        self._quoted = {
            (listing.venue, listing.symbol): Quoted(
                listing,
                oi_usd[listing.coin] * listing.oi_share / (self._start[listing.coin] * listing.multiplier),
                self._random.gauss(0.0, 4e-5),
                start_ms + place * 1_000 // len(LISTINGS),  # not all at once
            )
            for place, listing in enumerate(LISTINGS)
        }
        self._funding: list[tuple[FundingAct, int]] = []  # the act and when it ends
        self._pegs = Pegs(self._random, start_ms, self._pace.quote_ms)
        self._orders = Orders(self._random)
        self._ramps: list[_Ramp] = []
        self._walk(0)
        self.prices = {
            coin: Track(noise.key(seed, "price", coin), start_ms, self.price(coin), daily=_PRICE_A_DAY)
            for coin in self._start
        }
        self.interest = {
            place: Track(noise.key(seed, "interest", *place), start_ms, quoted.oi_base, daily=_INTEREST_A_DAY)
            for place, quoted in self._quoted.items()
        }

    def perform(self, act: MarketAct, now_ms: int) -> None:
        """Let this happen from `now_ms` on; the next step shows it."""
        match act:
            case FundingAct():
                self._funding.append((act, now_ms + act.for_ms))
                self._hurry(act.venue, act.coin, FundingRate, now_ms)
            case LiquidationAct():
                self._orders.add(now_ms, act.venue, act.symbol, act.side, act.usd)
            case CascadeAct():
                by = -act.move if act.side == "long" else act.move
                self._ramps.append(_Ramp("price", "*", act.coin, by, act.over_ms, now_ms))
                self._orders.add_cascade(act, now_ms)
            case DepegAct() | QuoteAct():
                self._pegs.add(act, now_ms)
            case PriceAct():
                self._ramps.append(_Ramp("price", "*", act.coin, act.by, act.over_ms, now_ms))
            case OpenInterestAct():
                self._ramps.append(_Ramp("open_interest", act.venue, act.coin, act.by, act.over_ms, now_ms))

    def step(self, now_ms: int) -> dict[str, list[Event]]:
        """Move to `now_ms`; what each feed reports, oldest first. A time before the last one is taken as the last."""
        now_ms = max(now_ms, self._now_ms)
        elapsed_ms, self._now_ms = now_ms - self._now_ms, now_ms
        for act, until_ms in self._funding:
            if until_ms <= now_ms:
                self._hurry(act.venue, act.coin, FundingRate, now_ms)
        self._funding = [(act, until_ms) for act, until_ms in self._funding if until_ms > now_ms]
        self._walk(elapsed_ms)
        self._remember()
        self._orders.add_usual(now_ms, self._pace.liquidations_per_minute * elapsed_ms / 60_000)
        said: dict[str, list[Event]] = {feed: [] for feed in FEEDS}
        for order in self._orders.due(now_ms, self._price):
            said[order.venue].append(order)
        for quoted in self._quoted.values():
            self._report_listing(quoted, elapsed_ms, said)
        for feed in QUOTERS:
            said[feed] += self._pegs.due(feed, now_ms)
        return said

    def opening(self) -> dict[str, list[Event]]:
        """Everything as it stands, for those who ask rather than listen."""
        said: dict[str, list[Event]] = {feed: [] for feed in FEEDS}
        for quoted in self._quoted.values():
            said[quoted.listing.venue] += quoted.all(self._now_ms, self._price(quoted.listing))
            said[VENDOR].append(quoted.rate(self._now_ms))
        for feed in QUOTERS:
            said[feed] += self._pegs.quotes(feed, self._now_ms)
        return said

    @property
    def now_ms(self) -> int:
        """The time to which it has moved."""
        return self._now_ms

    def price(self, coin: str) -> float:
        """What a coin is worth in US dollars."""
        return self._start[coin] * exp(self._drift[coin] + self._moved[coin])

    def rate_8h(self, coin: str) -> float:
        """What its funding comes to in 8 hours, on average over the exchanges."""
        rates = [quoted.rate_8h for quoted in self._quoted.values() if quoted.listing.coin == coin]
        return sum(rates) / len(rates)

    def settled(
        self, venue: str, symbol: str, *, limit: int, before_ms: int | None = None, since_ms: int | None = None
    ) -> list[FundingRate]:
        """Rates that were paid until `before_ms`, oldest first: the last `limit`, or the first ones from `since_ms` on."""
        span_ms = _ALL_LISTINGS[venue, symbol].interval_h * HOUR_MS
        last = min(self._now_ms, before_ms if before_ms is not None else self._now_ms) // span_ms
        first = last - limit + 1
        if since_ms is not None:
            first = -(-since_ms // span_ms)
            last = min(last, first + limit - 1)
        return [self._paid(venue, symbol, place * span_ms, span_ms) for place in range(first, last + 1)]

    def _paid(self, venue: str, symbol: str, at_ms: int, span_ms: int) -> FundingRate:
        dice = random.Random(f"{self.seed}{venue}{symbol}{at_ms}")
        return FundingRate(
            venue=venue,
            symbol=symbol,
            rate=round(dice.gauss(8e-5, 4e-5) * span_ms / 8 / HOUR_MS, 8),
            interval_h=span_ms / HOUR_MS,
            settles_at_ms=at_ms,
            is_settled=True,
            at_ms=at_ms,
            received_ms=at_ms,
        )

    # How the market moves

    def _walk(self, elapsed_ms: int) -> None:
        seconds = elapsed_ms / 1_000
        breadth = sqrt(seconds)
        keep_drift, keep_moved = exp(-seconds / _DRIFT_S), exp(-seconds / _RECOVERY_S)
        for coin in self._drift:
            self._drift[coin] = self._drift[coin] * keep_drift + self._random.gauss(0.0, 9e-5) * breadth
            self._moved[coin] *= keep_moved
        for ramp in self._ramps:
            share = min(1.0, (self._now_ms - ramp.start_ms) / ramp.over_ms) if ramp.over_ms else 1.0
            factor = (1 + ramp.by * share) / (1 + ramp.by * ramp.done)
            ramp.done = share
            self._push(ramp, factor)
        self._ramps = [ramp for ramp in self._ramps if ramp.done < 1.0]
        for quoted in self._quoted.values():
            quoted.funding_drift = quoted.funding_drift * keep_drift + self._random.gauss(0.0, 5e-7) * breadth
            away = (quoted.oi_base / quoted.usual_oi) ** keep_moved
            quoted.oi_base = quoted.usual_oi * away * exp(self._random.gauss(0.0, 2e-5) * breadth)
            acted = self._acted_rate(quoted.listing)
            quoted.rate_8h = max(-3e-4, min(3e-4, 8e-5 + quoted.funding_drift)) if acted is None else acted

    def _remember(self) -> None:
        for coin, track in self.prices.items():
            track.note(self._now_ms, self.price(coin))
        for place, track in self.interest.items():
            track.note(self._now_ms, self._quoted[place].oi_base)

    def _push(self, ramp: _Ramp, factor: float) -> None:
        if ramp.what == "price":
            self._moved[ramp.coin] += log(factor)
            return
        for quoted in self._quoted.values():
            if quoted.listing.coin == ramp.coin and ramp.venue in ("*", quoted.listing.venue):
                quoted.oi_base *= factor

    def _acted_rate(self, listing: Listing) -> float | None:
        for act, _ in reversed(self._funding):
            if act.coin == listing.coin and act.venue in ("*", listing.venue):
                return act.rate
        return None

    def _hurry(self, venue: str, coin: str, kind: type[Event], now_ms: int) -> None:
        for quoted in self._quoted.values():
            if quoted.listing.coin == coin and venue in ("*", quoted.listing.venue):
                quoted.hurry(kind, now_ms)

    # What it reports

    def _report_listing(self, quoted: Quoted, elapsed_ms: int, said: dict[str, list[Event]]) -> None:
        venue = quoted.listing.venue
        price = self._price(quoted.listing)
        mark = quoted.is_due(MarkPrice, self._now_ms, self._pace.mark_ms)
        rate = quoted.is_due(FundingRate, self._now_ms, self._pace.funding_ms)
        paid = self._just_paid(quoted.listing, elapsed_ms)
        if paid is not None:
            said[VENDOR].append(paid)
        if rate:
            said[VENDOR].append(quoted.rate(self._now_ms))
        if venue == "binance":
            mark = rate = mark or rate  # one frame says both
        if mark:
            said[venue].append(quoted.mark(self._now_ms, price))
        if venue == "okx" and paid is not None:
            said[venue] += [paid, quoted.rate(self._now_ms)]  # Binance and Bybit say it over REST only
        elif rate:
            said[venue].append(quoted.rate(self._now_ms))
        if quoted.is_due(OpenInterest, self._now_ms, self._pace.open_interest_ms):
            said[venue].append(quoted.open_interest(self._now_ms, price))

    def _just_paid(self, listing: Listing, elapsed_ms: int) -> FundingRate | None:
        span_ms = listing.interval_h * HOUR_MS
        if self._now_ms // span_ms == (self._now_ms - elapsed_ms) // span_ms:
            return None
        return self.settled(listing.venue, listing.symbol, limit=1)[0]

    def _price(self, listing: Listing) -> float:
        return listing.shown(self.price(listing.coin))
