"""The command line as people use it: a process of its own, its words and its exit code."""

import os
import subprocess
from pathlib import Path

from tests.programs import ROOT as ROOT
from tests.programs import done


def typed(*arguments: str, cwd: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run `tocsin ARGUMENTS` to its end."""
    surroundings = {name: value for name, value in os.environ.items() if name != "TOCSIN_CONFIG"}
    surroundings |= {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1", **environ}
    return done(*arguments, cwd=cwd, environ=surroundings)
