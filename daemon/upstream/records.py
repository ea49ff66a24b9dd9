"""What every upstream is normalised to, so that nothing after it asks which venue counts in what."""

from typing import Any, Literal

import msgspec

Kind = Literal["VANILLA", "INVERSE", "QUANTO"]
Provider = Literal["venue", "CoinDesk"]


class Contract(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A derivative as it stands now. A number that the upstream did not send is None, never 0.

    Sources: facts 5.1 to 5.4 (venues), 1.3 (CoinDesk). VANILLA settles in the quote coin, INVERSE in the base coin,
    QUANTO in neither. Open interest is counted one side; what is in US dollars is so for every kind of contract.
    """

    venue: str  # binance, bybit, okx, deribit, hyperliquid
    symbol: str  # ours: BTC-USDT-PERP, BTC-USD-20260327
    pair: str  # the venue's own: BTCUSDT, BTC-USDT-SWAP
    kind: Kind
    last: float | None = None  # quote coin per base coin
    mark: float | None = None
    index: float | None = None
    funding_rate: float | None = None  # fraction per `funding_interval_h` hours; None for what expires
    funding_interval_h: float | None = None
    next_funding_ms: int | None = None
    oi_base: float | None = None  # base coins
    oi_usd: float | None = None
    volume_24h_usd: float | None = None
    volume_24h_base: float | None = None
    at_ms: int = 0  # by the venue's clock, or ours where it says no time
    provider: Provider = "venue"
    is_oi_ambiguous: bool = False  # Bybit sent no one-sided figure: it may have counted both sides


class FundingPoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Funding that was paid at `at_ms`: a fraction for the `interval_h` hours before (facts 5.1 to 5.3, 1.4)."""

    at_ms: int
    rate: float
    interval_h: float
    mark_price: float | None = None

    @property
    def rate_8h(self) -> float:
        """The rate per 8 hours, so that venues with other intervals can be averaged."""
        return self.rate * 8.0 / self.interval_h


class OiPricePoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Price and open interest (US dollars, one side) at one moment. A series is never part one-sided, part unclear."""

    at_ms: int
    price: float
    oi_usd: float
    is_oi_ambiguous: bool = False


class Candle(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of trading that began at `at_ms`; the newest may be running still. Mark price candles have no volume."""

    at_ms: int
    open: float
    high: float
    low: float
    close: float
    volume_base: float | None = None
    volume_usd: float | None = None  # None also if the quote coin is not a dollar coin


class FearGreedDay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Fear and greed of one day, 0 to 100, with the upstream's own class (facts 4). `at_s` is 00:00 UTC."""

    value: int
    classification: str
    at_s: int
    next_update_s: int | None = None  # seconds until the next one; only the newest day has it


class GlobalMarket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All coins together (CoinGecko /global). Percents are out of 100, as sent."""

    total_usd: float | None
    btc_percent: float | None
    eth_percent: float | None
    at_ms: int


class CoinInfo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A coin at CoinGecko. `price` and `market_cap` are in `vs_currency`, the change in percent out of 100."""

    id: str  # tether
    symbol: str  # USDT, in capitals
    name: str
    image: str | None = None
    price: float | None = None
    change_24h_percent: float | None = None
    market_cap: float | None = None
    vs_currency: str = "usd"


class PricePoint(msgspec.Struct, frozen=True, gc=False):
    """A price at one moment (CoinGecko /coins/{id}/market_chart), in the currency that was asked for."""

    at_ms: int
    price: float


class ChainSupply(msgspec.Struct, frozen=True, gc=False):
    """How much of a stablecoin is on one chain, in US dollars; the day before is old supply at today's price."""

    usd: float | None = None
    prev_day_usd: float | None = None


class Stablecoin(msgspec.Struct, frozen=True, kw_only=True):
    """A stablecoin at DefiLlama (facts 2). Amounts are US dollars already and must not be multiplied by the price."""

    id: str
    name: str
    symbol: str
    gecko_id: str | None = None
    peg_type: str  # peggedUSD, peggedEUR, peggedVAR, ...
    price: float | None = None  # US dollars
    circulating_usd: float | None = None
    circulating_prev_day_usd: float | None = None  # yesterday's supply at today's price
    chains: dict[str, ChainSupply] = {}  # DefiLlama's labels: Ethereum, BSC
    is_gone: bool = False  # delisted or dead
    is_yield_bearing: bool = False  # its price is meant to grow: no peg


class MarketCapPoint(msgspec.Struct, frozen=True, gc=False):
    """The value of all stablecoins on one day (DefiLlama /stablecoincharts), the sum over all pegs."""

    at_s: int
    usd: float


class DailyPrices(msgspec.Struct, frozen=True):
    """The last price of each day in US dollars, by CoinGecko id (DefiLlama /stablecoinprices); unknown ones left out."""

    at_s: int
    prices: dict[str, float]


class DailyRates(msgspec.Struct, frozen=True):
    """Exchange rates of one day (DefiLlama /rates): units of each currency for one US dollar, by ISO code in capitals."""

    at_s: int
    per_usd: dict[str, float]


class SupplyPoint(msgspec.Struct, frozen=True, gc=False):
    """How many units of a stablecoin there were (DefiLlama /stablecoin/{id}): native units, not US dollars."""

    at_s: int
    units: float


class OptionsInterest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Open interest of one option in US dollars: its coins times the price of what underlies it."""

    instrument: str
    oi_usd: float
    at_ms: int


class VenueVolume(msgspec.Struct, frozen=True, kw_only=True):
    """What was traded in one instrument in 24 hours, and the row that says so, as the upstream sent it."""

    venue: str
    instrument: str
    volume_usd: float
    raw: dict[str, Any]


class DerivativeExchange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A derivatives exchange at CoinGecko (/derivatives/exchanges); volumes are counted in bitcoin."""

    id: str
    name: str
    image: str | None = None
    open_interest_btc: float | None = None
    volume_24h_btc: float | None = None
