"""Requests as the documents print them."""

import pytest

from daemon.server.lenient import without_blanks


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"GET /a?filters={\"Title\":\"Bitcoin Dominance\"} HTTP/1.1\r\nHost: x\r\n\r\n",
         b"GET /a?filters={\"Title\":\"Bitcoin%20Dominance\"} HTTP/1.1\r\nHost: x\r\n\r\n"),
        (b"GET /a b c HTTP/1.1\r\nX: a b c d\r\n\r\n", b"GET /a%20b%20c HTTP/1.1\r\nX: a b c d\r\n\r\n"),
        (b"GET / HTTP/1.1\r\nX: a b c d\r\n\r\n", b"GET / HTTP/1.1\r\nX: a b c d\r\n\r\n"),
        (b"POST /a b HTTP/1.1\r\n\r\n", b"POST /a b HTTP/1.1\r\n\r\n"),
        (b"\x16\x03\x01 a b c d", b"\x16\x03\x01 a b c d"),
        (b"", b""),
    ],
)  # fmt: skip
def test_only_blanks_in_the_address_are_written_otherwise(sent: bytes, read: bytes) -> None:
    """Headers, bodies and other protocols pass as they are."""
    assert read == without_blanks(sent)
