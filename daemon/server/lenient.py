"""Lets the documents' own example requests in: some have a blank in the address, which no HTTP parser takes.

Browsers write it as %20 by themselves; other clients send the address as it was printed.
"""

import asyncio


class Lenient(asyncio.Protocol):
    """Hands everything to the real protocol; only the first line of a connection is looked at, once."""

    def __init__(self, real: asyncio.Protocol) -> None:
        self._real = real
        self._is_first = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._real.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._real.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_first:
            self._is_first = False
            data = without_blanks(data)
        self._real.data_received(data)

    def eof_received(self) -> bool | None:
        return self._real.eof_received()

    def pause_writing(self) -> None:
        self._real.pause_writing()

    def resume_writing(self) -> None:
        self._real.resume_writing()


def without_blanks(data: bytes) -> bytes:
    """The same request with the blanks of its address written as %20."""
    line, end, rest = data.partition(b"\r\n")
    if line.count(b" ") <= 2 or not line.startswith(b"GET /"):
        return data
    method, _, target = line.partition(b" ")
    target, _, version = target.rpartition(b" ")
    return b"%b %b %b%b%b" % (method, target.replace(b" ", b"%20"), version, end, rest)
