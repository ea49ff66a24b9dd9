"""The engine over restarts: what nobody watched does not count, and what was known is known again."""

from rules.engine import Engine
from tests.rules.engines import LEVELS, House
from tests.rules.market import BTC, NOON, H, M, S, funding, hot, order, rule, said, told


def test_warming_fills_windows_and_says_nothing() -> None:
    """After a restart the sum is right with the first new order."""
    engine = Engine([rule(type="liquidation", window="1m", total="$10m")])
    engine.warm(order(9e6, NOON), NOON)
    engine.warm(order(9e6, NOON + 1), NOON + 1)

    assert ([], []) == engine.take_changed()
    assert [] == engine.tick(NOON + 2)
    assert 19e6 == engine.observe(order(1e6, NOON + 3), NOON + 3)[0].alert.value


def test_downtime_does_not_count_toward_for() -> None:
    house = House([hot(for_="10m")])
    house.hear(funding(0.001, house.now_ms))
    house.wait(4 * M)
    house.hear(funding(0.001, house.now_ms))
    house.restart(3 * H)
    house.hear(funding(0.001, house.now_ms))
    house.wait(6 * M - 1)
    house.hear(funding(0.001, house.now_ms))
    before = told(house.out)
    house.wait(1)
    house.tick()

    assert [] == before
    assert ["fired"] == told(house.out)


def test_downtime_does_not_count_when_nobody_knows_how_long_it_was() -> None:
    engine = Engine([hot(for_="10m")])
    engine.observe(funding(0.001), NOON)
    states, _ = engine.take_changed()
    later = Engine([hot(for_="10m")])

    assert [] == later.restore(states, NOON + 3 * H, alive_ms=None)
    assert [] == later.tick(NOON + 3 * H)
    assert [] == later.observe(funding(0.001), NOON + 3 * H)


def test_a_recovery_survives_a_restart() -> None:
    """It is written though nothing is said, and the wait goes on where it stood."""
    house = House([hot(keep_firing_for="10m", max_age=None)])
    house.hear(funding(0.001, house.now_ms))
    house.hear(funding(0.0, house.now_ms))
    house.wait(9 * M)
    house.hear(funding(0.0, house.now_ms))
    house.restart(H)
    house.hear(funding(0.0, house.now_ms))
    house.wait(M)
    house.tick()

    assert ["fired", "cleared"] == said(house.out)
    assert house.now_ms == house.out[-1].alert.at_ms


def test_a_sum_that_fell_during_a_restart_clears_without_a_new_order() -> None:
    """A window's length without any order is an answer, too; nobody waits for the next order of a quiet coin."""
    house = House([rule(type="liquidation", window="1m", total="$10m")])
    house.hear(order(11e6, house.now_ms))
    house.restart(H)
    house.wait(59 * S)
    house.tick()
    before = told(house.out)
    house.wait(S)
    house.tick()

    assert ["fired"] == before
    assert ["fired", "cleared"] == told(house.out)
    assert BTC == house.out[-1].alert.facts["symbol"]


def test_a_crash_between_two_events_replays_to_the_same_names() -> None:
    """The outbox refuses a second message of one name; so the names must not depend on the crash."""
    events = [funding(rate, NOON + n * M) for n, rate in enumerate((0.001, 0.002, 0.0, 0.001, 0.0))]
    through = Engine([hot(**LEVELS)])
    expected = [(t.alert.episode_id, t.change, t.alert.sequence) for e in events for t in through.observe(e, e.at_ms)]
    for cut in range(len(events)):
        house = House([hot(**LEVELS)])
        for event in events[:cut]:
            house.now_ms = event.at_ms
            house.hear(event)
        house.restart(0)
        for event in events[cut:]:
            house.now_ms = event.at_ms
            house.hear(event)

        assert expected == [(t.alert.episode_id, t.change, t.alert.sequence) for t in house.out]


def test_flags_in_by_survive_a_restart() -> None:
    """A key is stored as text; the tracker must be found again by the flag."""
    flagged = {"type": "expression", "on": "funding_rate", "by": ["symbol", "is_settled"], "when": "rate > 0.05%"}
    house = House([rule(**flagged)])
    house.hear(funding(0.001, house.now_ms, is_settled=True))
    house.restart(M)
    house.hear(funding(0.0, house.now_ms, is_settled=True))

    assert ["fired", "cleared"] == said(house.out)


def test_the_last_facts_survive_a_restart() -> None:
    """An episode that ends before any new value still says what it was about."""
    house = House([hot()])
    house.hear(funding(0.001, house.now_ms))
    house.restart(M)
    house.reload([])
    ended = house.out[-1].alert

    assert (0.001, 0.001) == (ended.value, ended.facts["rate_8h"])


def test_the_peak_survives_a_restart() -> None:
    house = House([hot()])
    for rate in (0.001, 0.003, 0.002):
        house.hear(funding(rate, house.now_ms))
    house.restart(M)
    house.hear(funding(0.0, house.now_ms))
    ended = house.out[-1].alert

    assert 0.003 == ended.peak
    assert 0.003 == ended.at_worst().facts["rate_8h"]
