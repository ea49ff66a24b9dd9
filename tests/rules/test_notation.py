"""The notation of series: what is written is read, what is read can be written, and mistakes say what would be right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notation import STEPS_MAX, Mark, Run, number, parse, steps, write

TEXTS = st.text(st.characters(exclude_characters="'", exclude_categories=["Cs"]), max_size=12)
COUNTS = st.integers(1, 500)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False).map(repr)
RUNS = st.one_of(
    st.builds(Run, TEXTS, COUNTS),
    st.builds(Run, st.just(Mark.GAP), COUNTS),
    st.just(Run(Mark.STALE)),
    st.builds(Run, NUMBERS, st.integers(2, 500), NUMBERS),
)


def numbers(text: str, *, is_fraction: bool = False) -> list[object]:
    return list(steps(parse(text), is_number=True, is_fraction=is_fraction))


@given(st.lists(RUNS, min_size=1, max_size=20))
def test_what_is_written_is_read_as_it_was(runs: list[Run]) -> None:
    """Texts with spaces, texts that look like repeats, gaps or slopes: all of them."""
    assert tuple(runs) == parse(write(runs))


@given(st.lists(RUNS, min_size=1, max_size=20))
def test_there_are_as_many_steps_as_the_counts_say(runs: list[Run]) -> None:
    flat = [run for run in runs if run.to is None]

    assert sum(run.count for run in flat) == len(list(steps(flat, is_number=False)))


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 50))
def test_a_slope_begins_and_ends_where_it_says(first: float, last: float, count: int) -> None:
    slope = numbers(f"{first!r}..{last!r}x{count}")

    assert (first, last, count) == (slope[0], slope[-1], len(slope))


def test_values_repeats_gaps_and_silence() -> None:
    assert [0.0001, 0.0001, 0.0006, Mark.GAP, Mark.GAP, Mark.STALE, 0.0002] == numbers(
        "0.01%x2 0.06% _x2 stale 0.02%", is_fraction=True
    )


def test_a_slope_has_no_noise() -> None:
    """0.0003, not 0.00030000000000000003."""
    assert [0.0001, 0.0002, 0.0003, 0.0004] == numbers("0.01%..0.04%x4", is_fraction=True)


def test_money_basis_points_and_bare_numbers() -> None:
    assert [1_500_000.0, 250_000.0, 0.0005, 42.0, -3.0] == numbers("$1.5m 250k 5bp 42 -3")


def test_texts_and_flags() -> None:
    assert ["up", "up", "no pong", True, False] == list(steps(parse("upx2 'no pong' true false"), is_number=False))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "a series has at least one value"),
        ("1 'open", "'open"),
        ("5x0", "says nothing"),
        ("stalex3", "write stale _x2"),
        ("1..5", "needs a number of steps"),
        (f"1x{STEPS_MAX + 1}", "more than 1,000,000 steps"),
        ("1x99999999999999999999", "more than 1,000,000 steps"),
    ],
)
def test_a_mistake_names_the_item(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        parse(text)


def test_a_fraction_without_its_sign_is_refused() -> None:
    """0.05 may mean 0.05% or 5%."""
    with pytest.raises(ValueError, match="write the sign"):
        number("0.05", is_fraction=True)


def test_what_is_no_number_is_said() -> None:
    with pytest.raises(ValueError, match="'high' is not a number"):
        numbers("1 high")


def test_only_numbers_have_slopes() -> None:
    with pytest.raises(ValueError, match="only numbers have a slope"):
        list(steps(parse("a..bx3"), is_number=False))
