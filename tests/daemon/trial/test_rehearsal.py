"""A file whose tests fail is refused: by `check`, and by a reload, which runs them first."""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.config.reload import Refused, Reloaded, reloads
from daemon.reloading import warn_of_failures
from daemon.trial.rehearsal import rehearse
from tests.daemon.lanes import until
from tests.daemon.town import Home
from tests.daemon.trial.files import HOT, RATE, configured, written
from tests.patience import PATIENCE_S

KEY = "binance BTC-USDT-PERP"


def expecting(state: str, name: str = "x") -> dict[str, Any]:
    return {
        "name": name,
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
        async with asyncio.timeout(PATIENCE_S):
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


async def test_a_start_with_failing_tests_is_said_and_not_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line that names the first, while the house lives already; none for a file whose tests pass."""
    home = Home(tmp_path, None, rules=[HOT], sinks={"console": {"url": "console://"}})
    home.write(tests=[expecting("pending"), expecting("firing warning", "y"), expecting("inactive", "z")])
    with caplog.at_level(logging.WARNING):
        async with home.living() as house:
            await until(lambda: bool(_warned(caplog)))
            assert {"hot"} == set(house.rules)
        home.write(tests=[expecting("firing warning")])
        async with home.living():
            await until(lambda: not [one for one in asyncio.all_tasks() if one.get_name() == "rehearsal"])
    (line,) = _warned(caplog)

    assert (logging.WARNING, 2) == (line.levelno, line.__dict__["failures"])
    assert "tests.0.expect.0.states.hot: the test 'x' fails at 3m" in line.__dict__["first"]


async def test_what_is_doubtful_is_said_at_a_start_and_at_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log and where the difference is said; what was saved is used all the same."""
    mute = {"when": "hot", "mutes": {"kind": "depeg"}}
    home = Home(tmp_path, None, rules=[HOT], sinks={"console": {"url": "console://"}})
    home.write(inhibit=[mute])
    with caplog.at_level(logging.WARNING):
        async with home.living() as house:
            await until(lambda: any("may not be what is meant" in record.message for record in caplog.records))
            home.write(rules=[{**HOT, "above": "0.08%"}])
            await until(lambda: house.rules["hot"].ladder.shown == (0.0008,))
            await until(lambda: bool(home.said))

    assert "warning: inhibit.0.mutes.kind: mutes nothing, because no rule here is of the kind depeg" in home.said[0]


async def test_a_rehearsal_that_breaks_stops_no_house(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bug of ours, here in a test without its parts: it is in the log, and nothing is raised."""
    config = replace(configured(tmp_path, rules=[HOT]), tests=cast(Any, [None]))

    await warn_of_failures(config)

    (record,) = [one for one in caplog.records if one.message == "tests of the configuration could not be run"]
    assert record.exc_info is not None


def _warned(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    message = "tests of the configuration fail, and it runs all the same"
    return [record for record in caplog.records if record.message == message]
