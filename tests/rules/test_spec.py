"""What every rule has in common: reading, comparing, and the fields all kinds share."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.kinds import KINDS
from rules.spec import parse

RIGHT: dict[str, dict[str, Any]] = {
    "funding": {"symbols": ["BTC"], "above": "0.05%"},
    "funding_spread": {"symbols": "BTC", "above": "0.03%"},
    "depeg": {"coins": ["USDC"]},
    "liquidation": {"symbols": ["BTC"], "window": "1m", "total": "$25m"},
    "feed_health": {},
    "open_interest_change": {"window": "15m", "above": "5%"},
    "price_change": {"symbols": "BTC", "window": "5m", "above": "2%"},
    "basis": {"symbols": "BTC", "above": "0.5%"},
    "long_short_ratio": {"symbols": "BTC", "above": 3},
    "insurance_fund_change": {"window": "1d", "above": "2%"},
    "fear_greed": {"below": 20},
    "adl": {"level": 4, "notify": "phone"},
    "order": {"notify": "phone"},
    "account": {"coin": "USDT", "below": 500, "notify": "phone"},
    "expression": {"on": "mark_price", "when": "price > 5"},
}
EVERY_KIND = pytest.mark.parametrize("kind", [*KINDS])


def wrong(**fields: Any) -> dict[str, str]:
    """Where -> what, for a rule that is wrong."""
    with pytest.raises(ValidationError) as caught:
        parse({"id": "r", **fields})
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


@EVERY_KIND
def test_every_kind_has_a_right_example(kind: str) -> None:
    spec = parse({"id": "r", "type": kind, **RIGHT[kind]})

    assert (kind, "r") == (spec.compile().kind, spec.compile().rule_id)
    assert spec.sentence()


@EVERY_KIND
@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("id", "no spaces", "should match pattern"),
        ("id", "x" * 65, "should match pattern"),
        ("venues", [], "at least 1 item"),
        ("venues", [5], "valid string"),
        ("severity", "loud", "'info', 'warning' or 'critical'"),
        ("for", "5", "is not a duration; write 30s, 5m, 1h30m or 2d"),
        ("for", 5, "is not a duration"),
        ("for", ["5m"], "write one value"),
        ("for", "9999999999d", "longer than ten years"),
        ("keep_firing_for", "-5m", "is not a duration"),
        ("cooldown", "soon", "is not a duration"),
        ("max_age", "0s", "greater than 0"),
        ("notify", 5, "valid tuple"),
        ("message", "{symbol.__class__}", "is not the name of a field"),
        ("message", "{symbol", "the braces do not fit"),
        ("message", "x" * 1_001, "at most 1000 characters"),
        ("colour", "red", "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(kind: str, field: str, value: object, part: str) -> None:
    mistakes = wrong(**{"type": kind, **RIGHT[kind], field: value})
    where = next(where for where in mistakes if where.split(".")[0] == field)

    assert part in mistakes[where]


@EVERY_KIND
def test_a_message_names_only_what_will_be_there(kind: str) -> None:
    """In every kind, and before the first alert rather than in it."""
    (sentence,) = wrong(type=kind, **RIGHT[kind], message="{venu} is {value:.2f}").values()

    assert "the message names 'venu', which is not there; did you mean {venue}?" in sentence


@EVERY_KIND
@pytest.mark.parametrize("message", ["{venue} {value:.2f} {type}", "plain words", "{{braces}}"])
def test_a_message_may_name_what_is_there(kind: str, message: str) -> None:
    assert message == parse({"id": "r", "type": kind, **RIGHT[kind], "message": message}).message


def test_all_mistakes_are_told_at_once() -> None:
    assert {"id", "for", "symbols", "above", "colour"} == {
        *wrong(type="funding", above="5", colour="red", **{"id": "", "for": "5"})
    }


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="'funding', 'funding_spread', 'depeg'"):
        parse({"id": "r", "type": "fundin"})
    with pytest.raises(ValidationError, match="discriminator"):
        parse({"id": "r"})
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        parse({"id": "r", "type": ["funding"]})


def test_a_single_name_stands_for_a_list() -> None:
    one = parse({"id": "r", "type": "funding", "symbols": "BTC", "venues": "okx", "notify": "desk", "above": "5bp"})
    other = parse(
        {"id": "r", "type": "funding", "symbols": ["BTC"], "venues": ["okx"], "notify": ["desk"], "above": "0.05%"}
    )

    assert one.spec_hash() == other.spec_hash()


def test_the_hash_does_not_depend_on_the_order_of_keys() -> None:
    fields = {"id": "r", "type": "funding", "symbols": ["BTC"], "for": "5m"}
    one = parse({**fields, "levels": {"warning": "0.05%", "critical": "0.1%"}})
    other = parse(dict(reversed({**fields, "levels": {"critical": "10bp", "warning": "5bp"}}.items())))

    assert one.spec_hash() == other.spec_hash()
    assert one.sentence() == other.sentence()
    assert {} == one.differences(other)


@pytest.mark.parametrize(
    ("field", "value"), [("for", "6m"), ("above", "0.06%"), ("symbols", ["ETH"]), ("notify", []), ("message", "x")]
)
def test_the_hash_changes_with_the_meaning_and_the_difference_says_where(field: str, value: object) -> None:
    fields = {"id": "r", "type": "funding", "symbols": ["BTC"], "above": "0.05%", "for": "5m"}
    one, other = parse(fields), parse({**fields, field: value})

    assert one.spec_hash() != other.spec_hash()
    assert [field] == [*one.differences(other)]


def test_a_difference_is_told_as_people_write_it() -> None:
    one = parse({"id": "r", "type": "funding", "symbols": ["BTC"], "above": "0.05%", "for": "5m"})
    other = parse({"id": "r", "type": "funding", "symbols": ["BTC"], "above": "0.05%", "for": "90s"})

    assert {"for": ("5m", "1m30s")} == one.differences(other)


def test_manners_are_said() -> None:
    more = {"for": "5m", "cooldown": "1h", "notify": ["desk", "phone"], "venues": ["okx", "bybit"]}

    assert (
        "when the predicted funding of BTC on okx, bybit is above 0.05% (warning) per 8 h for 5m, "
        "at most every 1h unless it gets worse, tells desk, phone"
    ) == parse({"id": "r", "type": "funding", "symbols": "BTC", "above": "5bp", **more}).sentence()
    assert parse({"id": "r", "type": "feed_health", "notify": []}).sentence().endswith(", told to nobody")
