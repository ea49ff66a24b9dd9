"""The pages of the documents: their blocks, their prose, and what stands in for secrets in their examples."""

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(page.read_text("utf-8")) if kind == language]


def stand_in(name: str) -> str:
    """A secret of the right form."""
    telegram = {"TELEGRAM_BOT": "123456:AAE-x", "TELEGRAM_CHAT": "-1001", "TELEGRAM_GROUP": "-1002"}
    return (telegram | {"SLACK_BOT": "xoxb-1-2-x", "SLACK_APP": "xapp-1-A1-2-x"}).get(name, "x1y2")


def made(text: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of a page's text, under the name that the page gives it."""
    file = folder / f"{name.replace('.', '_')}.py"
    file.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module
