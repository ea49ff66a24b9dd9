"""The tutorial's own Python script against the demo: nothing is changed but the host and its threshold.

Its text is taken from the document where that lies beside the project; the copy there has lost its indentation, which is
put back line by line.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.process import ROOT, tocsin
from tests.patience import PATIENCE_S

DOCUMENT = ROOT.parent / "shared/spec/004_7677412358566a24.txt"
CONNECT = (0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 2, 2, 1, 2, 3, 3, 3, 2, 2, 3, 3)  # indentation of each line
ALERT = (0, 0, 1, 2, 2, 1, 1, 2, 1, 1, 2, 2, 1)
BROADCAST = re.compile(r"^\[ +(\w+)\] (\S+) +([+-]\d+\.\d{4})% \((?:LONGS|SHORTS) PAY, every (\d+)h\)$", re.MULTILINE)


def part(text: str, first: str, beyond: str, depths: tuple[int, ...]) -> str:
    """The lines from one to before another, indented."""
    found = text[text.index(first) : text.index(beyond)]
    lines = [line for line in found.splitlines() if line.strip()]
    assert len(depths) == len(lines), lines

    return "".join(f"{'    ' * depth}{line.strip()}\n" for depth, line in zip(depths, lines, strict=True))


def script(port: int) -> str:
    """Connect and subscribe (step 2), with the handler of step 3."""
    text = DOCUMENT.read_text("utf-8")
    connect = part(text, "import asyncio", "def handle(msg):\nprint(msg)", CONNECT)
    alert = part(text, "THRESHOLD =", "Sample output:", ALERT)
    whole = f"{connect}\n{alert}\nasyncio.run(main())\n"
    here = whole.replace("wss://api.datamaxiplus.com", f"ws://127.0.0.1:{port}")
    return re.sub(r"^THRESHOLD = \S+", "THRESHOLD = 0.0", here, flags=re.MULTILINE)


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the documents are not here")
async def test_the_tutorials_script_prints_alerts(tmp_path: Path) -> None:
    """One for each of its three subscriptions, in the form that the tutorial shows."""
    async with tocsin("demo", "--port", "0", "--seconds", "80") as demo:
        port = urlsplit(await demo.url()).port
        assert port is not None
        file = tmp_path / "tutorial.py"
        file.write_text(script(port), "utf-8")
        trader = await asyncio.create_subprocess_exec(
            sys.executable, "-u", str(file), stdout=PIPE, stderr=PIPE, env={**os.environ, "DTMX_API_KEY": "any"}
        )
        said = ""
        try:
            assert trader.stdout is not None
            async with asyncio.timeout(PATIENCE_S):
                while len({match[:2] for match in BROADCAST.findall(said)}) < 3:
                    piece = await trader.stdout.read(4_096)
                    assert piece or trader.stderr is None, (await trader.stderr.read()).decode()
                    said += piece.decode()
        finally:
            if trader.returncode is None:
                trader.kill()
                await trader.wait()

    assert {("binance", "BTC-USDT"), ("bybit", "BTC-USDT"), ("binance", "ETH-USDT")} == {
        match[:2] for match in BROADCAST.findall(said)
    }
