"""One line about many: from the least to the most of those that read alike."""

import pytest

from rules.alerts import Alert
from rules.engine import Engine
from rules.kinds import say
from rules.sentences import Reading
from tests.rules.market import NOON, M, alert, feed, funding, mark, order, quote, rule


def pays(percent: float, who: str = "longs", limit: str = "0.05%") -> Reading:
    return Reading(f"{who} pay ", f"{percent}%", " per 8 h", limit, percent)


def test_one_reads_as_in_its_headline() -> None:
    assert "longs pay 0.06% per 8 h (limit 0.05%)" == str(pays(0.06))
    assert "closed" == str(Reading("closed"))


def test_many_read_from_the_least_to_the_most() -> None:
    found = [pays(0.07), pays(0.061), pays(0.094)]

    assert "longs pay 0.061% to 0.094% per 8 h (limit 0.05%)" == found[0].among(found)


def test_equals_read_as_one() -> None:
    assert "longs pay 0.07% per 8 h (limit 0.05%)" == pays(0.07).among([pays(0.07)] * 3)


def test_who_reads_otherwise_is_only_counted() -> None:
    """Nobody is said to pay who is paid."""
    worst = pays(0.094, "shorts")
    found = [worst, pays(0.06), pays(0.07, "shorts"), None]

    assert "shorts pay 0.07% to 0.094% per 8 h (limit 0.05%; 2 of 4)" == worst.among(found)


def test_a_limit_is_said_where_it_is_everybody_s() -> None:
    found = [pays(0.2), pays(0.06, limit="0.01%")]

    assert "longs pay 0.06% to 0.2% per 8 h" == found[0].among(found)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            alert(Engine([rule(type="funding", symbols="*", above="0.05%")]), funding(-0.0008)),
            "shorts pay longs 0.08% per 8 h (limit 0.05%)",
        ),
        (
            alert(Engine([rule(type="funding", symbols="*", above="0.05%")]), funding(0.0008), funding(0.0)),
            "nobody pays, funding 0% per 8 h (limit 0.05%)",
        ),
        (alert(Engine([rule(type="liquidation", at_least="$1m")]), order(2e6)), "longs of $2m"),
        (
            alert(Engine([rule(type="liquidation", window="1m", total="$1m")]), order(2e6)),
            "$2m of longs liquidated within 1m (limit $1m)",
        ),
        (
            alert(
                Engine([rule(type="price_change", symbols="*", window="5m", above="2%")]),
                mark(100),
                mark(97, NOON + 5 * M),
            ),
            "price down 3% within 5m (limit 2%)",
        ),
        (
            alert(Engine([rule(type="basis", symbols="*", above="1%")]), mark(98, index_price=100.0)),
            "2% below its index (limit 1%)",
        ),
        (
            alert(Engine([rule(type="depeg", coins="*", depth="0.5%", confirm=False)]), quote(0.98)),
            "2% below the peg (limit 0.5%)",
        ),
        (alert(Engine([rule(type="feed_health", for_="0s")]), feed("down")), "down"),
        (alert(Engine([rule(type="expression", on="mark_price", when="price > 5")]), mark(6)), "price > 5"),
    ],
)
def test_a_kind_says_its_number_apart(one: Alert, expected: str) -> None:
    """In the words of its headline."""
    reading = say(one, NOON).reading

    assert reading is not None
    assert expected == str(reading)
