"""The severity of a depeg, and who is believed."""

import re
from math import nan
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.peg import QUOTE_AGE_MS, Peg, severity
from rules.units import fraction, money
from tests.rules.market import NOON, H, M, mark, quote

DOC = Path(__file__).resolve().parents[2] / "docs/depeg-severity.md"
DEPTHS = st.floats(0, 1)
IMPULSES = st.floats(0, 1e6)
CAPS = st.one_of(st.none(), st.floats(1e5, 1e12))


def test_the_worked_examples_are_what_the_formula_says() -> None:
    rows = re.findall(r"^\| (.+?) \| ([\d.]+%) \| (\d+) \| (\$\S+) \| ([\d.]+) \|$", DOC.read_text(), re.MULTILINE)
    expected = {name: float(score) for name, _, _, _, score in rows}
    got = {
        name: round(
            severity(fraction(depth), threshold=0.01, impulse=float(impulse), market_cap_usd=money(market_cap)), 1
        )
        for name, depth, impulse, market_cap, _ in rows
    }

    assert 10 == len(rows)
    assert expected == got


@given(DEPTHS, st.floats(0.001, 0.1), IMPULSES, CAPS)
def test_a_severity_is_between_nothing_and_a_hundred(
    depth: float, threshold: float, impulse: float, market_cap_usd: float | None
) -> None:
    score = severity(depth, threshold=threshold, impulse=impulse, market_cap_usd=market_cap_usd)

    assert 0 <= score <= 100


@given(DEPTHS, DEPTHS, IMPULSES, IMPULSES, st.floats(1e5, 1e12), st.floats(1e5, 1e12))
def test_deeper_longer_and_larger_is_never_milder(
    depth: float, deeper: float, impulse: float, longer: float, cap: float, larger: float
) -> None:
    mild = severity(min(depth, deeper), threshold=0.01, impulse=min(impulse, longer), market_cap_usd=min(cap, larger))
    bad = severity(max(depth, deeper), threshold=0.01, impulse=max(impulse, longer), market_cap_usd=max(cap, larger))

    assert mild <= bad


def test_a_coin_of_unknown_size_counts_as_small() -> None:
    assert severity(0.1, threshold=0.01, market_cap_usd=1e8) == severity(0.1, threshold=0.01)


def peg(*, confirm: bool | None = False, threshold: float = 0.01, by_severity: bool = True) -> Peg:
    return Peg(threshold, by_severity=by_severity, confirm=confirm)


def test_usdc_in_march_2023_scores_about_ninety_five() -> None:
    """Down for two hours to 0.878, up again for six: eight hours at six percent beyond the threshold on average."""
    measure, score = peg(confirm=None), 0.0
    for minute in range(0, 481, 5):
        down, up = minute / 120, (480 - minute) / 360
        price = 1 - 0.01 - 0.112 * min(1.0, down, up)
        for venue in ("defillama", "coingecko"):
            got = measure.assess(quote(price, venue=venue, market_cap_usd=43e9), NOON + minute * M, True)
        score = max(score, got or 0.0)

    assert score == pytest.approx(94, abs=2)


@given(st.lists(st.integers(1, 479), max_size=40))
@settings(deadline=None)
def test_the_impulse_does_not_depend_on_how_often_one_looks(more: list[int]) -> None:
    """A price that moves in straight lines has the same area however many quotes lie on the line."""

    def area(minutes: list[int]) -> object:
        measure = peg()
        for minute in minutes:
            price = 0.99 - 0.1 * (minute if minute <= 240 else 480 - minute) / 240
            measure.assess(quote(price), NOON + minute * M, True)
        return measure.facts()["impulse"]

    corners = [*range(0, 481, 20)]

    assert area(corners) == pytest.approx(area(sorted({*corners, *more})))
    assert area(corners) == pytest.approx(480 * 10 / 2)


def test_a_gap_counts_for_half_an_hour_at_most() -> None:
    measure = peg()
    measure.assess(quote(0.97), NOON, True)
    measure.assess(quote(0.97), NOON + 5 * H, True)

    assert 2 * 30 == pytest.approx(measure.facts()["impulse"])


def test_back_at_the_peg_the_impulse_starts_anew() -> None:
    measure = peg()
    for minute, price in enumerate((0.97, 0.97, 0.993)):
        measure.assess(quote(price), NOON + minute * M, True)
    held = measure.facts()["impulse"]
    measure.assess(quote(0.996), NOON + 3 * M, True)

    assert 3.0 == pytest.approx(held)
    assert 0.0 == measure.facts()["impulse"]


def test_one_witness_for_a_large_coin_is_no_data() -> None:
    measure = peg(confirm=None)

    assert measure.assess(quote(0.95, market_cap_usd=40e9), NOON, True) is None


def test_a_large_coin_stays_large_when_the_source_that_said_so_falls_silent() -> None:
    """Or one broken source could fire for the largest coins of all."""
    measure = peg(confirm=None)
    measure.assess(quote(1.0, market_cap_usd=40e9), NOON, True)

    assert measure.assess(quote(0.9, venue="coingecko"), NOON + QUOTE_AGE_MS + 1, True) is None


def test_one_witness_for_a_small_coin_is_enough() -> None:
    assert 0.05 == pytest.approx(peg(confirm=None, by_severity=False).assess(quote(0.95), NOON, True))


def test_one_witness_at_the_peg_is_believed() -> None:
    """It takes two to say that a coin is off, and one to say that it is not."""
    measure = peg(confirm=True, by_severity=False)

    assert 0.001 == pytest.approx(measure.assess(quote(0.999), NOON, True))


def test_a_second_witness_confirms() -> None:
    measure = peg(confirm=True, by_severity=False)
    measure.assess(quote(0.95), NOON, True)

    assert 0.05 == pytest.approx(measure.assess(quote(0.95, venue="coingecko"), NOON, True))
    assert measure.facts()["is_unconfirmed"] is False


@pytest.mark.parametrize("other", [1.0, 0.999, 1.05])
def test_a_witness_that_disagrees_calms(other: float) -> None:
    """At the peg, or off it on the other side."""
    measure = peg(confirm=True, by_severity=False)
    measure.assess(quote(0.95), NOON, True)
    depth = measure.assess(quote(other, venue="coingecko"), NOON, True)

    assert depth is not None
    assert depth < 0.01


def test_what_two_have_seen_is_not_ended_by_one() -> None:
    measure = peg(confirm=True, by_severity=False)
    for venue in ("defillama", "coingecko"):
        measure.assess(quote(0.95, venue=venue), NOON, True)
    first = measure.assess(quote(1.0), NOON + M, True)
    second = measure.assess(quote(1.0, venue="coingecko"), NOON + M, True)

    assert 0.025 == pytest.approx(first)
    assert 0.0 == second


def test_an_unbelievable_move_is_told_at_once_and_marked() -> None:
    measure = peg(confirm=True, by_severity=False)

    assert 0.6 == pytest.approx(measure.assess(quote(0.4), NOON, True))
    assert measure.facts()["is_unconfirmed"] is True


def test_above_the_peg_is_off_the_peg_too() -> None:
    assert 0.05 == pytest.approx(peg(by_severity=False).assess(quote(1.05), NOON, True))


def test_a_quote_is_forgotten_after_half_an_hour() -> None:
    measure = peg(by_severity=False)
    measure.assess(quote(0.90), NOON, True)

    assert 0.05 == pytest.approx(measure.assess(quote(1.0, venue="b"), NOON + QUOTE_AGE_MS, True))
    assert 0.0 == measure.assess(quote(1.0, venue="b"), NOON + QUOTE_AGE_MS + 1, True)


@pytest.mark.parametrize(("price", "target"), [(0.9, None), (0.9, 0.0), (nan, 1.0), (float("inf"), 1.0), (-1.0, 1.0)])
def test_what_is_no_price_or_has_no_target_is_no_opinion(price: float, target: float | None) -> None:
    measure = peg()

    assert measure.assess(quote(price, target=target), NOON, True) is None
    assert {} == measure.facts()


def test_other_events_say_nothing_about_a_peg() -> None:
    assert peg().assess(mark(0.5), NOON, True) is None


def test_an_edited_threshold_keeps_what_was_seen() -> None:
    old = peg()
    for minute in (0, 10):
        old.assess(quote(0.95), NOON + minute * M, True)
    new = Peg(0.02, by_severity=True, confirm=False, before=old)
    new.assess(quote(0.95, venue="b"), NOON + 10 * M, True)

    assert 40.0 == pytest.approx(new.facts()["impulse"])
    assert "b 0.9500, defillama 0.9500" == new.facts()["sources"]
