"""Tests as they are written: moments in order, states that are states, all series as one stream."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.alerts import Phase, Severity
from rules.trials import Standing, Trial, standing

RATE = {"on": "funding_rate", "venue": "binance", "symbol": "BTC", "field": "rate"}


def trial(**fields: Any) -> Trial:
    return Trial.model_validate(
        {"name": "x", "series": [{**RATE, "values": "0.01%x5"}], "expect": [{"at": "1m"}], **fields}
    )


def test_it_begins_on_a_monday_noon_or_when_it_is_told() -> None:
    assert 1_767_614_400_000 == trial().start
    assert 1_774_747_800_000 == trial(start="2026-03-29 01:30").start
    assert 1_774_747_800_000 == trial(start="2026-03-29T01:30:00Z").start


def test_it_lasts_to_its_last_step_or_moment() -> None:
    assert 240_000 == trial().lasts_ms
    assert 600_000 == trial(expect=[{"at": "10m"}]).lasts_ms
    assert 3_600_000 == trial(until="1h").lasts_ms


def test_several_series_are_one_stream_in_the_order_of_time() -> None:
    other = {**RATE, "venue": "okx", "values": "0.02%x3", "every": "30s"}
    found = [(at_ms, event.place[0]) for at_ms, event in trial(series=[{**RATE, "values": "0.01%x2"}, other]).events()]

    assert ["binance", "okx", "okx", "binance", "okx"] == [venue for _, venue in found]
    assert sorted(found, key=lambda item: item[0]) == found


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("inactive", Standing()),
        ("pending", Standing(Phase.PENDING)),
        ("firing", Standing(Phase.FIRING)),
        ("firing  critical", Standing(Phase.FIRING, Severity.CRITICAL)),
        ("recovering warning", Standing(Phase.RECOVERING, Severity.WARNING)),
    ],
)
def test_states_are_words(text: str, meant: Standing) -> None:
    assert meant == standing(text)
    assert meant == standing(str(meant))


@pytest.mark.parametrize("text", ["", "hot", "pending warning", "firing loud", "firing warning now"])
def test_other_words_are_no_states(text: str) -> None:
    with pytest.raises(ValueError, match="is no state; inactive, pending, firing"):
        standing(text)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"expect": [{"at": "2m"}, {"at": "1m"}]}, "not in order"),
        ({"start": "soon"}, "no date and time"),
        ({"start": 5}, "a start is a date and a time"),
        ({"series": []}, "at least 1 item"),
        ({"exspect": []}, "Extra inputs"),
        ({"expect": [{"at": "1m", "states": {"r": 5}}]}, "a state is a word or two"),
    ],
)
def test_mistakes_are_refused(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        trial(**fields)
