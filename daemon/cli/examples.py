"""One example of every event, as a venue could have sent it."""

from rules.events import Event, FeedHealth, FundingRate, Liquidation, MarkPrice, OpenInterest, StablecoinQuote

_AT, _RECEIVED, _SETTLES = 1_763_700_000_000, 1_763_700_000_120, 1_763_712_000_000

EXAMPLES: dict[str, Event] = {
    "funding_rate": FundingRate(
        venue="binance",
        symbol="BTC-USDT-PERP",
        rate=0.000406,
        interval_h=4,
        settles_at_ms=_SETTLES,
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
    "mark_price": MarkPrice(
        venue="bybit",
        symbol="ETH-USDT-PERP",
        price=2801.35,
        index_price=2800.9,
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
    "open_interest": OpenInterest(
        venue="okx",
        symbol="BTC-USDT-PERP",
        oi_base=28_531.4,
        oi_usd=2_433_728_420.0,
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
    "liquidation": Liquidation(
        venue="binance",
        symbol="BTC-USDT-PERP",
        side="long",
        quantity=18.0,
        price=85_250.0,
        price_kind="fill",
        notional_usd=1_534_500.0,
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
    "stablecoin_quote": StablecoinQuote(
        venue="defillama",
        coin="USDC",
        price=0.9848,
        target=1.0,
        market_cap_usd=74_100_000_000.0,
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
    "feed_health": FeedHealth(
        venue="okx",
        feed="okx.public",
        state="down",
        reason="no pong for 30s",
        at_ms=_AT,
        received_ms=_RECEIVED,
    ),
}
