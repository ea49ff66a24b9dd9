"""The tests of a file are read with the rest, and every mistake in them has its line."""

from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError

RULES = "rules: [{id: hot, type: funding, symbols: BTC, above: 0.05%}]\n"
SERIES = "{on: funding_rate, venue: okx, symbol: BTC, field: rate, values: 0.01%}"


def mistakes(folder: Path, *files: str) -> list[str]:
    paths = []
    for number, text in enumerate(files):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as found:
        load(paths, environ={})
    return [str(mistake).replace(f"{folder}/", "") for mistake in found.value.mistakes]


def test_mistakes_have_their_line(tmp_path: Path) -> None:
    text = (
        RULES
        + "tests:\n"
        + f"  - name: a\n    series: [{SERIES}]\n    expect:\n      - {{at: 5x}}\n"
        + "  - name: b\n    series: [{on: funding_rte, venue: okx, field: rate, values: 1}]\n    exspect: []\n"
        + "  - 5\n"
    )

    assert [
        "0.yaml:6:14: tests.0.expect.0.at: '5x' is not a duration; write 30s, 5m, 1h30m or 2d",
        "0.yaml:7:5: tests.1.expect: is missing; add expect: ...",
        "0.yaml:8:19: tests.1.series.0.on: 'funding_rte' is not one we know; did you mean funding_rate?",
        "0.yaml:9:5: tests.1.exspect: is not known here; did you mean expect?",
        "0.yaml:10:5: tests.2: 5 is not a test; write `- name: ...`, and below it `series:` and `expect:`",
    ] == mistakes(tmp_path, text)


def test_rules_and_sinks_must_be_there(tmp_path: Path) -> None:
    text = (
        RULES
        + f"tests:\n  - name: a\n    rules: [hott]\n    series: [{SERIES}]\n"
        + "    expect: [{at: 1m, states: {hto: firing}, messages: {desk: []}}]\n"
    )

    assert [
        "0.yaml:4:13: tests.0.rules.0: there is no rule 'hott'; did you mean hot?",
        "0.yaml:6:37: tests.0.expect.0.states.hto: no rule 'hto'; did you mean hot?",
        "0.yaml:6:63: tests.0.expect.0.messages.desk: there is no sink 'desk'; known: console",
    ] == mistakes(tmp_path, text)


def test_a_test_that_cannot_fail_is_none(tmp_path: Path) -> None:
    """A moment without expectations may begin a new count of messages; a test without any is a mistake."""
    empty = f"  - {{name: a, series: [{SERIES}], expect: [{{at: 1m}}, {{at: 2m}}]}}\n"
    right = f"  - {{name: b, series: [{SERIES}], expect: [{{at: 1m}}, {{at: 2m, states: {{hot: inactive}}}}]}}\n"

    assert ["0.yaml:3:106: tests.0.expect: this test expects nothing; write `states:` or `messages:`"] == mistakes(
        tmp_path, f"{RULES}tests:\n{empty}{right}"
    )


def test_a_block_is_no_list(tmp_path: Path) -> None:
    assert [
        "0.yaml:1:8: tests: 'five' cannot stand here; write a list: each test begins with `- name: ...`"
    ] == mistakes(tmp_path, "tests: five\n")


def test_tests_of_several_files_follow_each_other(tmp_path: Path) -> None:
    """A file of tests beside the file of rules."""
    (tmp_path / "a.yaml").write_text(RULES)
    for name in ("b", "c"):
        (tmp_path / f"{name}.yaml").write_text(
            f"tests:\n  - {{name: {name}, series: [{SERIES}], expect: [{{at: 0s, messages: {{console: []}}}}]}}\n"
        )
    config = load([tmp_path / f"{name}.yaml" for name in "abc"], environ={})

    assert ["b", "c"] == [test.trial.name for test in config.tests]


def test_two_tests_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    """Also in two files: who asks for one by its name gets both, and a failure would not say which."""
    test = f"  - {{name: Calm, series: [{SERIES}], expect: [{{at: 0s, messages: {{console: []}}}}]}}\n"

    assert ["1.yaml:2:12: tests.1.name: another test has this name, in 0.yaml:3:12; say what is so in this one"] == (
        mistakes(tmp_path, f"{RULES}tests:\n{test}", "tests:\n" + test.replace("Calm", "calm"))
    )


def test_one_message_needs_no_list(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        f"{RULES}tests: [{{name: a, series: [{SERIES}], expect: [{{at: 1m, messages: {{console: hot}}}}]}}]\n"
    )

    assert {"console": ["hot"]} == load([file], environ={}).tests[0].trial.expect[0].messages


def test_a_repeat_that_is_written_otherwise_is_answered_with_ours(tmp_path: Path) -> None:
    """At the values, not at the series."""
    for written in ("0.06% x3", "0.06%*3"):
        series = SERIES.replace("0.01%", f"'{written}'")
        expect = "[{at: 1m, states: {hot: firing}}]"
        (said,) = mistakes(tmp_path, f"{RULES}tests: [{{name: a, series: [{series}], expect: {expect}}}]\n")

        assert ": tests.0.series.0.values: " in said
        assert said.endswith("repeats nothing; write 0.06%x3, without a blank")


def test_what_is_known_is_named_once(tmp_path: Path) -> None:
    """Though two rules are called so, which is a mistake of its own."""
    rule = "{id: cascade, type: funding, symbols: BTC, above: 0.05%}"
    test = f"{{name: a, rules: [xyz], series: [{SERIES}], expect: [{{at: 1m, messages: {{console: []}}}}]}}"
    said = mistakes(tmp_path, f"rules: [{rule}, {rule}]\ntests: [{test}]\n")

    assert said[-1].endswith("there is no rule 'xyz'; known: cascade")
