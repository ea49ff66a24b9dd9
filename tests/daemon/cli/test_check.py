"""`tocsin check` as a real process: every mistake and exit code 2, or the rules in sentences and 0."""

import os
import subprocess
import sys
from pathlib import Path

from tests.daemon.cli.typed import ROOT, typed

RIGHT = "sinks: {desk: {url: 'json://x'}}\nrules:\n  - {id: whale, type: liquidation, at_least: $1m, notify: desk}\n"
HEAVY = ("sqlalchemy", "aiohttp", "apprise", "rich", "websockets", "apscheduler", "alembic", "asyncio", "watchfiles")


def test_a_right_file_is_said_in_sentences(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    done = typed("check", "a.yaml", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert [
        "a.yaml: right. 1 rule, told to desk",
        "  whale: when a position in any coin of $1m (warning) or more is liquidated, tells desk",
    ] == done.stdout.splitlines()


def test_a_wrong_file_lists_every_mistake_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "rules:\n  - {id: x, type: funding, symbols: BTC, abvoe: 5bp, above: 0.05}\nlabl: 5\n"
    )
    done = typed("check", "a.yaml", cwd=tmp_path)

    assert 2 == done.returncode
    assert [
        "a.yaml:2:42: rules.0.abvoe: is not known here; did you mean above?",
        "a.yaml:2:61: rules.0.above: 0.05 could mean 0.05% or 5%; write the sign: 0.05%",
        "a.yaml:3:1: labl: is not a section; did you mean label?",
    ] == done.stdout.splitlines()
    assert "3 mistakes\n" == done.stderr


def test_several_files_are_checked_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RIGHT)
    (tmp_path / "b.yaml").write_text("rules: [{id: whale, type: feed_health, notify: dsk}]\n")
    done = typed("check", "a.yaml", "b.yaml", cwd=tmp_path)

    assert 2 == done.returncode
    assert [
        "b.yaml:1:14: rules.1.id: the id 'whale' is taken by a.yaml:3:10; give every rule an id of its own",
        "b.yaml:1:48: rules.1.notify: there is no sink 'dsk'; did you mean desk?",
    ] == done.stdout.splitlines()


def test_the_variable_names_the_file_and_nothing_at_all_is_the_example(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rules: 5\n")

    assert 2 == typed("check", cwd=tmp_path, TOCSIN_CONFIG="a.yaml").returncode
    assert 0 == typed("check", cwd=tmp_path).returncode


def test_a_secret_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("sinks: {a: {url: 'nope://${T}'}, b: {url: 'tgram://${T}'}}\n")
    done = typed("check", "a.yaml", cwd=tmp_path, T="s3cr3t")

    assert 2 == done.returncode
    assert "s3cr3t" not in done.stdout + done.stderr


def test_checking_imports_nothing_heavy(tmp_path: Path) -> None:
    """This is what keeps it under half a second; the time itself is measured in bench/."""
    code = (
        "import sys; sys.argv = ['tocsin', 'check']\n"
        "from daemon.__main__ import main\n"
        "try: main()\n"
        f"finally: print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    environ = {name: value for name, value in os.environ.items() if name != "TOCSIN_CONFIG"} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )

    assert "" == done.stderr.strip()
