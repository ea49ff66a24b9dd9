"""Rules files for the tests of daemon/trial/."""

from pathlib import Path
from typing import Any

import yaml

from daemon.config.load import load
from daemon.config.model import Config
from daemon.trial.trials import Outcome, run_all

HOT: dict[str, Any] = {"id": "hot", "type": "funding", "symbols": ["BTC"], "above": "0.05%", "for": "1m"}
RATE: dict[str, Any] = {"on": "funding_rate", "venue": "binance", "symbol": "BTC", "field": "rate"}


def written(folder: Path, **sections: Any) -> Path:
    """A file with these sections."""
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
    return file


def configured(folder: Path, **sections: Any) -> Config:
    return load([written(folder, **sections)], environ={})


def tried(folder: Path, *, values: str, expect: list[dict[str, Any]], **more: Any) -> Outcome:
    """What becomes of one test of one funding series under one rule, or of what `more` says."""
    names: tuple[str, ...] = ("sinks", "rules", "routes", "inhibit", "label")
    sections: dict[str, Any] = {key: more.pop(key) for key in names if key in more}
    test = {"name": "x", "series": [{**RATE, "values": values}], "expect": expect, **more}
    everything: dict[str, Any] = {"rules": [HOT], **sections, "tests": [test]}
    (outcome,) = run_all(configured(folder, **everything))
    return outcome
