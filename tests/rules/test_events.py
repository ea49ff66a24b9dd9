"""The vocabulary: what is stored reads back, and what may be counted only once has a name."""

from typing import Any

import pytest

from rules.events import EVENTS, Event, FundingRate, facts_of, from_json, to_json
from tests.rules.market import feed, funding, interest, mark, order, quote

SAMPLES: list[Event] = [
    funding(0.0001, settles_at_ms=5),
    mark(1.0),
    interest(None),
    order(1e6),
    quote(0.99, target=None),
    feed("down", carries=("mark_price",)),
]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_reads_back_as_it_was_stored(event: Event) -> None:
    assert event == from_json(to_json(event))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_facts_are_fields_and_what_is_derived(event: Event) -> None:
    facts = facts_of(event)

    assert {*event.__struct_fields__, *event.DERIVED, "type"} == {*facts}
    assert type(event) is EVENTS[str(facts["type"])]


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_a_place_is_two_names(event: Any) -> None:
    assert (event.venue, getattr(event, "symbol", getattr(event, "coin", getattr(event, "feed", None)))) == event.place


def test_only_what_is_counted_has_a_name_of_its_own() -> None:
    """One order and one settled rate may come twice; a price may be repeated without harm."""
    settled = funding(0.1, is_settled=True, settles_at_ms=7)

    assert [None, None, None] == [event.once_key for event in (funding(0.1), mark(1.0), feed("up"))]
    assert "binance:BTC-USDT-PERP:7" == settled.once_key
    assert order(1.0).once_key != order(1.0, side="short").once_key != order(2.0).once_key


def test_a_rate_over_no_hours_has_no_fact_per_eight_hours() -> None:
    """A broken frame must not stop the house in the middle of a message."""
    assert facts_of(funding(0.1, interval_h=0.0))["rate_8h"] is None


def test_what_is_written_out_for_compiled_rules_is_what_the_property_says() -> None:
    """Two ways to one number must not part."""
    e = FundingRate(
        venue="binance",
        symbol="BTC-USDT-PERP",
        rate=0.00031,
        interval_h=4.0,
        settles_at_ms=None,
        at_ms=1,
        received_ms=1,
    )

    assert [name for kind in EVENTS.values() for name in kind.WRITTEN_OUT] == ["rate_8h"]
    assert e.rate_8h == eval(FundingRate.WRITTEN_OUT["rate_8h"], {"e": e})
