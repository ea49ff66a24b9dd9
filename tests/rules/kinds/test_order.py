"""What becomes of a trader's orders."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.accounts import placed, waiting
from tests.rules.market import NOON, S, rule, said
from tests.rules.test_spec import wrong

ORDER = {"type": "order", "notify": "phone"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"type": "order"}, "notify", "name who is: notify: [phone], or notify: [] for nobody"),
        (ORDER | {"states": ["filled", "triggered"]}, "states", "give `triggered` a rule of its own"),
        (ORDER | {"states": []}, "states", "at least 1 item"),
        (ORDER | {"states": "gone"}, "states.0", "'filled', 'partly_filled', 'cancelled' or 'triggered'"),
        (ORDER | {"at_least": 0}, "at_least", "greater than 0"),
        (ORDER | {"for": "5m"}, "for", "said once, when it comes; leave it out"),
        (ORDER | {"max_age": "5m"}, "max_age", "leave max_age out"),
        (ORDER | {"message": "{oder_id}"}, "message", "did you mean {order_id}?"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**fields)[where]


def test_only_the_states_that_were_asked_for_are_told() -> None:
    engine = Engine([rule(**ORDER, states=["partly_filled", "cancelled"])])
    states = ("open", "partly_filled", "cancelled", "filled")

    assert [[], ["fired"], ["fired"], []] == [
        said(engine.observe(placed(state, NOON + place * S), NOON + place * S)) for place, state in enumerate(states)
    ]


def test_an_order_that_is_filled_is_told_unless_something_else_is_asked_for() -> None:
    engine = Engine([rule(**ORDER)])

    assert [[], ["fired"]] == [said(engine.observe(placed(state), NOON)) for state in ("open", "filled")]


def test_a_triggered_order_is_a_message_of_its_own() -> None:
    engine = Engine([rule(**ORDER, states="triggered", symbols="BTC")])

    assert [[], ["fired"], []] == [
        said(engine.observe(event, NOON)) for event in (waiting(), waiting("triggered"), placed("filled"))
    ]


def test_instrument_account_and_size_can_be_chosen() -> None:
    engine = Engine([rule(**ORDER, symbols="BTC", accounts="main", at_least=100)])
    orders = (
        placed("filled"),
        placed("filled", quantity=99.0),
        placed("filled", symbol="ETH-USDT-PERP"),
        placed("filled", account="hedge"),
        placed("filled", quantity=None),
    )

    assert [["fired"], [], [], [], []] == [said(engine.observe(one, NOON)) for one in orders]


def test_two_orders_of_one_moment_are_two_alerts() -> None:
    engine = Engine([rule(**ORDER)])
    fired = [*engine.observe(placed("filled"), NOON), *engine.observe(placed("filled", order_id="6"), NOON)]

    assert 2 == len({one.alert.episode_id for one in fired})
    assert all(one.alert.is_momentary and one.alert.is_private for one in fired)


@pytest.mark.parametrize(
    ("states", "event", "headline", "details"),
    [
        (
            "filled",
            placed("filled", average_price=61_000.5),
            "main: BTC-USDT-PERP buy order filled, 100 contracts at 61,000.50",
            ("order 5",),
        ),
        (
            "partly_filled",
            placed("partly_filled", filled=40.0, side="xxx"),
            "main: BTC-USDT-PERP order partly filled, 40 of 100 contracts at 61,001.00",
            ("order 5",),
        ),
        (
            "triggered",
            waiting("triggered"),
            "main: sell trigger order triggered, 10 contracts at 60,990.00",
            ("trigger 61,000.00", "order 6"),
        ),
    ],
)
def test_it_is_said(states: str, event: Any, headline: str, details: tuple[str, ...]) -> None:
    (fired,) = Engine([rule(**ORDER, states=states)]).observe(event, NOON)
    sentences = say(fired.alert, NOON)

    assert (headline, details) == (sentences.headline, sentences.details)


def test_the_rule_is_a_sentence() -> None:
    spec = parse({"id": "r", **ORDER, "states": ["filled", "partly_filled"], "symbols": "BTC", "at_least": 50})

    assert "r: when an order of BTC of 50 contracts or more is filled or partly filled, tells phone" == describe(spec)
