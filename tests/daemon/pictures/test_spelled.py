"""Formulas as text again."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pictures.spelled import spelled
from rules.grammar import Binary, Call, Comparison, Duration, Field, Flag, Member, Node, Number, Text, Unary, parse

_NUMBERS = st.builds(Number, st.floats(-1e12, 1e12) | st.sampled_from([0.05, 1e-7, 1e22, 100.0]), st.just(0))
_TEXTS = st.builds(Text, st.sampled_from(["okx", "it's", 'a "b"']), st.just(0))
_FIELDS = st.builds(Field, st.sampled_from(["price", "oi_usd", "is_settled"]), st.just(0))
_LENGTHS = st.builds(Duration, st.integers(1, 10**9), st.just(0))


def _joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Binary, st.sampled_from(["and", "or", "+", "-", "*", "/"]), inner, inner, st.just(0)),
        st.builds(Comparison, st.sampled_from(["<", "<=", "==", "!="]), inner, inner, st.just(0)),
        st.builds(Unary, st.just("not"), inner, st.just(0)),
        st.builds(Unary, st.just("-"), inner.filter(lambda node: not isinstance(node, Number)), st.just(0)),
        st.builds(Member, inner, st.lists(_TEXTS | _NUMBERS, min_size=1, max_size=3).map(tuple), st.just(0)),
        st.builds(Call, st.just("change"), st.tuples(inner, _LENGTHS), st.just(0)),
        st.builds(Call, st.just("max"), st.tuples(inner, inner), st.just(0)),
    )


_TREES = st.recursive(_NUMBERS | _TEXTS | _FIELDS | st.builds(Flag, st.booleans(), st.just(0)), _joined, max_leaves=8)


def bare(node: object) -> Any:
    """A tree without the places in its text."""
    if isinstance(node, tuple):
        return [bare(one) for one in node]
    if isinstance(node, msgspec.Struct):
        fields = {name: bare(getattr(node, name)) for name in node.__struct_fields__ if name != "at"}
        return {"is": type(node).__name__, **fields}
    return node


@given(_TREES)
def test_what_is_spelled_reads_as_the_same_tree(tree: Node) -> None:
    assert bare(tree) == bare(parse(spelled(tree)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("change( oi_usd,15m )*2", "change(oi_usd, 15m) * 2"),
        ("a - (b - c) - d", "a - (b - c) - d"),
        ("(a*b)+(c/d)", "a * b + c / d"),
        ("(a+b)/-c", "(a + b) / -c"),
        ("price / $1bn", "price / 1000000000"),
        ("sum(notional_usd, 5m) / count(5m)", "sum(notional_usd, 5m) / count(5m)"),
        ("not (a or b) and side in [long]", "not (a or b) and side in ['long']"),
    ],
)
def test_it_is_spelled_as_a_person_would(text: str, expected: str) -> None:
    assert expected == spelled(parse(text))
