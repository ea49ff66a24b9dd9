"""Who is told what is read from the file alone, and is what the daemon's own sinks would say."""

from pathlib import Path

import pytest

from daemon.trial.policy import late_after_ms, rehearsed_policy
from rules.alerts import Severity
from sinks.post import open_session
from sinks.registry import build
from tests.daemon.trial.files import configured

URLS = {
    "console": "console://",
    "telegram": "tgram://123456:AAE-x/-1001",
    "webhook": "slack://TAAAAAAAA/BAAAAAAAA/aaaaaaaaaaaaaaaaaaaaaaaa",
    "bot": "slack://xoxb-1-2-x/C0123456789",
    "other": "json://127.0.0.1/hook",
}


@pytest.mark.parametrize("name", URLS)
async def test_a_sink_lets_messages_be_changed_here_as_there(tmp_path: Path, name: str) -> None:
    config = configured(tmp_path, sinks={name: {"url": URLS[name]}})
    async with open_session() as session:
        sink = build(name, URLS[name], session=session)
        try:
            assert sink.can_edit == rehearsed_policy(config, ()).sinks[name].can_edit
        finally:
            await sink.aclose()


def test_what_the_file_says_of_a_sink_counts(tmp_path: Path) -> None:
    told = {"url": URLS["telegram"], "edit": False, "min_severity": "critical", "late_after": "5m"}
    config = configured(tmp_path, sinks={"phone": told})
    (sink,) = rehearsed_policy(config, ()).sinks.values()

    assert (False, Severity.CRITICAL) == (sink.can_edit, sink.min_severity)
    assert {"phone": 300_000} == late_after_ms(config)
