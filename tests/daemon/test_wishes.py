"""What rules need to hear, as laws."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sources.wanted import Wanted
from daemon.wishes import wishes
from rules.compiled import Rule
from rules.events import EVENTS, FeedHealth, FundingRate, Liquidation
from rules.selection import Selection
from rules.spec import parse

VENUES, COINS = ["binance", "bybit", "okx", "*"], ["BTC", "ETH", "SOL", "*"]


def funding_rule(symbols: list[str], venues: list[str]) -> Rule:
    return rule({"id": "f", "type": "funding", "symbols": symbols, "venues": venues, "above": "0.05%"})


def rule(raw: dict[str, Any]) -> Rule:
    return parse(raw).compile()


written = st.builds(
    funding_rule,
    st.lists(st.sampled_from(COINS), min_size=1),
    st.lists(st.sampled_from(VENUES), min_size=1),
)


@settings(deadline=None)
@given(st.lists(written))
def test_what_a_rule_follows_is_wished_for_and_nothing_else(rules: list[Rule]) -> None:
    """On every venue, for every coin."""
    wanted = Wanted(wishes(rules))
    for venue in ("binance", "bybit", "okx", "hyperliquid"):
        selection = wanted.selection(FundingRate, venue=venue)
        assert wanted.selection(Liquidation, venue=venue) is None
        for symbol in ("BTC-USDT-PERP", "SOL-USDT-PERP", "DOGE-USDT-PERP"):
            followed = any(one.venues.matches(venue.upper()) and one.symbols.matches(symbol) for one in rules)
            assert followed == (selection is not None and selection.matches(symbol))


@settings(deadline=None)
@given(st.lists(written))
def test_the_order_of_rules_and_their_limits_do_not_matter(rules: list[Rule]) -> None:
    """So that sources are left alone when only a threshold has changed."""
    assert wishes(rules) == wishes([*reversed(rules), *rules])


def test_feed_health_needs_no_source() -> None:
    """We say it ourselves."""
    assert frozenset() == wishes([rule({"id": "h", "type": "feed_health"})])
    assert FeedHealth in EVENTS.values()


def test_a_wish_names_venues_as_sources_do() -> None:
    """In small letters, and None for any."""
    found = wishes([funding_rule(["BTC"], ["Binance", "okx"]), funding_rule(["ETH"], ["*"])])

    assert {
        (FundingRate, "binance", Selection(frozenset({"BTC"}))),
        (FundingRate, "okx", Selection(frozenset({"BTC"}))),
        (FundingRate, None, Selection(frozenset({"ETH"}))),
    } == found
