"""Cutting and tidying."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.fit import cut, tidy, weight


@given(st.text(), st.integers(-5, 60))
def test_a_cut_text_fits_and_begins_like_the_original(text: str, room: int) -> None:
    """Nothing is changed that fits, and nothing is invented."""
    short = cut(text, room)

    assert weight(short) <= max(0, room)
    if weight(text) <= room:
        assert text == short
    elif short:
        assert text.startswith(short.removesuffix("…"))


def test_no_half_of_an_emoji_is_left() -> None:
    """A joiner at the end would draw a box."""
    assert "a👩…" == cut("a👩\u200d👩\u200d👧", 5)


def test_an_astral_character_counts_twice() -> None:
    """As Telegram counts."""
    assert 3 == weight("a😀")


@given(st.text(st.characters()))
def test_tidy_text_is_one_printable_line(text: str) -> None:
    """No control characters, no halves: it can be encoded, and a terminal obeys nothing in it."""
    line = tidy(text)

    assert line.encode("utf-8")[:0] == b""
    assert not [char for char in line if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]
    assert 1 >= len(line.splitlines())
