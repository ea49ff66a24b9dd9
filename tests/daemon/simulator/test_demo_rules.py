"""The rules of the demo and the tour belong together: played here on a virtual clock, without a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.simulator import acts, box, scenario
from daemon.simulator.world import World
from rules.alerts import Change, Transition
from rules.engine import Engine
from tests.daemon.simulator.far_end import NOW_MS

RULES = Path(box.__file__).with_name("rules.demo.yaml")


def told(name: str, until_ms: int, *, from_ms: int = 0) -> Iterator[tuple[int, Transition]]:
    """What the demo's rules make of a scenario, and when; a daemon that starts at `from_ms` has missed what was before."""
    written = scenario.load(name)
    world, script = World(1, NOW_MS, written.market.pace()), scenario.Script(written)
    engine = Engine()
    engine.swap([spec.compile() for spec in load([RULES]).rules], NOW_MS + from_ms)
    for elapsed_ms in range(0, until_ms + 1, written.tick_ms):
        for act in script.due(elapsed_ms):
            if not isinstance(act, acts.MisbehaveAct):
                world.perform(act, NOW_MS + elapsed_ms)
        said = world.step(NOW_MS + elapsed_ms)
        if elapsed_ms < from_ms:
            continue
        changes = engine.tick(NOW_MS + elapsed_ms)
        for feed, events in said.items():
            for event in events if feed != "datamaxi" else ():
                changes += engine.observe(event, NOW_MS + elapsed_ms)
        yield from ((elapsed_ms, change) for change in changes)


@pytest.mark.parametrize("from_ms", [0, 3_000, 8_000])
def test_each_kind_of_alarm_rings_within_fifteen_seconds(from_ms: int) -> None:
    """Also for a daemon that needed some seconds to start."""
    fired = {
        change.alert.rule_id
        for _, change in told("tour", from_ms + 15_000, from_ms=from_ms)
        if change.change is Change.FIRED
    }

    assert {"hot-funding", "usd-depeg", "cascade"} <= fired


def test_every_alarm_of_a_round_is_over_before_the_next_begins() -> None:
    """Whoever watches sees each of them clear, and none rings on for ever."""
    ringing: dict[str, tuple[str, dict[str, str]]] = {}
    for at_ms, change in told("tour", 120_000):
        alert = change.alert
        if alert.is_momentary:
            continue
        if at_ms >= 90_000:
            break
        if change.change is Change.FIRED:
            ringing[alert.episode_id] = alert.rule_id, alert.key
        elif change.change is Change.CLEARED:
            del ringing[alert.episode_id]

    assert {} == ringing
    assert at_ms >= 90_000, "the second round rings too"


def test_one_source_alone_does_not_ring_for_a_large_coin() -> None:
    """At 45 s CoinGecko alone says that USDT is worth 0.93."""
    depegs = {change.alert.key["coin"] for _, change in told("tour", 90_000) if change.alert.rule_id == "usd-depeg"}

    assert {"USDE", "DAI"} == depegs


def test_nothing_rings_in_a_calm_market() -> None:
    assert [] == [change for _, change in told("calm", 300_000) if change.change is Change.FIRED]
