"""Real answers, recorded beside the project; a test that needs one skips where there is none."""

import json
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/recordings/rest"


def recorded(name: str) -> bytes:
    """The bytes of a recording."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    return path.read_bytes()


def sample(name: str, question: str) -> bytes:
    """One answer out of a file that holds several, by what was asked."""
    answers: dict[str, Any] = json.loads(recorded(name))
    return json.dumps(answers[question]).encode()
