"""What the box's venues say in the end-to-end tests, fact by fact."""

from daemon.simulator.scenario import Scenario, parse
from rules.events import FundingRate, Liquidation, OpenInterest, PriceKind, Side, StablecoinQuote

NOW_MS = 1_790_000_000_000  # 2026-09-21 14:13:20Z
HOUR_MS = 3_600_000
BTC = "BTC-USDT-PERP"

_KINDS: dict[str, PriceKind] = {"binance": "fill", "bybit": "bankruptcy", "okx": "mark"}


class Clock:
    """A time that moves when told to."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1_000)


def quiet() -> Scenario:
    """A market in which nothing happens by itself."""
    return parse(b"market: {liquidations_per_minute: 0}", "quiet.yaml")


def rate(venue: str, rate_8h: float, *, at_ms: int = NOW_MS, symbol: str = BTC) -> FundingRate:
    """Predicted for a settlement in 72 minutes."""
    settles_at_ms = NOW_MS + 72 * 60_000
    return FundingRate(
        venue=venue,
        symbol=symbol,
        rate=rate_8h,
        interval_h=8.0,
        settles_at_ms=settles_at_ms,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def closed(
    venue: str,
    quantity: float,
    *,
    price: float = 80_000.0,
    side: Side = "long",
    symbol: str = BTC,
    at_ms: int = NOW_MS,
) -> Liquidation:
    """A position of `quantity` coins that was closed by force."""
    return Liquidation(
        venue=venue,
        symbol=symbol,
        side=side,
        quantity=quantity,
        price=price,
        price_kind=_KINDS[venue],
        notional_usd=quantity * price,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def interest(venue: str, oi_usd: float, *, at_ms: int = NOW_MS, symbol: str = BTC) -> OpenInterest:
    return OpenInterest(
        venue=venue, symbol=symbol, oi_base=oi_usd / 80_000.0, oi_usd=oi_usd, at_ms=at_ms, received_ms=at_ms
    )


def quote(venue: str, coin: str, price: float, *, market_cap_usd: float = 7.1e9) -> StablecoinQuote:
    return StablecoinQuote(
        venue=venue,
        coin=coin,
        price=price,
        target=1.0,
        market_cap_usd=market_cap_usd,
        at_ms=NOW_MS,
        received_ms=NOW_MS,
    )
