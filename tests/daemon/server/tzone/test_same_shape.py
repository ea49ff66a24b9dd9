"""The measure itself: it must see what is not alike."""

from tests.daemon.server.tzone.same_shape import differences, same_shape

DOCUMENT: dict[str, object] = {
    "headers": [{"key": "pair"}, {"key": "price"}],
    "rows": {"results": [{"pair": "BTCUSDT", "price": 67000.12}], "count": 1},
    "query_params": {"markets": None},
}


def alike(**changes: object) -> list[str]:
    """The document with these parts changed, held against the document."""
    return differences({**DOCUMENT, **changes}, DOCUMENT)


def test_other_values_and_more_rows_are_the_same_shape() -> None:
    """A whole number and a fraction are both numbers."""
    rows = {"results": [{"pair": "ETHUSDT", "price": 1}, {"pair": "X", "price": 2.5}], "count": 2}

    assert [] == alike(rows=rows)


def test_keys_of_one_side_are_told_by_their_path() -> None:
    """Once, however many rows have them."""
    row = {"pair": "ETHUSDT", "price": 1}

    assert ["$.rows.extra is only in ours"] == alike(rows={"results": [row], "count": 1, "extra": 1})
    assert ["$.rows.count is only in the document"] == alike(rows={"results": [row]})
    assert ["$.rows.results[].rank is only in ours"] == alike(rows={"results": [{**row, "rank": 1}] * 3, "count": 1})


def test_types_nesting_and_order_count() -> None:
    """Null is a type of its own, true is no number, an empty list shows nothing."""
    assert ["$.rows.count is text in ours, a number in the document"] == alike(
        rows={"results": [{"pair": "X", "price": 1}], "count": "1"}
    )
    assert ["$.rows.results[].price is null in ours, a number in the document"] == alike(
        rows={"results": [{"pair": "X", "price": None}], "count": 1}
    )
    assert ["$.rows.count is true or false in ours, a number in the document"] == alike(
        rows={"results": [{"pair": "X", "price": 1}], "count": True}
    )
    assert ["$.rows is a list in ours, an object in the document"] == alike(rows=[])
    assert ["$.rows.results is empty in ours"] == alike(rows={"results": [], "count": 1})
    assert ["$.rows.results[] has its keys in another order"] == alike(
        rows={"results": [{"price": 1, "pair": "X"}], "count": 1}
    )


def test_headers_must_be_equal_word_by_word() -> None:
    """Their order is the order of the columns."""
    assert 1 == len(alike(headers=[{"key": "price"}, {"key": "pair"}]))
    assert 1 == len(alike(headers=[{"key": "pair"}]))


def test_an_excused_difference_must_happen() -> None:
    """A list of exceptions does not outlive its reasons."""
    ours = {**DOCUMENT, "stale": True}

    assert [] == same_shape(ours, DOCUMENT, {"$.stale is only in ours": "old answers say so"})
    assert ["$.stale is only in ours: excused, but it does not happen"] == same_shape(
        DOCUMENT, DOCUMENT, {"$.stale is only in ours": "old answers say so"}
    )
