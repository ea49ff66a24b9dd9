"""The supervisor waits when the world stumbles and stops when we do."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.supervisor import Busy, Refused, Supervisor, Transient


class Script:
    """A service that does one act after another."""

    def __init__(self, *acts: Exception | Callable[["Script"], None] | None) -> None:
        self.on_well: Callable[[], None] = lambda: None
        self._acts = list(acts)

    @property
    def name(self) -> str:
        return "script"

    async def run(self) -> None:
        act = self._acts.pop(0)
        if isinstance(act, Exception):
            raise act
        if act is not None:
            act(self)


def well_then(exc: Exception) -> Callable[[Script], None]:
    def act(script: Script) -> None:
        script.on_well()
        raise exc

    return act


class Waits:
    """A sleep that only writes down for how long."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def longest(_low: float, high: float) -> float:
    return high


async def test_waits_double_up_to_the_cap() -> None:
    """The ceiling doubles; full jitter draws from nothing up to it."""
    waits = Waits()
    stumbles = [Transient("no route")] * 9

    await Supervisor(uniform=longest, sleep=waits).keep(Script(*stumbles, None))

    assert waits.seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@settings(deadline=None)
@given(st.integers(0, 200), st.floats(0, 1), st.none() | st.floats(0, 1e5))
def test_no_wait_is_above_the_cap_unless_the_far_end_asked_for_it(
    failures: int, share: float, advice_s: float | None
) -> None:
    """Advice is a lower bound; without it the cap holds for ever."""
    waits = Waits()
    keeper = Supervisor(uniform=lambda low, high: low + share * (high - low), sleep=waits)

    asyncio.run(keeper.keep(Script(*[Busy("later", retry_after_s=advice_s)] * failures, None)))

    assert failures == len(waits.seconds)
    assert all((advice_s or 0.0) <= wait_s <= max(60.0, (advice_s or 0.0) + 1.0) for wait_s in waits.seconds)


async def test_a_service_that_breaks_as_soon_as_it_is_well_is_asked_less_and_less_often() -> None:
    """A far end that accepts and drops us at once must not be asked every second."""
    waits = Waits()
    dropped = well_then(Transient("dropped"))

    await Supervisor(uniform=longest, sleep=waits).keep(Script(dropped, dropped, dropped, None))

    assert waits.seconds == [1, 2, 4]


async def test_a_service_that_was_well_for_long_starts_again_at_the_shortest_wait() -> None:
    """One drop a day is not a reason to wait a minute."""
    waits = Waits()
    dropped = well_then(Transient("dropped"))

    await Supervisor(uniform=longest, sleep=waits, calm_s=0.0).keep(Script(dropped, dropped, dropped, None))

    assert waits.seconds == [1, 1, 1]


async def test_the_log_speaks_once_when_it_breaks_and_once_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    """With a count in between."""
    caplog.set_level(logging.INFO)
    stumbles = [Transient("no route")] * 5

    await Supervisor(uniform=longest, sleep=Waits()).keep(Script(*stumbles, lambda script: script.on_well()))

    assert [record.message for record in caplog.records] == ["service stumbled", "service is back"]
    assert getattr(caplog.records[1], "stumbles", None) == 5


async def test_what_is_refused_is_tried_again_rarely_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A key may be enabled an hour later; until then nobody is hammered, and the others go on."""
    waits, others = Waits(), Waits()
    refusals = [Refused("the key is wrong")] * 6

    await Supervisor(uniform=longest, sleep=waits).keep(Script(*refusals, lambda script: script.on_well()))
    await Supervisor(uniform=longest, sleep=others).keep(Script(Transient("no route"), None))

    assert [300, 600, 1200, 2400, 3600, 3600] == [sum(pair) for pair in zip(*[iter(waits.seconds)] * 2, strict=True)]
    assert [1] == others.seconds
    assert [vars(r)["error"] for r in caplog.records if r.levelno == logging.ERROR] == ["the key is wrong"]


async def test_the_waits_of_those_who_were_refused_differ() -> None:
    """Or several feeds of one key would knock together for ever."""
    waits = Waits()

    await Supervisor(uniform=lambda low, _: low, sleep=waits).keep(Script(Refused("no"), Refused("no"), None))

    assert 150 + 300 == sum(waits.seconds)


@pytest.mark.parametrize("nudged_after_s", [0.0, 59.0, 61.0, 290.0])
async def test_a_nudge_brings_the_next_try_forward_but_not_below_a_minute(nudged_after_s: float) -> None:
    """A person has saved a file, or other things are wanted; both may happen every second."""
    clock = Passing()
    keeper = Supervisor(uniform=longest, sleep=clock.sleep)
    tried_s: list[float] = []

    def note(script: Script) -> None:
        tried_s.append(clock.now_s)

    keeping = asyncio.create_task(keeper.keep(Script(Refused("not enabled yet"), note)))
    await clock.passes(nudged_after_s)
    keeper.nudge()
    await clock.passes(300.0 - nudged_after_s)
    await keeping

    assert [max(60.0, nudged_after_s)] == tried_s


class Passing:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        self._sleepers.append((self.now_s + seconds, over))
        await over.wait()

    async def passes(self, seconds: float) -> None:
        """Wake everybody whose time comes, one after the other."""
        end_s = self.now_s + seconds
        await self._settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end_s]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.now_s = max(self.now_s, first[0])
            first[1].set()
            await self._settle()
        self.now_s = end_s

    async def _settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def test_our_bug_stops_the_house() -> None:
    """Loudly, with its own traceback."""
    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor(sleep=asyncio.sleep).run(
            [Script(ZeroDivisionError("ours")), Script(Busy("x", retry_after_s=1e6))]
        )

    assert [ZeroDivisionError] == [type(exc) for exc in caught.value.exceptions]


async def test_a_cancelled_house_ends_at_once() -> None:
    """Even in the middle of a long wait."""
    task = asyncio.create_task(Supervisor().run([Script(Busy("later", retry_after_s=1e6))]))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
