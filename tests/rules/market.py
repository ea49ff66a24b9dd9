"""Events, rules and a stepping clock for the tests of rules/."""

from collections.abc import Iterable, Sequence
from typing import Any

from rules.alerts import Alert, Change, Transition
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import FeedHealth, FundingRate, Liquidation, MarkPrice, OpenInterest, Side, StablecoinQuote
from rules.spec import parse

NOON = 1_700_000_000_000  # a time with thirteen digits, as the daemon's are
S, M, H = 1_000, 60_000, 3_600_000
BTC = "BTC-USDT-PERP"


def funding(
    rate: float, at_ms: int = NOON, *, venue: str = "binance", symbol: str = BTC, interval_h: float = 8.0, **more: Any
) -> FundingRate:
    return FundingRate(
        venue=venue, symbol=symbol, rate=rate, interval_h=interval_h, at_ms=at_ms, received_ms=at_ms, **more
    )


def mark(price: float, at_ms: int = NOON, *, venue: str = "binance", symbol: str = BTC, **more: Any) -> MarkPrice:
    return MarkPrice(venue=venue, symbol=symbol, price=price, at_ms=at_ms, received_ms=at_ms, **more)


def interest(oi_usd: float | None, at_ms: int = NOON, *, venue: str = "binance", symbol: str = BTC) -> OpenInterest:
    return OpenInterest(venue=venue, symbol=symbol, oi_base=1.0, oi_usd=oi_usd, at_ms=at_ms, received_ms=at_ms)


def order(
    notional_usd: float,
    at_ms: int = NOON,
    *,
    venue: str = "binance",
    symbol: str = BTC,
    side: Side = "long",
    price: float = 50_000.0,
) -> Liquidation:
    return Liquidation(
        venue=venue,
        symbol=symbol,
        side=side,
        quantity=notional_usd / price,
        price=price,
        price_kind="fill",
        notional_usd=notional_usd,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def quote(
    price: float,
    at_ms: int = NOON,
    *,
    venue: str = "defillama",
    coin: str = "USDC",
    target: float | None = 1.0,
    market_cap_usd: float | None = None,
) -> StablecoinQuote:
    return StablecoinQuote(
        venue=venue,
        coin=coin,
        price=price,
        target=target,
        market_cap_usd=market_cap_usd,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def feed(
    state: Any, at_ms: int = NOON, *, venue: str = "binance", name: str = "binance.market", **more: Any
) -> FeedHealth:
    return FeedHealth(venue=venue, feed=name, state=state, at_ms=at_ms, received_ms=at_ms, **more)


def rule(**fields: Any) -> Rule:
    """A compiled rule from fields as they stand in YAML; `for_` is `for`."""
    if "for_" in fields:
        fields["for"] = fields.pop("for_")
    return parse({"id": "r", **fields}).compile()


def hot(**more: Any) -> Rule:
    """Funding above 0.05 %."""
    limit = {} if "levels" in more else {"above": "0.05%"}
    return rule(**{"type": "funding", "symbols": ["BTC"], **limit, **more})


def said(transitions: Iterable[Transition]) -> list[str]:
    return [transition.change.value for transition in transitions]


def told(transitions: Sequence[Transition]) -> list[str]:
    """FIRED and CLEARED only."""
    return [t.change.value for t in transitions if t.change in (Change.FIRED, Change.CLEARED)]


def alert(engine: Engine, *events: Any) -> Alert:
    """The alert after the last transition of these events."""
    out = [transition for event in events for transition in engine.observe(event, event.received_ms)]
    return out[-1].alert
