"""A file whose tests fail is refused: by `check`, and by a reload, which runs them first."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.config.reload import Refused, Reloaded, reloads
from daemon.trial.rehearsal import rehearse
from tests.daemon.lanes import until
from tests.daemon.town import Home
from tests.daemon.trial.files import HOT, RATE, configured, written

KEY = "binance BTC-USDT-PERP"


def expecting(state: str) -> dict[str, Any]:
    return {
        "name": "x",
        "series": [{**RATE, "values": "0.06%x4"}],
        "expect": [{"at": "3m", "states": {"hot": {KEY: state}}}],
    }


def test_what_passes_is_counted(tmp_path: Path) -> None:
    assert 1 == rehearse(configured(tmp_path, rules=[HOT], tests=[expecting("firing warning")]))
    assert 0 == rehearse(configured(tmp_path, rules=[HOT]))


def test_what_fails_is_a_mistake_with_a_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rules.yaml:\d+:\d+: tests.0.expect.0.states.hot.*fails at 3m"):
        rehearse(configured(tmp_path, rules=[HOT], tests=[expecting("pending")]))


async def test_a_reload_runs_the_tests_first(tmp_path: Path) -> None:
    """A rule that no longer does what its test says replaces nothing; the same rule with its test mended does."""
    file = written(tmp_path, rules=[HOT], tests=[expecting("firing warning")])
    config = load([file], environ={})
    milder = {**HOT, "above": "0.07%"}
    async with aclosing(reloads(config, environ={}, rehearse=rehearse, look_anyway_s=0.05)) as answers:
        async with asyncio.timeout(8):
            written(tmp_path, rules=[milder], tests=[expecting("firing warning")])
            refused = await anext(answers)
            written(tmp_path, rules=[milder], tests=[expecting("inactive")])
            reloaded = await anext(answers)

    assert isinstance(refused, Refused)
    assert "expected binance BTC-USDT-PERP: firing warning, got inactive" in str(refused.error)
    assert isinstance(reloaded, Reloaded)


async def test_a_running_daemon_keeps_its_rules_when_the_saved_ones_fail_their_test(tmp_path: Path) -> None:
    """And says at which line."""
    home = Home(tmp_path, None, rules=[HOT], sinks={"console": {"url": "console://"}})
    async with home.living() as house:
        home.write(rules=[{**HOT, "above": "0.08%"}], tests=[expecting("firing warning")])
        await until(lambda: bool(home.said))

        assert "tests.0.expect.0.states.hot" in home.said[0]
        assert (0.0005,) == house.rules["hot"].ladder.shown

        home.write(tests=[expecting("inactive")])
        await until(lambda: house.rules["hot"].ladder.shown == (0.0008,))
