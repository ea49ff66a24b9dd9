"""CoinDesk, answering for one exchange."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from daemon.clock import Clock, wall_ms
from daemon.upstream.coindesk import CoinDesk
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint, Provider, VenueVolume
from daemon.upstream.together import both
from daemon.wire import coindesk as wire
from daemon.wire.numbers import DOLLARS
from rules.instruments import PERPETUAL, coin_of

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
TWO_HOURS_OF_MINUTES = 120


class CoinDeskDesk:
    """One exchange through CoinDesk. Its pairs are the exchange's own names, which CoinDesk takes too."""

    provider: Final[Provider] = "CoinDesk"
    asks_by_coin: Final = True
    fresh_s: Final = 1_800.0  # all contracts are dozens of questions, and a key has 40,000 a day

    def __init__(self, coindesk: CoinDesk, venue: str, *, clock: Clock = wall_ms) -> None:
        self.venue = venue
        self._coindesk, self._clock = coindesk, clock

    async def listing(self) -> list[Contract]:
        """Which contracts there are, without numbers."""
        return [self._contract(row, None, None, None) for row in await self._coindesk.instruments(self.venue)]

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        """Those of these coins, or all, then without funding: a batch of 25 takes three questions, or two."""
        listed = [
            row
            for row in await self._coindesk.instruments(self.venue)
            if coins is None or coin_of(_symbol(row)) in coins
        ]
        names = [row.name for row in listed]
        funded = [row.name for row in listed if coins is not None and row.has_funding and row.expires_s is None]
        ticks, (fundings, interests) = await both(
            self._coindesk.ticks(self.venue, names),
            both(self._coindesk.fundings(self.venue, funded), self._coindesk.interests(self.venue, names)),
        )
        return [
            self._contract(row, ticks.get(row.name), fundings.get(row.name), interests.get(row.name))
            for row in listed
            if row.name in ticks or row.name in interests
        ]

    async def volume_2h(self, pair: str) -> float | None:
        """The last 120 whole minutes; the running one is left out. None if the quote coin is not a dollar."""
        if not await self._is_in_dollars(pair):
            return None
        minute = self._clock() // 1000 // MINUTE_S * MINUTE_S
        first = minute - TWO_HOURS_OF_MINUTES * MINUTE_S
        bars = await self._coindesk.bars(self.venue, pair, "minutes", start_s=first, end_s=minute - MINUTE_S)
        known = [bar.volume_quote for bar in bars if bar.volume_quote is not None]
        return sum(known) if known else None

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """From the moving 24 hours of the last tick, which include the running hour."""
        found = await self._coindesk.tick(self.venue, pair)
        if found is None or found[0].volume_24h_quote is None or not await self._is_in_dollars(pair):
            return None
        tick, raw = found
        row = await self._listed(pair)
        instrument = row.name if row is not None else pair
        return VenueVolume(venue=self.venue, instrument=instrument, volume_usd=tick.volume_24h_quote or 0.0, raw=raw)

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None = None
    ) -> list[FundingPoint]:
        """The rate at the end of each day, at the day's beginning as CoinDesk has it, with the mark price of the same day."""
        del interval_h  # each row has its own
        end_s = (self._clock() if end_ms is None else end_ms) // 1000
        start_s = end_s - (limit - 1) * DAY_S if start_ms is None else start_ms // 1000
        rates, interest = await both(
            self._coindesk.funding_history(self.venue, pair, "days", start_s=start_s, end_s=end_s),
            self._coindesk.interest_history(self.venue, pair, "days", start_s=start_s, end_s=end_s),
        )
        marks = {row.at_s: row.mark for row in interest}
        return [
            FundingPoint(
                at_ms=row.at_s * 1000, rate=row.rate, interval_h=row.interval_h, mark_price=marks.get(row.at_s)
            )
            for row in rates
        ][-limit:]

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        """Closing price and open interest of each bucket that has both."""
        if not await self._is_in_dollars(pair):
            return []
        unit, start_s, end_s = "hours" if hours else "days", start_ms // 1000, end_ms // 1000
        bars, interest = await both(
            self._coindesk.bars(self.venue, pair, unit, start_s=start_s, end_s=end_s),
            self._coindesk.interest_history(self.venue, pair, unit, start_s=start_s, end_s=end_s),
        )
        closes = {bar.at_s: bar.close for bar in bars}
        points = []
        for row in interest:
            price = closes.get(row.at_s) or row.mark
            if price is not None and row.quote is not None:
                points.append(OiPricePoint(at_ms=row.at_s * 1000, price=price, oi_usd=row.quote))
        return points

    async def _listed(self, pair: str) -> wire.Instrument | None:
        rows = await self._coindesk.instruments(self.venue)
        return next((row for row in rows if pair in (row.pair, row.name)), None)

    async def _is_in_dollars(self, pair: str) -> bool:
        row = await self._listed(pair)
        return row is not None and row.quote in DOLLARS

    def _contract(
        self,
        row: wire.Instrument,
        tick: wire.Tick | None,
        funding: wire.Funding | None,
        interest: wire.Interest | None,
    ) -> Contract:
        """One row of all that was said; `QUOTE` of open interest and volume is dollars if the quote coin is."""
        in_dollars = row.quote in DOLLARS
        oi_usd = interest.quote if interest and in_dollars else None
        mark = interest.mark if interest else None
        times = [said.at_ms for said in (tick, funding, interest) if said is not None and said.at_ms is not None]
        return Contract(
            venue=self.venue,
            symbol=_symbol(row),
            pair=row.pair,
            kind=row.kind,
            last=tick.price if tick else None,
            mark=mark,
            funding_rate=funding.rate if funding else None,
            funding_interval_h=funding.interval_h if funding else None,
            next_funding_ms=self._next_funding_ms(funding),
            oi_base=_coins(row, interest),
            oi_usd=oi_usd,
            volume_24h_usd=tick.volume_24h_quote if tick and in_dollars else None,
            volume_24h_base=tick.volume_24h_base if tick else None,
            at_ms=max(times, default=self._clock()),
            provider="CoinDesk",
        )

    def _next_funding_ms(self, funding: wire.Funding | None) -> int | None:
        """The next multiple of the interval: CoinDesk does not say."""
        step_ms = round(funding.interval_h * wire.HOUR_MS) if funding else 0
        return (self._clock() // step_ms + 1) * step_ms if step_ms else None


def _symbol(row: wire.Instrument) -> str:
    """Ours: BTC-USDT-PERP, or with the day on which it expires."""
    expiry = PERPETUAL if row.expires_s is None else f"{datetime.fromtimestamp(row.expires_s, UTC):%Y%m%d}"
    return f"{row.base}-{row.quote}-{expiry}"


def _coins(row: wire.Instrument, interest: wire.Interest | None) -> float | None:
    """Open interest in base coins: what a vanilla contract settles in, and by the price for the others."""
    if interest is None:
        return None
    if row.kind == "VANILLA":
        return interest.settlement
    return interest.quote / interest.mark if interest.quote is not None and interest.mark else None
