"""The engine and feeds that die: what they fed is held, and nothing else."""

from rules.engine import Engine
from tests.rules.market import NOON, H, M, S, feed, funding, hot, order, rule, said, told


def test_a_feed_is_found_however_it_is_written() -> None:
    """Feeds are named in small letters, selections compare capitals."""
    for name in ("binance.market", "Binance.Market", "*"):
        engine = Engine([rule(type="feed_health", feeds=name, **{"for": "0s"})])

        assert ["fired"] == said(engine.observe(feed("down"), NOON))


def test_a_sum_held_by_a_dead_feed_clears_a_window_after_its_return() -> None:
    engine = Engine([rule(type="liquidation", window="1m", total="$10m", by=["venue", "symbol"])])
    engine.observe(order(11e6), NOON)
    engine.observe(feed("down"), NOON + S)

    assert [] == engine.tick(NOON + H)

    engine.observe(feed("up"), NOON + H)

    assert [] == engine.tick(NOON + H + M - 1)
    assert ["cleared"] == said(engine.tick(NOON + H + M))


def test_a_dead_feed_holds_what_it_fed_and_only_that() -> None:
    """`carries` says which events a feed brings; a feed of mark prices holds no funding rule."""
    for carries, expected in (((), []), (("funding_rate",), []), (("mark_price",), ["fired"])):
        engine = Engine([hot(for_="5m")])
        engine.observe(funding(0.001), NOON)
        engine.observe(feed("down", carries=carries), NOON + M)

        assert expected == told(engine.tick(NOON + 6 * M))


def test_another_venues_feed_holds_nothing() -> None:
    engine = Engine([hot(for_="5m")])
    engine.observe(funding(0.001), NOON)
    engine.observe(feed("down", venue="okx"), NOON + M)

    assert ["fired"] == told(engine.tick(NOON + 6 * M))


def test_silence_before_a_feed_is_declared_dead_does_not_count_either() -> None:
    """Data was fresh for one minute; that the feed was only called dead after four changes nothing."""
    engine = Engine([hot(for_="5m", max_age="1m")])
    engine.observe(funding(0.001), NOON)
    engine.observe(feed("down"), NOON + 4 * M)
    engine.observe(funding(0.001), NOON + 6 * M)
    for minute in (7, 8, 9):
        engine.observe(funding(0.001), NOON + minute * M)

    assert [] == engine.tick(NOON + 10 * M - 1)
    assert ["fired"] == told(engine.tick(NOON + 10 * M))
