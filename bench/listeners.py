"""Clients of a fan-out in a process of their own: they shake hands, read everything, and note when it was all there."""

import ctypes
import multiprocessing
import resource
import select
import socket
import struct
import time
from array import array
from multiprocessing.connection import Connection
from typing import Self

WINDOW = 64  # handshakes under way at once
MOST_MESSAGES = 4_096
_BUFFER = 1 << 18
_RESET = struct.pack("ii", 1, 0)  # closing leaves no port behind that has to wait
_READ, _CONNECTED, _STOP, _TIMING, _SENT_AT = range(5)  # places on the board; from _SENT_AT on one for each message

_CONTEXT = multiprocessing.get_context("spawn")


def allow_files(wanted: int) -> int:
    """Raise the limit of open files; how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = min(wanted, hard) if hard != resource.RLIM_INFINITY else wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class Listeners:
    """So many clients of one port. What they have read is seen on a board shared with their process."""

    def __init__(self, port: int, path: str, clients: int) -> None:
        self.clients = clients
        self._board = _CONTEXT.RawArray(ctypes.c_longlong, _SENT_AT + MOST_MESSAGES)
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_listen, args=(port, path, clients, self._board, theirs))

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._board[_STOP] = 1
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()

    @property
    def connected(self) -> int:
        """Handshakes done."""
        return int(self._board[_CONNECTED])

    @property
    def read_bytes(self) -> int:
        """What all of them have read since the handshakes, in frames."""
        return int(self._board[_READ])

    def time_messages(self, frame_bytes: int) -> None:
        """From now on note for each client when each message of this size was all there."""
        self._board[_TIMING] = frame_bytes

    def sending(self, message: int) -> None:
        """Message number `message` since `time_messages` leaves now."""
        self._board[_SENT_AT + message] = time.monotonic_ns()

    def latencies_ms(self) -> list[float]:
        """From `sending` to the last byte, for each message and client; ends the timing."""
        self._board[_TIMING] = 0
        found: bytes = self._pipe.recv_bytes()
        return [value / 1e6 for value in array("q", found)]


def _listen(port: int, path: str, clients: int, board: "ctypes.Array[ctypes.c_longlong]", pipe: Connection) -> None:
    allow_files(clients + 100)
    sockets: dict[int, socket.socket] = {}
    waiting: list[socket.socket] = []
    asked = (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n"
    ).encode()
    read = 0
    for number in range(clients + WINDOW):
        if number < clients:
            found = socket.create_connection(("127.0.0.1", port))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            found.sendall(asked)
            sockets[found.fileno()] = found
            waiting.append(found)
        if number >= WINDOW and number - WINDOW < len(waiting):
            head = b""
            while b"\r\n\r\n" not in head:
                head += waiting[number - WINDOW].recv(4_096)
            read += len(head.split(b"\r\n\r\n", 1)[1])
            board[_READ] = read
            board[_CONNECTED] += 1
    _read_on(sockets, read, board, pipe)
    for found in sockets.values():
        found.close()


def _read_on(
    sockets: dict[int, socket.socket], read: int, board: "ctypes.Array[ctypes.c_longlong]", pipe: Connection
) -> None:
    poll = select.epoll()
    for fd, found in sockets.items():
        found.setblocking(False)
        poll.register(fd, select.EPOLLIN)
    buffer = bytearray(_BUFFER)
    got: dict[int, int] = {}
    latencies = array("q")
    timing = 0
    while not board[_STOP]:
        events = poll.poll(0.02)
        if timing != board[_TIMING]:
            if timing:
                pipe.send_bytes(latencies.tobytes())
            timing = int(board[_TIMING])
            latencies = array("q")
            got = dict.fromkeys(sockets, 0)
        for fd, _ in events:
            try:
                size = sockets[fd].recv_into(buffer)
            except OSError:
                size = 0
            if not size:
                poll.unregister(fd)
                continue
            read += size
            if timing:
                now_ns = time.monotonic_ns()
                before, got[fd] = got[fd] // timing, got[fd] + size
                latencies.extend(now_ns - board[_SENT_AT + message] for message in range(before, got[fd] // timing))
        board[_READ] = read
