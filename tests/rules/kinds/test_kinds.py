"""All kinds alike: an alert of a kind we do not know is still said."""

import msgspec

from rules.alerts import Severity
from rules.engine import Engine
from rules.kinds import KINDS, say
from rules.kinds.words import limits, listed, number, until
from tests.rules.market import NOON, H, alert, funding, hot


def test_an_alert_of_a_newer_version_is_said_by_its_key_and_value() -> None:
    fired = msgspec.structs.replace(alert(Engine([hot()]), funding(0.001)), kind="astrology")

    assert "binance BTC-USDT-PERP: 0.001" == say(fired, NOON).headline


def test_every_kind_names_its_event_or_lets_the_trader_choose() -> None:
    assert {"expression"} == {name for name, kind in KINDS.items() if kind.SPEC.ON is None}


def test_turns_of_phrase() -> None:
    assert ("BTC, ETH", "any coin") == (listed(["BTC", "ETH"], "any coin"), listed(["BTC", "*"], "any coin"))
    assert "1 (info) or 2 (critical)" == limits({Severity.CRITICAL: "2", Severity.INFO: "1"})
    assert [1.0, None, None, None] == [number({"x": value}, "x") for value in (1, True, "1", None)]
    assert ["in 1h", None, None] == [until(at_ms, NOON) for at_ms in (NOON + H, NOON, None)]
