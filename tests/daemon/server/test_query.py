"""A query is read once, from text or from JSON, within bounds that are told."""

import pytest

from daemon.server.filters import LONGEST, MOST_FIELDS, MOST_VALUES
from daemon.server.query import NAMES, Query, parse
from daemon.server.table import BadParameter
from daemon.server.timeframe import Timeframe

DAY_MS = 86_400_000
DOCUMENTED = [
    'ticker=BTC&markets=binance,bybit,bitmex&filters={"exchange":"Binance"}&sort_by=funding_rate&sort_order=desc&page=1&page_size=10',
    'symbols=BTC,ETH&markets=binance,bybit&filters={"exchange":"Bybit"}&sort_by=funding_rate&sort_order=desc&page=1&page_size=10',
    'symbol=BTC&start_time=1640995200&end_time=1641081600&limit=100&filters={"source":"CoinDesk-binance"}&timeframe=7d&time_field=timestamp',
    "symbol=BTCUSDT&exchange=bybit&start_time=1759363200000&end_time=1760020800000&timeframe=custom&page_size=1000",
    "symbol=BTCUSDT&exchange=bybit&category=linear&timeframe=3m&page_size=1000",
    'mode=chart&days=30&chart_interval=daily&filters={"value_classification":"Fear"}&timeframe=7d&time_field=timestamp',
    'filters={"symbol":"BTC"}&sort_by=value&sort_order=desc&page=1&page_size=10',
    'filters={"marketcap":">1000000000"}&sort_by=marketcap&sort_order=desc&page=1&page_size=10&start_time=1719878400000&end_time=1719882000000',
    'filters={"stablecoin":"tether"}&sort_by=price&start_time=1719878400000&end_time=1719882000000&timeframe=7d&time_field=time',
]


def refusal(given: dict[str, object], **about: object) -> BadParameter:
    with pytest.raises(BadParameter) as caught:
        parse(given, **about)  # type: ignore[arg-type]  # as in parse
    return caught.value


@pytest.mark.parametrize("written", DOCUMENTED)
def test_every_documented_request_is_read(written: str) -> None:
    given = dict(part.split("=", 1) for part in written.split("&"))

    assert Query() != parse(given, months="timeframe" in given)


def test_a_query_string_and_a_message_ask_the_same() -> None:
    """Equal queries are one topic, however they came and in whatever order."""
    text = {"filters": '{"a": "X", "b": [2, 1]}', "page": "2", "page_size": "10", "start_time": "5", "search": " btc "}
    typed = {"filters": {"B": ["1", 2.0], "A": "x"}, "page": 2, "page_size": 10.0, "start_time": 5, "search": "btc"}

    assert parse(text) == parse(typed)
    assert hash(parse(text)) == hash(parse(typed))


def test_a_message_changes_what_it_names_and_null_goes_back_to_the_default() -> None:
    defaults = Query(sort_by="oi", page_size=20)
    kept = parse({"sort_by": "price", "search": "btc"}, defaults)

    assert Query(sort_by="price", search="btc", page=2, page_size=20) == parse({"page": 2}, defaults, kept=kept)
    assert Query(sort_by="oi", search="btc", page_size=20) == parse({"sort_by": None}, defaults, kept=kept)
    assert Query(sort_by="price", page_size=20) == parse({"search": ""}, defaults, kept=kept)


def test_a_page_without_a_size_has_the_usual_number_of_rows() -> None:
    assert (50, 100) == parse({"page": 2}).slice()
    assert (0, None) == parse({}).slice()


def test_other_names_are_passed_over_or_refused_by_name() -> None:
    assert Query() == parse({"ticker": "BTC", "whatever": 1})
    assert Query() == parse({"ticker": "BTC"}, own=["ticker"])
    refused = refusal({"tikcer": "BTC"}, own=["ticker"])

    assert ("unknown_parameter", "tikcer") == (refused.code, refused.parameter)
    assert all(name in refused.message for name in [*NAMES, "ticker"])


@pytest.mark.parametrize(
    ("given", "code", "parameter"),
    [
        ({"filters": "{"}, "invalid_json", "filters"),
        ({"filters": "[" * LONGEST}, "invalid_json", "filters"),
        ({"filters": '"\ud800"'}, "invalid_json", "filters"),
        ({"filters": "[1]"}, "wrong_type", "filters"),
        ({"filters": 5}, "wrong_type", "filters"),
        ({"filters": {"a": {"b": 1}}}, "wrong_type", "filters.a"),
        ({"filters": {"a": [[1]]}}, "wrong_type", "filters.a"),
        ({"filters": {"a": ">much"}}, "not_a_number", "filters.a"),
        ({"filters": {"a": ">"}}, "not_a_number", "filters.a"),
        ({"filters": " " * (LONGEST + 1)}, "too_long", "filters"),
        ({"filters": {str(at): 1 for at in range(MOST_FIELDS + 1)}}, "too_long", "filters"),
        ({"filters": {"a": [1] * (MOST_VALUES + 1)}}, "too_long", "filters.a"),
        ({"filters": {"a": "x" * 300}}, "too_long", "filters.a"),
        ({"search": "x" * 300}, "too_long", "search"),
        ({"search": ["x"]}, "wrong_type", "search"),
        ({"sort_by": True}, "wrong_type", "sort_by"),
        ({"sort_order": "down"}, "unknown_value", "sort_order"),
        ({"page": "0"}, "out_of_range", "page"),
        ({"page": 1.5}, "not_a_number", "page"),
        ({"page": True}, "not_a_number", "page"),
        ({"page": "1_0"}, "not_a_number", "page"),
        ({"page": 10**400}, "out_of_range", "page"),
        ({"page_size": 5_001}, "out_of_range", "page_size"),
        ({"page_size": "ten"}, "not_a_number", "page_size"),
        ({"start_time": "yesterday"}, "not_a_number", "start_time"),
        ({"end_time": float("nan")}, "not_a_number", "end_time"),
        ({"end_time": -1}, "out_of_range", "end_time"),
        ({"start_time": 1_719_878_401, "end_time": 1_719_878_400_000}, "out_of_range", "end_time"),
        ({"timeframe": "7"}, "unknown_value", "timeframe"),
        ({"timeframe": "0d"}, "unknown_value", "timeframe"),
        ({"timeframe": "custom"}, "unknown_value", "timeframe"),
        ({"timeframe": "99999y"}, "out_of_range", "timeframe"),
        ({"timeframe": 7}, "unknown_value", "timeframe"),
        ({"dedupe_key": "a,b,c,d,e,f,g,h,i"}, "too_long", "dedupe_key"),
    ],
)
def test_what_cannot_be_honoured_is_named(given: dict[str, object], code: str, parameter: str) -> None:
    """The code is for programs, the parameter says where, the message is a short sentence."""
    refused = refusal(given)

    assert (code, parameter) == (refused.code, refused.parameter)
    assert 0 < len(refused.message) < 300


def test_a_message_that_makes_an_old_bound_wrong_is_refused() -> None:
    """The start that was kept would be after the new end."""
    assert "end_time" == refusal({"end_time": 5}, kept=Query(start_time=6)).parameter


def test_a_month_is_a_month_where_the_endpoint_says_so() -> None:
    """`1m` stands beside `1w` and `1y` in one document, and beside `1h` in the others."""
    assert Timeframe("1m", 60_000) == parse({"timeframe": "1m"}).timeframe
    assert Timeframe("1m", 30 * DAY_MS) == parse({"timeframe": "1M"}, months=True).timeframe
    assert Timeframe("custom", None) == parse({"timeframe": "custom"}, months=True).timeframe
    assert Timeframe("7d", 7 * DAY_MS) == parse({"timeframe": "7d"}).timeframe


def test_the_size_of_a_page_is_bounded_by_the_endpoint() -> None:
    assert "from 1 to 200" in refusal({"page_size": 201}, most_rows=200).message
