"""From a checked text to a function: right types only, right numbers, and `no data` wherever something is missing."""

import re
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules import writer
from rules.events import EVENTS, Event, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.expression import Program, catalogue, check, compile_condition, compile_value
from rules.grammar import Mistake
from tests.rules.market import NOON, funding, interest, mark, order
from tests.rules.test_grammar import HOSTILE, PIECES


def value(text: str, event: Event) -> float | None:
    """What a fresh program answers to one event."""
    assess, _ = compile_value(text, type(event)).start({})
    return assess(event, NOON, True)


def holds(text: str, event: Event, clear: str | None = None) -> float | None:
    assess, _ = compile_condition(text, clear, type(event)).start({})
    return assess(event, NOON, True)


# -- what is refused ------------------------------------------------------------------------------------------


@given(st.one_of(st.text(max_size=60), PIECES, st.sampled_from(HOSTILE)), st.sampled_from([*EVENTS.values()]))
@settings(deadline=None, max_examples=200)
@example("e.price > 1", MarkPrice)
@example("w0 > 1", MarkPrice)
@example("fresh", MarkPrice)
@example("now > 1", MarkPrice)
@example("__builtins__ == 1", MarkPrice)
@example("count(venue == 'f0', 1m) > 1", MarkPrice)
def test_any_text_compiles_or_is_a_mistake_and_nothing_else(text: str, event: type[Event]) -> None:
    attempts: list[Callable[[], Program]] = [
        lambda: compile_condition(text, None, event),
        lambda: compile_condition("true", text, event),
        lambda: compile_condition("true", None, event, where=text),
        lambda: compile_value(text, event),
    ]
    for attempt in attempts:
        try:
            program = attempt()
        except Mistake:
            continue

        assert isinstance(program, Program)


ALLOWED = {
    "e",
    "now",
    "fresh",
    "windows",
    "answer",
    "make",
    "assess",
    "push",
    "at",
    "abs",
    "min",
    "max",
    "ArithmeticError",
}


def trees(event: type[Event]) -> tuple[st.SearchStrategy[str], st.SearchStrategy[str]]:
    """Random well-typed conditions and numbers, as text."""
    fields = catalogue(event)
    texts = [name for name, kind in fields.kinds.items() if kind == "text"]
    numbers = st.one_of(
        st.sampled_from([name for name, kind in fields.kinds.items() if kind == "number"]),
        st.sampled_from(["0", "1", "2.5", "$3k", "7%", "-4", "1e3"]),
    )
    lengths = st.sampled_from(["1s", "5m", "1h"])
    number = st.recursive(
        numbers,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            inner.map(lambda t: f"(-{t})"),
            inner.map(lambda t: f"abs({t})"),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
            st.tuples(st.sampled_from(["sum", "avg", "zscore", "change"]), inner, lengths).map(
                lambda t: f"{t[0]}({t[1]}, {t[2]})"
            ),
        ),
        max_leaves=6,
    )
    compared = st.tuples(number, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number).map(" ".join)
    named = st.tuples(st.sampled_from(texts), st.sampled_from(["in", "not in"])).map(
        lambda t: f"{t[0]} {t[1]} [binance, 'f0', 'a0 e w0']"
    )
    condition = st.recursive(
        st.one_of(compared, named),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            inner.map(lambda t: f"not ({t})"),
        ),
        max_leaves=5,
    )
    return condition, number


@given(trees(OpenInterest)[0])
@settings(deadline=None)
def test_generated_code_names_only_fields_numbers_and_windows(text: str) -> None:
    """Nothing that the trader wrote reaches the generated code but numbers, quoted texts and names of fields."""
    sources: list[str] = []

    def spy(source: str, *more: Any) -> Any:
        sources.append(source)
        return compile(source, *more)

    before = writer.__dict__.get("compile")
    writer.__dict__["compile"] = spy
    try:
        compile_condition(text, None, OpenInterest)
    except Mistake:
        return  # more windows than a rule may keep
    finally:
        if before is None:
            del writer.__dict__["compile"]

    (source,) = sources
    bare = re.sub(r"'[^']*'", "''", source)
    bare = re.sub(r"\d+(\.\d+)?(e[+-]?\d+)?", "0", re.sub(r"\b[faw]\d+\b", "local", bare))
    words = {*re.findall(r"[A-Za-z_]\w*", bare)}

    fields = {f"e.{name}" for name in catalogue(OpenInterest).kinds}
    assert {*re.findall(r"\be\.\w+", source)} <= fields
    names = {name.removeprefix("e.") for name in fields}
    grammar = {"def", "try", "except", "if", "else", "return", "is", "None", "or", "and", "not", "in", "del", "local"}
    assert words <= ALLOWED | names | grammar


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rats > 1", "funding_rate has no field 'rats'; did you mean rate? (at character 1)"),
        ("rate > 'x'", "a number is compared with a text (at character 6)"),
        ("venue > 'x'", "'>' compares numbers; a text can be == or != (at character 7)"),
        ("venue + 1 > 2", "a text stands left of `+`, where a number belongs (at character 1)"),
        ("rate", "this is a number; it should be a condition (at character 1)"),
        ("rate and is_settled", "a number stands left of `and`, where a condition belongs (at character 1)"),
        ("not rate", "a number stands after `not`, where a condition belongs (at character 5)"),
        ("sums(rate, 1m) > 1", "there is no function 'sums'; did you mean sum? (at character 1)"),
        ("sum(rate) > 1", "how far to look back: sum(..., 15m)"),
        ("sum(rate, 0s) > 1", "how far to look back"),
        ("sum(rate, rate, 1m) > 1", "write sum(price, 15m)"),
        ("count(rate, 1m) > 1", "a number stands in count(...), where a condition belongs (at character 7)"),
        ("crossed_up(rate, 1m)", "write crossed_up(price, 100, 15m)"),
        ("spread(rate, 5, 1m) > 1", "spread(...) is written spread(rate_8h, venue, 30m)"),
        ("abs(rate, rate) > 1", "abs(...) takes 1 numbers"),
        ("min(rate) > 1", "min(...) takes 2 to 8 numbers"),
        ("venue in [1]", "a text is looked for in a list that holds a number (at character 11)"),
        ("is_settled in ['x']", "a flag is looked for in a list that holds a text"),
        ("10s > rate", "a duration is compared with a number"),
        ("10s == 20s", "durations belong into functions"),
        ("-is_settled == true", "a flag stands after a minus"),
    ],
)
def test_types_are_checked_at_load_with_a_place(text: str, sentence: str) -> None:
    with pytest.raises(Mistake) as caught:
        check(text, FundingRate, wants="flag")

    assert sentence in str(caught.value)


def test_where_cannot_look_at_a_window() -> None:
    with pytest.raises(Mistake, match="cannot look at a window"):
        compile_value("rate", FundingRate, where="count(1m) > 1")


def test_a_rule_keeps_at_most_eight_windows() -> None:
    with pytest.raises(Mistake, match="at most 8 windows"):
        compile_value(" + ".join(f"sum(rate, {n}m)" for n in range(1, 10)), FundingRate)


# -- what is answered -----------------------------------------------------------------------------------------

Answer = Callable[[dict[str, float | None]], float | None]
NAMES = ["oi_base", "oi_usd"]


def strict(work: Callable[..., float], *parts: Answer) -> Answer:
    """None in, None out; and no number is None, too."""

    def answer(env: dict[str, float | None]) -> float | None:
        values = [part(env) for part in parts]
        if any(each is None or each != each for each in values):
            return None
        try:
            return work(*values)
        except ArithmeticError:
            return None

    return answer


def of_field(name: str) -> tuple[str, Answer]:
    return name, lambda env: env[name]


def of_number(number: float) -> tuple[str, Answer]:
    return repr(number), lambda env: number


def joined(sign: str, work: Callable[[Any, Any], Any]) -> Callable[[tuple[Any, Any]], tuple[str, Answer]]:
    return lambda pair: (f"({pair[0][0]} {sign} {pair[1][0]})", strict(work, pair[0][1], pair[1][1]))


LEAVES = st.one_of(
    st.sampled_from(NAMES).map(of_field), st.integers(-50, 50).map(float).filter(lambda n: n >= 0).map(of_number)
)
SUMS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
NUMBERS: st.SearchStrategy[tuple[str, Answer]] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.sampled_from([*SUMS]).flatmap(lambda sign: st.tuples(inner, inner).map(joined(sign, SUMS[sign]))),
        inner.map(lambda one: (f"(-{one[0]})", strict(lambda a: -a, one[1]))),
        inner.map(lambda one: (f"abs({one[0]})", strict(abs, one[1]))),
        st.tuples(inner, inner).map(lambda two: (f"max({two[0][0]}, {two[1][0]})", strict(max, two[0][1], two[1][1]))),
    ),
    max_leaves=8,
)
CONDITIONS: st.SearchStrategy[tuple[str, Answer]] = st.recursive(
    st.sampled_from([*TESTS]).flatmap(lambda sign: st.tuples(NUMBERS, NUMBERS).map(joined(sign, TESTS[sign]))),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(joined("and", lambda a, b: a and b)),
        st.tuples(inner, inner).map(joined("or", lambda a, b: a or b)),
        inner.map(lambda one: (f"(not {one[0]})", strict(lambda a: not a, one[1]))),
    ),
    max_leaves=4,
)


def fields_of(oi_base: float | None, oi_usd: float | None) -> dict[str, float | None]:
    return {
        name: None if size is None or size != size else size
        for name, size in zip(NAMES, (oi_base, oi_usd), strict=True)
    }


FIELDS = st.one_of(st.integers(-9, 9).map(float), st.just(nan))


@given(NUMBERS, FIELDS, st.one_of(st.none(), FIELDS))
@settings(deadline=None, max_examples=150)
def test_numbers_are_what_a_slow_reader_makes_of_them(
    tree: tuple[str, Answer], oi_base: float, oi_usd: float | None
) -> None:
    """Missing, NaN and divided by zero are no data; everything else is plain arithmetic."""
    text, slow = tree
    event = OpenInterest(venue="v", symbol="s", oi_base=oi_base, oi_usd=oi_usd, at_ms=NOON, received_ms=NOON)

    assert slow(fields_of(oi_base, oi_usd)) == value(text, event)


@given(CONDITIONS, FIELDS, st.one_of(st.none(), FIELDS))
@settings(deadline=None, max_examples=150)
def test_conditions_are_what_a_slow_reader_makes_of_them(
    tree: tuple[str, Answer], oi_base: float, oi_usd: float | None
) -> None:
    """A division by zero counts only where the answer needs it: `and` and `or` stop when they know."""
    text, slow = tree
    event = OpenInterest(venue="v", symbol="s", oi_base=oi_base, oi_usd=oi_usd, at_ms=NOON, received_ms=NOON)
    expected = slow(fields_of(oi_base, oi_usd))
    got = holds(text, event)

    read = [each for name, each in fields_of(oi_base, oi_usd).items() if name in text]
    if "/" in text and expected is None and all(each is not None and each == each for each in read):
        assert got in (None, 0.0, 1.0)  # it may have stopped before the division
    else:
        assert (None if expected is None else float(expected)) == got


@pytest.mark.parametrize("missing", [None, nan])
@pytest.mark.parametrize(
    "text", ["oi_usd > 1", "not oi_usd > 1", "oi_usd > 1 or oi_base > 0", "oi_usd != 1", "change(oi_usd, 1m) > 1"]
)
def test_what_is_missing_is_no_data_and_never_false(text: str, missing: float | None) -> None:
    assert holds(text, interest(missing)) is None


def test_a_window_that_missed_its_sample_is_no_data_although_it_remembers() -> None:
    """Else an event without the field would pass for a fresh value."""
    assess, _ = compile_value("sum(oi_usd, 1m)", OpenInterest).start({})

    assert [5.0, None, 7.0] == [assess(interest(size), NOON, True) for size in (5.0, None, 2.0)]


def test_the_other_windows_of_a_rule_still_get_their_samples() -> None:
    """A division by zero in one of them too."""
    assess, windows = compile_value("sum(1 / oi_base, 1m) + sum(oi_usd, 1m)", OpenInterest).start({})
    zero = OpenInterest(venue="v", symbol="s", oi_base=0.0, oi_usd=3.0, at_ms=NOON, received_ms=NOON)

    assert assess(zero, NOON, True) is None
    assert [0.0, 3.0] == [window.at(NOON) for window in windows.values()]
    assert 1 + 8.0 == assess(interest(5.0), NOON, True)


def test_arithmetic_that_leaves_the_floats_is_no_data() -> None:
    assert value("price * 1e308 * 1e308", mark(1.0)) is None
    assert value("price * 1e308 * 1e308 - price * 1e308 * 1e308", mark(1.0)) is None
    assert value("1 / (price - 1)", mark(1.0)) is None


def test_an_infinite_sample_does_not_stay_in_a_sum() -> None:
    assess, _ = compile_value("sum(price, 1m)", MarkPrice).start({})

    assert [0.0, 2.0] == [assess(mark(price), NOON, True) for price in (inf, 2.0)]


def test_a_text_that_looks_like_a_local_is_just_a_text() -> None:
    """Two conditions that differ only in a text are two windows."""
    program = compile_value("count(venue == 'f0', 1m) - count(venue == 'venue', 1m)", MarkPrice)
    assess, _ = program.start({})

    assert 2 == len(program.slots)
    assert -1.0 == assess(mark(1.0, venue="venue"), NOON, True)


def test_equal_windows_are_kept_once() -> None:
    assert 1 == len(compile_value("sum( price,60s)+sum(price, 1m)", MarkPrice).slots)


def test_between_when_and_clear_nothing_changes() -> None:
    assert [1.0, 0.5, 0.0] == [holds("price > 5", mark(price), "price < 3") for price in (6.0, 4.0, 2.0)]


def test_where_chooses_events_for_windows_too() -> None:
    assess, _ = compile_value("count(1m)", Liquidation, where="side == 'long'").start({})
    sides = [order(1.0, NOON, side=side) for side in ("long", "short", "long")]

    assert [1.0, None, 2.0] == [assess(event, NOON, True) for event in sides]


def test_where_something_is_missing_the_event_is_not_chosen() -> None:
    assess, _ = compile_value("oi_base", OpenInterest, where="not oi_usd > 5").start({})

    assert assess(interest(None), NOON, True) is None


def test_messages_may_quote_windows_by_the_names_of_their_functions() -> None:
    program = compile_value("sum(price, 1m) + sum(price, 2m) + count(price > 1, 1m) + count(1m)", MarkPrice)

    assert ("sum", "sum_2", "count", "count_2") == program.names


def test_the_catalogue_knows_derived_fields_and_what_may_miss() -> None:
    fields = catalogue(FundingRate)

    assert ("number", "flag", "text") == tuple(fields.kinds[name] for name in ("rate_8h", "is_settled", "venue"))
    assert frozenset({"settles_at_ms"}) == fields.optional
    assert 0.0008 == pytest.approx(value("rate_8h", funding(0.0001, interval_h=1.0)))


def test_a_rate_over_no_hours_is_no_data() -> None:
    assert value("rate_8h", funding(0.0001, interval_h=0.0)) is None
