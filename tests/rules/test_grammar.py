"""The rule language is what is documented, and refuses everything else with a place and a sentence."""

import keyword

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.grammar import (
    DEPTH_MAX,
    JOINED_MAX,
    LENGTH_MAX,
    Binary,
    Call,
    Comparison,
    Duration,
    Field,
    Flag,
    Member,
    Mistake,
    Node,
    Number,
    Text,
    Unary,
    parse,
)

DOCUMENTED = [
    "rate_8h > 0.05%",
    "change(oi_usd, 15m) <= -5% and oi_usd >= $100m",
    "abs(rate) > 5bp or not is_settled",
    "venue in [binance, 'okx', \"bybit\"]",
    "venue not in (binance)",
    "count(side == 'long', 1h30m) >= 3",
    "min(price, index_price, 5) / max(price, 1) * 2 - 3 + 4 < .5",
    "crossed_up(price, 100_000, 15m)",
    "spread(rate_8h, venue, 30m) > 3 bps",
    "is_settled == true",
    "notional_usd > $1.5mn and notional_usd < 2e9 and quantity != -1",
]
HOSTILE = [
    "price.__class__",
    "().__class__.__bases__[0].__subclasses__()",
    "__import__('os').system('id')",
    "(lambda: 1)()",
    "[x for x in (1, 2)]",
    "{price}",
    "f'{price}'",
    "price ** 9",
    "9 ** 9 ** 9",
    "(x := 5) > 1",
    "price if price else 1",
    "price > 1; import os",
    "price\n> 1 # comment\n+ exec",
    "'a' 'b' == venue",
    "venue == 'a\\x00b'",
    "price > 0x10",
    "price > 1_",
    "price > 1j",
    "price > ∞",
    "ｐrice > 1",
    "pr\u0456ce > 1",
    "price > ٣",
    "price >> 1",
    "price & 1",
    "~price",
    "price // 2",
    "price % 2",
    "@price",
    "price[0]",
    "...",
    "*price",
    "a, b",
    "1 < price < 2",
    "in in in",
    "and",
    "",
    " ",
    "(",
    "price >",
    "count(1m",
    "venue in []",
    "venue in [binance okx]",
    "venue in [[binance]]",
    "1" * 400,
    "count(" + "9" * 400 + "m)",
    "(" * 500 + "1" + ")" * 500,
    "not " * 400 + "true",
    "-" * 400 + "1",
    "1" + "+1" * 900,
    "price > 1" + " or price > 1" * 140,
    "a" * (LENGTH_MAX + 1),
    "\x00",
    "\ud800",
]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_the_documented_language_is_read(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "price > 1_"])
def test_what_is_outside_the_language_is_a_mistake_with_a_place(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse(text)

    assert 1 <= caught.value.column <= len(text) + 1
    assert f"(at character {caught.value.column})" in str(caught.value)


def depth(node: Node) -> int:
    match node:
        case Unary(_, inner, _):
            return 1 + depth(inner)
        case Binary(_, left, right, _) | Comparison(_, left, right, _):
            return 1 + max(depth(left), depth(right))
        case Member(item, choices, _):
            return 1 + max(map(depth, (item, *choices)))
        case Call(_, args, _):
            return 1 + max(map(depth, args), default=0)
    return 1


WORDS = [
    "price",
    "venue",
    "and",
    "or",
    "not",
    "in",
    "true",
    "(",
    ")",
    "[",
    "]",
    ",",
    "<",
    ">=",
    "==",
    "+",
    "-",
    "*",
    "/",
]
WORDS += [
    "5m",
    "$5m",
    "0.05%",
    "5bp",
    "1e9",
    "'x'",
    '"y"',
    "sum",
    "count",
    "abs",
    "**",
    ".",
    "__class__",
    "lambda",
    "5 m",
]
PIECES = st.lists(st.sampled_from([*WORDS, *keyword.kwlist]), max_size=30).map(" ".join)


@given(st.one_of(st.text(max_size=60), PIECES, st.sampled_from(HOSTILE)))
@settings(deadline=None, max_examples=200)
@example("9" * 1_000 + "s")
@example("5" + "e9" * 3)
def test_any_text_is_read_or_is_a_mistake_and_nothing_else(text: str) -> None:
    """No text makes the reader fail in another way, or go deeper than it promises."""
    try:
        node = parse(text)
    except Mistake:
        return

    assert depth(node) <= 3 * DEPTH_MAX + JOINED_MAX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.05%", 0.0005),
        ("5bp", 0.0005),
        ("5 bps", 0.0005),
        ("$1.5m", 1.5e6),
        ("5mn", 5e6),
        ("250k", 250e3),
        ("2bn", 2e9),
        ("-5%", -0.05),
        ("1_000", 1000.0),
        ("5e-4", 0.0005),
    ],
)
def test_numbers_carry_their_units(text: str, expected: float) -> None:
    assert Number(expected, 1) == parse(text)


def test_an_amount_that_is_a_percentage_is_refused() -> None:
    with pytest.raises(Mistake, match="both money and a percentage"):
        parse("$5%")


@pytest.mark.parametrize("text", ["price > 5m", "5m > price", "price in [5m]", "max(5m, price)", "sum(price + 5m, 1h)"])
def test_minutes_and_millions_are_not_guessed(text: str) -> None:
    """5m at the end of a window function is five minutes; anywhere else nobody can know."""
    with pytest.raises(Mistake, match=r"minutes or millions; write \$5m for an amount"):
        parse(text)


def test_at_the_end_of_a_window_m_means_minutes() -> None:
    assert Call("count", (Duration(300_000, 7),), 1) == parse("count(5m)")
    assert Call("sum", (Field("price", 5), Duration(300_000, 12)), 1) == parse("sum(price, 5m)")


def test_binding_is_as_everybody_learnt_it() -> None:
    """or, and, not, comparison, sum, product, minus: each holds tighter than the one before."""
    for loose, tight in [
        ("a == 1 or b == 2 and c == 3", "a == 1 or (b == 2 and c == 3)"),
        ("not a == 1 and b == 2", "(not (a == 1)) and b == 2"),
        ("a + b * c > d - -e / f", "(a + (b * c)) > (d - ((-e) / f))"),
        ("a - b - c", "(a - b) - c"),
        ("a / b / c", "(a / b) / c"),
        ("not a in [1] or b", "(not (a in [1])) or b"),
    ]:
        assert plain(parse(tight)) == plain(parse(loose))


def plain(node: Node) -> object:
    """The tree without its places."""
    match node:
        case Unary(sign, inner, _):
            return sign, plain(inner)
        case Binary(sign, left, right, _) | Comparison(sign, left, right, _):
            return sign, plain(left), plain(right)
        case Member(item, choices, _):
            return "in", plain(item), [plain(choice) for choice in choices]
        case Call(name, args, _):
            return name, [plain(arg) for arg in args]
        case Field(name, _):
            return name
        case Number(value, _) | Text(value, _) | Flag(value, _):
            return value
        case Duration(ms, _):
            return ms
