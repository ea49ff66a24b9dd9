"""How much clients may take: the bounds, who is let in, and what came of it in numbers."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of the WebSocket endpoints. Sizes are bytes; names end in their unit of time."""

    connections: int = 10_000
    connections_per_address: int = 500
    connections_per_key: int = 200
    topics: int = 2_000
    write_buffer: int = 262_144
    """what may wait for one client: above it a table's frames are left out, and a stream's reader is told goodbye"""
    write_buffer_hard: int = 1_048_576
    """above it the connection is cut without a word"""
    kernel_buffer: int = 262_144
    """asked of the kernel for each connection, which would otherwise hold megabytes for a client that does not read"""
    message_size: int = 16_384
    messages_per_s: float = 10.0
    """steady rate inbound, pings and pongs included; twice as many may come at once"""
    ping_s: float = 20.0
    idle_s: float = 60.0
    """without a pong for so long the connection is cut"""
    min_push_ms: int = 250
    """two frames of one table are at least so far apart; a stream's only as far as the last one took to send"""
    longest_push_s: float = 3_600.0
    """whatever interval an endpoint answers, a topic is looked at this often"""
    answer_s: float = 30.0
    """an answer that takes longer counts as failed"""
    retry_s: float = 1.0
    """first pause after an answer that failed; doubles up to `retry_longest_s`"""
    retry_longest_s: float = 30.0
    linger_s: float = 5.0
    """how long a topic is kept after its last client left"""
    goodbye_s: float = 2.0
    """how long a client may take to answer our goodbye"""
    catch_up_s: float = 0.05
    """how often we look whether a client that fell behind has read on"""

    def __post_init__(self) -> None:
        if self.idle_s <= self.ping_s:
            raise ValueError("idle_s must be longer than ping_s: otherwise nobody is asked before being cut off")
        if self.write_buffer_hard < self.write_buffer:
            raise ValueError("write_buffer_hard must not be below write_buffer")


@dataclass(slots=True)
class Counters:
    """What happened since the start, for /metrics."""

    connected: int = 0
    frames: int = 0
    bytes: int = 0
    answers: int = 0
    """payloads that were computed, each for all clients of its topic"""
    answer_failures: int = 0
    conflated: int = 0
    """frames that were left out because their client had not read the last ones"""
    goodbyes: Counter[str] = field(default_factory=Counter)
    """by `Goodbye.word`"""
    aborted: Counter[str] = field(default_factory=Counter)
    """cut off without a word: `silent`, `stalled`, `unanswered_goodbye`"""
    refused: Counter[str] = field(default_factory=Counter)
    """not let in: `connections`, `address`, `key`, `topics`, `stopping`"""
    errors: Counter[str] = field(default_factory=Counter)
    """error frames that answered a message or a handshake, by code"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in: a word for /metrics, a status and a sentence for them."""

    word: str
    status: int
    text: str
    retry_after_s: int = 5


STOPPING = Refusal("stopping", 503, "the daemon stops; try again in a moment\n")
FULL = Refusal("connections", 503, "all connections are taken; try again later (server.connections)\n")
NO_TOPIC = Refusal(
    "topics", 503, "too many different requests are being served; try again later, or with usual parameters\n"
)


class Door:
    """Counts who is inside: in all, by address, by key."""

    def __init__(self, limits: Limits, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self._by_address: Counter[str] = Counter()
        self._by_key: Counter[str] = Counter()
        self.inside = 0
        self.is_shut = False

    def refusal(self, address: str, key: str | None) -> Refusal | None:
        """Why this client may not come in, None if it may; counted."""
        limits = self._limits
        found: Refusal | None = None
        if self.is_shut:
            found = STOPPING
        elif self.inside >= limits.connections:
            found = FULL
        elif self._by_address[address] >= limits.connections_per_address:
            found = _too_many("address", limits.connections_per_address)
        elif key is not None and self._by_key[key] >= limits.connections_per_key:
            found = _too_many("key", limits.connections_per_key)
        if found is not None:
            self._counters.refused[found.word] += 1
        return found

    @contextmanager
    def admitted(self, address: str, key: str | None) -> Iterator[None]:
        """Inside from here to the end of the block."""
        self._count(address, key, 1)
        try:
            yield
        finally:
            self._count(address, key, -1)

    def _count(self, address: str, key: str | None, one: int) -> None:
        self.inside += one
        for counter, name in ((self._by_address, address), (self._by_key, key)):
            if name is not None:
                counter[name] += one
                if not counter[name]:
                    del counter[name]


def _too_many(what: str, limit: int) -> Refusal:
    text = f"this {what} has {limit} connections already, which is the limit; close one first\n"
    return Refusal(what, 429, text)


class Allowance:
    """So many messages a second; `most` at once, or twice as many."""

    __slots__ = ("_at_s", "_left", "_most", "_per_s")

    def __init__(self, per_s: float, now_s: float, most: float | None = None) -> None:
        self._per_s = per_s
        self._most = max(2.0 * per_s, 1.0, most or 0.0)
        self._left = self._most
        self._at_s = now_s

    def takes(self, now_s: float) -> bool:
        """One message has come: whether it is within the allowance."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
