"""The terminal's look, golden."""

import asyncio
import io
import os

import pytest
from rich.console import Console

from rules.alerts import Severity
from sinks.base import Busy, Gone, Message, Unreached
from sinks.console import ConsoleSink
from sinks.outcome import EditLost
from tests.sinks.samples import CLEARED, HOSTILE, WARNING


async def test_an_alert_is_a_headline_and_indented_lines() -> None:
    """Without a terminal there are no colours and no wrapping: a log file is read by grep."""
    stream = io.StringIO()
    sink = ConsoleSink("console", stream)
    await sink.deliver(WARNING)
    await sink.deliver(CLEARED)

    assert (
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)\n"
        "    held 5m, next settlement in 1h12m\n"
        "    rule hot-funding\n"
        "CLEARED  binance BTC-USDT-PERP: longs pay shorts 0.0211% per 8 h\n"
        "    lasted 14m, peak 0.0975% per 8 h\n"
        "    rule hot-funding\n"
    ) == stream.getvalue()


@pytest.mark.parametrize(
    ("message", "colour"),
    [
        (WARNING, "\x1b[1;33m"),
        (CLEARED, "\x1b[1;32m"),
        (Message(headline="x", severity=Severity.CRITICAL), "\x1b[1;31m"),
        (Message(headline="x"), "\x1b[1;36m"),
    ],
)
async def test_the_headline_has_its_severity_s_colour(message: Message, colour: str) -> None:
    """Red is for critical alone; what is over is green."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=200, no_color=False)
    await ConsoleSink("console", console).deliver(message)

    assert stream.getvalue().startswith(f"{colour}{message.headline}")


async def test_a_terminal_is_not_given_orders() -> None:
    """Escape sequences and rich's own markup in somebody's words stay words."""
    stream = io.StringIO()
    await ConsoleSink("console", stream).deliver(Message(headline="[red]a[/red] \x1b[2J", lines=HOSTILE.lines))

    assert "[red]a[/red]  [2J\n    a [31m b\n    &lt;\n" == stream.getvalue()


async def test_what_is_printed_stays_printed() -> None:
    """No edits."""
    with pytest.raises(EditLost):
        await ConsoleSink("console", io.StringIO()).deliver(CLEARED, edits="1")


async def test_a_closed_stream_is_trouble() -> None:
    """It is said, not swallowed."""
    stream = io.StringIO()
    stream.close()

    with pytest.raises(Unreached):
        await ConsoleSink("console", stream).deliver(WARNING)


async def test_a_terminal_that_is_stopped_stops_nobody_else() -> None:
    """The loop goes on, nothing piles up, and what was given arrives when somebody reads again."""
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    large = Message(headline="x" * 200_000)  # more than a pipe holds
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as stream:
        sink = ConsoleSink("console", stream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sink.deliver(large)
        with pytest.raises(Busy) as busy:
            await sink.deliver(WARNING)
        seen = await asyncio.to_thread(reader.read, 200_001)
        await sink.aclose()

    assert 5.0 == busy.value.retry_after_s
    assert b"x" * 200_000 + b"\n" == seen


async def test_a_reader_who_left_is_gone() -> None:
    """`tocsin run | head` ends the lane, not the house."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with pytest.raises(Gone):
        await ConsoleSink("console", stream).deliver(WARNING)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, writing)  # so that closing can flush what is left
    os.close(nowhere)
    stream.close()


async def test_an_old_terminal_gets_question_marks() -> None:
    """A sign that it cannot show must not hold an alert back."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    await ConsoleSink("console", stream).deliver(Message(headline="a → b", footer="rule r · now"))

    assert b"a ? b\n    rule r ? now\n" == raw.getvalue()


async def test_a_narrow_terminal_breaks_lines_between_words() -> None:
    """A number cut in two by the edge of a window is read wrongly."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=80)
    await ConsoleSink("console", console).deliver(Message(headline=f"{'x' * 70} (limit 0.05%)"))

    assert [f"{'x' * 70} (limit", "0.05%)"] == [line.rstrip() for line in stream.getvalue().splitlines()[:2]]
