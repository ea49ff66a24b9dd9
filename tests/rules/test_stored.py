"""What an earlier run has left: taken up where it fits, ended where it does not."""

import msgspec
import pytest

from rules.alerts import AlertState, Change, Reason
from rules.engine import Engine
from rules.events import to_json
from rules.stored import close_foreign, event_of, is_strange
from tests.rules.market import NOON, feed, funding, hot, interest, mark, order, quote, rule

RULES = [
    hot(),
    rule(type="liquidation", window="1m", total="$1m"),
    rule(type="depeg", coins="*"),
    rule(type="feed_health", **{"for": "0s"}),
    rule(type="expression", on="open_interest", when="oi_usd > 1"),
    rule(type="expression", on="mark_price", when="sum(price, 1m) > 1"),
]
EVENTS = [funding(0.01), order(2e6), quote(0.9), feed("down", carries=("mark_price",)), interest(5.0), mark(5.0)]


def stored(which: int) -> AlertState:
    engine = Engine([RULES[which]])
    engine.observe(EVENTS[which], NOON)
    (state,) = engine.take_changed()[0]
    return msgspec.json.decode(msgspec.json.encode(state), type=AlertState)


@pytest.mark.parametrize("which", range(len(RULES)), ids=lambda which: RULES[which].kind)
def test_the_event_behind_an_alert_is_found_in_its_facts(which: int) -> None:
    """So that a sum can be judged by time alone after a restart, and an end can say what it was about."""
    alert = stored(which).alert
    assert alert is not None
    event = event_of(alert, RULES[which])

    assert event is not None
    assert to_json(EVENTS[which]) == to_json(event)


def test_facts_that_are_no_event_are_no_event() -> None:
    alert = stored(0).alert
    assert alert is not None

    assert event_of(alert, RULES[1]) is None


def test_an_episode_of_another_kind_is_strange() -> None:
    assert [False, True] == [is_strange(stored(0), other) for other in RULES[:2]]


def test_a_foreign_episode_ends_with_the_next_number() -> None:
    (ended,) = close_foreign(stored(0), NOON + 5, Reason.RULE_REMOVED)

    assert (Change.CLEARED, 1, False) == (ended.change, ended.alert.sequence, ended.alert.is_firing)
    assert (NOON + 5, NOON + 5) == (ended.alert.at_ms, ended.alert.ended_ms)


def test_a_foreign_wait_lapses_and_a_foreign_cooldown_ends_in_silence() -> None:
    engine = Engine([hot(for_="5m")])
    engine.observe(funding(0.01), NOON)
    (pending,) = engine.take_changed()[0]

    assert [Change.LAPSED] == [t.change for t in close_foreign(pending, NOON, Reason.RULE_REMOVED)]
    assert [] == close_foreign(msgspec.structs.replace(pending, alert=None), NOON, Reason.RULE_REMOVED)
