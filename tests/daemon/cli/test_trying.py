"""`test`, `backtest`, `import`, `explain` and `record` as people type them."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.daemon.cli.test_check import HEAVY
from tests.daemon.cli.typed import ROOT, typed

RULES = """
rules:
  - {id: hot, type: funding, symbols: [BTC], above: 0.05%}
tests:
  - name: it fires
    series:
      - {on: funding_rate, venue: okx, symbol: BTC, field: rate, values: 0.01% 0.06%}
    expect:
      - {at: 1m, states: {hot: {okx BTC-USDT-PERP: firing warning}}}
  - name: it stays calm
    series:
      - {on: funding_rate, venue: okx, symbol: BTC, field: rate, values: 0.01%x5}
    expect:
      - {at: 4m, states: {hot: inactive}, messages: {console: []}}
"""
PAST = """time,venue,symbol,rate,interval_h
2026-01-05T12:00:00Z,okx,BTC-USDT-PERP,0.01%,8
2026-01-05T13:00:00Z,okx,BTC-USDT-PERP,0.06%,8
2026-01-05T14:00:00Z,okx,BTC-USDT-PERP,0.06%,8
2026-01-05T15:00:00Z,okx,BTC-USDT-PERP,0.01%,8
2026-01-05T16:00:00Z,okx,BTC-USDT-PERP,0.045%,8
"""
SINCE = ("--since", "2026-01-01")


def files(folder: Path, rules: str = RULES) -> None:
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    (folder / "past.csv").write_text(PAST, encoding="utf-8")


def imported(folder: Path) -> str:
    files(folder)
    return typed("import", "past.csv", "--type", "funding_rate", "--db", "past.db", cwd=folder).stdout


def test_tests_that_pass_are_counted(tmp_path: Path) -> None:
    files(tmp_path)
    done, all_named = typed("test", "rules.yaml", cwd=tmp_path), typed("test", "-v", "rules.yaml", cwd=tmp_path)

    assert (0, "2 tests passed\n", "") == (done.returncode, done.stdout, done.stderr)
    assert ["passed  it fires", "passed  it stays calm", "2 tests passed"] == all_named.stdout.splitlines()


def test_a_failing_test_exits_1_and_check_exits_2_at_its_line(tmp_path: Path) -> None:
    files(tmp_path, RULES.replace("0.05%", "0.07%"))
    tested, checked = typed("test", "rules.yaml", cwd=tmp_path), typed("check", "rules.yaml", cwd=tmp_path)

    assert 1 == tested.returncode
    assert "FAILED  it fires  (rules.yaml:5)" == tested.stdout.splitlines()[0]
    assert "1 test passed, 1 failed" == tested.stdout.splitlines()[-1]
    assert 2 == checked.returncode
    assert checked.stdout.startswith("rules.yaml:9:32: tests.0.expect.0.states.hot: the test 'it fires' fails at 1m: ")
    assert "expected okx BTC-USDT-PERP: firing warning, got inactive" in checked.stdout


def test_a_file_without_tests_says_where_to_read_about_them(tmp_path: Path) -> None:
    files(tmp_path, "rules: []\n")
    done = typed("test", "rules.yaml", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stdout)
    assert "no tests are written; see docs/trying-rules.md\n" == done.stderr


def test_checking_a_file_with_tests_imports_nothing_heavy(tmp_path: Path) -> None:
    files(tmp_path)
    code = (
        "import sys; sys.argv = ['tocsin', 'check', 'rules.yaml']\n"
        "from daemon.__main__ import main\n"
        "try: main()\n"
        f"finally: print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "rules.yaml: right. 1 rule, told to console, 2 tests passed" == done.stdout.splitlines()[0]
    assert "" == done.stderr.strip()


def test_importing_twice_doubles_nothing(tmp_path: Path) -> None:
    assert "past.csv: 5 new, 0 were there already\n" == imported(tmp_path)
    assert "past.csv: 0 new, 5 were there already\n" == imported(tmp_path)


def test_rows_that_cannot_be_read_are_said_and_the_others_written(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "past.csv").write_text(PAST + "soon,okx,BTC-USDT-PERP,0.01%,8\n")
    done = typed("import", "past.csv", "--type", "funding_rate", "--db", "past.db", cwd=tmp_path)

    assert 1 == done.returncode
    assert "past.csv: 5 new, 0 were there already, 1 left out\n" == done.stdout
    assert "past.csv:7: time: 'soon' is no time; 1763700000000, 1763700000 or 2025-11-21T04:40:00Z\n" == done.stderr


def test_a_file_that_says_nothing_of_what_it_is_exits_2(tmp_path: Path) -> None:
    files(tmp_path)
    done = typed("import", "past.csv", "--db", "past.db", cwd=tmp_path)

    assert 2 == done.returncode
    assert "past.csv:1: no column says what the rows are; add --type funding_rate, or a column `type`\n" == done.stderr


def test_a_backtest_shows_the_rule_and_its_neighbours(tmp_path: Path) -> None:
    imported(tmp_path)
    done = typed("backtest", "rules.yaml", "--db", "past.db", *SINCE, cwd=tmp_path)
    lines = done.stdout.splitlines()

    assert (0, "") == (done.returncode, done.stderr)
    assert "5 events between 2026-01-05 12:00Z and 2026-01-05 16:00Z" == lines[0]
    assert "messages: 2 to console" == lines[1]
    assert ["hot", "1", "0", "0", "2", "2h"] == lines[4].split()[:6]
    assert [["0.025%", "0.5x", "2"], ["0.04%", "0.8x", "2"], ["0.05%", "yours", "1"], ["0.0625%", "1.25x", "0"]] == [
        line.split()[:3] for line in lines[-5:-1]
    ]
    assert lines[-5].endswith("█" * 24)


def test_a_long_past_says_how_many_days_a_column_is(tmp_path: Path) -> None:
    """A year does not fit into sixty columns; nobody should take one for a day."""
    files(tmp_path)
    (tmp_path / "old.csv").write_text(PAST.replace("2026-01-05", "2025-01-05"), encoding="utf-8")
    for name in ("old.csv", "past.csv"):
        typed("import", name, "--type", "funding_rate", "--db", "past.db", cwd=tmp_path)
    said = [
        typed("backtest", "rules.yaml", "--db", "past.db", "--since", since, "--no-neighbours", cwd=tmp_path).stdout
        for since in ("2025-01-01", "2026-01-01")
    ]

    assert f"hot, fires from 2025-01-05, a week a column: █{' ' * 51}█" == said[0].splitlines()[-1]
    assert "hot, fires by day from 2026-01-05: █" == said[1].splitlines()[-1]


def test_every_message_of_a_backtest_can_be_printed(tmp_path: Path) -> None:
    imported(tmp_path)
    done = typed("backtest", "rules.yaml", "--db", "past.db", *SINCE, "--messages", "--no-neighbours", cwd=tmp_path)

    assert "2026-01-05 13:00Z  console" == done.stdout.splitlines()[0]
    assert "    WARNING  okx BTC-USDT-PERP: longs pay shorts 0.06% per 8 h (limit 0.05%)" == done.stdout.splitlines()[1]
    assert "with other limits" not in done.stdout


def test_a_past_that_is_empty_is_said(tmp_path: Path) -> None:
    imported(tmp_path)
    done = typed(
        "backtest", "rules.yaml", "--db", "past.db", "--since", "2020-01-01", "--until", "2020-02-01", cwd=tmp_path
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert [
        "nothing that these rules look at is stored between 2020-01-01 00:00Z and 2020-02-01 00:00Z",
        "they listen to funding_rate; stored are",
        "  funding_rate of okx BTC-USDT-PERP: 5, from 2026-01-05 12:00Z to 2026-01-05 16:00Z",
    ] == done.stderr.splitlines()


def test_a_past_of_nothing_says_how_to_come_by_one(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "empty.db").touch()
    done = typed("backtest", "rules.yaml", "--db", "empty.db", cwd=tmp_path)

    assert 1 == done.returncode
    assert "nothing at all is stored; `tocsin import` and `tocsin record` give it a past" == done.stderr.splitlines()[1]


def test_a_rule_that_heard_nothing_of_the_past_says_why(tmp_path: Path) -> None:
    """Settled rates, and a rule that listens to predicted ones: in a backtest and in an explanation."""
    files(tmp_path)
    asked = ("--type", "funding_rate", "--set", "is_settled=true")
    typed("import", "past.csv", *asked, "--db", "paid.db", cwd=tmp_path)
    tried = typed("backtest", "rules.yaml", "--db", "paid.db", *SINCE, cwd=tmp_path)
    explained = typed("explain", "hot", "-c", "rules.yaml", "--db", "paid.db", cwd=tmp_path)
    why = "it listens to predicted rates, and those stored are settled; with `rate: settled` it would hear them"

    assert (0, 0) == (tried.returncode, explained.returncode)
    assert f"hot heard nothing of this past: {why}" == tried.stdout.splitlines()[-1]
    assert f"it has nothing to measure: {why}" in explained.stdout.splitlines()


def test_a_stretch_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    files(tmp_path)
    turned = typed("backtest", "rules.yaml", "--since", "2026-02-01", "--until", "2026-01-01", cwd=tmp_path)
    ahead = typed("backtest", "rules.yaml", "--since", "2199-01-01", cwd=tmp_path)

    assert (2, 2) == (turned.returncode, ahead.returncode)
    assert "--since 2026-02-01 00:00Z is not before 2026-01-01 00:00Z; --since is when it begins" in turned.stderr
    assert "--since 2199-01-01 00:00Z is not before now" in ahead.stderr


def test_a_file_without_rules_cannot_be_tried(tmp_path: Path) -> None:
    files(tmp_path, "rules: []\n")
    done = typed("backtest", "rules.yaml", "--db", "past.db", cwd=tmp_path)

    assert (1, "rules.yaml: there are no rules to try; write some under `rules:`\n") == (done.returncode, done.stderr)


def test_a_wrong_moment_or_rule_says_what_would_be_right(tmp_path: Path) -> None:
    files(tmp_path)
    moment = typed("backtest", "rules.yaml", "--since", "monday", cwd=tmp_path)
    rule = typed("backtest", "rules.yaml", "--rule", "hott", cwd=tmp_path)

    assert (2, 2) == (moment.returncode, rule.returncode)
    assert "'monday' is no moment; write 30d for so long ago, 2026-05-01" in moment.stderr
    assert "there is no rule 'hott'; did you mean hot?" in rule.stderr


def test_a_rule_is_explained_from_what_is_stored(tmp_path: Path) -> None:
    imported(tmp_path)
    done = typed("explain", "hot", "-c", "rules.yaml", "--db", "past.db", cwd=tmp_path)
    lines = done.stdout.splitlines()

    assert 0 == done.returncode
    assert "hot: when the predicted funding of BTC is above 0.05% (warning) per 8 h" == lines[0]
    assert ["okx", "BTC-USDT-PERP", "0.045%", "0.05%", "10%", "inactive"] == lines[4].split()[:6]
    assert "it has never fired since what is remembered begins" == lines[-1]


def test_recording_makes_a_database_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"sources": {}, "rules": []}))
    done = typed("record", "past.db", "-c", "rules.yaml", "--for", "100ms", cwd=tmp_path)

    assert 0 == done.returncode
    assert ["recording into past.db", "0 events written"] == [
        line.partition(";")[0] for line in done.stdout.splitlines()
    ]
    assert (tmp_path / "past.db").exists()


def test_what_is_never_kept_cannot_be_recorded(tmp_path: Path) -> None:
    done = typed("record", "past.db", "--type", "trade", cwd=tmp_path)

    assert 2 == done.returncode
    assert "trade is never kept" in done.stderr


def test_a_coin_that_is_none_is_not_listened_to(tmp_path: Path) -> None:
    done = typed("record", "past.db", "--type", "mark_price", "--symbol", "BTCUSDT", cwd=tmp_path)

    assert 2 == done.returncode
    assert "--symbol: 'BTCUSDT' is not how it is spelled here; write BTC, or BTC-USDT-PERP" in done.stderr


def test_a_test_that_there_is_not_is_no_success(tmp_path: Path) -> None:
    """Whoever runs one by its name in a script would never hear that it is gone."""
    files(tmp_path)
    done = typed("test", "rules.yaml", "--only", "it fries", cwd=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "no test's name holds 'it fries'; there are 'it fires', 'it stays calm'" in done.stderr


def test_a_mistake_of_many_rows_is_said_once(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "past.csv").write_text(PAST.replace(",8\n", ",eight\n"))
    done = typed("import", "past.csv", "--type", "funding_rate", "--db", "past.db", cwd=tmp_path)

    assert (1, "past.csv: 0 new, 0 were there already, 5 left out\n") == (done.returncode, done.stdout)
    assert (
        "past.csv:2: interval_h: 'eight' is not a number; write 0.05%, $1.5m or 1500 (and 4 more rows)\n" == done.stderr
    )


def test_warnings_are_said_beside_a_right_file(tmp_path: Path) -> None:
    """With their place and exit code 0."""
    files(tmp_path, "inhibit: [{when: hot, mutes: {kind: depeg}}]\n" + RULES)
    done = typed("check", "rules.yaml", cwd=tmp_path)

    assert 0 == done.returncode
    assert [
        "rules.yaml:1:37: warning: inhibit.0.mutes.kind: mutes nothing, because no rule here is of the kind depeg; "
        "there are funding",
        "rules.yaml: right, with 1 warning. 1 rule, told to console, 2 tests passed",
    ] == done.stdout.splitlines()[:2]


def test_files_may_be_named_as_the_other_commands_have_it(tmp_path: Path) -> None:
    files(tmp_path)
    done = [typed(command, "-c", "rules.yaml", cwd=tmp_path) for command in ("check", "test")]

    assert [0, 0] == [one.returncode for one in done]
    assert done[0].stdout.startswith("rules.yaml: right.")
    assert "2 tests passed\n" == done[1].stdout
