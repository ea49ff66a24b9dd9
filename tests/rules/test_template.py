"""A trader's own words: fields in braces, formats for numbers, and nothing else that braces can do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.template import check, fill


@pytest.mark.parametrize(
    "text",
    [
        "{symbol.__class__}",
        "{symbol[0]}",
        "{0}",
        "{}",
        "{symbol!r}",
        "{value:{width}}",
        "{value:>10}",
        "{value:0999}",
        "{value:.999f}",
        "{value:x}",
        "{symbol",
        "symbol}",
        "{ѕymbol}",
        "{value:٣}",
        "{a b}",
    ],
)
def test_what_is_not_a_field_with_a_number_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write "):
        check(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{symbol} at {price:,.2f}", "BTC at 85,296.60"),
        ("{change:.1%} and {change:+.3f}", "-5.2% and -0.052"),
        ("{{not a field}}", "{not a field}"),
        ("{gone}", "?"),
        ("{symbol:.2f}", "BTC"),
        ("{count} of {count:d}, {price}", "3 of 3, 85,296.6"),
        ("{flag}", "True"),
        ("{huge:.1f}", "?"),
    ],
)
def test_words_are_filled(text: str, expected: str) -> None:
    """A fact that is missing or does not fit its format is shown as well as it can be, never an error."""
    check(text)

    facts = {"symbol": "BTC", "price": 85296.6, "change": -0.052, "count": 3.0, "flag": True, "huge": 10**400}
    assert expected == fill(text, facts)


def test_the_names_are_told() -> None:
    assert ("symbol", "value") == check("{symbol}: {value:.2f} {{x}}")


@given(st.text(max_size=40), st.dictionaries(st.text("abc", min_size=1), st.one_of(st.floats(), st.text(), st.none())))
def test_whatever_passes_the_check_can_be_filled(text: str, facts: dict[str, object]) -> None:
    try:
        check(text)
    except ValueError:
        return

    fill(text, facts)
