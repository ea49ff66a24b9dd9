"""Cutting and tidying."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.fit import cut, say_rest, shorten, tidy, weight


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


@given(
    things=st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=20),
    unlisted=st.integers(0, 400),
    tail=st.lists(st.just("2 alerts acknowledged by @anna"), max_size=1),
    room=st.integers(100, 500),
)
def test_what_is_left_out_of_a_list_is_counted(things: list[str], unlisted: int, tail: list[str], room: int) -> None:
    """The first ones stay, whole; what was said of all of them stays, too."""
    rest = [say_rest(unlisted)] if unlisted else []
    short = shorten([*things, *rest, *tail], len(things), unlisted, room)
    kept = next((at for at, (one, other) in enumerate(zip(short, things, strict=False)) if one != other), len(things))

    assert sum(weight(line) + 1 for line in short) <= room
    left_out = unlisted + len(things) - kept
    assert [*things[:kept], *([say_rest(left_out)] if left_out else []), *tail] == short


def test_lines_that_are_no_list_stay_as_they_are() -> None:
    assert ["a" * 90, "b" * 90] == shorten(["a" * 90, "b" * 90], 0, 0, 50)
