"""The door: help that reads well, exit codes, and strangers that took our package names."""

import subprocess
import sys
from pathlib import Path

import daemon.__main__ as door
from tests.daemon.cli.typed import ROOT, typed

COMMANDS = [
    "run",
    "demo",
    "check",
    "test",
    "backtest",
    "explain",
    "fields",
    "schema",
    "events",
    "record",
    "import",
    "status",
    "outbox",
    "silences",
    "sinks",
    "keys",
]


def test_the_help_lists_the_commands_in_the_order_people_need_them(tmp_path: Path) -> None:
    done = typed("--help", cwd=tmp_path)
    listed = done.stdout.partition("Commands:\n")[2].splitlines()

    assert 0 == done.returncode
    assert COMMANDS == [line.split()[0] for line in listed]
    assert not [line for line in listed if line.endswith("...")]


def test_the_version_is_said(tmp_path: Path) -> None:
    assert typed("--version", cwd=tmp_path).stdout.startswith("tocsin ")


def test_every_command_has_help(tmp_path: Path) -> None:
    for command in COMMANDS:
        assert f"Usage: tocsin {command}" in typed(command, "--help", cwd=tmp_path).stdout


def test_a_typing_mistake_is_answered_with_the_nearest_command(tmp_path: Path) -> None:
    done = typed("chek", cwd=tmp_path)

    assert 2 == done.returncode
    assert "there is no command 'chek'; did you mean check?" in done.stderr


def test_run_with_a_wrong_file_never_starts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("server: {port: many}\n")
    done = typed("run", "-c", "a.yaml", cwd=tmp_path)

    assert 2 == done.returncode
    assert done.stderr.startswith("a.yaml:1:16: server.port: 'many' cannot stand here")


def test_each_package_is_our_own() -> None:
    assert door._stranger() is None


def test_a_stranger_with_our_name_is_named(tmp_path: Path) -> None:
    """python-daemon installs a package called daemon, Django has one called rules: either could stand in front."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "__init__.py").write_text("")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; from daemon.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert f"'rules' was loaded from {tmp_path / 'rules'}, which is not ours" in done.stderr
