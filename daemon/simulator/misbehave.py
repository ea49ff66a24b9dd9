"""How a venue stops being polite on request, and when it does."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rules.units import duration_ms

How = Literal[
    "drop",  # tear every open connection down, without a goodbye; new ones are welcome
    "close",  # say goodbye at a point of each conversation: see `at`
    "stall",  # keep the connection, neither send nor read
    "silence",  # acknowledge subscriptions, answer pings, and deliver nothing
    "duplicate",  # send every frame twice
    "reorder",  # send frames in the wrong order
    "garbage",  # put frames that mean nothing between the good ones
    "lose",  # leave out the next update of every order book that is followed
    "oversized",  # send one enormous frame
    "slow",  # wait before every answer and frame
    "refuse",  # tear down whoever connects
    "throttle",  # answer 429 with Retry-After
    "unavailable",  # answer 503 or another status
    "html",  # answer 200 with a page for people
]
Point = Literal["upgrade", "subscribe", "ack", "frame", "body"]

GARBAGE: tuple[bytes, ...] = (
    b"not json",
    b'{"half":',
    b"[]",
    b"42",
    b"null",
    b'{"e":17,"data":"?"}',
    b"",
    b"\xff\xfe\x00",
)
PAGE = "<html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>"

_Duration = Annotated[int, BeforeValidator(duration_ms), Field(ge=0)]


class Misbehaviour(BaseModel):
    """One way to misbehave. Without `for` it lasts until told otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    how: How
    for_ms: _Duration | None = Field(default=None, alias="for")
    status: int = Field(default=503, ge=500, le=599, description="of `unavailable`")
    retry_after_s: float | None = Field(default=1.0, ge=0, description="of `throttle`; null leaves the header out")
    delay_ms: _Duration = Field(default=200, alias="delay", description="of `slow`")
    size: int = Field(default=50_000_000, ge=1, le=200_000_000, description="of `oversized`, in bytes")
    at: Point = Field(default="frame", description="of `close`")
    after: int = Field(default=0, ge=0, description="of `close` at `frame`: how many frames go out before")
    code: int = Field(default=1001, ge=1000, le=4999, description="of `close`: the code of the goodbye")


class Manners:
    """Which misbehaviours one venue has at the moment."""

    def __init__(self) -> None:
        self._bad: dict[str, tuple[Misbehaviour, int | None]] = {}
        self._better = asyncio.Event()  # replaced when it was set: whoever waits looks again

    def begin(self, misbehaviour: Misbehaviour, now_ms: int) -> None:
        """From now on, and for as long as it says."""
        until_ms = None if misbehaviour.for_ms is None else now_ms + misbehaviour.for_ms
        self._bad[misbehaviour.how] = (misbehaviour, until_ms)

    def end(self, how: str | None = None) -> None:
        """Be polite again, in this respect or in all."""
        if how is None:
            self._bad.clear()
        else:
            self._bad.pop(how, None)
        self._better.set()
        self._better = asyncio.Event()

    def expire(self, now_ms: int) -> None:
        """End what has lasted long enough."""
        for how in [how for how, (_, until_ms) in self._bad.items() if until_ms is not None and until_ms <= now_ms]:
            self.end(how)

    def active(self, how: How) -> Misbehaviour | None:
        """The settings of this misbehaviour if it is going on."""
        found = self._bad.get(how)
        return None if found is None else found[0]

    def names(self) -> list[str]:
        """What is going on, for people."""
        return sorted(self._bad)

    def closes(self, at: Point) -> Misbehaviour | None:
        """The settings of `close` if it is meant for this point."""
        found = self.active("close")
        return found if found is not None and found.at == at else None

    async def patience(self) -> None:
        """Wait as long as the venue stalls, and once more if it is slow."""
        while "stall" in self._bad:
            await self._better.wait()
        if (slow := self.active("slow")) is not None:
            await asyncio.sleep(slow.delay_ms / 1_000)


class Bend:
    """What misbehaviour makes of one connection's frames: they come twice, late, or among rubbish; none is lost."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._held: list[bytes] = []
        self._rubbish = 0

    def apply(self, frames: Iterable[bytes]) -> list[bytes]:
        """The frames to send instead of these."""
        manners, bent = self._manners, list(frames)
        if not manners.names() and not self._held:
            return bent
        if manners.active("reorder") is None:
            bent, self._held = self._held + bent, []
        else:
            bent = self._held + bent
            if len(bent) < 2:  # one frame alone has no order: it waits for the next
                self._held = bent
                return []
            bent, self._held = bent[::-1], []
        if manners.active("duplicate") is not None:
            bent = [frame for frame in bent for _ in range(2)]
        if manners.active("garbage") is not None:
            mixed = []
            for frame in bent:
                mixed += [GARBAGE[self._rubbish % len(GARBAGE)], frame]
                self._rubbish += 1
            bent = mixed
        return bent


def enormous(size: int) -> bytes:
    """A frame of this many bytes; JSON, so that only its size is wrong."""
    return b'{"padding":"' + b"x" * max(0, size - 14) + b'"}'
