"""Rules about a plain number, the long/short ratio and the mood: how they are written, when they fire, how they are said."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.events import FearGreed, LongShortRatio
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import BTC, NOON, alert, rule, said
from tests.rules.test_spec import wrong

RATIO = {"type": "long_short_ratio", "symbols": "BTC"}


def crowd(ratio: float) -> LongShortRatio:
    longs = ratio / (1 + ratio)
    return LongShortRatio(
        venue="binance",
        symbol=BTC,
        ratio=ratio,
        long_share=longs,
        short_share=1 - longs,
        at_ms=NOON,
        received_ms=NOON,
    )


def mood(index: int) -> FearGreed:
    return FearGreed(venue="alternative_me", index=index, mood="Extreme Fear", at_ms=NOON, received_ms=NOON)


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, "give one limit; above: 3, below: 0.5, or levels"),
        ({"above": 3, "below": 0.5}, "give one limit"),
        ({"above": 3, "levels": {"warning": 3}}, "give one limit"),
        ({"levels": {"info": 3, "warning": 5, "critical": 4}}, "give critical a higher limit"),
        ({"above": 3, "clear": 3.5}, "clear is beyond the limit, so it could never fire; 3 is the limit"),
        ({"below": 0.5, "clear": 0.4}, "clear is beyond the limit, so it could never fire; 0.5 is the limit"),
    ],
)
def test_wrong_limits_are_told(fields: dict[str, Any], part: str) -> None:
    assert part in wrong(**RATIO | fields)[""]


@pytest.mark.parametrize("limit", [-1, "nan", "many"])
def test_a_limit_is_a_number_from_zero_up(limit: object) -> None:
    assert "above" in wrong(**RATIO, above=limit)


@pytest.mark.parametrize(
    ("fields", "ratios", "expected"),
    [
        ({"above": 3, "clear": 2.5}, (3.0, 3.1, 2.6, 2.5), [[], ["fired"], [], ["cleared"]]),
        ({"below": 0.5}, (0.5, 0.4, 0.6), [[], ["fired"], ["cleared"]]),
        (
            {"levels": {"warning": 3, "critical": 4}},
            (3.5, 4.5, 3.5, 2),
            [["fired"], ["escalated"], ["eased"], ["cleared"]],
        ),
        ({"levels": {"warning": 0.5, "critical": 0.3}}, (0.4, 0.2, 0.9), [["fired"], ["escalated"], ["cleared"]]),
    ],
)
def test_it_fires_beyond_its_limit_both_ways(
    fields: dict[str, Any], ratios: tuple[float, ...], expected: list[list[str]]
) -> None:
    engine = Engine([rule(**RATIO | fields)])

    assert expected == [said(engine.observe(crowd(ratio), NOON)) for ratio in ratios]


def test_a_crowd_is_said_with_its_shares() -> None:
    one = alert(Engine([rule(**RATIO, above=2)]), crowd(3.0))

    assert "binance BTC-USDT-PERP: 3 accounts long for each short (limit 2)" == say(one, NOON).headline
    assert ("long 75%, short 25% of accounts",) == say(one, NOON).details


def test_a_mood_is_said_with_its_word() -> None:
    one = alert(Engine([rule(type="fear_greed", levels={"info": 20, "warning": 10})]), mood(14))

    assert "Fear and Greed index at 14, Extreme Fear (limit 20)" == say(one, NOON).headline
    assert "14" == say(one, NOON).peak


def test_both_are_described_in_a_sentence() -> None:
    rules: list[dict[str, Any]] = [
        {"id": "a", **RATIO, "venues": "binance", "above": 3, "clear": 2.5},
        {"id": "b", "type": "fear_greed", "levels": {"info": 20, "warning": 10}},
    ]

    assert [
        "a: when the long/short ratio of BTC on binance is above 3 (warning), clears at 2.5",
        "b: when the Fear and Greed index is below 20 (info) or 10 (warning)",
    ] == [describe(parse(fields)) for fields in rules]
