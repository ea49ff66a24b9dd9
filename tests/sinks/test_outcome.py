"""Statuses, and the advice beside them."""

import pytest

from sinks.base import Busy, Gone, SinkTrouble, Uncertain, Undeliverable, Unreached
from sinks.outcome import EditLost, retry_after_s, trouble


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, Busy),
        (500, Unreached),
        (503, Unreached),
        (502, Uncertain),
        (504, Uncertain),
        (520, Uncertain),
        (522, Unreached),
        (302, Unreached),
        (401, Gone),
        (403, Gone),
        (404, Gone),
        (410, Gone),
        (400, Undeliverable),
        (413, Undeliverable),
        (600, Uncertain),
    ],
)
def test_what_a_status_stands_for(status: int, kind: type[SinkTrouble]) -> None:
    """The table of delivery outcomes."""
    assert kind is type(trouble(status, "no"))


def test_a_503_with_advice_is_busy() -> None:
    """It refused for now and said when to come back."""
    assert isinstance(trouble(503, "later", retry_after_s=9), Busy)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:30 GMT", "Date": "yesterday"}, None),
    ],
)
def test_advice_is_a_number_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """And nonsense is no advice."""
    assert seconds == retry_after_s(headers)


def test_a_lost_edit_is_no_dead_recipient() -> None:
    """Whoever does not know the difference gives up on one message, not on the lane."""
    assert issubclass(EditLost, Undeliverable)
    assert not issubclass(EditLost, Gone)
