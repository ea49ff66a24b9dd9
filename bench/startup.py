"""(d) How long `tocsin check` takes, and what `check` and a minute of `run` cost in memory."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import yaml

from bench.measure import Row
from daemon.config.load import example_file
from daemon.simulator import scenario
from daemon.simulator.box import Box
from daemon.simulator.demo import RULES

RUNS = 7
RUN_S = 60.0
TOCSIN = str(Path(sys.executable).with_name("tocsin"))


PEAK = """
import sys
from daemon.__main__ import main
sys.argv = ["tocsin", "check", sys.argv[1]]
try:
    main()
except SystemExit as exc:
    assert not exc.code, "the shipped example must be right"
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")), file=sys.stderr)
"""


def _check() -> tuple[float, float]:
    """(seconds of one `tocsin check`, resident MiB at the most of another: the system counts a parent's memory, too)."""
    started = time.perf_counter()
    subprocess.run([TOCSIN, "check", str(example_file())], stdout=subprocess.DEVNULL, check=True)
    took = time.perf_counter() - started
    peak = subprocess.run(
        [sys.executable, "-c", PEAK, str(example_file())], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
    )
    return took, int(peak.stderr.split()[-2]) / 1024


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError("no VmRSS: this needs Linux")


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _run(folder: Path) -> tuple[float, float, float]:
    """(seconds until the page answers, resident MiB after a minute, CPU seconds used in it)."""
    async with Box(scenario.load(scenario.DEFAULT)) as box:
        settings = folder / "settings.yaml"
        written = {
            "sources": box.sources_config(),
            "storage": {"url": str(folder / "bench.db")},
            "server": {"port": 0},
        }
        settings.write_text(yaml.safe_dump(written))
        playing = asyncio.create_task(box.play())
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            TOCSIN,
            "run",
            "-c",
            str(RULES),
            "-c",
            str(settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        await process.stdout.readline()  # the greeting is printed when the port is open
        ready_s = time.perf_counter() - started
        reader = asyncio.create_task(process.stdout.read())
        await asyncio.sleep(RUN_S)
        memory = _resident_mib(process.pid)
        cpu_s = _processor_s(process.pid)
        process.terminate()
        await process.wait()
        await reader
        playing.cancel()
        return ready_s, memory, cpu_s


def rows() -> Iterator[Row]:
    """Whole processes, as an operator would start them."""
    checks = [_check() for _ in range(RUNS)]
    yield Row(
        group="start and memory", what="tocsin check", value=median(s for s, _ in checks), unit="s", limit="under 0.5"
    )
    yield Row(group="start and memory", what="tocsin check, resident", value=median(m for _, m in checks), unit="MiB")
    with tempfile.TemporaryDirectory() as folder:
        ready_s, memory, cpu_s = asyncio.run(_run(Path(folder)))
    yield Row(group="start and memory", what="tocsin run, until its port is open", value=ready_s, unit="s")
    yield Row(
        group="start and memory", what="tocsin run, resident after a minute of the tour", value=memory, unit="MiB"
    )
    yield Row(group="start and memory", what="tocsin run, processor time in that minute", value=cpu_s, unit="s")
