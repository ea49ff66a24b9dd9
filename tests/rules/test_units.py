"""Numbers as people write them: what is read is what was meant, and what could mean two things is refused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.units import (
    DURATION_MAX_MS,
    duration_ms,
    fraction,
    money,
    say_amount,
    say_duration,
    say_money,
    say_number,
    say_percent,
    say_price,
    say_rate,
    say_ratio,
    say_setting,
    say_share,
    write_duration,
)


@given(st.integers(0, DURATION_MAX_MS))
def test_a_duration_reads_back_as_it_was_written(ms: int) -> None:
    assert ms == duration_ms(write_duration(ms))


@given(st.decimals(-999, 999, places=4))
def test_a_percentage_is_the_float_a_person_would_type(percent: object) -> None:
    assert float(f"{percent}") / 100 == fraction(f"{percent}%")


@given(st.integers(-100_000, 100_000))
def test_basis_points_are_hundredths_of_a_percent(points: int) -> None:
    assert points / 10_000 == fraction(f"{points}bp") == fraction(f" {points} bps ")


@given(st.integers(-(10**9), 10**9), st.sampled_from(["", "k", "m", "bn"]))
def test_money_is_the_same_with_and_without_the_sign(amount: int, scale: str) -> None:
    sign = "-" if amount < 0 else ""

    assert money(f"{amount}{scale}") == money(f"{sign}${abs(amount)}{scale}") == money(f"{amount}{scale.upper()}")


@given(st.integers(1, 10**14))
def test_said_money_is_within_half_a_percent_of_the_truth(amount: int) -> None:
    assert amount == pytest.approx(money(say_money(amount)), rel=0.005)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.05%", 0.0005), ("5bp", 0.0005), ("5e-4", 0.0005), (0.0005, 0.0005), ("-5%", -0.05), (".5 %", 0.005), (0, 0.0)],
)
def test_fractions_are_read(text: str | float, expected: float) -> None:
    assert expected == fraction(text)


@pytest.mark.parametrize("text", [0.05, "0.05", 0.005, -0.1, 5, "1"])
def test_a_bare_number_that_could_be_a_percentage_is_refused(text: str | float) -> None:
    """0.05 is 5 % to a programmer and 0.05 % to a trader."""
    with pytest.raises(ValueError, match=r"could mean .*% or .*%; write the sign"):
        fraction(text)


@pytest.mark.parametrize(
    "text", ["", "%", "five", "5%%", "1e999%", "nan", "inf", float("nan"), True, "$5", "٥%", "--1%"]
)
def test_what_is_no_percentage_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"write 0.05% or 5bp"):
        fraction(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("$1.5m", 1.5e6), ("250k", 250e3), ("$ 2bn", 2e9), ("-$5", -5.0), ("1_000_000", 1e6), (7, 7.0), ("3tn", 3e12)],
)
def test_amounts_are_read(text: str | float, expected: float) -> None:
    assert expected == money(text)


@pytest.mark.parametrize(
    "text", ["", "$", "$1q", "1.5.2m", "5%", True, float("inf"), "nan", "$1e999", 10**400, "-$-5", "1,000", "£5"]
)
def test_what_is_no_amount_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is not an amount; write \$250k"):
        money(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("15m", 900_000), ("1h30m", 5_400_000), ("250ms", 250), ("0s", 0), ("1.5h", 5_400_000)]
)
def test_durations_are_read(text: str, expected: int) -> None:
    assert expected == duration_ms(text)


@pytest.mark.parametrize("text", ["", "5", 5, "m", "-5m", "1h 30", "٥m", None, "1h;30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write 30s"):
        duration_ms(text)


@pytest.mark.parametrize(
    ("text", "right"), [("5 minutes", "5m"), ("5 min", "5m"), ("5M", "5m"), ("1.5 hrs", "1.5h"), ("30 Sec", "30s")]
)
def test_a_unit_that_is_written_out_is_answered_with_ours(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"is not a duration; write {right}$"):
        duration_ms(text)


@pytest.mark.parametrize("text", ["11000d", "9" * 400 + "s"])
def test_more_than_ten_years_is_a_slip(text: str) -> None:
    with pytest.raises(ValueError, match="longer than ten years"):
        duration_ms(text)


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (0.089733, "8.97%"),
        (-0.089733, "-8.97%"),
        (0.0666666, "6.67%"),
        (0.05, "5%"),
        (0.12345, "12.3%"),
        (0.999, "99.9%"),
        (1.23456, "123%"),
        (0.00004, "0.004%"),
        (0.000000001, "0%"),
        (0.0, "0%"),
    ],
)
def test_a_move_is_said_in_the_digits_that_one_reads(move: float, said: str) -> None:
    """Two decimals at most, one from 10%, none from 100%; but what is little is not said to be nothing."""
    assert said == say_share(move)


@given(
    st.sampled_from([say_rate, say_share, say_ratio, say_money]),
    st.integers(1, 10_000_000),
    st.integers(-1_000, 1_000).filter(bool),
)
def test_on_which_side_of_its_limit_a_value_is_can_be_seen(
    say: Callable[[float, float], str], limit_ppm: int, more_ppm: int
) -> None:
    """Rounded or not: 10.004% is not said as 10% beside a limit of 10%, and 9.996% neither."""
    limit, value = limit_ppm / 1e6, (limit_ppm + more_ppm) / 1e6
    said = say(value, limit)
    told = float(said.rstrip("%")) / 100 if "%" in said else money(said)

    assert (value > limit, value < limit) == (told > limit * (1 + 1e-12), told < limit * (1 - 1e-12))


def test_a_value_near_its_limit_has_more_digits() -> None:
    assert ["10.004%", "9.996%", "9.97%", "10%"] == [say_share(move, 0.1) for move in (0.10004, 0.09996, 0.0997, 0.1)]
    assert ["0.05004%", "0.0501%"] == [say_rate(rate, 0.0005) for rate in (0.0005004, 0.000501)]
    assert ["$25.003m", "$25.01m"] == [say_money(amount, 25e6) for amount in (25_003_000, 25_010_000)]
    assert ["$100.4k", "$819k"] == [say_money(amount, 100e3) for amount in (100_400, 818_890)]
    assert ["$1.2345m", "$818.5k", "-$2.5bn"] == [say_amount(limit) for limit in (1_234_500, 818_500, -2.5e9)]


def test_numbers_are_said_without_needless_digits() -> None:
    assert ["0.0812%", "5%", "-0.01%", "0%", "0.05125%"] == [
        say_percent(value) for value in (0.000812, 0.05, -0.0001, 0.0, 0.0005125)
    ]
    assert ["0.0812%", "0.1235%", "-0.01%", "0%", "0%"] == [
        say_rate(value) for value in (0.000812, 0.00123456, -0.0001, 0.0, -1e-9)
    ]
    assert ["3.22", "0.5", "12"] == [say_ratio(value) for value in (3.2178, 0.5, 12.0)]
    assert ["$1.54m", "$999", "$0.98", "$1m", "-$2.5bn", "$0"] == [
        say_money(value) for value in (1_540_000, 999, 0.98, 999_999, -2.5e9, 0)
    ]
    assert ["85,296.60", "0.02456", "0.0000123", "0", "999.99"] == [
        say_price(value) for value in (85296.6, 0.02456, 0.0000123, 0, 999.99)
    ]
    assert ["37.512", "2,500,000", "-0.0872", "12,345.6", "0", "1.2e-05"] == [
        say_number(value) for value in (37.5120001, 2_500_000, -0.0872, 12_345.6, 0, 0.000012)
    ]
    assert ["1h30m", "0.9s", "2d3h", "0s", "1m"] == [
        say_duration(ms) for ms in (5_400_000, 900, 2 * 86_400_000 + 3 * 3_600_000 + 5, 0, 60_999)
    ]


def test_how_long_something_lasted_is_said_in_neighbouring_units() -> None:
    """Nobody counts weeks and days, or seconds beside hours."""
    lasted = ("2h9s", "2h25s", "59m59s", "3d5m", "7d", "9d23h", "15w4d", "19w1d", "1m0.9s")

    assert ["2h", "2h", "59m59s", "3d", "7d", "9d23h", "109d", "134d", "1m"] == [
        say_duration(duration_ms(text)) for text in lasted
    ]


@given(st.integers(0, DURATION_MAX_MS))
def test_a_duration_that_somebody_chose_is_said_exactly(ms: int) -> None:
    assert ms == duration_ms(say_setting(ms))
    assert "w" not in say_setting(ms)


def test_a_chosen_duration_is_said_in_days() -> None:
    assert ["400d", "7d", "1h30s", "250ms", "1d12h", "0s"] == [
        say_setting(duration_ms(text)) for text in ("400d", "1w", "1h30s", "250ms", "36h", "0s")
    ]
