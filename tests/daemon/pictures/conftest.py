"""What drawing needs: time."""

import pytest

from daemon.pictures import series
from tests.patience import PATIENCE_S


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine reads slowly, and has its points all the same."""
    monkeypatch.setattr(series, "PATIENCE_S", PATIENCE_S)
