"""A series as events: one field moves, the others stay, and a silent feed says that it is down."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.catalogue import catalogue
from rules.events import EVENTS, FeedHealth, FundingRate, Liquidation, LongShortRatio, OpenInterest, StablecoinQuote
from rules.series import Series

START_MS = 1_767_614_400_000
M = 60_000


def series(**fields: Any) -> Series:
    return Series.model_validate({"on": "funding_rate", "venue": "binance", "symbol": "BTC", "field": "rate", **fields})


def events(**fields: Any) -> list[Any]:
    return [event for _, event in series(**fields).events(START_MS)]


def wrong(**fields: Any) -> str:
    with pytest.raises(ValidationError) as found:
        series(**fields)
    return "; ".join(str(error["msg"]) for error in found.value.errors())


def test_a_value_a_step_at_its_time() -> None:
    found = list(series(values="0.01%x2 _ 0.06%", every="5m", begin="1m").events(START_MS))

    assert [(1 * M, 0.0001), (6 * M, 0.0001), (16 * M, 0.0006)] == [
        (at_ms - START_MS, event.rate) for at_ms, event in found if isinstance(event, FundingRate)
    ]
    assert all(event.at_ms == event.received_ms == at_ms for at_ms, event in found)


def test_a_coin_stands_for_its_perpetual() -> None:
    assert ["BTC-USDT-PERP"] == [event.symbol for event in events(values="0.01%")]
    assert ["BTC-USDC-PERP"] == [event.symbol for event in events(symbol="BTC-USDC-PERP", values="0.01%")]


def test_a_stale_feed_is_down_until_the_next_value() -> None:
    said = events(values="0.01% stale _x2 0.02%")

    assert [None, "down", "up", None] == [event.state if isinstance(event, FeedHealth) else None for event in said]
    assert ("funding_rate",) == said[1].carries


def test_other_fields_stay_as_they_are_said() -> None:
    (event,) = events(
        on="stablecoin_quote",
        symbol=None,
        coin="USDC",
        field="price",
        values="0.98",
        **{"with": {"market_cap_usd": "$74bn"}},
    )

    assert isinstance(event, StablecoinQuote)
    assert (0.98, 1.0, 74e9) == (event.price, event.target, event.market_cap_usd)


def test_what_follows_from_the_moving_field_moves_with_it() -> None:
    (order,) = events(on="liquidation", side="short", field="notional_usd", values="$2m")
    (interest,) = events(on="open_interest", field="oi_base", values="10")
    (ratio,) = events(on="long_short_ratio", field="ratio", values="3")

    assert isinstance(order, Liquidation) and isinstance(interest, OpenInterest) and isinstance(ratio, LongShortRatio)
    assert ("short", 2e6, 40.0) == (order.side, order.notional_usd, order.quantity)
    assert (10.0, 500_000.0) == (interest.oi_base, interest.oi_usd)
    assert (3.0, 0.75, 0.25) == (ratio.ratio, ratio.long_share, ratio.short_share)


def test_texts_move_too() -> None:
    states = events(on="feed_health", symbol=None, feed="okx.market", field="state", values="down up")

    assert ["down", "up"] == [event.state for event in states]


@pytest.mark.parametrize("name", EVENTS)
def test_every_type_of_event_can_be_a_series(name: str) -> None:
    """With nothing said but what it is about."""
    event = EVENTS[name]
    place = {key: "X" for key in ("symbol", "coin", "feed") if key in event.__struct_fields__}
    words = {"feed_health": ("state", "down"), "account_update": ("cause", "CREATE"), "funding_rate": ("rate", "1%")}
    numbers = [one for one, kind in catalogue(event).kinds.items() if kind == "number" and "_ms" not in one]
    field, value = words.get(name) or (next(one for one in numbers if one in event.__struct_fields__), "1")
    one = Series.model_validate({"on": name, "venue": "okx", "field": field, "values": value, **place})

    assert [event] == [type(found) for _, found in one.events(START_MS)]


def test_mistakes_say_what_would_be_right() -> None:
    assert "funding_rate has no field 'rat' that could move; one of rate, interval_h" in wrong(field="rat", values="1%")
    assert "add symbol: BTC" in wrong(symbol=None, values="0.01%")
    assert "write the sign" in wrong(values="0.5")
    assert "has no field 'sde'" in wrong(values="0.01%", **{"with": {"sde": 1}})
    assert "moves and stays" in wrong(**{"with": {"rate": 1}}, values="0.01%")
    assert "said twice" in wrong(**{"with": {"venue": "okx"}}, values="0.01%")
    assert "has no field 'side'" in wrong(side="long", values="0.01%")
    assert "this is no feed_health" in wrong(on="feed_health", symbol=None, feed="x", field="state", values="sideways")
