"""Coinlocally's private stream: what a hostile venue could send."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Rejected, Unreadable
from tests.daemon.wire.coinlocally_events import ACCOUNT, NOW
from tests.daemon.wire.coinlocally_page import POSITION, UPDATE, read, zipped


def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte of zeroes fits into a megabyte; one of a hundred megabytes shows it as well."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()

    with pytest.raises(Unreadable, match="unpacks to more than 1,048,576 bytes"):
        wire.Decoder(ACCOUNT).decode(bomb, NOW)
    with pytest.raises(Unreadable, match="unpacks to more than 16,384 bytes"):
        server.read_request(bomb)


@pytest.mark.parametrize(
    "frame",
    [
        zipped(b"{}")[:-4],
        zipped(b"{}") + b"more",
        zipped(b"{}") * 2,
        b"\x1f\x8b",
        b"\x1f\x8bgarbage",
        zipped(b"\xff\xfe"),
        zipped(b"[" * 100_000),
        zipped(b'{"channel":"order","order":[]}'),
        zipped(b'{"channel":"ADL_PRICE","l":[{"id":1,"tp":"SECRET 12345"}]}'),
        zipped(b'{"channel":5}'),
        zipped(b'{"event":"what"}'),
        zipped(b"12345.678"),
        b"",
        b"garbage 12345.678",
    ],
)
def test_garbage_is_unreadable_and_never_quoted(frame: bytes) -> None:
    """What is between the lines of an account is nobody's business, log or not."""
    decoder = wire.Decoder(ACCOUNT)
    decoder.decode(wire.SUBSCRIBED, NOW)

    with pytest.raises(Unreadable) as trouble:
        decoder.decode(frame, NOW)
    assert "12345" not in str(trouble.value)


@pytest.mark.parametrize("said", ["invalid token", '{"code":401,"msg":"no"}', "", "\udcff"])
def test_whatever_comes_in_place_of_the_acknowledgement_is_a_refusal(said: str) -> None:
    frame = said.encode("utf-8", "surrogateescape")

    assert isinstance(wire.Decoder(ACCOUNT).decode(frame, NOW), Rejected)


@given(st.binary(max_size=200))
def test_no_frame_breaks_the_decoder(frame: bytes) -> None:
    decoder = wire.Decoder(ACCOUNT)
    for is_subscribed in (False, True):
        decoder.is_subscribed = is_subscribed
        for one in (frame, zipped(frame)):
            try:
                decoder.decode(one, NOW)
            except Unreadable:
                continue


@pytest.mark.parametrize(
    "message",
    ["", "x", "[]", "5", "{", '{"event":5}', '{"apiKey":5}', '{"apiKey":"a","token":"b"}', b"\xff", b"\x1f\x8b"],
)
def test_what_is_no_request_is_said_without_a_quote(message: str | bytes) -> None:
    with pytest.raises(Unreadable):
        server.read_request(message)


def test_what_is_remembered_of_positions_has_a_bound() -> None:
    memory = wire.Memory()
    for place in range(3):
        rows = [{"id": place * 2_000 + number, "al": 1} for number in range(2_000)]
        read({"channel": "ADL_PRICE", "l": rows}, decoder=wire.Decoder(ACCOUNT, memory))
    for number in range(2_000):
        read({**UPDATE, "d": {"p": {**POSITION, "id": number}}}, decoder=wire.Decoder(ACCOUNT, memory))

    assert (1_000, 1_000) == (len(memory.rows), len(memory.positions))
