"""One rule and key: what is said, when, how loud, and under which name."""

from typing import Any

import pytest

from rules.alerts import Alert, AlertState, Change, Phase, Severity, Transition
from rules.engine import Engine
from tests.rules.market import NOON, H, M, S, feed, funding, hot, mark, order, rule, said, told

LEVELS = {"levels": {"warning": "0.05%", "critical": "0.1%"}}


def play(engine: Engine, *rates: tuple[int, float]) -> list[Transition]:
    """Rates at minutes after noon."""
    return [t for minute, rate in rates for t in engine.observe(funding(rate, NOON + minute * M), NOON + minute * M)]


def test_an_episode_from_beginning_to_end() -> None:
    out = play(
        Engine([hot(**LEVELS, for_="2m")]), (0, 0.0006), (1, 0.0007), (2, 0.0007), (3, 0.002), (4, 0.0007), (5, 0.0)
    )

    assert ["pending", "fired", "escalated", "eased", "cleared"] == said(out)
    assert [0, 1, 2, 3, 4] == [t.alert.sequence for t in out]
    assert 1 == len({t.alert.episode_id for t in out})
    assert [False, True, True, True, False] == [t.alert.is_firing for t in out]
    assert ["warning", "warning", "critical", "warning", "warning"] == [t.alert.severity for t in out]
    assert [0, 2, 3, 4, 5] == [(t.alert.at_ms - NOON) // M for t in out]
    assert [0, 2, 2, 2, 2] == [(t.alert.started_ms - NOON) // M for t in out]
    assert {NOON} == {t.alert.held_since_ms for t in out}
    assert [None] * 4 + [NOON + 5 * M] == [t.alert.ended_ms for t in out]
    assert [0.0005, 0.0005, 0.001, 0.0005, 0.0005] == [t.alert.threshold for t in out]
    assert 0.002 == out[-1].alert.peak


def test_an_end_knows_how_it_stood_at_its_peak() -> None:
    """How loud, beyond which limit, and which way: the end itself has only what came last."""
    rates = (0, 0.0006), (1, -0.002), (2, -0.003), (3, -0.0007), (4, 0.0001)
    ended = play(Engine([hot(**LEVELS, keep_firing_for="0s")]), *rates)[-1].alert
    peak = ended.at_worst()

    assert (Severity.WARNING, 0.0005, 0.0001, False) == (
        ended.severity,
        ended.threshold,
        ended.facts["rate_8h"],
        ended.is_firing,
    )
    assert (Severity.CRITICAL, 0.001, 0.003, True, None) == (
        peak.severity,
        peak.threshold,
        peak.value,
        peak.is_firing,
        peak.ended_ms,
    )
    assert (-0.003, 0.003) == (peak.facts["rate_8h"], peak.facts["value"])


def test_the_next_episode_has_a_peak_of_its_own() -> None:
    out = play(Engine([hot()]), (0, 0.003), (1, 0.0), (2, 0.001), (3, 0.0))

    assert [0.003, 0.003, 0.001, 0.001] == [t.alert.at_worst().value for t in out]


def test_what_happens_in_one_moment_has_no_peak_but_itself() -> None:
    (fired,) = Engine([rule(type="liquidation", at_least="$1m")]).observe(order(2e6), NOON)

    assert fired.alert.worst is None
    assert fired.alert == fired.alert.at_worst()


def test_an_episode_that_begins_critical_is_critical() -> None:
    out = play(Engine([hot(**LEVELS)]), (0, 0.002))

    assert [(Change.FIRED, Severity.CRITICAL)] == [(t.change, t.alert.severity) for t in out]


def test_what_ends_before_its_time_lapses() -> None:
    out = play(Engine([hot(for_="5m")]), (0, 0.001), (4, 0.0), (6, 0.001))

    assert ["pending", "lapsed", "pending"] == said(out)
    assert 2 == len({t.alert.episode_id for t in out})


def test_recovering_is_silent_and_may_be_taken_back() -> None:
    """It clears once it has been over for as long as the rule asks, without a break."""
    engine = Engine([hot(keep_firing_for="5m")])
    out = play(engine, (0, 0.001), (1, 0.0), (5, 0.001), (6, 0.0), (10, 0.0))

    assert ["fired"] == said(out)
    assert Phase.RECOVERING is engine.trackers("r")[0].phase

    out = engine.tick(NOON + 11 * M)

    assert [(Change.CLEARED, NOON + 11 * M)] == [(t.change, t.alert.at_ms) for t in out]


def test_a_recovery_taken_back_at_a_worse_level_escalates() -> None:
    out = play(Engine([hot(**LEVELS, keep_firing_for="5m")]), (0, 0.0006), (1, 0.0), (2, 0.002))

    assert ["fired", "escalated"] == said(out)


def test_a_recovery_does_not_end_while_the_data_is_stale() -> None:
    engine = Engine([hot(keep_firing_for="5m", max_age="2m")])
    play(engine, (0, 0.001), (1, 0.0))

    assert [] == engine.tick(NOON + H)
    assert [] == play(engine, (60, 0.0))  # one minute before the hour was fresh: two of five minutes have passed
    assert ["cleared"] == said(play(engine, (61, 0.0), (62, 0.0), (63, 0.0)))


def test_stale_data_holds_an_episode() -> None:
    """No value, no verdict: neither cleared nor told again."""
    engine = Engine([hot(max_age="2m")])

    assert ["fired"] == said(play(engine, (0, 0.001)))
    assert [] == engine.tick(NOON + 24 * H)
    assert [] == play(engine, (24 * 60, 0.001))


def test_a_gap_in_the_data_does_not_count_toward_for() -> None:
    engine = Engine([hot(for_="5m", max_age="2m")])
    play(engine, (0, 0.001), (1, 0.001), (60, 0.001))

    assert [] == play(engine, (61, 0.001))  # three and one
    assert ["fired"] == said(engine.tick(NOON + 62 * M))


def test_a_missing_value_is_no_sign_of_life() -> None:
    """An event without the field leaves the data as old as it was."""
    held = rule(type="expression", on="mark_price", when="index_price > 5", max_age="2m", **{"for": "5m"})
    engine = Engine([held])
    engine.observe(mark(1, NOON, index_price=6.0), NOON)
    for minute in range(1, 10):
        engine.observe(mark(1, NOON + minute * M), NOON + minute * M)

    assert [] == engine.tick(NOON + 10 * M)


def test_a_cooldown_mutes_and_says_so() -> None:
    """The state goes on and the row is written; only nobody is told."""
    out = play(Engine([hot(cooldown="10m")]), (0, 0.001), (1, 0.0), (5, 0.001), (6, 0.0), (10, 0.001))

    assert ["fired", "cleared", "fired", "cleared", "fired"] == said(out)
    assert [None, None, "cooldown", None, None] == [t.muted for t in out]


def test_a_worse_episode_breaks_the_cooldown() -> None:
    out = play(Engine([hot(**LEVELS, cooldown="1h")]), (0, 0.0006), (1, 0.0), (2, 0.002), (3, 0.0), (4, 0.002))

    assert [None, None, "cooldown"] == [t.muted for t in out if t.change is Change.FIRED]


def test_an_escalation_is_always_told() -> None:
    """Even when the episode began muted."""
    out = play(Engine([hot(**LEVELS, cooldown="1h")]), (0, 0.0006), (1, 0.0), (2, 0.0006), (3, 0.002))

    assert [None, None, "cooldown", None] == [t.muted for t in out]


def test_a_cooldown_survives_a_restart() -> None:
    engine = Engine([hot(cooldown="1h")])
    play(engine, (0, 0.001), (1, 0.0))
    states, _ = engine.take_changed()
    later = Engine([hot(cooldown="1h")])
    later.restore(states, NOON + 10 * M, alive_ms=NOON + M)

    assert ["cooldown"] == [t.muted for t in play(later, (11, 0.001))]


def test_the_peak_is_the_value_farthest_past_the_limit() -> None:
    """For a rule that watches for lows, the lowest."""
    low = rule(type="expression", on="mark_price", value="price", below=100, by="symbol")
    engine = Engine([low])
    out = [t for price in (90, 70, 80, 110) for t in engine.observe(mark(price), NOON)]

    assert ["fired", "cleared"] == said(out)
    assert [(90, 90), (110, 70)] == [(t.alert.value, t.alert.peak) for t in out]


def test_a_new_episode_has_a_new_peak() -> None:
    out = play(Engine([hot()]), (0, 0.005), (1, 0.0), (2, 0.001), (3, 0.0))

    assert [0.005, 0.005, 0.001, 0.001] == [t.alert.peak for t in out]


def test_the_key_is_identity_alone() -> None:
    (fired,) = play(Engine([hot()]), (0, 0.001))

    assert {"venue": "binance", "symbol": "BTC-USDT-PERP"} == fired.alert.key
    assert 0.001 == fired.alert.facts["rate_8h"]


# -- single orders --------------------------------------------------------------------------------------------


def whales(**more: Any) -> Engine:
    return Engine([rule(type="liquidation", at_least="$1m", **more)])


def flash(engine: Engine, *orders: Any) -> list[Transition]:
    return [t for each in orders for t in engine.observe(each, each.at_ms)]


def test_two_orders_of_one_millisecond_are_two_alerts() -> None:
    out = flash(whales(), order(2e6), order(3e6))

    assert ["fired", "fired"] == said(out)
    assert 2 == len({t.alert.episode_id for t in out})
    assert {(True, False, 0)} == {(t.alert.is_momentary, t.alert.is_firing, t.alert.sequence) for t in out}


def test_the_same_order_twice_has_one_name() -> None:
    """Venues repeat themselves after a reconnect; the outbox takes each name once."""
    out = flash(whales(), order(2e6), order(2e6))

    assert 1 == len({t.alert.episode_id for t in out})


def test_two_sides_are_two_keys() -> None:
    assert 2 == len({t.alert.episode_id for t in flash(whales(), order(2e6), order(2e6, side="short"))})


def test_an_order_below_the_limit_says_nothing() -> None:
    assert [] == flash(whales(), order(999_999.0))


def test_orders_have_levels_and_a_cooldown() -> None:
    engine = Engine(
        [rule(type="liquidation", levels={"warning": "$1m", "critical": "$10m"}, cooldown="10m")],
    )
    out = flash(engine, order(1e6), order(2e6, NOON + M), order(11e6, NOON + 2 * M), order(1e6, NOON + 13 * M))

    assert ["warning", "warning", "critical", "warning"] == [t.alert.severity for t in out]
    assert [None, "cooldown", None, None] == [t.muted for t in out]


def test_a_dead_feed_does_not_trouble_single_orders() -> None:
    engine = whales()
    flash(engine, order(2e6))
    engine.observe(feed("down"), NOON + 1)

    assert ["fired"] == said(flash(engine, order(2e6, NOON + 2)))


# -- sums -----------------------------------------------------------------------------------------------------


def test_a_sum_clears_at_the_millisecond_at_which_it_has_fallen() -> None:
    engine = Engine([rule(type="liquidation", window="1m", total="$10m")])
    flash(engine, order(6e6), order(5e6, NOON + 10 * S))
    out = engine.tick(NOON + H)

    assert [(Change.CLEARED, NOON + M, 5e6)] == [(t.change, t.alert.at_ms, t.alert.value) for t in out]


def test_a_sum_over_venues_is_one_key() -> None:
    engine = Engine([rule(type="liquidation", window="1m", total="$10m")])
    out = flash(engine, order(6e6), order(6e6, NOON + 1, venue="okx"))

    assert [{"symbol": "BTC-USDT-PERP", "side": "long"}] == [t.alert.key for t in out]


def test_a_sum_by_nothing_is_the_whole_market() -> None:
    engine = Engine([rule(type="liquidation", window="1m", total="$10m", by=[])])
    out = flash(engine, order(6e6), order(6e6, NOON + 1, symbol="ETH-USDT-PERP", side="short"))

    assert [{}] == [t.alert.key for t in out]


@pytest.mark.parametrize("shift", ["seconds", "state"])
def test_a_stored_state_reads_back(shift: str) -> None:
    """What is restored is what was written, so a second restart writes the same again."""
    engine = Engine([hot(**LEVELS, for_="5m", cooldown="1h")])
    play(engine, (0, 0.001)) if shift == "seconds" else play(engine, (0, 0.001), (5, 0.002), (6, 0.002))
    (state,) = engine.take_changed()[0]
    later = Engine([hot(**LEVELS, for_="5m", cooldown="1h")])
    later.restore([state], NOON + 7 * M, alive_ms=NOON + 7 * M)
    again: AlertState = later.trackers("r")[0].state()

    assert (state.phase, state.rung, state.alert, state.told_ms) == (
        again.phase,
        again.rung,
        again.alert,
        again.told_ms,
    )
    assert isinstance(again.alert, Alert)


def test_a_fire_is_told_once_however_long_it_lasts() -> None:
    out = play(Engine([hot()]), *((minute, 0.001 + minute % 7 / 10_000) for minute in range(500)))

    assert ["fired"] == told(out)
