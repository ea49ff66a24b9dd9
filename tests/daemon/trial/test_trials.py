"""Tests of a rules file, run: states and exact messages, by the daemon's own engine and post."""

from pathlib import Path

from daemon.config.load import example_file, load
from daemon.trial.trials import run_all
from rules.kinds import KINDS
from tests.daemon.trial.files import HOT, RATE, configured, tried

WARNING = """WARNING  binance BTC-USDT-PERP: longs pay shorts 0.06% per 8 h (limit 0.05%)
held 1m2s
rule hot · 2026-01-05 12:02:00Z"""
CLEARED = "CLEARED  binance BTC-USDT-PERP: longs pay shorts 0.01% per 8 h (limit 0.05%)"
KEY = "binance BTC-USDT-PERP"


def test_states_and_messages_that_are_so_fail_nothing(tmp_path: Path) -> None:
    outcome = tried(
        tmp_path,
        values="0.01% 0.06%x3 0.01%",
        expect=[
            {"at": "0s", "states": {"hot": "inactive"}},
            {"at": "1m", "states": {"hot": {KEY: "pending"}}},
            {"at": "3m", "states": {"hot": {KEY: "firing warning"}}, "messages": {"console": [WARNING]}},
            {"at": "4m5s", "states": {"hot": "inactive"}, "messages": {"console": [CLEARED]}},
        ],
    )

    assert [] == outcome.failures
    assert 5 == outcome.events


def test_a_state_without_a_severity_is_content_with_any(tmp_path: Path) -> None:
    assert [] == tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "states": {"hot": "firing"}}]).failures


def test_a_wrong_state_is_shown_beside_what_came(tmp_path: Path) -> None:
    outcome = tried(tmp_path, values="0.06%x4", expect=[{"at": "3m", "states": {"hot": {KEY: "pending"}}}])
    (failure,) = outcome.failures

    assert (f"{KEY}: pending",) == failure.expected
    assert (f"{KEY}: firing warning",) == failure.got
    assert 180_000 == failure.at_ms


def test_keys_that_are_left_out_must_be_inactive(tmp_path: Path) -> None:
    """Else a test would not notice that everything fires."""
    other = {**RATE, "venue": "okx", "values": "0.06%x4"}
    outcome = tried(
        tmp_path,
        values="0.06%x4",
        series=[{**RATE, "values": "0.06%x4"}, other],
        expect=[{"at": "3m", "states": {"hot": {KEY: "firing"}}}],
    )

    assert [("okx BTC-USDT-PERP: inactive",), ("okx BTC-USDT-PERP: firing warning",)] == [
        tuple(line for line in items if "okx" in line)
        for items in (outcome.failures[0].expected, outcome.failures[0].got)
    ]


def test_a_message_nobody_expected_fails_the_test(tmp_path: Path) -> None:
    """After the last moment, too."""
    outcome = tried(tmp_path, values="0.06%x4 0.01%", expect=[{"at": "3m", "messages": {"console": [WARNING]}}])

    assert [("rule hot · 2026-01-05 12:02:00Z", "rule hot · 2026-01-05 12:01:00Z"), ("", CLEARED)] == [
        (
            failure.expected[0].splitlines()[-1] if failure.expected else "",
            failure.got[0].splitlines()[-1 if failure.expected else 0],
        )
        for failure in outcome.failures
    ]


def test_a_message_that_comes_later_says_when(tmp_path: Path) -> None:
    """A warning waits two seconds for others like it."""
    outcome = tried(
        tmp_path,
        values="0.06%x4",
        expect=[
            {
                "at": "1m",
                "messages": {
                    "console": ["WARNING  binance BTC-USDT-PERP: longs pay shorts 0.06% per 8 h (limit 0.05%)"]
                },
            }
        ],
    )

    assert 62_000 == outcome.failures[0].later_ms


def test_a_label_of_the_daemon_is_not_expected(tmp_path: Path) -> None:
    """A rule is the same in STAGING, and so is its test."""
    outcome = tried(
        tmp_path,
        values="0.06%x4",
        expect=[{"at": "3m", "messages": {"console": [WARNING.replace("12:02:00Z", "12:01:00Z")]}}],
        label="STAGING",
    )

    assert [] == outcome.failures


def test_a_sink_that_the_test_never_names_is_not_looked_at(tmp_path: Path) -> None:
    outcome = tried(
        tmp_path,
        values="0.06%x4",
        sinks={"desk": {"url": "console://"}, "phone": {"url": "console://", "min_severity": "critical"}},
        expect=[{"at": "3m", "messages": {"phone": []}}],
    )

    assert [] == outcome.failures


def test_a_cooldown_keeps_the_second_fire_quiet(tmp_path: Path) -> None:
    outcome = tried(
        tmp_path,
        values="0.06%x2 0.01% 0.06%x2 0.01%",
        rules=[{**HOT, "for": "0s", "cooldown": "1h"}],
        expect=[
            {
                "at": "10m",
                "messages": {
                    "console": [
                        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.06% per 8 h (limit 0.05%)",
                        CLEARED,
                    ]
                },
            }
        ],
    )

    assert [] == outcome.failures


def test_quiet_hours_end_in_a_digest(tmp_path: Path) -> None:
    """At seven by Berlin's clocks, which in January are an hour ahead."""
    sinks = {"phone": {"url": "console://", "quiet": {"from": "23:00", "to": "07:00", "tz": "Europe/Berlin"}}}
    outcome = tried(
        tmp_path,
        start="2026-01-05 22:30",
        values="0.06%x4",
        sinks=sinks,
        expect=[{"at": "7h29m59s", "messages": {"phone": []}}, {"at": "7h31m", "messages": {"phone": ["?"]}}],
    )
    (failure,) = outcome.failures

    assert 1 == len(failure.got)
    assert KEY in failure.got[0]


def test_four_alike_become_one_message(tmp_path: Path) -> None:
    """Up to three come one by one."""
    venues = ["binance", "bybit", "okx", "gate"]
    for count, messages in ((3, 3), (4, 1)):
        series = [{**RATE, "venue": venue, "values": "0.06%x3"} for venue in venues[:count]]
        outcome = tried(
            tmp_path, values="", series=series, expect=[{"at": "2m", "messages": {"console": ["?"] * messages}}]
        )

        assert messages == len(outcome.failures[0].got)


def test_only_the_rules_that_a_test_names_run(tmp_path: Path) -> None:
    config = configured(
        tmp_path,
        rules=[HOT, {**HOT, "id": "other"}],
        tests=[
            {
                "name": "x",
                "rules": ["other"],
                "series": [{**RATE, "values": "0.06%x4"}],
                "expect": [{"at": "3m", "messages": {"console": ["?"]}}],
            }
        ],
    )
    (outcome,) = run_all(config)

    assert 1 == len(outcome.failures[0].got)
    assert "rule other" in outcome.failures[0].got[0]


def test_tests_are_chosen_by_words_of_their_name(tmp_path: Path) -> None:
    test = {"series": [{**RATE, "values": "0.06%"}], "expect": [{"at": "0s", "states": {"hot": "firing warning"}}]}
    config = configured(tmp_path, rules=[HOT], tests=[{**test, "name": "one"}, {**test, "name": "Another"}])

    assert ["Another"] == [outcome.test.trial.name for outcome in run_all(config, only="other")]


def test_the_example_has_a_passing_test_for_each_of_its_rules() -> None:
    config = load([example_file()], environ={})
    outcomes = list(run_all(config))
    tried_rules = {rule for outcome in outcomes for rule in outcome.test.trial.rules or ()}

    assert [] == [failure for outcome in outcomes for failure in outcome.failures]
    assert {spec.id for spec in config.rules} == tried_rules
    assert {spec.type for spec in config.rules} <= set(KINDS)
