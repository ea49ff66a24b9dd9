"""What the server writes is what the `websockets` library reads."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, Frame, Opcode
from websockets.streams import StreamReader

from daemon.server.frames import close_frame, deflated_frame, ping_frame, pong_frame, text_frame


def read(frames: bytes, extensions: Sequence[Extension] = ()) -> list[Frame]:
    """As a client reads them."""
    stream = StreamReader()
    stream.feed_data(frames)
    found = []
    while stream.buffer:
        step = Frame.parse(stream.read_exact, mask=False, extensions=extensions)
        try:
            next(step)
        except StopIteration as end:
            found.append(end.value)
        else:
            raise AssertionError("the frame is not whole")
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
def test_a_text_of_any_size_is_one_whole_frame(size: int) -> None:
    """The length is written in one, three or nine bytes; each border is a place to be wrong."""
    assert [Frame(Opcode.TEXT, b"x" * size)] == read(text_frame(b"x" * size))


@settings(deadline=None)
@given(texts=st.lists(st.text(min_size=300), min_size=1, max_size=4), takes_over=st.booleans())
def test_a_shared_compressed_frame_is_read_with_and_without_context_takeover(
    texts: list[str], takes_over: bool
) -> None:
    """It never refers to an earlier frame, so it does not matter what a client keeps."""
    payloads = [text.encode() * 4 for text in texts]
    reader = PerMessageDeflate(not takes_over, False, 15, 15)
    frames = [deflated_frame(payload) or text_frame(payload) for payload in payloads]

    assert payloads == [bytes(frame.data) for frame in read(b"".join(frames), [reader])]


def test_a_compressed_frame_is_read_with_the_smallest_window_that_we_serve() -> None:
    """A client that asked for 12 bits has no more to look back into."""
    payload = b"".join(b'{"row": %d}' % number for number in range(5_000))

    frame = deflated_frame(payload)

    assert frame is not None
    assert [payload] == [bytes(found.data) for found in read(frame, [PerMessageDeflate(True, False, 12, 15)])]


def test_compression_is_left_out_where_it_does_not_pay() -> None:
    """Small messages, and those that are noise already."""
    assert deflated_frame(b"a" * 1_023) is None
    assert deflated_frame(b"a" * 1_024) is not None
    assert deflated_frame(random.Random(1).randbytes(10_000)) is None


def test_control_frames_carry_what_they_were_given() -> None:
    """A pong repeats the ping's payload."""
    assert [Frame(Opcode.PING, b""), Frame(Opcode.PONG, b"42")] == read(ping_frame() + pong_frame(b"42"))


def test_a_goodbye_carries_code_and_reason() -> None:
    """Both are shown to whoever was closed."""
    [frame] = read(close_frame(4008, "too slow"))

    assert Close(4008, "too slow") == Close.parse(frame.data)


def test_a_long_reason_is_cut_between_two_characters() -> None:
    """125 bytes are all that a control frame holds, and half a character is not UTF-8."""
    [frame] = read(close_frame(1008, "ä" * 100))

    assert Close(1008, "ä" * 61) == Close.parse(frame.data)
