"""The command line as people use it: a process of its own, its words and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]


def typed(*arguments: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `tocsin ARGUMENTS` to its end."""
    surroundings = {name: value for name, value in os.environ.items() if name != "TOCSIN_CONFIG"}
    return subprocess.run(
        [sys.executable, "-P", "-m", "daemon", *arguments],
        cwd=cwd,
        env={**surroundings, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
