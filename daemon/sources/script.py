"""What is to be said to a venue, what must come back, and how long to wait for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from daemon.sources.subscription import RETRIES
from daemon.wire.control import Control
from rules.events import Event


class Reader(Protocol):
    """A venue's decoder: our events, or a word about the conversation; Unreadable if it cannot tell."""

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control: ...


class Dialect(Protocol):
    """What a wire module offers for talking to its venue."""

    @property
    def PING(self) -> str | None: ...  # noqa: N802 - the wire modules' constant  # None: protocol pings are answered
    @property
    def PING_EVERY_S(self) -> float: ...  # noqa: N802 - the wire modules' constant
    @property
    def SILENCE_S(self) -> float: ...  # noqa: N802 - the wire modules' constant
    def subscribe(self, topics: Sequence[str], request_id: int) -> list[str]: ...
    def unsubscribe(self, topics: Sequence[str], request_id: int) -> list[str]: ...


class Beside(Protocol):
    """What a coroutine that runs beside a conversation may do with it."""

    async def publish(self, events: Sequence[Event], received_ms: int) -> None:
        """Hand events on as if the venue had sent them now, through the feed's sieve and in turn with its frames."""

    async def again(self, topics: Sequence[str]) -> None:
        """Give these topics up and ask for them anew, as far as they are still wanted: venues send a snapshot then."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Topics to ask for, and what must come of it."""

    topics: Sequence[str]
    moving: frozenset[str] = frozenset()  # topics that are never quiet
    moves: frozenset[type[Event]] = frozenset()  # what they bring
    moves_within_s: float = 60.0
    unlisted: tuple[str, ...] = ()  # wanted, and unknown to the venue


@dataclass(frozen=True, kw_only=True)
class Script:
    """What is to be said on one connection.

    `beside` begins when the conversation begins and is cancelled when it ends; what it raises (Transient, Unreadable)
    ends the conversation. When wishes change, the source is asked for a script again and the living connection keeps
    its reader, its `then` and its `beside`: only the topics of the new one count.
    """

    dialect: Dialect
    reader: Reader
    first: Plan
    beside: Callable[[Beside], Awaitable[None]] | None = None
    then: Callable[[], Plan | None] | None = (
        None  # asked until it answers: a plan that depends on what the first brings
    )
    answers_each: bool = False  # see Subscription
    retries: int = RETRIES  # see Subscription
    requests_per_hour: float | None = None  # that the venue takes on one connection; None: as many as we like


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How patient a stream is. None: as the venue's wire module says."""

    open_s: float = 10.0
    acknowledge_s: float = 10.0
    ping_every_s: float | None = None
    silence_s: float | None = None
    moves_within_s: float | None = None
    lifetime_s: float = 23 * 3600.0  # Binance cuts at 24 h; a new connection also learns of new instruments
    renew_again_s: float = 60.0  # after a renewal that failed
    revise_s: float = 0.1  # wishes come in crowds: so long is waited for more before they are followed
    revise_again_s: float = 1.0  # between two times: some venues are asked over REST for what they list
    look_again_s: float = 3600.0  # for instruments that the venue did not list
    close_s: float = 2.0
    sends_per_s: float = 5.0  # Binance takes 10 messages a second, pings and all
