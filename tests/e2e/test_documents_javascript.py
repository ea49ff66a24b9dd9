"""The documents' own JavaScript, run by Node against the demo: every channel yields what its table says.

Of each example only the host is changed, and `x-api-key` is put in quotes: printed without, it is no JavaScript.
"""

import asyncio
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.process import tocsin
from tests.patience import PATIENCE_S

DOCUMENT = Path(__file__).resolve().parents[3] / "shared/spec/002_116532b51a95936a.txt"
NODE, MODULES = shutil.which("node"), os.environ.get("TOCSIN_TEST_NODE_MODULES")

pytestmark = [
    pytest.mark.skipif(not DOCUMENT.exists(), reason="the documents are not here"),
    pytest.mark.skipif(NODE is None or MODULES is None, reason="no Node with the package ws"),
]


@dataclass(frozen=True)
class Example:
    """One channel as the document describes it."""

    channel: str
    script: str
    fields: frozenset[str]  # the names of its table
    asked: dict[str, str]  # what it names: instrument and exchange, or nothing


def examples() -> Iterator[Example]:
    """Every example, with the table that stands above it."""
    if not DOCUMENT.exists():
        return
    for section in re.split(r"^## (?!#)", DOCUMENT.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        script = re.search(r"```(?:javascript[^\n]*)?\n(const WebSocket.*?)```", section, re.DOTALL)
        response = section.partition("### Response")[2]
        if script is None or not response:
            continue
        channel = re.search(r"market:futures:[\w:]+", script[1])
        assert channel is not None
        fields = re.findall(r"^\| (\w+)(?:\\\[\d\])? +\|", response, re.MULTILINE)
        asked = dict(re.findall(r"'(instrument|exchange)': '(\w+)'", script[1]))
        yield Example(channel[0], script[1], frozenset(fields) - {"Field"}, asked)


EXAMPLES = {example.channel: example for example in examples()}


def test_the_document_has_ten_channels() -> None:
    assert 10 == len(EXAMPLES)


def here(script: str, port: int) -> str:
    """The example with another host, and its header's name in quotes."""
    script = re.sub(r"wss://ws\.amberdata\.(?:com|io)", f"ws://127.0.0.1:{port}", script)
    return script.replace("{x-api-key:", "{'x-api-key':")


def results(frame: dict[str, Any]) -> list[dict[str, Any]]:
    """What a data frame carries: one object, or several."""
    if frame.get("method") != "subscription":
        return []
    result = frame["params"]["result"]
    return result if isinstance(result, list) else [result]


async def frames(script: str, folder: Path) -> AsyncGenerator[dict[str, Any], None]:
    """What the script prints: one JSON document after the other, each over several lines."""
    file = folder / "example.js"
    file.write_text(script, "utf-8")
    assert NODE is not None and MODULES is not None
    node = await asyncio.create_subprocess_exec(
        NODE,
        str(file),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NODE_PATH": MODULES},
        limit=1 << 22,
        start_new_session=True,
    )
    assert node.stdout is not None
    text = ""
    try:
        while line := (await node.stdout.readline()).decode():
            text += line
            if line.rstrip() == "}":
                yield json.loads(text)
                text = ""
        raise AssertionError(f"Node ended: {text}")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGKILL)  # what is called node may have begun the real one
        await node.communicate()


async def test_every_example_yields_the_documented_fields(tmp_path: Path) -> None:
    """All ten at once, as ten clients of one demo."""
    demo = ("demo", "--port", "0", "--db", tmp_path / "demo.db")
    async with tocsin(*demo, home=tmp_path) as running:
        port = int((await running.url()).rpartition(":")[2].strip("/"))

        async def first(example: Example) -> dict[str, Any]:
            folder = tmp_path / example.channel.replace(":", "_")
            folder.mkdir()
            async with aclosing(frames(here(example.script, port), folder)) as said:
                async for frame in said:
                    assert "error" not in frame, (example.channel, frame)
                    for result in results(frame):
                        return result
            raise AssertionError(example.channel)

        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.gather(*map(first, EXAMPLES.values()))

    for example, result in zip(EXAMPLES.values(), found, strict=True):
        printed = result.keys() - {"markPrice", "insertionTimestamp"}  # of which some are in the sample alone
        assert printed <= example.fields, example.channel
        assert set() == example.fields - result.keys(), example.channel
        assert example.asked.items() <= result.items(), example.channel
