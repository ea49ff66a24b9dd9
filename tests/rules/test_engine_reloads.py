"""The engine over reloads: what was edited goes on, what was removed ends and says why."""

from typing import Any

import pytest

from rules.alerts import Change, Reason, Severity
from rules.engine import Engine
from tests.rules.engines import LEVELS, House, check_episodes
from tests.rules.market import BTC, NOON, H, M, feed, funding, hot, mark, order, rule, said, told


def test_a_reload_of_where_cannot_make_the_engine_spin() -> None:
    """The event that a rule last looked at may not meet its new condition; its windows must empty all the same."""
    fields = {"type": "expression", "on": "mark_price", "when": "avg(index_price, 5s) > 1 or count(10s) > 0"}
    engine = Engine([rule(**fields)])
    engine.observe(mark(1, NOON, index_price=2.0), NOON)
    engine.swap([rule(**fields, where="price > 5")], NOON + 1)
    engine.observe(mark(6, NOON + 2), NOON + 2)
    engine.observe(mark(6, NOON + 3), NOON + 3)

    engine.tick(NOON + H)

    assert engine.next_ms() is None


def test_an_edited_limit_keeps_the_episode() -> None:
    engine = Engine([hot()])
    first = engine.observe(funding(0.001), NOON)[0].alert

    assert [] == engine.swap([hot(above="0.08%")], NOON + 1)

    out = engine.observe(funding(0.0007), NOON + 2)

    assert ["cleared"] == said(out)
    assert first.episode_id == out[0].alert.episode_id


def test_an_edited_limit_is_judged_by_the_next_value_not_by_the_old_wait() -> None:
    """0.06 % was on its way to firing above 0.05 % for an hour; it must not fire above 0.08 %, however short the wait."""
    engine = Engine([hot(for_="1h")])
    engine.observe(funding(0.0006), NOON)
    engine.swap([hot(above="0.08%", for_="1m")], NOON + 5 * M)

    assert [] == engine.tick(NOON + 6 * M)
    assert ["lapsed"] == said(engine.observe(funding(0.0006), NOON + 6 * M))


def test_a_shortened_wait_ends_with_the_next_value_at_that_time() -> None:
    engine = Engine([hot(for_="1h")])
    engine.observe(funding(0.001), NOON)
    engine.swap([hot(for_="1m")], NOON + 5 * M)
    out = engine.observe(funding(0.001), NOON + 6 * M)

    assert ["fired"] == said(out)
    assert NOON + 6 * M == out[0].alert.at_ms


def test_another_level_below_does_not_shout_again() -> None:
    """Critical stays critical when a milder level is added under it."""
    engine = Engine([hot(**LEVELS)])
    engine.observe(funding(0.002), NOON)
    engine.swap([hot(levels={"info": "0.02%", "warning": "0.05%", "critical": "0.1%"})], NOON + 1)

    assert [] == engine.observe(funding(0.002), NOON + 2)
    assert [Severity.INFO] == [t.alert.severity for t in engine.observe(funding(0.0004), NOON + 3)]


def test_fewer_levels_do_not_break_a_running_episode() -> None:
    house = House([hot(**LEVELS)])
    house.hear(funding(0.002, house.now_ms))
    house.reload([hot(above="0.05%")])
    house.wait(1)
    house.hear(funding(0.002, house.now_ms))
    house.rules = [hot(**LEVELS)]
    house.restart(M)
    house.hear(funding(0.0, house.now_ms))

    assert ["fired", "cleared"] == told(house.out)
    check_episodes(house.out)


def test_a_removed_rule_ends_its_episodes_and_says_why() -> None:
    engine = Engine([hot()])
    engine.observe(funding(0.001), NOON)
    engine.take_changed()
    out = engine.swap([], NOON + 1)

    assert [(Change.CLEARED, Reason.RULE_REMOVED)] == [(t.change, t.reason) for t in out]
    assert ([], [out[0].alert.key]) == (engine.take_changed()[0], [{"venue": "binance", "symbol": BTC}])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (None, Reason.RULE_REMOVED),
        ({"type": "liquidation", "window": "1m", "total": "$1m", "by": ["symbol"]}, Reason.RULE_CHANGED),
        ({"type": "liquidation", "window": "1m", "total": "$1m", "by": ["venue", "symbol"]}, Reason.RULE_CHANGED),
        ({"type": "funding", "symbols": "ETH", "above": "0.05%"}, Reason.RULE_CHANGED),
        ({"type": "funding", "symbols": "BTC", "venues": "okx", "above": "0.05%"}, Reason.RULE_CHANGED),
    ],
)
def test_an_episode_whose_rule_follows_something_else_ends(changed: dict[str, Any] | None, reason: Reason) -> None:
    """The same at a reload and at a restart with another file: it would wait for ever for a value."""
    rules = [] if changed is None else [rule(**changed)]
    engine = Engine([hot()])
    engine.observe(funding(0.001), NOON)
    states, _ = engine.take_changed()
    swapped = engine.swap(rules, NOON + 1)
    restarted = Engine(rules)
    restored = restarted.restore(states, NOON + 1, alive_ms=NOON)

    assert [(Change.CLEARED, reason)] == [(t.change, t.reason) for t in swapped]
    assert [(Change.CLEARED, reason)] == [(t.change, t.reason) for t in restored]
    assert ([], [states[0].fingerprint]) == restarted.take_changed()


def test_a_feed_taken_off_a_rule_ends_its_episode() -> None:
    engine = Engine([rule(type="feed_health", **{"for": "0s"})])
    engine.observe(feed("down"), NOON)

    assert ["cleared"] == said(engine.swap([rule(type="feed_health", feeds="okx.public", **{"for": "0s"})], NOON + 1))


def test_a_reload_leaves_unchanged_rules_alone() -> None:
    """Windows, waits and trackers are the very same objects."""
    cascade, other = rule(id="c", type="liquidation", window="1m", total="$10m"), hot(for_="5m")
    engine = Engine([cascade, other])
    engine.observe(order(9e6), NOON)
    engine.observe(funding(0.001), NOON)
    before = [*engine.trackers("c"), *engine.trackers("r")]
    engine.swap([rule(id="c", type="liquidation", window="1m", total="$10m"), hot(for_="5m"), hot(id="x")], NOON + 1)
    after = [*engine.trackers("c"), *engine.trackers("r")]

    assert all(old is new for old, new in zip(before, after, strict=True))
    assert ["fired"] == told(engine.observe(order(2e6, NOON + 2), NOON + 2))
    assert ["cleared", "fired"] == told(engine.tick(NOON + 5 * M))  # the sum has emptied, the wait is over


def test_an_edited_limit_keeps_the_windows() -> None:
    engine = Engine([rule(type="liquidation", window="1m", total="$10m")])
    engine.observe(order(9e6), NOON)
    engine.swap([rule(type="liquidation", window="1m", total="$9.5m")], NOON + 1)

    assert 10e6 == engine.observe(order(1e6, NOON + 2), NOON + 2)[0].alert.value
