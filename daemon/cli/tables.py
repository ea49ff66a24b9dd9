"""Tables for people and for pipes: on a terminal long cells fold, elsewhere a row is a line."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from rules.units import say_duration

if TYPE_CHECKING:
    from rich.text import Text

_ONE_LINE = 100_000  # columns; wider than any row


def show(headers: Sequence[str], rows: Iterable[Sequence[object]], *, fold: frozenset[str] = frozenset()) -> None:
    """Print it. Only the columns named in `fold` give way where the terminal is narrow.

    Cells are texts or rich's Text; a text is shown as it is, never as markup.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for header in headers:
        table.add_column(header, no_wrap=header not in fold, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(_printable(str(cell))) for cell in row))
    if console.is_terminal:
        console.print(table)
        return
    console.width = _ONE_LINE
    with console.capture() as drawn:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def coloured(text: str, colour: str) -> "Text":
    """A cell that stands out on a terminal."""
    from rich.text import Text

    return Text(_printable(text), colour)


def ago(at_ms: object, now_ms: int) -> str:
    """How long since, in whole seconds; `-` if never."""
    if not isinstance(at_ms, int):
        return "-"
    past_ms = now_ms - at_ms
    return say_duration(past_ms - past_ms % 1_000) if past_ms >= 1_000 else "<1s"


def _printable(text: str) -> str:
    """Without the characters that move a cursor or end a line."""
    return "".join(char if char.isprintable() else " " for char in text)
