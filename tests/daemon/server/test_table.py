"""Whatever a client asks of a table, it gets the rows it asked for, or is told by name what would be right."""

from itertools import pairwise
from math import isnan

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.server.keys import key_of
from daemon.server.query import NAMES, Query, parse
from daemon.server.rows import Row, joined
from daemon.server.table import BadParameter, Selection, Table, select

NOW_MS = 1_791_269_856_500
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["1", " 2.5", "1e3", "BTC", "btc", "CoinDesk-okex", "OKX", ">5", "2025-10-25 16:00:00"])
)
JSON = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part, max_size=3)
)
FIELDS = st.dictionaries(st.sampled_from(["a", "A", "b", "c", "exchange", "timestamp"]), JSON, max_size=5)
TABLES = st.lists(FIELDS, max_size=12)
VALUES: st.SearchStrategy[object] = st.sampled_from(
    [None, float("nan"), 0, -1.5, 3, 2**60, "", "x", "X", "10", "9", True, [1, 7], [{"c": 4}], {}]
)
COLUMNS = st.lists(VALUES, max_size=30)

NAMED = st.sampled_from(["a", "B", "c", "exchange", "timestamp"])
ANYTHING = JSON | st.text(st.characters(), max_size=4)  # lone surrogates too
GIVEN = st.fixed_dictionaries(
    {},
    optional={
        "filters": st.dictionaries(NAMED, ANYTHING, max_size=3) | ANYTHING,
        "search": ANYTHING,
        "sort_by": NAMED | ANYTHING,
        "sort_order": st.sampled_from(["asc", "DESC"]) | ANYTHING,
        "page": st.integers(-1, 3) | ANYTHING,
        "page_size": st.integers(-1, 5) | ANYTHING,
        "start_time": st.integers(0, 10**14) | ANYTHING,
        "end_time": st.integers(0, 10**14) | ANYTHING,
        "timeframe": st.sampled_from(["7d", "1h", "99999y"]) | ANYTHING,
        "time_field": NAMED | ANYTHING,
        "dedupe_key": NAMED | ANYTHING,
    },
)

FUTURES = [
    Row({"exchange": "CoinDesk-binance", "pair": "BTCUSDT", "rate": 0.0001, "oi": 5.0, "timestamp": 1_640_995_200}),
    Row({"exchange": "CoinDesk-okex", "pair": "BTCUSDT", "rate": None, "oi": 9.0, "timestamp": 1_641_081_600}),
    Row({"exchange": "bybit", "pair": "ethusdt", "rate": -0.0002, "oi": 100.0, "timestamp": 1_641_168_000}),
]
CARDS = [
    Row({"title": "BTC Dominance", "value": "52.34 %", "symbol": "BTC"}, {"value": 52.34}),
    Row({"title": "ETH Dominance", "value": "7.89 %", "symbol": "ETH"}, {"value": 7.89}),
    Row({"title": "Total", "value": "$2,345,678,901"}, {"value": 2_345_678_901}),
]
CHAINS = [
    Row(
        {
            "stablecoin": "USDT",
            "chains": [{"chain": "ethereum", "usd": 50}, {"chain": "tron", "usd": 30}],
            "total_usd": 80,
        }
    ),
    Row({"stablecoin": "DAI", "chains": [{"chain": "Ethereum", "usd": 60}], "total_usd": 60}),
]


def ask(rows: list[Row], given: dict[str, object], **about: object) -> list[int]:
    """Places of the rows in the answer."""
    return _places(rows, select(Table(rows, **about), parse(given), NOW_MS))  # type: ignore[arg-type]  # as in Table


def _places(rows: list[Row], found: Selection) -> list[int]:
    where = {id(row): at for at, row in enumerate(rows)}
    return [where[id(row)] for row in found.rows]


def _rows(values: list[object]) -> list[Row]:
    return [Row({"v": value, "n": at}) for at, value in enumerate(values)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"exchange": "Binance"}, [0]),
        ({"exchange": "OKX"}, [1]),
        ({"exchange": "CoinDesk-bybit"}, [2]),
        ({"EXCHANGE": ["binance", "okex"]}, [0, 1]),
        ({"exchange": []}, [0, 1, 2]),
        ({"exchange": "!=binance"}, [1, 2]),
        ({"exchange": ["!=binance", "!=bybit"]}, [1]),
        ({"pair": "BTCUSDT", "oi": ">5"}, [1]),
        ({"pair": "ETHUSDT"}, [2]),
        ({"pair": "USDT"}, []),
        ({"oi": ">=9"}, [1, 2]),
        ({"oi": "< 9.0"}, [0]),
        ({"oi": "<=9"}, [0, 1]),
        ({"oi": ["5", 100]}, [0, 2]),
        ({"oi": "5.00"}, [0]),
        ({"oi": "!=5"}, [1, 2]),
        ({"rate": None}, [1]),
        ({"rate": "!=null"}, [0, 2]),
        ({"rate": "<1e-3"}, [0, 2]),
    ],
)
def test_a_filter_compares_text_without_case_numbers_as_numbers_and_venues_as_venues(
    filters: dict[str, object], expected: list[int]
) -> None:
    """From a message and from a query string alike."""
    assert expected == ask(FUTURES, {"filters": filters})
    assert expected == ask(FUTURES, {"filters": msgspec.json.encode(filters).decode()})


def test_the_number_behind_a_formatted_value_filters_and_sorts_in_its_place() -> None:
    """Text would put 7.89 % above 52.34 %."""
    assert [2, 0, 1] == ask(CARDS, {"sort_by": "value", "sort_order": "desc"})
    assert [0, 2] == ask(CARDS, {"filters": {"Value": ">10"}})
    assert [0] == ask(CARDS, {"filters": {"value": "52.34 %"}})
    assert [0] == ask(CARDS, {"filters": {"value": 52.34}})
    assert [2] == ask(CARDS, {"filters": {"symbol": None}})


def test_other_names_of_a_thing_find_it_and_leave_its_order_alone() -> None:
    """A stablecoin is a ticker here, an id there and a name elsewhere."""
    rows = [
        Row({"stablecoin": "USDT"}, {"stablecoin": ("tether", "Tether USD")}),
        Row({"stablecoin": "DAI"}, {"stablecoin": ("dai", "Dai")}),
    ]

    assert [0] == ask(rows, {"filters": {"stablecoin": "tether"}})
    assert [0] == ask(rows, {"filters": {"stablecoin": "usdt"}})
    assert [1, 0] == ask(rows, {"sort_by": "stablecoin"})


def test_a_filter_finds_a_field_inside_a_list_of_objects() -> None:
    """A row passes if any of the nested ones does; an alias of that name is for sorting."""
    about = {"aliases": {"usd": "total_usd", "market_cap": "total_usd"}}

    assert [0, 1] == ask(CHAINS, {"filters": {"chain": "ethereum"}}, **about)
    assert [0] == ask(CHAINS, {"filters": {"chain": ["tron", "bsc"]}}, **about)
    assert [0] == ask(CHAINS, {"filters": {"usd": "<50"}}, **about)
    assert [1] == ask(CHAINS, {"filters": {"chains.usd": "60"}}, **about)
    assert [1] == ask(CHAINS, {"filters": {"market_cap": "<70"}}, **about)
    assert [1, 0] == ask(CHAINS, {"sort_by": "usd"}, **about)
    assert [0] == ask(CHAINS, {"search": "TRON"}, **about)


def test_an_alias_and_any_capitals_name_the_same_field() -> None:
    """The documents mix moving_24H_change with snake case."""
    rows = _rows([3, 1, 2])

    assert [1, 2, 0] == ask(rows, {"sort_by": "V"}) == ask(rows, {"sort_by": "w"}, aliases={"W": "v"})


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"filters": {"exchagne": "x"}}, "filters.exchagne"),
        ({"sort_by": "volume"}, "sort_by"),
        ({"time_field": "when"}, "time_field"),
        ({"dedupe_key": "pair,id"}, "dedupe_key"),
    ],
)
def test_an_unknown_field_is_refused_with_the_names_there_are(given: dict[str, object], parameter: str) -> None:
    with pytest.raises(BadParameter, match="exchange, pair, rate, oi, timestamp") as caught:
        ask(FUTURES, given)

    assert ("unknown_field", parameter) == (caught.value.code, caught.value.parameter)


def test_an_empty_table_judges_names_by_what_its_rows_would_have() -> None:
    """Else a typing error would pass until the first row comes."""
    assert [] == ask([], {"sort_by": "price", "search": "x", "filters": {"price": 1}}, fields=["price"])
    assert [] == ask([], {"sort_by": "anything"})
    with pytest.raises(BadParameter, match="there are price"):
        ask([], {"sort_by": "prize"}, fields=["price"])


def test_a_time_range_holds_both_ends_in_either_unit() -> None:
    """The rows are in seconds, the documents' requests in milliseconds."""
    assert [1, 2] == ask(FUTURES, {"start_time": 1_641_081_600_000})
    assert [0, 1] == ask(FUTURES, {"end_time": "1641081600"})
    assert [1] == ask(FUTURES, {"start_time": 1_641_081_600, "end_time": 1_641_081_600_000, "timeframe": "1h"})


def test_a_time_frame_ends_now_unless_a_start_or_an_end_is_given() -> None:
    rows = [Row({"at": NOW_MS - 3_600_001}), Row({"at": NOW_MS - 3_600_000}), Row({"at": None}), Row({"at": "never"})]

    assert [1] == ask(rows, {"timeframe": "1h"}, time_field="at")
    assert [0, 1] == ask(rows, {"timeframe": "1h", "start_time": 0}, time_field="at")
    assert [0, 1, 2, 3] == ask(rows, {}, time_field="at")


def test_times_may_be_dates_and_may_stand_behind_another_text() -> None:
    """next_funding_time is "2025-10-25 16:00:00", in UTC."""
    rows = [
        Row({"at": "2025-10-25 16:00:00"}),
        Row({"at": "soon"}, {"at": 1_761_408_000_000}),
        Row({"at": "2025-10-26"}),
    ]

    assert [0, 1] == ask(rows, {"end_time": 1_761_408_000, "time_field": "at"})


def test_rows_without_time_pass_every_time_range() -> None:
    """A snapshot's documented example has start_time, end_time and time_field=timestamp."""
    given: dict[str, object] = {"start_time": 1_719_878_400_000, "time_field": "timestamp"}

    assert [0, 1] == ask(CHAINS, given) == ask(CHAINS, given, time_field=None)


def test_the_first_of_equal_keys_stays_and_rows_without_a_key_all_stay() -> None:
    rows = _rows([1, "x", 1.0, "X", None, None])

    assert [0, 1, 4, 5] == ask(rows, {"dedupe_key": "v"})
    assert [0, 1, 2, 3, 4, 5] == ask(rows, {"dedupe_key": "v,n"})
    assert [2, 3] == ask(rows, {"dedupe_key": "v", "filters": {"n": [2, 3]}})


def test_a_page_beyond_the_end_has_no_rows_and_the_same_count() -> None:
    found = select(Table(FUTURES), parse({"page": 9, "page_size": 2}), NOW_MS)

    assert ([], 3, "original") == (list(found.rows), found.count, found.processing_method)


def test_the_label_of_a_large_table_is_pandas() -> None:
    """More than 100 items, say the documents; it is a label only."""
    assert "original" == select(Table(_rows([1] * 100)), Query(), NOW_MS).processing_method
    assert "pandas" == select(Table(_rows([1] * 101)), Query(page_size=1), NOW_MS).processing_method


@given(COLUMNS, st.sampled_from(["asc", "desc"]))
@settings(deadline=None)
def test_every_sort_is_stable_and_total(values: list[object], order: str) -> None:
    """Numbers before text, the other way round when descending; missing last in both."""
    rows = _rows(values)

    found = ask(rows, {"sort_by": "v", "sort_order": order})

    assert list(range(len(values))) == sorted(found)
    keys = [_sorting(values[at]) for at in found]
    for (one, earlier), (other, later) in pairwise(zip(keys, found, strict=True)):
        if one is None or other is None:
            assert other is None
        elif one != other:
            assert (one < other) == (order == "asc")
        if one == other:
            assert earlier < later


def _sorting(value: object) -> tuple[bool, float | str] | None:
    """By its definition: (is text, value), None if missing."""
    if isinstance(value, list):
        return next((key for item in value if (key := _sorting(item))), None) if value != [1, 7] else (False, 7)
    if isinstance(value, bool):
        return (True, str(value).lower())
    if isinstance(value, str):
        return (False, float(value)) if value.isdigit() else (True, value.lower())
    if isinstance(value, int | float) and not isnan(value):
        return (False, value)
    return None


@given(st.lists(VALUES, max_size=200), st.sampled_from([">", ">=", "<", "<="]), st.integers(-3, 12))
@settings(deadline=None)
def test_a_bound_finds_what_looking_at_each_row_would_find(values: list[object], sign: str, limit: int) -> None:
    def holds(value: object) -> bool:
        if isinstance(value, list):
            return any(holds(item) for item in value)
        key = key_of(value)
        if not isinstance(key, int | float):
            return False
        return {">": key > limit, ">=": key >= limit, "<": key < limit, "<=": key <= limit}[sign]

    expected = [at for at, value in enumerate(values) if holds(value)]

    assert expected == ask(_rows(values), {"filters": {"v": f"{sign}{limit}"}})


@given(
    st.lists(VALUES, max_size=150),
    st.sampled_from([{}, {"filters": {"v": [">=3", "x"]}}, {"search": "1"}, {"dedupe_key": "v"}]),
    st.sampled_from([{}, {"sort_by": "v"}, {"sort_by": "v", "sort_order": "desc"}]),
    st.integers(1, 12),
    st.integers(1, 60),
)
@settings(deadline=None)
def test_filter_then_page_is_the_page_of_the_filter(
    values: list[object], some: dict[str, object], sorting: dict[str, object], page: int, size: int
) -> None:
    """Whichever way is the shorter; and the count is of all pages."""
    rows = _rows(values)
    table = Table(rows)

    whole = select(table, parse({**some, **sorting}), NOW_MS)
    part = select(table, parse({**some, **sorting, "page": page, "page_size": size}), NOW_MS)

    assert list(whole.rows)[(page - 1) * size : page * size] == list(part.rows)
    assert len(whole.rows) == whole.count == part.count


@given(TABLES, GIVEN, st.booleans())
@settings(deadline=None, max_examples=120)
def test_anything_in_any_parameter_gives_rows_or_a_named_refusal(
    fields: list[dict[str, object]], given: dict[str, object], is_text: bool
) -> None:
    """Never another exception; and the table is what it was."""
    before = msgspec.json.encode(fields)
    rows = [Row(one) for one in fields]
    table = Table(list(rows))
    if is_text and "filters" in given:
        given["filters"] = msgspec.json.encode(_plain(given["filters"])).decode()

    try:
        found = select(table, parse(given), NOW_MS)
    except BadParameter as refusal:
        told = msgspec.json.decode(refusal.frame())["error"]
        assert {"code", "parameter", "message"} == set(told)
        assert told["parameter"].partition(".")[0] in NAMES
    else:
        again = [Row(one) for one in fields]
        assert _places(rows, found) == _places(again, select(Table(again), parse(given), NOW_MS))
        assert len(found.rows) <= found.count <= len(rows)
        assert msgspec.json.encode([row.fields for row in found.rows]) == joined(found.rows)
    assert before == msgspec.json.encode(fields)
    assert rows == table.rows


def _plain(value: object) -> object:
    """Without lone surrogates, which JSON text could not carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    return value


@given(TABLES, st.text(max_size=3))
@settings(deadline=None)
def test_a_search_finds_every_value_that_holds_the_fragment(fields: list[dict[str, object]], fragment: str) -> None:
    """As looking into each value by itself would, nested ones too."""
    fragment = fragment.strip()

    def holds(value: object) -> bool:
        if isinstance(value, dict | list):
            return any(map(holds, value.values() if isinstance(value, dict) else value))
        if value is None or (isinstance(value, float) and not abs(value) < float("inf")):
            return False
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return fragment.casefold().replace("\n", " ") in text.casefold().replace("\n", " ")

    expected = [at for at, one in enumerate(fields) if not fragment or holds(one)]

    assert expected == ask([Row(one) for one in fields], {"search": fragment})


@pytest.mark.parametrize("fragment", ["usdt", "COIN-59", "9.5", "7", "coin-1", "nothing"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_large_table_answers_as_a_small_one(fragment: str, order: str) -> None:
    """Common and rare fragments, few and many rows, go different ways to the same answer."""
    fields: list[dict[str, str | float]] = [
        {"pair": f"COIN-{at}USDT", "price": at * 7919 % 601 / 2, "venue": "ab"[at % 2]} for at in range(600)
    ]
    rows = [Row(one) for one in fields]
    given: dict[str, object] = {"search": fragment, "filters": {"venue": "A"}, "sort_by": "price", "sort_order": order}

    expected = [
        at
        for at, one in enumerate(fields)
        if one["venue"] == "a" and any(fragment.lower() in str(value).lower() for value in one.values())
    ]
    expected.sort(key=lambda at: float(fields[at]["price"]), reverse=order == "desc")

    assert expected == ask(rows, given)
    assert expected[10:20] == ask(rows, {**given, "page": 2, "page_size": 10})
