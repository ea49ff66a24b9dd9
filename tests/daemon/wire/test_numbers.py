"""Numbers as venues write them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire.numbers import batches, number, plain, positive, whole


@pytest.mark.parametrize("text", ["", "null", "NaN", "nan", "inf", "-Infinity", None, float("nan"), "1e999"])
def test_a_missing_value_stays_missing(text: str | float | None) -> None:
    """Zero would be a fact; there is none."""
    assert number(text) is None
    assert positive(text) is None
    assert whole(text) is None


def test_text_and_numbers_read_alike() -> None:
    """Venues write 0.0001 as text or as a number."""
    assert number("0.0001") == number(0.0001) == 0.0001
    assert whole("1673280000000") == whole(1673280000000) == whole("1673280000000.0") == 1673280000000


def test_zero_is_a_rate_but_no_price_and_no_time() -> None:
    """Venues write 0 for a price or a time that does not exist."""
    assert number("0") == 0.0
    assert positive("0") is None
    assert positive("-1") is None
    assert whole("0") is None


@pytest.mark.parametrize("text", ["9" * 19, "-" + "9" * 30, "9" * 350, 10**350, "1e300"])
def test_what_no_clock_says_is_no_time(text: str | int) -> None:
    """It would overflow where somebody divides by it, and no database could keep it."""
    assert whole(text) is None


def test_words_are_refused() -> None:
    """A word where a number should be is a change of format, and somebody should hear of it."""
    for read in (number, positive, whole):
        with pytest.raises(ValueError, match="'soon' is not a number"):
            read("soon")


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_back_and_has_no_exponent(value: float) -> None:
    """Venues never send 5.23e-06."""
    text = plain(value)

    assert "e" not in text
    assert value == number(text)
    assert math.copysign(1, value) == math.copysign(1, float(text))


def test_topics_are_cut_by_count_and_by_length() -> None:
    """Venues limit both."""
    assert [["aa", "bb"], ["cc"]] == list(batches(["aa", "bb", "cc"], most=2, characters=100))
    assert [["aa", "bb"], ["cc"]] == list(batches(["aa", "bb", "cc"], most=9, characters=10))
    assert [] == list(batches([], most=2, characters=100))
