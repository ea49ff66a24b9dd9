"""Every item that was asked for ends as taken or refused, whatever the venue answers."""

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sources.subscription import LEFT_OUT, PARTINGS_MAX, UNMENTIONED, Subscription
from daemon.wire.control import Accepted, Rejected

ITEMS = [f"item{number}" for number in range(20)]


def subscribe(items: Sequence[str], request_id: int) -> list[str]:
    """At most seven items a request, ids counting up, as the wire modules do."""
    batches = [list(items[start : start + 7]) for start in range(0, len(items), 7)]
    return [json.dumps({"id": request_id + place, "items": batch}) for place, batch in enumerate(batches)]


def unsubscribe(items: Sequence[str], request_id: int) -> list[str]:
    return [json.dumps({"id": request_id, "gone": list(items)})]


def talk(book: Subscription, bad: set[str], *, names: bool, says_id: bool) -> int:
    """A venue that refuses a whole request because of one bad item; returns how many requests it got."""
    waiting = book.ask(ITEMS)
    count = 0
    while waiting:
        request = json.loads(waiting.pop(0))
        count += 1
        found = [item for item in request["items"] if item in bad]
        number = str(request["id"]) if says_id else None
        answer = Rejected("bad", tuple(found) if names else (), number) if found else Accepted((), number)
        waiting += book.heard(answer)
    return count


@settings(deadline=None)
@given(st.sets(st.sampled_from(ITEMS), max_size=4), st.booleans(), st.booleans())
def test_bad_items_are_found_and_the_others_taken(bad: set[str], names: bool, says_id: bool) -> None:
    """Whether the refusal names them or not, and whether it says which request it is about."""
    book = Subscription(subscribe, unsubscribe)

    talk(book, bad, names=names, says_id=says_id)

    assert book.is_settled
    assert (bad, set(ITEMS) - bad) == (set(book.rejected), book.accepted)


def test_a_venue_that_refuses_everything_is_not_asked_one_by_one() -> None:
    """Each question may be billed, or counted."""
    book = Subscription(subscribe, unsubscribe, retries=2)

    count = talk(book, set(ITEMS), names=False, says_id=True)

    assert book.is_settled
    assert set(ITEMS) == set(book.rejected)
    assert count <= 8


def test_items_left_out_of_an_answer_were_not_taken() -> None:
    """A partial list is a partial failure."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:3])

    book.heard(Accepted(("item0", "item2"), "1"))

    assert ({"item0", "item2"}, {"item1": LEFT_OUT}) == (book.accepted, book.rejected)
    assert book.is_settled


def test_a_venue_that_answers_each_item_may_take_its_time() -> None:
    """One answer leaves the others open; a complaint without a name is theirs who are never mentioned."""
    book = Subscription(subscribe, unsubscribe, answers_each=True)
    book.ask(ITEMS[:3])
    book.heard(Accepted(("item0",), "1"))
    book.heard(Rejected("60018", (), "1"))
    assert not book.is_settled

    book.heard(Accepted(("item2",), "1"))
    assert book.rejected == {"item1": "60018"} or not book.is_settled
    book.give_up_waiting()

    assert ({"item0", "item2"}, {"item1": "60018"}) == (book.accepted, book.rejected)


def test_silence_counts_as_a_refusal_in_the_end() -> None:
    """By name."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:2])
    book.give_up_waiting()

    assert book.rejected == {"item0": UNMENTIONED, "item1": UNMENTIONED}


def test_already_subscribed_is_as_good_as_taken() -> None:
    """A venue may have taken the good part of a refused batch."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:2])
    book.heard(Rejected("error: already subscribed, topic:item0", (), "1"))

    assert set(ITEMS[:2]) == book.accepted


def test_an_answer_to_a_goodbye_is_not_taken_for_a_welcome() -> None:
    """Binance answers both with the same words; only the number tells."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:3])
    (goodbye,) = book.let_go(ITEMS[:1])
    assert book.heard(Accepted((), str(json.loads(goodbye)["id"]))) == []
    assert (False, set()) == (book.is_settled, book.accepted)

    book.heard(Accepted((), "1"))
    assert (True, set(ITEMS[1:3])) == (book.is_settled, book.accepted)
    assert set(ITEMS[1:3]) == set(book.held)


def test_what_was_let_go_is_not_missed_when_its_request_fails() -> None:
    """Neither asked for again, nor reported."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:3])
    book.let_go(ITEMS[:1])
    (again, *more) = book.heard(Rejected("bad", (), "1"))

    assert [["item1"], ["item2"]] == [json.loads(text)["items"] for text in (again, *more)]
    book.give_up_waiting()
    assert set(ITEMS[1:3]) == set(book.rejected)


def test_a_refused_item_is_let_go_without_a_word() -> None:
    """The venue does not have it, and would say no to the whole goodbye."""
    book = Subscription(subscribe, unsubscribe)
    book.ask(ITEMS[:2])
    book.heard(Rejected("bad", ("item0",), "1"))
    book.heard(Accepted((), "2"))
    (goodbye,) = book.let_go(ITEMS[:2])

    assert ["item1"] == json.loads(goodbye)["gone"]
    assert ({}, set(), True) == (book.rejected, book.accepted, book.is_settled)


def test_goodbyes_that_nobody_answers_do_not_pile_up() -> None:
    """Bybit's answer to one is of no interest to its decoder."""
    book = Subscription(subscribe, unsubscribe)
    for _ in range(3 * PARTINGS_MAX):
        book.ask(ITEMS[:1])
        book.let_go(ITEMS[:1])

    assert len(book._partings) == PARTINGS_MAX
