"""WebSocket frames as the server sends them: whole, unmasked, built once and written to many."""

import struct
import zlib

SHARED_WBITS = 12
"""The window of frames that are compressed for many: clients may have agreed to any size from this one up."""
SMALLEST_DEFLATED = 1024  # bytes; below, compression without takeover gains nothing
_FAST_FROM = 65_536  # bytes; above, the best level costs milliseconds for a few per cent
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
_DEFLATED_TEXT = 0xC1
_CONTROL_MAX = 125
_SYNC_TAIL = 4  # bytes 00 00 ff ff, which the reader puts back (RFC 7692, 7.2.1)


def text_frame(payload: bytes) -> bytes:
    """One text message; `payload` is UTF-8."""
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """One binary message."""
    return _header(_BINARY, len(payload)) + payload


def deflated_frame(payload: bytes, wbits: int = SHARED_WBITS) -> bytes | None:
    """The same message compressed by itself, or None where that does not pay: under 1 kB, or not smaller.

    It never refers to an earlier frame, so one frame serves every client that agreed to a window of `wbits` or more,
    with or without context takeover, as long as all compressed data frames of the connection are made like this.
    """
    if len(payload) < SMALLEST_DEFLATED:
        return None
    press = zlib.compressobj(6 if len(payload) < _FAST_FROM else 1, zlib.DEFLATED, -wbits)
    packed = (press.compress(payload) + press.flush(zlib.Z_SYNC_FLUSH))[:-_SYNC_TAIL]
    return _header(_DEFLATED_TEXT, len(packed)) + packed if len(packed) < len(payload) else None


def ping_frame(payload: bytes = b"") -> bytes:
    """A ping; at most 125 bytes are sent."""
    return _control(_PING, payload)


def pong_frame(payload: bytes = b"") -> bytes:
    """The answer to a ping, with the ping's payload."""
    return _control(_PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """A goodbye; the reason is cut to 123 bytes, between two characters."""
    said = reason.encode()[: _CONTROL_MAX - 2].decode(errors="ignore").encode()
    return _control(_CLOSE, struct.pack("!H", code) + said)


def _control(first: int, payload: bytes) -> bytes:
    payload = payload[:_CONTROL_MAX]
    return _header(first, len(payload)) + payload


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return struct.pack("!BB", first, size)
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
