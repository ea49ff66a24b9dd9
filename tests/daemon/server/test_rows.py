"""A row is rendered once, and encoded once."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.server.rows import Kept, Row, joined

FIELDS = st.dictionaries(
    st.text(max_size=3),
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers()),
    max_size=5,
)


@given(st.lists(FIELDS, max_size=5))
@settings(deadline=None)
def test_encoded_rows_are_the_json_of_their_fields(fields: list[dict[str, object]]) -> None:
    assert msgspec.json.encode(fields) == joined([Row(one) for one in fields])


def test_a_row_is_encoded_once() -> None:
    row = Row({"a": 1})

    assert row.encoded is row.encoded


def test_a_row_that_says_the_same_is_the_same_row() -> None:
    """So its bytes are made again only when it changes, or when it has been away."""
    kept = Kept()
    first, second = kept.row("btc", {"price": 1}), kept.row("eth", {"price": 2}, {"price": 2.0})
    kept.turn()

    assert kept.row("btc", {"price": 1}) is first
    assert kept.row("eth", {"price": 2}, {"price": 2.5}) is not second
    kept.turn()
    kept.turn()
    assert kept.row("btc", {"price": 1}) is not first


def test_a_row_knows_where_its_values_are() -> None:
    """Lists of objects count as one place; raw answers of an upstream may be deep, so depth is bounded."""
    deep: dict[str, object] = {}
    for _ in range(1_000):
        deep = {"in": deep}
    row = Row({"title": "x", "details": [{"market": "a"}, {"volume": 2, "raw": {"V": 3}}]})

    outer = [("title",), ("details",)]
    inner = [("details", "market"), ("details", "volume"), ("details", "raw"), ("details", "raw", "V")]
    assert outer + inner == list(row.paths)
    assert len(Row(deep).paths) < 10
    assert () == Row(deep).words


def test_the_texts_and_the_numbers_of_a_row_are_searched_apart() -> None:
    """Digits in a search look at numbers as the JSON shows them; missing values show nothing."""
    row = Row({"a": "Text", "b": [1, {"c": 2.50, "d": True}], "e": None, "f": float("nan")})

    assert ("Text", "true") == row.words
    assert "1\n2.5\n" == row.figures
