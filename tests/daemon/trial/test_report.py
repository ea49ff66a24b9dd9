"""A failing test in words that can be pasted back into the file."""

from pathlib import Path

import yaml

from daemon.trial.report import mistakes, told
from tests.daemon.trial.files import tried

KEY = "binance BTC-USDT-PERP"
FIRED = "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.06% per 8 h (limit 0.05%)"


def pasted(text: str, word: str) -> object:
    """The first block below `expected:` or `got:` as YAML."""
    lines = text.splitlines()
    start = lines.index(f"    {word}:") + 1
    block = []
    for line in lines[start:]:
        if not line.startswith("      "):
            break
        block.append(line)
    return yaml.safe_load("\n".join(block))


def test_states_are_shown_as_they_stand_in_the_file(tmp_path: Path) -> None:
    text = told(tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "states": {"hot": {KEY: "pending"}}}]))

    assert f"FAILED  x  ({tmp_path / 'rules.yaml'}:9)" == text.splitlines()[0]
    assert "  at 3m, hot" in text.splitlines()
    assert {"hot": {KEY: "pending"}} == pasted(text, "expected")
    assert {"hot": {KEY: "firing warning"}} == pasted(text, "got")


def test_what_came_can_be_pasted_and_then_the_test_passes(tmp_path: Path) -> None:
    """Messages of several lines, with colons and all."""
    failed = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "messages": {"console": []}}])
    got = pasted(told(failed), "got")

    assert isinstance(got, dict)
    assert [] == tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "messages": got}]).failures


def test_a_message_that_came_later_says_so(tmp_path: Path) -> None:
    failed = tried(tmp_path, values="0.06%x4", expect=[{"at": "1m", "messages": {"console": [FIRED]}}])

    assert "    it came later, at 1m2s" in told(failed).splitlines()


def test_as_a_mistake_it_points_at_the_line_of_what_was_expected(tmp_path: Path) -> None:
    outcome = tried(
        tmp_path,
        values="0.06%x4",
        expect=[{"at": "3m", "states": {"hot": {KEY: "pending"}}, "messages": {"console": ["other"]}}],
    )
    lines = (tmp_path / "rules.yaml").read_text().splitlines()
    state, message = mistakes([outcome])

    assert lines[state.line - 1].lstrip().startswith(KEY)
    assert "the test 'x' fails at 3m: hot: expected binance BTC-USDT-PERP: pending, got firing warning" == state.what
    assert "- other" in lines[message.line - 1]
    assert f"the first message is expected to say 'other', and says '{FIRED}'" in message.what


def test_the_difference_of_a_message_is_its_first_line_that_differs(tmp_path: Path) -> None:
    expected = f"{FIRED}\nheld 5m\nrule hot · 2026-01-05 12:01:00Z"
    outcome = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "messages": {"console": [expected]}}])
    (mistake,) = mistakes([outcome])

    assert mistake.what.endswith("is expected to say 'held 5m', and says 'held 1m2s'")


def test_too_few_and_too_many_messages_are_counted(tmp_path: Path) -> None:
    many = tried(tmp_path, values="0.01%x4", expect=[{"at": "3m", "messages": {"console": ["a", "b"]}}])
    few = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "messages": {"console": []}}])

    assert mistakes([many])[0].what.endswith("expected 2 messages, got 0")
    assert mistakes([few])[0].what.endswith(f"one that nobody expected: '{FIRED}'")


def test_a_file_without_failures_has_no_mistakes(tmp_path: Path) -> None:
    assert [] == mistakes([tried(tmp_path, values="0.01%", expect=[{"at": "0s", "states": {"hot": "inactive"}}])])


def test_a_key_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    """A trader writes the coin where the key is the venue and the contract."""
    outcome = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "states": {"hot": {"BTC": "firing"}}}])

    assert "    its keys are binance BTC-USDT-PERP" in told(outcome).splitlines()
    assert "expected BTC: firing, got inactive (its keys are binance BTC-USDT-PERP)" in mistakes([outcome])[0].what


def test_a_rule_that_hears_none_of_the_series_says_what_it_listens_to(tmp_path: Path) -> None:
    price = {"on": "mark_price", "venue": "okx", "symbol": "BTC", "field": "price", "values": "6"}
    outcome = tried(tmp_path, values="", series=[price], expect=[{"at": "1m", "states": {"hot": "firing"}}])

    assert "it listens to funding_rate" in mistakes([outcome])[0].what


def test_a_message_that_differs_in_its_blanks_says_so(tmp_path: Path) -> None:
    """Two stand behind the severity, and nobody sees it."""
    single = FIRED.replace("WARNING  ", "WARNING ")
    late = tried(tmp_path, values="0.06%x4", expect=[{"at": "1m", "messages": {"console": [single]}}])
    wrong = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "messages": {"console": [single]}}])

    assert f"the first message differs in its blanks alone; it says '{FIRED}'" in mistakes([wrong])[0].what
    assert "    it came later, at 1m2s" in told(late).splitlines()
