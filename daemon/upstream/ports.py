"""What the market asks of each upstream. Every question raises Transient, Busy, Refused or Unreadable for no answer."""

from collections.abc import Collection, Sequence
from typing import Protocol

from daemon.upstream.records import (
    CoinInfo,
    Contract,
    DailyPrices,
    DailyRates,
    DerivativeExchange,
    FearGreedDay,
    FundingPoint,
    GlobalMarket,
    MarketCapPoint,
    OiPricePoint,
    OptionsInterest,
    PricePoint,
    Provider,
    Stablecoin,
    SupplyPoint,
    VenueVolume,
)


class Desk(Protocol):
    """One exchange, whoever answers for it: the exchange itself, or CoinDesk. Pairs are in the exchange's own spelling."""

    @property
    def venue(self) -> str: ...

    @property
    def provider(self) -> Provider: ...

    @property
    def asks_by_coin(self) -> bool:
        """Whether `contracts` of some coins is another question than that of all."""
        ...

    @property
    def fresh_s(self) -> float:
        """How long the answer of all contracts is to be kept, by what it costs."""
        ...

    async def listing(self) -> list[Contract]:
        """Which contracts there are; numbers may be missing."""
        ...

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        """The contracts that are open, of these coins (BTC) or of all; a desk may answer with more than was asked."""
        ...

    async def volume_2h(self, pair: str) -> float | None:
        """What was traded in the last two hours in US dollars."""
        ...

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """What was traded in 24 hours."""
        ...

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None
    ) -> list[FundingPoint]:
        """What a perpetual paid, oldest first: the newest `limit` points of the range.

        `interval_h` is today's interval, for points that do not show theirs.
        """
        ...

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        """Price and open interest, one point an hour or a day, oldest first; as far back as the upstream remembers."""
        ...


class Coins(Protocol):
    """CoinGecko."""

    async def global_market(self) -> GlobalMarket: ...

    async def coins(self, ids: Sequence[str], vs_currency: str) -> list[CoinInfo]:
        """Prices and images of at most 250 ids."""
        ...

    async def largest(self) -> list[CoinInfo]:
        """The 250 largest by market value, in US dollars."""
        ...

    async def chart(self, coin_id: str, vs_currency: str, days: int) -> list[PricePoint]: ...

    async def derivative_exchanges(self) -> list[DerivativeExchange]: ...


class Stablecoins(Protocol):
    """DefiLlama."""

    async def stablecoins(self) -> list[Stablecoin]: ...

    async def charts(self) -> list[MarketCapPoint]: ...

    async def prices(self) -> list[DailyPrices]: ...

    async def rates(self) -> list[DailyRates]: ...

    async def supply(self, coin_id: str, /) -> list[SupplyPoint]: ...


class Mood(Protocol):
    """alternative.me."""

    async def fear_greed(self, limit: int) -> list[FearGreedDay]:
        """The newest first; 0 for all."""
        ...


class Options(Protocol):
    """Deribit, for its options."""

    async def options_interest(self, coin: str) -> list[OptionsInterest]: ...
